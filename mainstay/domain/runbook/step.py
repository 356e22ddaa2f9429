"""The tree machine: state and result in, command out. It never acts and never looks at a clock.

``decide`` names the one thing to do next, ``advance`` takes in what came of it. Both are workflow code: what
they answer for a given state must never change. A change of the rules gets a new number, and
``workflows/patches.py`` decides which number a run lives by.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_never

from pydantic import JsonValue

from mainstay.domain.errors import InvalidArgument, WrongState
from mainstay.domain.message import IncidentRef
from mainstay.domain.model import canonical
from mainstay.domain.runbook import act
from mainstay.domain.runbook import commands as c
from mainstay.domain.runbook.inputs import resolve
from mainstay.domain.runbook.node import (
    ActNode,
    AnyNode,
    AskNode,
    CallNode,
    EndNode,
    Look,
    NotifyNode,
    PageNode,
    ParallelNode,
    ProbeNode,
    Runbook,
    WaitNode,
)
from mainstay.domain.runbook.parse import edges
from mainstay.domain.runbook.run import MachineState

RULES = 1
"""The newest rules. Runs in flight keep theirs."""
MAX_VISITS = 200
"""A run that has entered this many nodes is going in circles and ends as failed."""
MAX_FACTS = 4 * 1024
MAX_ALL_FACTS = 96 * 1024
"""Bytes of facts that one node, and all together, may leave behind: they live in the run's carried state."""


def begin(runbook: Runbook, inputs: Mapping[str, JsonValue], rules: int = RULES) -> MachineState:
    """The state before the first command.

    Raises InvalidArgument naming the input that is wrong, or the node that the tree leads to and does not have:
    halfway through a mitigation is too late to find that out.
    """
    _known(rules)
    _check_ways(runbook)
    state = MachineState(node=runbook.start, inputs=resolve(runbook, inputs))
    return _enter(runbook, state, runbook.start)


def _check_ways(runbook: Runbook) -> None:
    ways = [("start", runbook.start)]
    ways += [(f"{name}.{branch}", to) for name, node in runbook.nodes.items() for branch, to in edges(node)]
    for where, target in ways:
        if target not in runbook.nodes:
            raise InvalidArgument(f"{where} leads to node {target!r}, which does not exist", field=where)


def decide(runbook: Runbook, state: MachineState, rules: int = RULES) -> c.Command:
    """What to do now. The same for the same state, however often it is asked."""
    _known(rules)
    if state.aborting:
        return _take_back(state)
    name = state.node
    if state.visits > MAX_VISITS:
        summary = f"stopped: more than {MAX_VISITS} steps were taken, so the runbook is going in circles"
        return c.End(node=name, outcome="failed", summary=summary)
    node = runbook.nodes[name]
    match node:
        case ProbeNode():
            cases = tuple(node.cases.items())
            return c.Probe(node=name, probe=node.probe, parameters=node.parameters, cases=cases)
        case ParallelNode():
            return c.Parallel(node=name, probes=looks(name, node.parallel))
        case AskNode():
            return c.Ask(
                node=name,
                question=node.ask,
                options=node.options,
                audience=node.to,
                commands=node.commands,
                timeout=node.timeout,
            )
        case ActNode():
            return act.decide(name, node, act.state_of(state))
        case WaitNode():
            return c.Wait(node=name, duration=node.wait)
        case NotifyNode():
            return c.Notify(node=name, text=node.notify, audience=node.to)
        case PageNode():
            return c.PagePerson(node=name, target=node.page, text=node.text, commands=node.commands)
        case CallNode():
            return c.CallRunbook(node=name, runbook=node.call, inputs=node.inputs)
        case EndNode():
            return c.End(node=name, outcome=node.end, summary=node.summary)
        case _:
            assert_never(node)


def advance(runbook: Runbook, state: MachineState, result: c.Result, rules: int = RULES) -> MachineState:
    """The state after the pending command gave ``result``.

    A skip that does not fit the present node (the run went on meanwhile) changes nothing: whether it fits is
    for ``check_branch`` to refuse when it is asked for. Raises WrongState when the result answers another
    command than the pending one, which is a mistake of the caller.
    """
    _known(rules)
    if isinstance(result, c.Aborted):
        return act.abort(state, result)
    if state.aborting:
        return act.taken_back(state, result)
    if state.visits > MAX_VISITS:
        raise WrongState("the run has ended")
    node = runbook.nodes[state.node]
    if isinstance(result, c.Skipped):
        branch = result.branch or ("next" if "next" in node.branches else "")
        if branch not in node.branches or result.node not in ("", state.node):
            return state
        result = result.model_copy(update={"branch": branch})
    if isinstance(node, ActNode):
        after = act.advance(state.node, node, runbook.risk_ceiling, state, result)
        return leave(runbook, after.state, after.branch, after.facts) if after.branch else after.state
    if isinstance(result, c.Skipped):
        told: dict[str, JsonValue] = {"branch": result.branch, "by": result.by, "skipped": True}
        return leave(runbook, state, result.branch, told)
    branch, facts = _outcome(node, result)
    return leave(runbook, state, branch, facts)


