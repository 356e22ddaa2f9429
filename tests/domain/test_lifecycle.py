"""What happens to an incident, rule by rule. Random sequences are in test_lifecycle_random.py."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from mainstay.domain import escalation, lifecycle
from mainstay.domain.access import SYSTEM, Actor, Assurance
from mainstay.domain.errors import AlreadyDone, InvalidArgument, NotAllowed, NotFound, Refusal, Stale, WrongState
from mainstay.domain.incident import (
    CONFIRMATIONS,
    MAX_FINGERPRINTS,
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
    RunRef,
    SetSeverity,
    StartRunbook,
)
from mainstay.domain.profiles import PROFILES
from mainstay.domain.runbook.run import RunReport
from mainstay.domain.timeline import Late, Linked, Mitigated, RoleAssigned, RunEnded, SeveritySet
from tests.domain.made_incidents import ALICE, BOB, CAROL, NOW, alert, batch, begun, pinned, who

MIN = timedelta(minutes=1)
ALL = tuple(CONFIRMATIONS)
CONFIG = pinned()
ITEM = ItemDraft(text="Add an alert on the pool", owner="alice", due=NOW + timedelta(days=7))


def do(
    state: IncidentState,
    change: Callable[..., IncidentState],
    command: Any,
    actor: Actor = ALICE,
    after: timedelta = MIN,
) -> IncidentState:
    return change(state, command, CONFIG, actor, NOW + after)


def acknowledged(by: Actor = ALICE) -> IncidentState:
    return do(begun(), lifecycle.acknowledge, Acknowledge(), by)


def resolved() -> IncidentState:
    return do(acknowledged(), lifecycle.resolve, Resolve(anyway="a test"), after=2 * MIN)


def closed() -> IncidentState:
    return do(resolved(), lifecycle.close, Close(), after=3 * MIN)


def mitigated(*, temporary: bool = True) -> IncidentState:
    return do(acknowledged(), lifecycle.record_mitigation, RecordMitigation(text="cache off", temporary=temporary))


# ---- each command's refusals ----------------------------------------------------------------------

WHEN_OPEN: list[tuple[str, Callable[..., IncidentState], Any, Actor, type[Refusal]]] = [
    ("old round", lifecycle.acknowledge, Acknowledge(round=9), ALICE, Stale),
    ("twice", lifecycle.acknowledge, Acknowledge(), BOB, AlreadyDone),
    ("nobody is next", lifecycle.escalate, Escalate(), BOB, AlreadyDone),
    ("old round of a step", lifecycle.escalate, Escalate(round=2), BOB, Stale),
    ("unknown level", lifecycle.set_severity, SetSeverity(severity="SEV9"), ALICE, InvalidArgument),
    ("no level", lifecycle.set_severity, SetSeverity(), ALICE, InvalidArgument),
    ("same level", lifecycle.set_severity, SetSeverity(severity="sev-1"), ALICE, AlreadyDone),
    ("unknown role", lifecycle.assign_role, AssignRole(role="king", person="bob"), ALICE, InvalidArgument),
    ("unknown person", lifecycle.assign_role, AssignRole(role="scribe", person="zed"), ALICE, NotFound),
    ("holds it", lifecycle.assign_role, AssignRole(role="commander", person="alice"), BOB, AlreadyDone),
    ("takes it away", lifecycle.assign_role, AssignRole(role="commander", person="bob"), BOB, NotAllowed),
    ("vacant role", lifecycle.release_role, ReleaseRole(role="scribe"), ALICE, NotFound),
    ("empty note", lifecycle.add_note, AddNote(text="  "), ALICE, InvalidArgument),
    ("long note", lifecycle.add_note, AddNote(text="x" * 9000), ALICE, InvalidArgument),
    ("empty decision", lifecycle.record_decision, RecordDecision(), ALICE, InvalidArgument),
    ("empty update", lifecycle.post_update, PostUpdate(), ALICE, InvalidArgument),
    ("page whom", lifecycle.page_people, PagePeople(target="bob"), ALICE, InvalidArgument),
    ("no such runbook", lifecycle.start_runbook, StartRunbook(runbook="gone"), ALICE, NotFound),
    ("empty mitigation", lifecycle.record_mitigation, RecordMitigation(), ALICE, InvalidArgument),
    ("not in the ledger", lifecycle.record_mitigation, RecordMitigation(removes="m7"), ALICE, NotFound),
    ("unconfirmed", lifecycle.resolve, Resolve(confirmations=("metrics",)), ALICE, InvalidArgument),
    ("strange point", lifecycle.resolve, Resolve(confirmations=("vibes",)), ALICE, InvalidArgument),
    ("not the commander", lifecycle.resolve, Resolve(confirmations=ALL), BOB, NotAllowed),
    ("open already", lifecycle.reopen, Reopen(reason="why"), ALICE, WrongState),
    ("no reason", lifecycle.cancel, Cancel(), ALICE, InvalidArgument),
    ("into nothing", lifecycle.merge, Merge(), ALICE, InvalidArgument),
    ("into itself", lifecycle.merge, Merge(into="key-1"), ALICE, InvalidArgument),
    ("not resolved", lifecycle.close, Close(), ALICE, WrongState),
]


@pytest.mark.parametrize(("_name", "change", "command", "actor", "kind"), WHEN_OPEN, ids=[c[0] for c in WHEN_OPEN])
def test_what_cannot_happen_to_an_acknowledged_incident(
    _name: str, change: Callable[..., IncidentState], command: Any, actor: Actor, kind: type[Refusal]
) -> None:
    """Each is refused by name, with a message."""
    with pytest.raises(kind) as refusal:
        do(acknowledged(), change, command, actor)
    assert refusal.value.message


EVERYTHING: list[tuple[Callable[..., IncidentState], Any]] = [
    (lifecycle.acknowledge, Acknowledge()),
    (lifecycle.escalate, Escalate()),
    (lifecycle.set_severity, SetSeverity(severity="SEV2")),
    (lifecycle.assign_role, AssignRole(role="scribe", person="bob")),
    (lifecycle.release_role, ReleaseRole(role="commander")),
    (lifecycle.add_note, AddNote(text="late")),
    (lifecycle.record_decision, RecordDecision(text="late")),
    (lifecycle.post_update, PostUpdate(text="late")),
    (lifecycle.page_people, PagePeople(target="person:bob")),
    (lifecycle.start_runbook, StartRunbook(runbook="fix")),
    (lifecycle.record_mitigation, RecordMitigation(text="late")),
    (lifecycle.resolve, Resolve(anyway="late")),
    (lifecycle.reopen, Reopen(reason="late")),
    (lifecycle.cancel, Cancel(reason="late")),
    (lifecycle.merge, Merge(into="INC-2026-0001")),
    (lifecycle.close, Close()),
]


@pytest.mark.parametrize("ended", [Phase.CLOSED, Phase.CANCELLED, Phase.MERGED])
@pytest.mark.parametrize(("change", "command"), EVERYTHING, ids=lambda part: getattr(part, "__name__", ""))
def test_after_the_end_everything_is_wrong_state(
    change: Callable[..., IncidentState], command: Any, ended: Phase
) -> None:
    """Closed, cancelled and merged incidents take no command."""
    with pytest.raises(WrongState, match=ended.value):
        do(closed().model_copy(update={"phase": ended}), change, command)


# ---- alerts ---------------------------------------------------------------------------------------


def test_a_repeat_changes_nothing() -> None:
    """The same occurrence again adds no entry, no page and no count."""
    once = lifecycle.take_alerts(begun(), batch(alert("a")), CONFIG, NOW, SYSTEM)
    assert lifecycle.take_alerts(once, batch(alert("a")), CONFIG, NOW, SYSTEM) is once


def test_alerts_without_fingerprint_are_told_apart_by_their_labels() -> None:
    """Two bare alerts are two, not a repeat of one."""
    bare = [alert("a", fingerprint="", starts_at=None), alert("b", fingerprint="", starts_at=None)]
    state = lifecycle.take_alerts(begun(), batch(*bare), CONFIG, NOW, SYSTEM)
    assert lifecycle.still_firing(state) == 2


def test_more_alerts_than_are_tracked_still_count() -> None:
    """Given 620 firing alerts, when 500 resolve, then it is not quiet; when the rest does, it is."""
    names = [f"a{n}" for n in range(620)]
    state = lifecycle.take_alerts(begun(), batch(*map(alert, names)), CONFIG, NOW, SYSTEM)
    assert (lifecycle.still_firing(state), len(state.firing)) == (620, MAX_FINGERPRINTS)
    first = batch(*(alert(name, firing=False) for name in names[-500:]))
    state = lifecycle.take_alerts(state, first, CONFIG, NOW, SYSTEM)
    assert (lifecycle.still_firing(state), state.phase) == (120, Phase.DECLARED)
    rest = batch(*(alert(name, firing=False) for name in names[:120]))
    state = lifecycle.take_alerts(state, rest, CONFIG, NOW, SYSTEM)
    assert (lifecycle.still_firing(state), state.phase) == (0, Phase.MONITORING)


def test_the_hold_counts_from_the_last_symptom() -> None:
    """Given a hold that began while an alert still fired, when it stops, then the whole hold begins anew."""
    state = lifecycle.take_alerts(acknowledged(), batch(alert("a")), CONFIG, NOW, SYSTEM)
    state = lifecycle.begin_hold(state, CONFIG, NOW, SYSTEM, "rolled back")
    later = NOW + timedelta(minutes=9)
    state = lifecycle.take_alerts(state, batch(alert("a", firing=False)), CONFIG, later, SYSTEM)
    assert state.hold_until == later + timedelta(minutes=10)
    with pytest.raises(WrongState, match="hold"):
        lifecycle.resolve(state, Resolve(confirmations=ALL), CONFIG, ALICE, NOW + timedelta(minutes=12))


@pytest.mark.parametrize(("start", "goes_to"), [("hold", Phase.MITIGATING), ("resolved", Phase.DECLARED)])
def test_a_new_firing_reopens(start: str, goes_to: Phase) -> None:
    """Within the hold it goes back to mitigating, after the resolution to its beginning; both page anew."""
    state = resolved() if start == "resolved" else lifecycle.begin_hold(acknowledged(), CONFIG, NOW, ALICE, "x")
    again = lifecycle.take_alerts(state, batch(alert("b")), CONFIG, NOW + 5 * MIN, SYSTEM)
    assert (again.phase, again.escalation.round, again.escalation.due) == (goes_to, 2, NOW + 5 * MIN)
    assert (again.called, again.hold_until, again.resolved_at) == ({}, None, None)
    assert lifecycle.responders(again) == ("alice",), "the postmortem still invites who answered first"


def test_an_alert_for_an_incident_that_is_ending_reopens_it() -> None:
    """Its sender was told that somebody has it."""
    again = lifecycle.take_alerts(closed(), batch(alert("b")), CONFIG, NOW + 5 * MIN, SYSTEM)
    assert (again.phase, again.closed_at, again.escalation.due) == (Phase.DECLARED, None, NOW + 5 * MIN)


# ---- paging ---------------------------------------------------------------------------------------


def paged(state: IncidentState, at: timedelta) -> IncidentState:
    page = escalation.next_page(CONFIG.policy, state.escalation, NOW + at)
    assert page is not None
    return state.model_copy(update={"escalation": page.then})


def test_the_next_step_now_is_that_step_and_not_one_more() -> None:
    """Given bob would be due at 5 min, when somebody asks for him at 1 min, then carol's turn is 5 min later."""
    state = paged(begun(), timedelta(0))
    state = do(state, lifecycle.escalate, Escalate(reason="no answer"))
    state = paged(state, MIN)
    assert (state.escalation.step, state.escalation.due) == (2, NOW + 6 * MIN)


