"""What a runbook of the right form can still get wrong: names, types, ways that lead nowhere.

Errors keep a runbook from being loaded, warnings do not. Everything is found at once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Final, Literal, NamedTuple, assert_never

from pydantic import JsonValue

from mainstay.domain import condition, template
from mainstay.domain.catalogue import ACTIONS, PROBES, check_parameters
from mainstay.domain.catalogue.spec import ActionSpec, ProbeSpec
from mainstay.domain.message import IncidentRef
from mainstay.domain.positioned import Path, Positions, Problem, locate, read
from mainstay.domain.runbook import inputs
from mainstay.domain.runbook.act import riskier
from mainstay.domain.runbook.node import (
    ActNode,
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
from mainstay.domain.runbook.parse import RunbookErrors, edges, parse
from mainstay.domain.runbook.ways import ancestors, reachable, unbounded_cycles

Severity = Literal["error", "warning"]
_INCIDENT: Final = (*IncidentRef.model_fields, "shown")
_ALWAYS: Final = ("branch", "verdict", "detail", "by")
"""Facts that the machine itself keeps of every node."""
_SECTIONS: Final = "alerts, dashboard, diagnosis, rollback, contacts"

_CHAIN = re.compile(r"(?<![\w.'\"])(?:inputs|facts|incident)(?:\.\w+)+")


class Finding(NamedTuple):
    """One problem at a path of the document."""

    path: Path
    message: str
    severity: Severity = "error"


def check(text: str, filename: str = "", library: Mapping[str, Runbook] | None = None) -> tuple[Problem, ...]:
    """All problems of a runbook's text, of its form or beyond. Empty: it may be loaded.

    ``library`` holds the runbooks that it may call.
    """
    try:
        runbook = parse(text, filename)
    except RunbookErrors as error:
        return error.problems
    return lint(runbook, library or {}, positions=read(text, filename)[1], filename=filename)


def lint(
    runbook: Runbook,
    library: Mapping[str, Runbook],
    positions: Positions | None = None,
    filename: str = "",
) -> tuple[Problem, ...]:
    """All problems beyond form. Without ``positions`` each message begins with the place instead."""
    problems = []
    for path, message, severity in dict.fromkeys(_findings(runbook, library)):
        line, column = locate(positions, path) if positions is not None else (1, 1)
        shown = message if positions is not None else f"{'.'.join(map(str, path))}: {message}"
        problems.append(Problem(filename or runbook.name, line, column, shown, severity))
    return tuple(sorted(problems, key=lambda p: (p.line, p.column, p.message)))


def _findings(runbook: Runbook, library: Mapping[str, Runbook]) -> Iterator[Finding]:
    yield from _about(runbook)
    yield from _defaults(runbook)
    yield from _edges(runbook)
    for name, node in runbook.nodes.items():
        at: Path = ("nodes", name)
        match node:
            case ProbeNode():
                yield from _probe(runbook, name, (*at, "probe"), node.probe, node.parameters)
                yield from _cases(runbook, name, node)
            case ParallelNode():
                yield from _looks(runbook, name, (*at, "parallel"), node.parallel)
            case ActNode():
                yield from _act(runbook, name, node)
            case AskNode():
                yield from _texts(runbook, name, (*at, "ask"), node.ask)
                yield from _texts(runbook, name, (*at, "commands"), list(node.commands))
            case NotifyNode():
                yield from _texts(runbook, name, (*at, "notify"), node.notify)
            case PageNode():
                yield from _texts(runbook, name, (*at, "page"), node.page)
                yield from _texts(runbook, name, (*at, "text"), node.text)
                yield from _texts(runbook, name, (*at, "commands"), list(node.commands))
            case CallNode():
                yield from _call(runbook, library, name, node)
            case EndNode():
                yield from _texts(runbook, name, (*at, "summary"), node.summary)
            case WaitNode():
                pass
            case _:
                assert_never(node)


def _about(runbook: Runbook) -> Iterator[Finding]:
    if runbook.about is None:
        yield Finding(("name",), f"'about' is missing, with the sections {_SECTIONS}", "warning")


def _defaults(runbook: Runbook) -> Iterator[Finding]:
    for name, spec in runbook.inputs.items():
        if spec.default is None:
            continue
        try:
            inputs.parse(spec.type, spec.default)
        except ValueError as error:
            yield Finding(("inputs", name, "default"), f"default of input {name!r}: {error}")


def _edges(runbook: Runbook) -> Iterator[Finding]:
    if runbook.start not in runbook.nodes:
        yield Finding(("start",), f"there is no node {runbook.start!r} to start with")
        return
    dangling = False
    for name, node in runbook.nodes.items():
        for branch, target in edges(node):
            if target not in runbook.nodes:
                dangling = True
                yield Finding(_edge_path(name, branch), f"there is no node {target!r}")
    if dangling:
        return
    found = reachable(runbook)
    for name in runbook.nodes:
        if name not in found:
            yield Finding(("nodes", name), f"no way leads to node {name!r}")
    for cycle in unbounded_cycles(runbook):
        way = " → ".join((*cycle, cycle[0]))
        yield Finding(("nodes", cycle[0]), f"goes in circles without 'max_visits': {way}")


def _edge_path(name: str, branch: str) -> Path:
    return ("nodes", name, branch) if branch in ("next", "exhausted") else ("nodes", name, "on", branch)


def _probe(runbook: Runbook, node: str, at: Path, probe: str, parameters: Mapping[str, JsonValue]) -> Iterator[Finding]:
    """``at`` is the path of the key ``probe``; its parameters stand beside it."""
    spec = PROBES.get(probe)
    if spec is None:
        near = get_close_matches(probe, PROBES, n=3)
        hint = f"did you mean {' or '.join(near)}?" if near else f"use {', '.join(PROBES)}"
        yield Finding(at, f"there is no probe {probe!r}: {hint}")
        return
    yield from _parameters(runbook, node, (*at[:-1], "with"), spec, parameters)


def _looks(runbook: Runbook, node: str, at: Path, looks: tuple[Look, ...]) -> Iterator[Finding]:
    for index, look in enumerate(looks):
        yield from _probe(runbook, node, (*at, index, "probe"), look.probe, look.parameters)


def _parameters(
    runbook: Runbook, node: str, at: Path, spec: ActionSpec | ProbeSpec, given: Mapping[str, JsonValue]
) -> Iterator[Finding]:
    for fault in check_parameters(spec, given, rendered=False):
        yield Finding((*at, *fault.path), f"{spec.name}: {fault.message}")
    yield from _texts(runbook, node, at, dict(given))


def _cases(runbook: Runbook, name: str, node: ProbeNode) -> Iterator[Finding]:
    spec = PROBES.get(node.probe)
    for case, expression in node.cases.items():
        at: Path = ("nodes", name, "cases", case)
        yield from _condition(runbook, name, at, expression, spec.facts if spec else None)


def _condition(
    runbook: Runbook, name: str, at: Path, expression: str, facts: Mapping[str, condition.Type] | None
) -> Iterator[Finding]:
    for problem in condition.check(expression, facts):
        yield Finding(at, problem)
    for match in _CHAIN.finditer(expression):
        yield from _reference(runbook, name, at, tuple(match[0].split(".")))


def _act(runbook: Runbook, name: str, node: ActNode) -> Iterator[Finding]:
    at: Path = ("nodes", name)
    spec = ACTIONS.get(node.act)
    if spec is None:
        yield Finding((*at, "act"), f"there is no action {node.act!r}: use {', '.join(ACTIONS)}")
    else:
        yield from _parameters(runbook, name, (*at, "with"), spec, node.parameters)
        yield from _risk(runbook, name, node, spec)
        if spec.undo == "none" and node.undo != "never":
            yield Finding((*at, "undo"), f"{node.act} cannot be taken back: write 'undo: never'")
    if node.precondition:
        yield from _condition(runbook, name, (*at, "precondition"), node.precondition, None)
    yield from _looks(runbook, name, (*at, "verify", "looks"), node.verify.looks)


def _risk(runbook: Runbook, name: str, node: ActNode, spec: ActionSpec) -> Iterator[Finding]:
    if node.risk is not None and riskier(node.risk, spec.risk) is not node.risk:
        yield Finding(
            ("nodes", name, "risk"),
            f"{node.act} is of {spec.risk.value} risk: a runbook can raise that, not lower it",
        )
    risk = riskier(node.risk, spec.risk)
    if riskier(risk, runbook.risk_ceiling) is not runbook.risk_ceiling:
        yield Finding(
            ("nodes", name, "act"),
            f"its risk is {risk.value}, above this runbook's ceiling {runbook.risk_ceiling.value}",
        )


def _call(runbook: Runbook, library: Mapping[str, Runbook], name: str, node: CallNode) -> Iterator[Finding]:
    at: Path = ("nodes", name)
    yield from _texts(runbook, name, (*at, "with"), node.inputs)
    called = library.get(node.call)
    if called is None:
        known = ", ".join(library) or "none"
        yield Finding((*at, "call"), f"there is no runbook {node.call!r}: there are {known}")
        return
    if runbook.name in _called(node.call, library):
        yield Finding((*at, "call"), f"runbook {node.call!r} calls this one again, without end")
    for given in node.inputs:
        if given not in called.inputs:
            yield Finding((*at, "with", given), f"runbook {node.call} has no input {given!r}")
    for wanted, spec in called.inputs.items():
        if spec.must_be_given and wanted not in node.inputs:
            yield Finding((*at, "call"), f"runbook {node.call} needs the input {wanted!r}")


def _called(name: str, library: Mapping[str, Runbook]) -> tuple[str, ...]:
    """This runbook and all that it leads to, over however many others."""
    found: dict[str, None] = {}
    open_ = [name]
    while open_:
        current = open_.pop()
        if current not in found:
            found[current] = None
            nodes = library[current].nodes.values() if current in library else ()
            open_ += [node.call for node in nodes if isinstance(node, CallNode)]
    return tuple(found)


def _texts(runbook: Runbook, node: str, at: Path, value: JsonValue) -> Iterator[Finding]:
    """Every template within ``value``: its syntax, and the names that it uses."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _texts(runbook, node, (*at, key), item)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _texts(runbook, node, (*at, index), item)
    elif isinstance(value, str) and template.is_template(value):
        for problem in template.problems(value):
            yield Finding(at, problem)
        for reference in template.references(value):
            yield from _reference(runbook, node, at, reference)