def check_branch(node: AnyNode, branch: str) -> None:
    """Raises InvalidArgument when ``node`` has no such branch."""
    if branch not in node.branches:
        known = ", ".join(node.branches) or "none"
        raise InvalidArgument(f"branch {branch!r} does not exist here: choose one of {known}", field="branch")


def leave(runbook: Runbook, state: MachineState, branch: str, facts: dict[str, JsonValue]) -> MachineState:
    """Take ``branch`` out of the current node, keeping what was learned there."""
    node = runbook.nodes[state.node]
    state = state.model_copy(
        update={
            "act": None,
            "facts": {**state.facts, state.node: _bounded(facts, state)},
            "path": (*state.path, f"{state.node}:{branch}"),
        }
    )
    return _enter(runbook, state, node.branches[branch])


def values(state: MachineState, incident: IncidentRef) -> dict[str, JsonValue]:
    """What templates and conditions may use: ``inputs.X``, ``facts.NODE.X`` and ``incident.X``."""
    about: dict[str, JsonValue] = {**incident.model_dump(mode="json"), "shown": incident.shown}
    return {"inputs": state.inputs, "facts": dict(state.facts), "incident": about}


def looks(name: str, wanted: tuple[Look, ...]) -> tuple[c.Probe, ...]:
    """The probe commands behind several looks of one node."""
    return tuple(c.Probe(node=name, probe=look.probe, parameters=look.parameters) for look in wanted)


def _enter(runbook: Runbook, state: MachineState, target: str) -> MachineState:
    """Go to ``target``, or where it points to when its visits are used up."""
    for _ in runbook.nodes:
        bound = runbook.nodes[target].max_visits
        if bound is None or _visits(state, target) < bound:
            break
        state = state.model_copy(update={"path": (*state.path, f"{target}:exhausted")})
        target = runbook.nodes[target].exhausted
    else:
        return state.model_copy(update={"node": target, "visits": MAX_VISITS + 1})
    node = runbook.nodes[target]
    entered = act.entered(node) if isinstance(node, ActNode) else None
    return state.model_copy(update={"node": target, "act": entered, "visits": state.visits + 1})


def _visits(state: MachineState, node: str) -> int:
    return sum(1 for step in state.path if step.startswith(f"{node}:") and step != f"{node}:exhausted")


def _outcome(node: AnyNode, result: c.Result) -> tuple[str, dict[str, JsonValue]]:
    """(branch, facts) for a node that is done with one result. What nobody expected never means fine."""
    match result:
        case c.Answered():
            branch = result.branch if result.branch in node.branches else _fallback(node)
            verdict = result.verdict.value if result.verdict else ""
            told: dict[str, JsonValue] = {"detail": result.detail[:1_000], "by": result.by}
            return branch, {**result.facts, **told, "branch": branch, "verdict": verdict}
        case c.Failure():
            branch = _fallback(node)
            return branch, {"branch": branch, "detail": f"{result.kind}: {result.detail}"[:1_000]}
        case c.Done() if "next" in node.branches:
            return "next", {"branch": "next", "detail": result.detail[:1_000]}
        case _:
            raise WrongState(f"{type(result).__name__} does not answer what was asked")


def _fallback(node: AnyNode) -> str:
    """Where a node leads that could not be carried out. Telling people never holds a run up."""
    for branch in ("error", "timeout", "failed", "next"):
        if branch in node.branches:
            return branch
    raise WrongState("the run has ended")


def _take_back(state: MachineState) -> c.Command:
    if state.act is not None:
        return act.decide_taking_back(state, state.act)
    standing = [f"{s.change.title} (step {s.node})" for s in state.standing]
    left = f" Still standing: {'; '.join(standing)}." if standing else ""
    return c.End(node=state.node, outcome="aborted", summary=f"{state.aborting}.{left}"[:4_000])


def _bounded(facts: dict[str, JsonValue], state: MachineState) -> dict[str, JsonValue]:
    size = len(canonical(facts).encode())
    if size <= MAX_FACTS and size + len(canonical(state.facts).encode()) <= MAX_ALL_FACTS:
        return facts
    told = [(k, v) for k, v in facts.items() if k in ("branch", "verdict", "by")]
    short = [(k, v) for k, v in sorted(facts.items()) if len(canonical(v)) <= 40][:20]
    return {**dict(short), **dict(told), "truncated": True}


def _known(rules: int) -> None:
    if rules != RULES:
        raise WrongState(f"rules {rules} of the tree machine are unknown to this worker: it knows 1 to {RULES}")