def test_whoever_was_called_by_hand_joins() -> None:
    """Given alice has it and bob was asked for, when bob acknowledges, then he has joined; carol is AlreadyDone."""
    state = acknowledged().model_copy(update={"asked": ("bob",), "called": {"alice": "acknowledged", "bob": "paged"}})
    joined = do(state, lifecycle.acknowledge, Acknowledge(), BOB)
    assert (joined.called["bob"], joined.asked, joined.escalation.acknowledged_by) == ("joined", (), "alice")
    with pytest.raises(AlreadyDone, match="alice"):
        do(state, lifecycle.acknowledge, Acknowledge(), CAROL)


def test_all_dead_goes_through_everybody_once_and_begins_anew_in_half_a_minute() -> None:
    """Each step once, then the last resort, all at once; then the first step again 30 s later."""
    state, tried = begun(), []
    for _ in range(3):
        page = escalation.next_page(CONFIG.policy, state.escalation, NOW)
        assert page is not None
        tried += [target.name for target in page.targets]
        state = lifecycle.undelivered(state.model_copy(update={"escalation": page.then}), CONFIG, NOW)
    assert tried == ["alice", "bob", "carol"]
    assert (state.escalation.step, state.escalation.due, state.passes) == (0, NOW + timedelta(seconds=30), 1)


