"""What a run would do: every node in the order of a walk from the start, with the approval its risk needs."""

from __future__ import annotations

from typing import assert_never

from pydantic import JsonValue

from mainstay.desk.answers import PlanLine
from mainstay.domain.approval import ApprovalPolicy, ApprovalRule
from mainstay.domain.model import canonical
from mainstay.domain.pinned import PinnedConfig
from mainstay.domain.runbook import inputs as given_inputs
from mainstay.domain.runbook.node import (
    ActNode,
    AnyNode,
    AskNode,
    CallNode,
    EndNode,
    NotifyNode,
    PageNode,
    ParallelNode,
    ProbeNode,
    WaitNode,
)
from mainstay.domain.runbook.parse import parse
from mainstay.domain.runbook.plan import PlannedAct, outline
from mainstay.domain.runbook.ways import reachable


def plan(text: str, name: str, pinned: PinnedConfig | None, inputs: dict[str, JsonValue]) -> tuple[PlanLine, ...]:
    """Raises InvalidArgument for inputs that do not fit. Nothing is asked of any cluster."""
    tree = parse(text, name)
    bound = given_inputs.bind(tree, pinned.service, inputs) if pinned else inputs
    policy = pinned.approvals if pinned else ApprovalPolicy()
    acts = {act.node: act for act in outline(tree, bound, policy).acts}
    return tuple(_line(name, tree.node(name), acts.get(name), policy) for name in reachable(tree))


def _line(name: str, node: AnyNode, act: PlannedAct | None, policy: ApprovalPolicy) -> PlanLine:
    kind, text = _said(node)
    if act is not None:
        text = f"{act.action} {_with(act.parameters)}; undo: {act.undo}"
    return PlanLine(
        node=name,
        kind=kind,
        text=f"{node.title}: {text}" if node.title else text,
        risk=act.risk if act else None,
        approval=_approval(policy.rule(act.risk)) if act else "",
        branches=tuple(f"{branch} → {target}" for branch, target in node.branches.items()),
    )


def _said(node: AnyNode) -> tuple[str, str]:
    """Kind and what it does, in words. Templates are shown as they stand."""
    match node:
        case ProbeNode():
            return "probe", f"look: {node.probe} {_with(node.parameters)}"
        case ParallelNode():
            return "parallel", "look at once: " + ", ".join(look.probe for look in node.parallel)
        case AskNode():
            return "ask", f"{node.ask} ({' / '.join(node.options)})"
        case ActNode():
            return "act", node.act
        case WaitNode():
            return "wait", f"wait {node.wait}"
        case NotifyNode():
            return "notify", f"tell {', '.join(node.to)}: {node.notify}"
        case PageNode():
            return "page", f"page {node.page}: {node.text}"
        case CallNode():
            return "call", f"run {node.call} {_with(node.inputs)}"
        case EndNode():
            return "end", f"{node.end}: {node.summary}" if node.summary else node.end
        case _:
            assert_never(node)


def _with(parameters: JsonValue) -> str:
    return canonical(parameters) if parameters else ""


def _approval(rule: ApprovalRule) -> str:
    if rule.votes == 0:
        return ""
    people = "one person" if rule.votes == 1 else f"{rule.votes} people"
    return f"{people} of {', '.join(rule.by)}" + ("; break-glass is possible" if rule.break_glass else "")
