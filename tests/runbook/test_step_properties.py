"""Whatever the outside world answers: a run ends, gives its leases back and loses no change."""

from __future__ import annotations

from typing import NamedTuple

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import JsonValue

from mainstay.domain.change import Applied, Change, TargetRef
from mainstay.domain.runbook import commands as c
from mainstay.domain.runbook import step
from mainstay.domain.runbook.node import Runbook
from mainstay.domain.runbook.run import MachineState
from mainstay.domain.verdict import Verdict
from tests.runbook.tree import builtin, tree

WORKLOAD: JsonValue = {"cluster": "default", "namespace": "shop", "kind": "Deployment", "name": "checkout"}
RUNS: tuple[tuple[Runbook, dict[str, JsonValue]], ...] = (
    (tree(), {"workload": WORKLOAD}),
    (
        builtin("mitigate-bad-deployment"),
        {"workload": WORKLOAD, "error_rate_query": "q", "scale_to": 4, "standby": "a=b", "service_name": "s"},
    ),
    (
        builtin("failover"),
        {
            "workload": WORKLOAD,
            "error_rate_query": "q",
            "service_name": "s",
            "primary": "a=a",
            "standby": "a=b",
        },
    ),
)
KINDS = ("Unavailable", "NotAllowed", "Halted", "Error")
LIMIT = 4_000


class Play(NamedTuple):
    end: c.End
    state: MachineState
    leased: list[str]
    written: list[tuple[Change, str]]


def change_for(command: c.PlanChange, number: int, already: bool) -> Change:
    target = "service" if command.action == "service_switch" else "deployment"
    return Change(
        action=command.action,
        target=TargetRef(namespace="shop", kind=target, name="checkout"),
        title=f"{command.node} #{number}",
        desired=number,
        already=already,
        undo="none" if command.action == "rollout_restart" else "restore",
    )


class World:
    """Answers at random, and keeps account of leases and writes."""

    def __init__(self, draw: st.DataObject) -> None:
        self.draw = draw
        self.leased: list[str] = []
        self.written: list[tuple[Change, str]] = []

    def pick(self, *results: c.Result) -> c.Result:
        return self.draw.draw(st.sampled_from(results))

    def branch(self, *branches: str) -> c.Result:
        return c.Answered(branch=self.draw.draw(st.sampled_from([*branches, "strange"])))

    def answer(self, command: c.Command, number: int) -> c.Result:
        """One of the results that this command can have."""
        failure = c.Failure(kind=self.draw.draw(st.sampled_from(KINDS)), detail="drawn")
        match command:
            case c.Probe():
                branches = [name for name, _ in command.cases] or ["held", "failed"]
                return self.pick(self.branch(*branches, "inconclusive", "error"), failure)
            case c.Parallel() | c.CallRunbook():
                return self.branch("held", "failed", "mitigated")
            case c.Ask():
                return self.pick(self.branch(*command.options, "timeout"), failure)
            case c.PlanChange():
                already = self.draw.draw(st.integers(0, 4)) == 0
                planned = c.Planned(change=change_for(command, number, already))
                return self.pick(planned, planned, failure)
            case c.AwaitApproval():
                return self.pick(c.Approved(), c.Approved(), c.Denied(why="expired"), c.Drifted(), failure)
            case c.AcquireLease():
                return self.lease(command, number, failure)
            case c.ApplyChange():
                return self.apply(command)
            case c.VerifyChange():
                verdict = self.draw.draw(st.sampled_from(list(Verdict)))
                return self.pick(c.Verified(verdict=verdict), failure)
            case c.UndoChange():
                return self.undo(command, failure)
            case c.ReleaseLease():
                self.leased = [held for held in self.leased if held != str(command.change.target)]
                return c.Done()
            case c.Wait() | c.Notify() | c.PagePerson():
                return self.pick(c.Done(), failure)
            case c.End():
                raise AssertionError("the end has no result")

    def lease(self, command: c.AcquireLease, number: int, failure: c.Failure) -> c.Result:
        assert not self.leased, "a run holds at most one lease"
        got = self.pick(c.Leased(fence=number), c.Leased(fence=number), failure)
        if isinstance(got, c.Leased):
            self.leased.append(str(command.change.target))
        return got

    def apply(self, command: c.ApplyChange) -> c.Result:
        assert self.leased == [str(command.change.target)], "nothing is written without its lease"
        lost = c.Failure(kind="Unavailable", detail="the answer was lost")
        got = self.pick(c.Changed(applied=Applied(outcome="changed")), c.Drifted(), lost)
        if isinstance(got, c.Changed | c.Failure):
            self.written.append((command.change, "applied"))
        return got

    def undo(self, command: c.UndoChange, failure: c.Failure) -> c.Result:
        assert self.leased == [str(command.change.target)], "nothing is taken back without its lease"
        got = self.pick(c.Done(), c.Done(), failure, c.Drifted())
        if isinstance(got, c.Done):
            self.written.append((command.change, "undone"))
        return got


def interrupted(draw: st.DataObject, runbook: Runbook, state: MachineState) -> c.Result | None:
    """Now and then a person comes in between."""
    choice = draw.draw(st.integers(0, 40))
    if choice == 0:
        return c.Aborted(why="drawn", undo=draw.draw(st.booleans()))
    if choice == 1 and not state.aborting:
        branches = list(runbook.nodes[state.node].branches) or [""]
        return c.Skipped(branch=draw.draw(st.sampled_from([*branches, "strange"])), by="alice")
    return None


def play(draw: st.DataObject, runbook: Runbook, inputs: dict[str, JsonValue]) -> Play:
    state = step.begin(runbook, inputs)
    world = World(draw)
    for number in range(1, LIMIT):
        command = step.decide(runbook, state)
        assert step.decide(runbook, state) == command, "deciding is free of effects"
        if isinstance(command, c.End):
            return Play(command, state, world.leased, world.written)
        result = interrupted(draw, runbook, state)
        state = step.advance(runbook, state, result or world.answer(command, number))
    raise AssertionError(f"no end after {LIMIT} steps: {state.path[-5:]}")


many = settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))


@many
@given(st.data(), st.sampled_from(RUNS))
def test_every_run_ends_with_all_leases_given_back(
    draw: st.DataObject, run: tuple[Runbook, dict[str, JsonValue]]
) -> None:
    """Whatever happens, the run ends within the bound, and no lease is left behind."""
    result = play(draw, *run)
    assert result.leased == []
    assert result.state.visits <= step.MAX_VISITS + 1


@many
@given(st.data(), st.sampled_from(RUNS))
def test_every_applied_change_is_undone_or_stands_in_the_ledger(
    draw: st.DataObject, run: tuple[Runbook, dict[str, JsonValue]]
) -> None:
    """No change is ever lost: what was written is taken back, stands in the ledger, or was reversed."""
    result = play(draw, *run)
    standing = [entry.change for entry in result.state.standing]
    for change, what in result.written:
        if what == "applied":
            assert change in standing or (change, "undone") in result.written


@many
@given(st.data(), st.sampled_from(RUNS))
def test_an_aborted_run_leaves_nothing_marked_for_undo(
    draw: st.DataObject, run: tuple[Runbook, dict[str, JsonValue]]
) -> None:
    """After an abort, what was to be taken back is taken back, or is named as what could not be."""
    result = play(draw, *run)
    if result.state.aborting:
        assert result.end.outcome == "aborted"
        assert not any(entry.undo_on_abort for entry in result.state.standing)
        assert all(entry.change.title in result.end.summary for entry in result.state.standing)