def test_without_a_last_resort_the_list_begins_anew_too() -> None:
    config = pinned(policy=CONFIG.policy.model_copy(update={"last_resort": ()}))
    state = begun(config)
    for _ in range(2):
        page = escalation.next_page(config.policy, state.escalation, NOW)
        assert page is not None
        state = lifecycle.undelivered(state.model_copy(update={"escalation": page.then}), config, NOW)
    assert (state.escalation.step, state.escalation.due) == (0, NOW + timedelta(seconds=30))


@pytest.mark.parametrize("by_hand", [True, False])
def test_a_raised_severity_wakes_who_was_spared(by_hand: bool) -> None:
    """Given a level that pages nobody, when it is raised to one that does, then the escalation begins."""
    quiet = begun(rank=3)
    assert quiet.escalation.due is None
    if by_hand:
        state = do(quiet, lifecycle.set_severity, SetSeverity(severity="SEV1", reason="worse"))
    else:
        worse = alert("a", annotations={"data_loss": "true"})
        state = lifecycle.take_alerts(quiet, batch(worse), CONFIG, NOW + MIN, SYSTEM)
    assert (state.rank, state.escalation.due) == (0, NOW + MIN)


def test_reopening_a_ticket_wakes_nobody() -> None:
    quiet = begun(rank=3).model_copy(update={"phase": Phase.RESOLVED})
    again = lifecycle.take_alerts(quiet, batch(alert("a", labels={})), CONFIG, NOW + MIN, SYSTEM)
    assert (again.phase, again.escalation.due) == (Phase.DECLARED, None)


