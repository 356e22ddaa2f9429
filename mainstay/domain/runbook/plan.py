"""What a runbook may do, before it does anything: its paths, and its changes for given inputs.

This is the part of ``mainstay runbook plan`` that needs no cluster. With one, the changes are planned there
and their real diffs take the place of the templates that are left open here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from pydantic import JsonValue

from mainstay.domain import names
from mainstay.domain.approval import ApprovalPolicy
from mainstay.domain.catalogue import ACTIONS
from mainstay.domain.change import Risk
from mainstay.domain.errors import InvalidArgument
from mainstay.domain.runbook import inputs as run_inputs
from mainstay.domain.runbook.act import risk_of
from mainstay.domain.runbook.node import ActNode, EndNode, Runbook
from mainstay.domain.runbook.parse import edges
from mainstay.domain.runbook.ways import reachable
from mainstay.domain.template import render_value

MAX_PATHS = 5_000
"""A tree with more ways through it is not enumerated further."""


class Way(NamedTuple):
    """One way through the tree: ``node:branch`` for each step. A circle has no ``outcome``."""

    steps: tuple[str, ...]
    end: str
    outcome: str


class PlannedAct(NamedTuple):
    """One change that may come."""

    node: str
    action: str
    title: str
    parameters: JsonValue
    """Rendered as far as the inputs suffice; what depends on later findings is still a template."""
    risk: Risk
    votes: int
    by: tuple[str, ...]
    lease: str
    """Workflow id of the lease; empty while the target is not known."""
    reversible: bool
    undo: str
    temporary: bool
    after: tuple[str, ...]
    """The shortest way there."""


class Outline(NamedTuple):
    """All changes that may come, reversible and least risky first (S-189), and the number of ways."""

    inputs: dict[str, JsonValue]
    acts: tuple[PlannedAct, ...]
    ways: int


def paths(runbook: Runbook) -> tuple[Way, ...]:
    """Every way from the start to an end, in the order of the document; at most ``MAX_PATHS``."""
    found = []
    for way in _walk(runbook, runbook.start, (), ()):
        found.append(way)
        if len(found) >= MAX_PATHS:
            break
    return tuple(found)


def outline(runbook: Runbook, inputs: Mapping[str, JsonValue], policy: ApprovalPolicy | None = None) -> Outline:
    """The changes that a run with these inputs may come to. Raises InvalidArgument naming a wrong input."""
    resolved = run_inputs.resolve(runbook, inputs)
    ways = paths(runbook)
    acts = [
        _planned(name, node, resolved, policy or ApprovalPolicy(), _shortest(ways, name))
        for name in reachable(runbook)
        if isinstance(node := runbook.nodes[name], ActNode)
    ]
    order = list(runbook.nodes)
    acts.sort(key=lambda act: (not act.reversible, list(Risk).index(act.risk), order.index(act.node)))
    return Outline(resolved, tuple(acts), len(ways))


def _walk(runbook: Runbook, name: str, steps: tuple[str, ...], seen: tuple[str, ...]) -> Iterator[Way]:
    node = runbook.nodes[name]
    if isinstance(node, EndNode):
        yield Way(steps, name, node.end)
    elif name in seen:
        yield Way(steps, name, "")
    else:
        for branch, target in edges(node):
            if branch != "exhausted":
                yield from _walk(runbook, target, (*steps, f"{name}:{branch}"), (*seen, name))


def _shortest(ways: tuple[Way, ...], node: str) -> tuple[str, ...]:
    before = [
        way.steps[:index] for way in ways for index, step in enumerate(way.steps) if step.partition(":")[0] == node
    ]
    return min(before, key=len, default=())


def _planned(
    name: str, node: ActNode, inputs: dict[str, JsonValue], policy: ApprovalPolicy, after: tuple[str, ...]
) -> PlannedAct:
    parameters = {key: _as_far_as_known(value, inputs) for key, value in node.parameters.items()}
    risk = risk_of(node)
    rule = policy.rule(risk)
    spec = ACTIONS.get(node.act)
    return PlannedAct(
        node=name,
        action=node.act,
        title=node.title or (spec.title if spec else node.act),
        parameters=parameters,
        risk=risk,
        votes=rule.votes,
        by=rule.by if rule.votes else (),
        lease=_lease(parameters.get("target"), spec.target_kinds[0] if spec else ""),
        reversible=spec is not None and spec.reversible,
        undo=node.undo,
        temporary=node.temporary,
        after=after,
    )


def _as_far_as_known(value: JsonValue, inputs: dict[str, JsonValue]) -> JsonValue:
    try:
        return render_value(value, {"inputs": inputs, "facts": {}, "incident": {}})
    except InvalidArgument:
        return value


def _lease(target: JsonValue, kind: str) -> str:
    if not isinstance(target, dict):
        return ""
    found = {"cluster": "default", "kind": kind, **target}
    parts = [found.get(key) for key in ("cluster", "namespace", "kind", "name")]
    if not all(isinstance(part, str) and part and "{{" not in part for part in parts):
        return ""
    return names.lease_workflow_id(*map(str, parts))
