"""Case tables: which answers lead a runbook along which path. They run without a cluster, in milliseconds.

A case answers nodes by name: a branch (``safe``), or what a probe saw (``{verdict, facts}``), from which the
runbook's own conditions choose the branch. A node that is visited again takes the next of a list.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from pydantic import Field, JsonValue

from mainstay.domain import condition
from mainstay.domain.catalogue import ACTIONS, PROBES, parse_parameters
from mainstay.domain.change import Applied, Change, TargetRef
from mainstay.domain.errors import Refusal
from mainstay.domain.message import IncidentRef
from mainstay.domain.model import Strict
from mainstay.domain.positioned import Problem, validate
from mainstay.domain.runbook import commands as c
from mainstay.domain.runbook import step
from mainstay.domain.runbook.node import ActNode, Runbook
from mainstay.domain.runbook.run import MachineState
from mainstay.domain.template import render_value
from mainstay.domain.verdict import Verdict

_INCIDENT = IncidentRef(key="case", number="INC-2026-0001", title="A case", severity="SEV2", service="shop")
EMPTY_FACTS: Mapping[str, JsonValue] = {
    "string": "",
    "integer": 0,
    "number": 0,
    "boolean": False,
    "list": [],
    "map": {},
    "any": None,
}
"""What a probe answers for a fact that it does not know, by type."""


class Saw(Strict):
    """What a probe saw, in a case. Facts that are left out are empty, as a probe answers them."""

    verdict: Verdict = Verdict.HELD
    facts: dict[str, JsonValue] = Field(default_factory=dict)


Answer = str | Saw


class Case(Strict):
    """``path`` is the ``node:branch`` of every step; ``outcome`` that of the end that is reached."""

    name: str
    inputs: dict[str, JsonValue] = Field(default_factory=dict)
    """Beside, or instead of, those of the table."""
    answers: dict[str, Answer | tuple[Answer, ...]] = Field(default_factory=dict)
    path: tuple[str, ...]
    outcome: str


class CaseTable(Strict):
    inputs: dict[str, JsonValue] = Field(default_factory=dict)
    cases: tuple[Case, ...] = Field(min_length=1)


class CaseResult(NamedTuple):
    """``problem`` is empty when the case holds; otherwise a diff, or why it stopped."""

    name: str
    path: tuple[str, ...]
    end: str
    outcome: str
    problem: str = ""

    @property
    def passed(self) -> bool:
        return not self.problem


class _Stopped(Exception):  # noqa: N818 - ends one case
    pass


def parse_cases(text: str, filename: str = "") -> tuple[CaseTable | None, list[Problem]]:
    """A case table from YAML, or its problems by line."""
    return validate(CaseTable, text, filename)


def run_cases(runbook: Runbook, table: CaseTable) -> tuple[CaseResult, ...]:
    """Play every case. Templates and preconditions are evaluated for real, so their mistakes show here."""
    return tuple(_run(runbook, table, case) for case in table.cases)


def report(results: tuple[CaseResult, ...]) -> str:
    """One line for each case; below a failed one the difference between expected (-) and real (+) path."""
    lines = []
    for result in results:
        lines.append(f"{'ok  ' if result.passed else 'FAIL'} {result.name}")
        lines += [f"     {line}" for line in result.problem.splitlines()]
    failed = sum(not result.passed for result in results)
    lines.append(f"{len(results) - failed} of {len(results)} cases hold")
    return "\n".join(lines) + "\n"


def _run(runbook: Runbook, table: CaseTable, case: Case) -> CaseResult:
    state: MachineState | None = None
    try:
        state = step.begin(runbook, {**table.inputs, **case.inputs})
        players = {name: iter(_sequence(answer)) for name, answer in case.answers.items()}
        player = _Player(runbook, players)
        while not isinstance(command := step.decide(runbook, state), c.End):
            state = step.advance(runbook, state, player.answer(state, command))
        player.render(state, [command.summary])
    except (Refusal, _Stopped) as error:
        path = state.path if state else ()
        return CaseResult(case.name, path, state.node if state else "", "", f"stopped: {error}")
    problem = _difference(case, state.path, command.outcome)
    return CaseResult(case.name, state.path, command.node, command.outcome, problem)


def _sequence(answer: Answer | tuple[Answer, ...]) -> tuple[Answer, ...]:
    return answer if isinstance(answer, tuple) else (answer,)


def _difference(case: Case, path: tuple[str, ...], outcome: str) -> str:
    wanted, found = [*case.path, f"= {case.outcome}"], [*path, f"= {outcome}"]
    if wanted == found:
        return ""
    return "\n".join(line for line in difflib.ndiff(wanted, found) if not line.startswith("?"))


class _Player:
    """Plays the outside world for one case."""

    def __init__(self, runbook: Runbook, answers: dict[str, Iterator[Answer]]) -> None:
        self.runbook = runbook
        self.answers = answers
        self.act_branch = ""

    def render(self, state: MachineState, texts: JsonValue) -> JsonValue:
        return render_value(texts, step.values(state, _INCIDENT))

    def answer(self, state: MachineState, command: c.Command) -> c.Result:
        match command:
            case c.Probe(probe="condition"):
                chosen = condition.choose(command.cases, Verdict.HELD, {}, step.values(state, _INCIDENT))
                return c.Answered(branch=chosen.branch, verdict=Verdict.HELD, detail=chosen.detail)
            case c.Probe(node=node):
                self.render(state, command.parameters)
                return self._look(state, command, self._next(node))
            case c.Ask(node=node):
                self.render(state, [command.question, *command.commands])
                return c.Answered(branch=self._branch(node), by="alice")
            case c.Parallel(node=node):
                self.render(state, [probe.parameters for probe in command.probes])
                return c.Answered(branch=self._branch(node))
            case c.CallRunbook(node=node):
                self.render(state, command.inputs)
                return c.Answered(branch=self._branch(node))
            case c.PlanChange(node=node):
                return self._plan(state, command)
            case c.AwaitApproval():
                denied = c.Denied(why="rejected", detail="rejected in the case")
                return denied if self.act_branch == "denied" else c.Approved(by=("alice",))
            case c.AcquireLease():
                return c.Leased(fence=1)
            case c.ApplyChange():
                return c.Changed(applied=Applied(outcome="changed"))
            case c.VerifyChange():
                self.render(state, [probe.parameters for probe in command.probes])
                verdict = Verdict.HELD if self.act_branch == "done" else Verdict.FAILED
                return c.Verified(verdict=verdict)
            case c.Notify(text=text):
                self.render(state, text)
                return c.Done()
            case c.PagePerson(text=text):
                self.render(state, [command.target, text, *command.commands])
                return c.Done()
            case c.Wait() | c.UndoChange() | c.ReleaseLease():
                return c.Done()
            case c.End():
                raise _Stopped("the run has ended")

    def _next(self, node: str) -> Answer:
        answer = next(self.answers.get(node, iter(())), None)
        if answer is None:
            known = ", ".join(self.runbook.nodes[node].branches)
            raise _Stopped(f"the case has no (further) answer for {node!r}: {known}")
        return answer

    def _branch(self, node: str) -> str:
        answer = self._next(node)
        if not isinstance(answer, str):
            raise _Stopped(f"{node!r} takes a branch, not what was seen")
        step.check_branch(self.runbook.nodes[node], answer)
        return answer

    def _look(self, state: MachineState, command: c.Probe, answer: Answer) -> c.Result:
        spec = PROBES.get(command.probe)
        empty = {name: EMPTY_FACTS[kind] for name, kind in spec.facts.items()} if spec else {}
        if isinstance(answer, str):
            step.check_branch(self.runbook.nodes[command.node], answer)
            return c.Answered(branch=answer, facts=empty)
        unknown = [name for name in answer.facts if name not in empty]
        if unknown:
            raise _Stopped(f"probe {command.probe} has no fact {unknown[0]!r}")
        facts = {**empty, **answer.facts}
        chosen = condition.choose(command.cases, answer.verdict, facts, step.values(state, _INCIDENT))
        return c.Answered(branch=chosen.branch, verdict=answer.verdict, facts=facts, detail=chosen.detail)

    def _plan(self, state: MachineState, command: c.PlanChange) -> c.Result:
        """An act is answered by the branch that it is to end in."""
        self.act_branch = self._branch(command.node)
        parameters = self.render(state, command.parameters)
        if self.act_branch == "failed":
            return c.Failure(kind="WrongState", detail="failed in the case")
        node = self.runbook.nodes[command.node]
        spec = ACTIONS.get(command.action)
        if not isinstance(node, ActNode) or spec is None or not isinstance(parameters, dict):
            raise _Stopped(f"there is no action {command.action!r}")
        target = parse_parameters(spec.parameters, parameters).model_dump()["target"]
        change = Change(
            action=command.action,
            parameters=parameters,
            target=TargetRef.model_validate(target),
            title=f"{command.action} {target['name']}",
            risk=spec.risk,
            undo=spec.undo,
        )
        return c.Planned(change=change)