# ---- roles ----------------------------------------------------------------------------------------


@pytest.mark.capability("S-129")
@pytest.mark.parametrize("name", ["technical_lead", "Technical Lead", "operations_lead"])
def test_the_guides_names_of_a_role_are_one_slot(name: str) -> None:
    """Given the role alias map, then the technical lead and the operations lead are the same slot (M-20)."""
    state = do(acknowledged(), lifecycle.assign_role, AssignRole(role=name, person="bob"))
    assert state.roles == {"commander": "alice", "operations_lead": "bob"}
    for other in ("technical_lead", "operations_lead"):
        with pytest.raises(AlreadyDone):
            do(state, lifecycle.assign_role, AssignRole(role=other, person="bob"))
        assert "operations_lead" not in do(state, lifecycle.release_role, ReleaseRole(role=other)).roles


def test_every_alias_means_a_role_that_exists() -> None:
    """And no alias hides a role."""
    assert set(lifecycle.ROLE_ALIASES.values()) <= set(lifecycle.ROLES)
    assert not set(lifecycle.ROLE_ALIASES) & set(lifecycle.ROLES)


@pytest.mark.capability("S-130")
def test_the_deputy_takes_command() -> None:
    """Given the commander cannot be reached, when the deputy takes over, then the deputy is the commander and the time
    line notes who did it; somebody else cannot."""
    state = do(acknowledged(CAROL), lifecycle.assign_role, AssignRole(role="deputy", person="bob"), CAROL)
    with pytest.raises(NotAllowed):
        do(state, lifecycle.assign_role, AssignRole(role="commander", person="alice"), ALICE)
    taken = do(state, lifecycle.assign_role, AssignRole(role="commander", person="bob"), BOB, 5 * MIN)
    assert taken.roles["commander"] == "bob"
    entry = taken.recent[-1]
    assert isinstance(entry, RoleAssigned)
    assert (entry.actor.person, entry.role, entry.person, entry.at) == ("bob", "commander", "bob", NOW + 5 * MIN)


