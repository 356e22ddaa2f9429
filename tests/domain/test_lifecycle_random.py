"""Random lives of incidents: what holds after every step, whatever people and machines do."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from mainstay.domain import escalation, incident_view, lifecycle
from mainstay.domain.access import SYSTEM, Actor
from mainstay.domain.bounds import bounded, size
from mainstay.domain.errors import Refusal, WrongState
from mainstay.domain.incident import (
    CONFIRMATIONS,
    MAX_STATE_BYTES,
    MAX_TEXT,
    Acknowledge,
    AddNote,
    AssignRole,
    Cancel,
    Close,
    Escalate,
    IncidentState,
    ItemDraft,
    Merge,
    PagePeople,
    Phase,
    PostUpdate,
    RecordDecision,
    RecordMitigation,
    ReleaseRole,
    Reopen,
    Resolve,
    SetSeverity,
    StartRunbook,
)
from mainstay.domain.runbook.run import RunReport
from mainstay.domain.timeline import Mitigated, Noted
from tests.domain.made_incidents import ALICE, BOB, CAROL, NOW, alert, batch, begun, pinned

CONFIG = pinned()
PEOPLE = st.sampled_from([ALICE, BOB, CAROL])
TEXTS = ("", "ok", "déjà vu", "x" * 300)
TEXT = st.sampled_from(TEXTS)
SAYINGS = st.sampled_from(
    [
        *((lifecycle.set_severity, SetSeverity(severity=label)) for label in ("SEV1", "SEV2", "SEV4", "?")),
        *(
            (lifecycle.assign_role, AssignRole(role=role, person=handle))
            for role in ("commander", "deputy", "scribe", "king")
            for handle in ("alice", "bob", "zed")
        ),
        *((lifecycle.release_role, ReleaseRole(role=role)) for role in ("commander", "scribe")),
        *((lifecycle.page_people, PagePeople(target=f"person:{handle}")) for handle in ("bob", "zed")),
        *((lifecycle.add_note, AddNote(text=text)) for text in TEXTS),
        *((lifecycle.record_decision, RecordDecision(text=text, rationale=text)) for text in TEXTS),
        *((lifecycle.post_update, PostUpdate(text=text, public=bool(text))) for text in TEXTS),
        *((lifecycle.start_runbook, StartRunbook(runbook="fix")),) * 6,
    ]
)


class Lives(RuleBasedStateMachine):
    """One incident; each rule is one thing that can happen to it."""

    def __init__(self) -> None:
        super().__init__()
        self.state = begun(CONFIG)
        self.now = NOW
        self.runs = 0

    def told(self, change: Callable[..., IncidentState], command: Any, actor: Actor) -> None:
        """A command of a person: taken, or refused and nothing changes."""
        before = self.state
        try:
            self.state = change(before, command, CONFIG, actor, self.now)
        except WrongState:
            return
        except Refusal:
            assert not before.phase.ended, "after the end there is only one answer"
            return
        assert not before.phase.ended, "after the end nothing is taken"

    @rule(minutes=st.integers(0, 40))
    def time_passes(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)
        self.state = lifecycle.note_late(self.state, CONFIG, self.now)

    @rule(first=st.integers(0, 20), many=st.sampled_from([1, 3, 700]), firing=st.booleans(), hour=st.integers(0, 3))
    def alerts_come(self, first: int, many: int, firing: bool, hour: int) -> None:
        start = f"2026-03-02T{hour:02}:00:00Z"
        alerts = [alert(f"a{n}", firing=firing, start=start) for n in range(first, first + many)]
        self.state = lifecycle.take_alerts(self.state, batch(*alerts), CONFIG, self.now, SYSTEM)

    @rule(reached=st.booleans(), raced=st.booleans())
    def a_step_is_due(self, reached: bool, raced: bool) -> None:
        """Time goes on to the next step, which reaches somebody or nobody; meanwhile somebody may acknowledge."""
        self.now = max(self.now, self.state.escalation.due or self.now)
        page = escalation.next_page(CONFIG.policy, self.state.escalation, self.now)
        if page is None:
            return
        names = {target.name: "paged" for target in page.targets}
        called = {**self.state.called, **names}
        self.state = self.state.model_copy(update={"escalation": page.then, "called": called})
        if raced:
            self.told(lifecycle.acknowledge, Acknowledge(), BOB)
        if reached:
            self.state = self.state.model_copy(update={"undelivered": 0})
        else:
            self.state = lifecycle.undelivered(self.state, CONFIG, self.now)

    @rule(actor=PEOPLE, round_=st.integers(0, 3))
    def acknowledge(self, actor: Actor, round_: int) -> None:
        self.told(lifecycle.acknowledge, Acknowledge(round=round_), actor)

    @rule(actor=PEOPLE)
    def escalate(self, actor: Actor) -> None:
        self.told(lifecycle.escalate, Escalate(), actor)

    @rule(actor=PEOPLE, command=SAYINGS)
    def something_is_said(self, actor: Actor, command: tuple[Callable[..., IncidentState], Any]) -> None:
        self.told(*command, actor)

    @rule(outcome=st.sampled_from(["", "mitigated", "failed", "escalated", "aborted"]), helped=st.booleans())
    def a_run_reports(self, outcome: str, helped: bool) -> None:
        """Start what was asked for, or let the running one say something."""
        if not self.runs:
            self.told(lifecycle.start_runbook, StartRunbook(runbook="fix"), ALICE)
        if self.state.to_start and not self.state.phase.ended:
            self.runs += 1
            ref = lifecycle.RunRef(workflow_id=f"run-{self.runs}", runbook="fix")
            self.state = self.state.model_copy(
                update={"to_start": self.state.to_start[1:], "runs": (*self.state.runs, ref)}
            )
        entry = Mitigated(at=self.now, mitigation=f"run-{self.runs}:x", text="changed", temporary=True, seq=1)
        report = RunReport(
            workflow_id=f"run-{self.runs}",
            runbook="fix",
            entries=(entry, Noted(at=self.now, text="told", seq=2)) if helped else (),
            ended=bool(outcome),
            outcome=outcome,
        )
        self.state = lifecycle.take_report(self.state, report, CONFIG, self.now, SYSTEM)

    @rule(actor=PEOPLE, text=TEXT, temporary=st.booleans(), removes=st.sampled_from(["", "", "m1", "m2"]))
    def mitigate(self, actor: Actor, text: str, temporary: bool, removes: str) -> None:
        command = RecordMitigation(text=text, temporary=temporary, removes=removes)
        self.told(lifecycle.record_mitigation, command, actor)

    @rule(actor=PEOPLE, anyway=st.sampled_from(["", "it is fine"]), then=st.sampled_from(["", "mitigate", "close"]))
    def resolve(self, actor: Actor, anyway: str, then: str) -> None:
        self.told(lifecycle.resolve, Resolve(confirmations=tuple(CONFIRMATIONS), anyway=anyway), actor)
        if then == "mitigate":
            self.mitigate(actor=actor, text="ok", temporary=True, removes="")
        elif then == "close":
            self.close(actor=actor, items=False)

    @rule(actor=PEOPLE)
    def reopen(self, actor: Actor) -> None:
        self.told(lifecycle.reopen, Reopen(reason="not over"), actor)

    @rule(actor=PEOPLE, items=st.booleans())
    def close(self, actor: Actor, items: bool) -> None:
        standing = lifecycle.standing(self.state) if items else ()
        due = self.now + timedelta(days=3)
        drafts = tuple(ItemDraft(text="undo it", owner="bob", due=due, mitigation=m.id) for m in standing)
        self.told(lifecycle.close, Close(items=drafts), actor)

    @rule(actor=PEOPLE, merge=st.booleans(), early=st.booleans())
    def end(self, actor: Actor, merge: bool, early: bool) -> None:
        """Mostly not at once, so that lives are long."""
        if not early and self.state.next_seq < 30:
            return
        if merge:
            self.told(lifecycle.merge, Merge(into="incident/other"), actor)
        else:
            self.told(lifecycle.cancel, Cancel(reason="a drill"), actor)

    @rule(entries=st.integers(1, 60))
    def the_store_takes(self, entries: int) -> None:
        taken = self.state.tail[:entries]
        last = taken[-1].seq if taken else self.state.flushed_seq
        self.state = self.state.model_copy(update={"tail": self.state.tail[entries:], "flushed_seq": last})

    # ---- what holds -------------------------------------------------------------------------

    @invariant()
    def numbers_are_dense(self) -> None:
        state = self.state
        for entries, last in ((state.recent, state.next_seq - 1), (state.tail, state.next_seq - 1)):
            numbers = [entry.seq for entry in entries]
            assert numbers == list(range(last - len(numbers) + 1, last + 1))
        first = state.tail[0].seq if state.tail else state.next_seq
        assert first == state.flushed_seq + 1, "nothing is between the store and the tail"

    @invariant()
    def who_has_it_is_left_in_peace(self) -> None:
        stage, phase = self.state.escalation, self.state.phase
        if stage.acknowledged_by or phase.quiet or phase.ended:
            assert stage.due is None

    @invariant()
    def nobody_is_forgotten(self) -> None:
        """An open incident that somebody was paged for has a next page, or somebody has it."""
        stage, phase = self.state.escalation, self.state.phase
        if stage.step and not stage.acknowledged_by and not phase.quiet and not phase.ended:
            assert stage.due is not None

    @invariant()
    def nothing_temporary_is_left_by_a_close(self) -> None:
        if self.state.phase is Phase.CLOSED:
            assert not lifecycle.standing(self.state)
            assert all(run.ended for run in self.state.runs)

    @invariant()
    def instants_fit_the_phase(self) -> None:
        state = self.state
        assert (state.closed_at is not None) == state.phase.ended
        over = state.phase is Phase.RESOLVED or state.phase.ended
        assert state.resolved_at is not None if state.phase is Phase.RESOLVED else over or state.resolved_at is None
        assert (state.hold_until is not None) == (state.phase is Phase.MONITORING)
        if state.phase.ended or state.phase is Phase.RESOLVED:
            assert state.next_update_due is None
        assert len(state.firing) <= 500
        assert state.untracked >= 0

    @invariant()
    def it_can_be_shown(self) -> None:
        view = incident_view.view(self.state, CONFIG, "incident/api/x", self.now)
        assert view.waits_for or self.state.phase.ended

    def teardown(self) -> None:
        view = incident_view.view(self.state, CONFIG, "incident/api/x", self.now)
        assert len(incident_view.details(view, CONFIG).encode()) < 60_000
        assert size(bounded(self.state, "run")) <= MAX_STATE_BYTES


Lives.TestCase.settings = settings(
    max_examples=70, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
)
TestLives = Lives.TestCase


def test_the_carried_state_is_bounded_whatever_was_said() -> None:
    """Given a thousand alerts and hundreds of long texts in a wide script, then 256 KiB hold it, and what is left of
    the journal is its newest part."""
    dice, state = random.Random(7), begun(CONFIG)
    long = "漢" * MAX_TEXT
    for n in range(400):
        entry = Noted(at=NOW, text=long[: dice.randrange(1, MAX_TEXT)])
        state = lifecycle.log(state, entry)
        if n < 120:
            try:
                command = RecordMitigation(text=long, inverse=long, temporary=n % 2 == 0)
                state = lifecycle.record_mitigation(state, command, CONFIG, ALICE, NOW)
            except WrongState:
                pass
    alerts = [alert(f"{n}" + "長" * 500) for n in range(1000)]
    state = lifecycle.take_alerts(state, batch(*alerts), CONFIG, NOW, SYSTEM)
    ids = tuple(f"{n:064}" for n in range(2000))
    small = bounded(state.model_copy(update={"seen_updates": ids}), "run-1")
    assert size(small) <= MAX_STATE_BYTES
    assert small.dropped_from == ("run-1",)
    assert [entry.seq for entry in small.tail] == list(range(state.next_seq - len(small.tail), state.next_seq))
    assert lifecycle.standing(small) == lifecycle.standing(state), "the ledger is never cut"


def test_a_state_that_fits_is_carried_whole() -> None:
    state = lifecycle.log(begun(CONFIG), *(Noted(at=NOW, text=f"note {n}") for n in range(250)))
    assert bounded(state, "run-1") == state


def test_recent_goes_before_the_tail() -> None:
    """What is only shown gives way before what nobody has recorded yet."""
    state = lifecycle.log(begun(CONFIG), *(Noted(at=NOW, text="x" * 600) for n in range(250)))
    small = bounded(state, "run-1")
    assert (len(small.tail), small.dropped_from) == (250, ())
    assert 0 < len(small.recent) < 250