def _reference(runbook: Runbook, node: str, at: Path, reference: template.Reference) -> Iterator[Finding]:
    match reference:
        case ("inputs", name, *_):
            if name not in runbook.inputs:
                yield Finding(at, f"there is no input {name!r}")
        case ("incident", name, *_):
            if name not in _INCIDENT:
                yield Finding(at, f"an incident has no {name!r}: it has {', '.join(_INCIDENT)}")
        case ("facts", name, *rest):
            yield from _fact(runbook, node, at, name, rest)
        case ("inputs" | "incident" | "facts",):
            pass
        case _:
            yield Finding(at, f"{'.'.join(reference)!r} is unknown: there are inputs, facts and incident")


def _fact(runbook: Runbook, node: str, at: Path, earlier: str, rest: list[str]) -> Iterator[Finding]:
    source = runbook.nodes.get(earlier)
    if source is None:
        yield Finding(at, f"'facts.{earlier}': there is no node {earlier!r}")
        return
    if isinstance(source, ProbeNode) and source.probe in PROBES and rest:
        known = (*PROBES[source.probe].facts, *_ALWAYS)
        if rest[0] not in known:
            yield Finding(at, f"probe {source.probe} has no fact {rest[0]!r}: it has {', '.join(known)}")
    if earlier not in ancestors(runbook, node):
        yield Finding(at, f"'facts.{earlier}' is never known here: no way leads from there to {node!r}")