def test_the_deputy_and_the_holder_hand_a_role_over() -> None:
    """The commander gives a role away, a deputy takes command (S-130), anybody takes a vacant role."""
    state = do(acknowledged(), lifecycle.assign_role, AssignRole(role="deputy", person="bob"))
    assert do(state, lifecycle.assign_role, AssignRole(role="commander", person="bob"), BOB).roles["commander"] == "bob"
    assert do(state, lifecycle.assign_role, AssignRole(role="commander", person="carol")).roles["commander"] == "carol"
    assert do(state, lifecycle.assign_role, AssignRole(role="scribe", person="bob"), BOB).roles["scribe"] == "bob"


@pytest.mark.capability("S-136")
def test_a_held_role_is_not_taken() -> None:
    """Given two people try to take the same role, then the second is refused unless it is a handoff."""
    state = do(acknowledged(), lifecycle.assign_role, AssignRole(role="scribe", person="bob"), BOB)
    dan = who("dan")
    with pytest.raises(NotAllowed, match="bob is scribe"):
        do(state, lifecycle.assign_role, AssignRole(role="scribe", person="carol"), dan)
    handed = do(state, lifecycle.assign_role, AssignRole(role="scribe", person="carol"), BOB)
    assert handed.roles["scribe"] == "carol"


@pytest.mark.capability("S-134")
def test_one_person_may_hold_several_roles() -> None:
    """Given one person with command and communications, then both slots show that person."""
    state = do(acknowledged(), lifecycle.assign_role, AssignRole(role="communications_lead", person="alice"))
    assert state.roles == {"commander": "alice", "communications_lead": "alice"}


def test_required_roles_are_due_and_their_completion_is_noted() -> None:
    """A SEV1 of profile 003 names its roles; when the last is given, the time line says after how long."""
    state = acknowledged()
    assert lifecycle.roles_due(state, CONFIG) == NOW + timedelta(minutes=5)
    for role in lifecycle.missing_roles(state, CONFIG):
        state = do(state, lifecycle.assign_role, AssignRole(role=role, person="bob"), after=4 * MIN)
    assert lifecycle.roles_due(state, CONFIG) is None
    assert state.roles_complete_at == NOW + 4 * MIN
    assert "all required roles are assigned, 4 min 0 s" in getattr(state.recent[-1], "text", "")


def test_a_commander_is_recorded_exactly_once() -> None:
    """Acknowledging fills a vacant command and leaves a held one alone."""
    state = do(begun(), lifecycle.assign_role, AssignRole(role="commander", person="bob"))
    assert do(state, lifecycle.acknowledge, Acknowledge(), ALICE).roles["commander"] == "bob"


# ---- the end --------------------------------------------------------------------------------------


@pytest.mark.capability("S-122")
def test_only_who_leads_resolves() -> None:
    """Given a resolve from somebody who is not the commander, then it is refused and says who is."""
    with pytest.raises(NotAllowed, match="alice is the commander"):
        do(acknowledged(), lifecycle.resolve, Resolve(confirmations=ALL), BOB)
    assert do(acknowledged(), lifecycle.resolve, Resolve(confirmations=ALL), ALICE).phase is Phase.RESOLVED
    assert do(acknowledged(), lifecycle.resolve, Resolve(confirmations=ALL), CAROL).phase is Phase.RESOLVED
    unled = begun().model_copy(update={"roles": {}})
    assert do(unled, lifecycle.resolve, Resolve(confirmations=ALL), BOB).phase is Phase.RESOLVED


@pytest.mark.capability("S-250")
def test_an_unconfirmed_point_refuses_the_resolution() -> None:
    """Given any item unconfirmed, then resolve is refused with the list; a reason given lets it pass, recorded."""
    for left in CONFIRMATIONS:
        confirmed = tuple(point for point in CONFIRMATIONS if point != left)
        with pytest.raises(InvalidArgument, match=left):
            do(acknowledged(), lifecycle.resolve, Resolve(confirmations=confirmed))
        state = do(acknowledged(), lifecycle.resolve, Resolve(confirmations=confirmed, anyway="known"))
        assert state.missing_confirmations == (left,)


def test_what_still_happens_refuses_the_resolution() -> None:
    """A running runbook, a firing alert and the hold each stand in the way, and can be waived with a reason."""
    running = acknowledged().model_copy(update={"runs": (RunRef(workflow_id="r", runbook="fix"),)})
    firing = acknowledged().model_copy(update={"firing": ("a",), "firing_names": ("A",)})
    holding = lifecycle.begin_hold(acknowledged(), CONFIG, NOW, ALICE, "x")
    for state in (running, firing, holding):
        with pytest.raises(WrongState):
            do(state, lifecycle.resolve, Resolve(confirmations=ALL))
        assert do(state, lifecycle.resolve, Resolve(anyway="I know")).phase is Phase.RESOLVED


@pytest.mark.capability("S-247")
def test_a_temporary_mitigation_blocks_closing_until_it_is_gone_or_somebodys() -> None:
    """Given a temporary change was made, then its line stays active until undone, and closing asks for its removal or
    for an action item with owner and date."""
    state = do(mitigated(), lifecycle.resolve, Resolve(anyway="a test"))
    with pytest.raises(WrongState, match="m1"):
        do(state, lifecycle.close, Close())
    removed = do(state, lifecycle.record_mitigation, RecordMitigation(removes="m1", text="cache on"))
    assert removed.phase is Phase.RESOLVED, "recording it does not open the incident again"
    assert do(removed, lifecycle.close, Close()).phase is Phase.CLOSED
    item = ITEM.model_copy(update={"mitigation": "m1"})
    handed = do(state, lifecycle.close, Close(items=(item,)))
    assert (handed.phase, handed.mitigations[0].action_item) == (Phase.CLOSED, ITEM.text)


@pytest.mark.capability("S-300")
@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"owner": ""}, NotFound),
        ({"owner": "alice,bob"}, NotFound),
        ({"due": NOW - timedelta(days=1)}, InvalidArgument),
        ({"text": " "}, InvalidArgument),
        ({"mitigation": "m9"}, NotFound),
    ],
)
def test_an_item_has_one_owner_and_a_date(change: dict[str, Any], kind: type[Refusal]) -> None:
    """Given an item with no owner, two owners or no date ahead, then it is rejected, naming the field."""
    with pytest.raises(kind) as refusal:
        do(resolved(), lifecycle.close, Close(items=(ITEM.model_copy(update=change),)))
    assert (refusal.value.field or "").startswith("items[0].")


def test_a_failed_merge_goes_on_where_it_was() -> None:
    """Whoever has it keeps it; where nobody has, people are paged anew."""
    held = do(acknowledged(), lifecycle.merge, Merge(into="incident/other"))
    back = lifecycle.unmerge(held, CONFIG, "it is not running", NOW + 2 * MIN)
    assert (back.phase, back.escalation.due, back.merged_into) == (Phase.INVESTIGATING, None, "")
    free = do(begun(), lifecycle.merge, Merge(into="incident/other"))
    back = lifecycle.unmerge(free, CONFIG, "it is not running", NOW + 2 * MIN)
    assert (back.phase, back.escalation.due) == (Phase.DECLARED, NOW + 2 * MIN)


def test_merging_with_a_temporary_mitigation_is_refused() -> None:
    with pytest.raises(WrongState, match="temporary"):
        do(mitigated(), lifecycle.merge, Merge(into="incident/other"))


def test_who_is_nobody_verified_is_shown_so() -> None:
    """An acknowledgement through Temporal's own pages names its sender as unverified."""
    state = do(begun(), lifecycle.acknowledge, Acknowledge(), who("alice", assurance=Assurance.UNVERIFIED))
    assert state.escalation.acknowledged_by == "unverified:alice"


# ---- runs -----------------------------------------------------------------------------------------


def report(**fields: Any) -> RunReport:
    return RunReport(**{"incident_key": "key-1", "workflow_id": "run-1", "runbook": "fix", **fields})


def with_run() -> IncidentState:
    return acknowledged().model_copy(update={"runs": (RunRef(workflow_id="run-1", runbook="fix"),)})


def test_a_report_twice_is_taken_once() -> None:
    """Entries already taken are skipped, new ones of the same report are not."""
    entry = Mitigated(at=NOW, mitigation="run-1:back", text="rolled back", temporary=True, seq=1)
    once = lifecycle.take_report(with_run(), report(entries=(entry,)), CONFIG, NOW, SYSTEM)
    twice = lifecycle.take_report(once, report(entries=(entry,)), CONFIG, NOW, SYSTEM)
    assert {kept.source for kept in once.tail} == {"incident"}, "under the run's name its numbers would be gaps"
    assert (len(twice.mitigations), twice.next_seq) == (1, once.next_seq)
    assert twice.phase is Phase.MITIGATING


@pytest.mark.parametrize("change", [{"incident_key": "other"}, {"workflow_id": "stranger"}])
def test_a_report_of_somebody_elses_run_is_in_the_journal_only(change: dict[str, str]) -> None:
    state = lifecycle.take_report(with_run(), report(ended=True, **change), CONFIG, NOW, SYSTEM)
    assert (state.recent[-1].kind, state.runs[0].ended) == ("refused", False)


def test_a_run_that_is_gone_does_not_block_the_end() -> None:
    """Given a run was terminated, when that is noticed, then the incident can be closed."""
    lost = lifecycle.run_lost(with_run(), "run-1", "terminated: it will not report any more", NOW)
    assert isinstance(lost.recent[-1], RunEnded)
    assert do(do(lost, lifecycle.resolve, Resolve(confirmations=ALL)), lifecycle.close, Close()).phase is Phase.CLOSED


@pytest.mark.parametrize(("outcome", "goes_to"), [("mitigated", Phase.MONITORING), ("failed", Phase.INVESTIGATING)])
def test_what_a_runs_end_means(outcome: str, goes_to: Phase) -> None:
    """A run that mitigated begins the hold; one that failed leaves the incident to people."""
    state = with_run().model_copy(update={"firing": ("a",)})
    ended = lifecycle.take_report(state, report(ended=True, outcome=outcome), CONFIG, NOW, SYSTEM)
    assert ended.phase is goes_to


# ---- time -----------------------------------------------------------------------------------------


@pytest.mark.capability("S-015")
def test_response_targets_are_recorded_once() -> None:
    """Given a SEV1 under profile 003 unacknowledged after 5 min, then a breach is recorded, once."""
    late = lifecycle.note_late(begun(), CONFIG, NOW + 5 * MIN)
    again = lifecycle.note_late(late, CONFIG, NOW + 9 * MIN)
    assert [entry.what for entry in again.recent if isinstance(entry, Late)] == ["response target"]
    assert lifecycle.note_late(acknowledged(), CONFIG, NOW + 9 * MIN).late == ()


def test_links_to_other_incidents_are_entries() -> None:
    state = do(acknowledged(), lifecycle.merge, Merge(into="INC-2026-0007"))
    assert [entry.other for entry in state.recent if isinstance(entry, Linked)] == ["INC-2026-0007"]


# ---- severities on the clock and in hand ----------------------------------------------------------


@pytest.mark.capability("S-004")
def test_an_hour_without_response_is_a_breach() -> None:
    """Given a P2 under profile 000, when nobody has responded in 60 minutes, then a breach is recorded."""
    config = pinned(profile=PROFILES["000"])
    state = begun(config, rank=2)
    assert state.severity == "P2"
    early = lifecycle.note_late(state, config, NOW + timedelta(minutes=59, seconds=59))
    assert early.late == ()
    late = lifecycle.note_late(state, config, NOW + timedelta(minutes=60))
    assert [(e.what, e.due) for e in late.recent if isinstance(e, Late)] == [("response target", NOW + 60 * MIN)]
    answered = do(state, lifecycle.acknowledge, Acknowledge())
    assert lifecycle.note_late(answered, config, NOW + 90 * MIN).late == ()


@pytest.mark.capability("S-012")
def test_the_second_level_of_guide_002_is_answered_in_15_minutes_and_told_hourly() -> None:
    """Given a P2 under profile 002, then the response deadline is 15 min and an update is due every 60 min."""
    config = pinned(profile=PROFILES["002"])
    state = begun(config, rank=1)
    assert state.severity == "P2"
    assert dict(lifecycle.response_deadlines(state, config)) == {"response target": NOW + 15 * MIN}
    assert state.next_update_due == NOW + 60 * MIN
    told = lifecycle.post_update(state, PostUpdate(text="looking"), config, ALICE, NOW + 50 * MIN)
    assert told.next_update_due == NOW + 110 * MIN


@pytest.mark.capability("S-032")
@pytest.mark.parametrize(("profile", "former", "now_"), [("002", "P3", "P2"), ("003", "SEV3", "SEV2")])
def test_more_users_raise_the_severity_and_set_its_clocks_anew(profile: str, former: str, now_: str) -> None:
    """Given a running third level, when the users affected rise to 5000, then re-triage makes it the second: deadline,
    cadence and paging are that level's, and the time line has the old one, the new one and the reason."""
    config = pinned(profile=PROFILES[profile])
    state = begun(config, rank=2)
    assert (state.severity, state.next_update_due) == (former, None)
    grown = alert("a", annotations={"users_affected": "5000"})
    raised = lifecycle.take_alerts(state, batch(grown), config, NOW + MIN, SYSTEM)
    level = config.profile.level(1)
    assert level.update_every is not None
    assert (raised.severity, raised.next_update_due) == (now_, NOW + MIN + level.update_every)
    begun_at = raised.escalation_begun_at
    assert begun_at is not None
    assert raised.escalation.due is not None
    assert dict(lifecycle.response_deadlines(raised, config)) == {"response target": begun_at + 15 * MIN}
    entry = next(e for e in raised.recent if isinstance(e, SeveritySet))
    assert (entry.former, entry.severity) == (former, now_)
    assert entry.reason.startswith("triage: ")
    fewer = alert("b", annotations={"users_affected": "1"})
    assert lifecycle.take_alerts(raised, batch(fewer), config, NOW + 2 * MIN, SYSTEM).severity == now_


@pytest.mark.capability("S-034")
def test_a_person_overrides_what_was_proposed() -> None:
    """Given a proposed level that pages nobody, when the commander overrides it to the top with a reason, then both
    are stored, paging follows the new level, and no alert changes it any more."""
    config = pinned(profile=PROFILES["003"])
    few = alert("a", annotations={"users_affected": "200"})
    proposed = lifecycle.take_alerts(begun(config, rank=3), batch(few), config, NOW, SYSTEM)
    assert (proposed.severity, proposed.severity_set_by_hand, proposed.escalation.due) == ("SEV3", False, None)
    command = SetSeverity(severity="SEV1", reason="the biggest customer")
    state = lifecycle.set_severity(proposed, command, config, ALICE, NOW + MIN)
    entry = state.recent[-1]
    assert isinstance(entry, SeveritySet)
    assert (entry.actor.person, entry.former, entry.severity) == ("alice", "SEV3", "SEV1")
    assert entry.reason == "the biggest customer"
    assert (state.escalation.due, state.severity_set_by_hand) == (NOW + MIN, True)
    assert dict(lifecycle.response_deadlines(state, config)) == {"response target": NOW + 6 * MIN}
    lowered = lifecycle.set_severity(state, SetSeverity(severity="SEV3"), config, ALICE, NOW + 2 * MIN)
    worse = alert("b", annotations={"data_loss": "true"})
    assert lifecycle.take_alerts(lowered, batch(worse), config, NOW + 3 * MIN, SYSTEM).severity == "SEV3"


@pytest.mark.capability("S-188")
def test_nothing_waits_for_the_cause() -> None:
    """Given nobody has said a word about the cause, then it is mitigated, resolved and closed all the same."""
    state = do(acknowledged(), lifecycle.record_mitigation, RecordMitigation(text="rolled back", temporary=False))
    assert (state.phase, state.mitigated_at) == (Phase.MONITORING, NOW + MIN)
    state = do(state, lifecycle.resolve, Resolve(confirmations=ALL), after=30 * MIN)
    state = do(state, lifecycle.close, Close(), after=31 * MIN)
    assert state.phase is Phase.CLOSED
    assert not [entry for entry in state.recent if entry.kind in ("noted", "decided")]
