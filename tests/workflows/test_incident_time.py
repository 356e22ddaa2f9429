"""What the clock does to an incident: targets, reminders, updates, the hold, the end."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from mainstay.domain.incident import CONFIRMATIONS, IncidentInput, IncidentView, Phase
from mainstay.domain.profiles import PROFILES
from mainstay.simulate.recording import Recorder
from tests.workflows.conftest import Stage, alert, levels, refused, without_cadence

ALL = list(CONFIRMATIONS)


def sent(recorder: Recorder, kind: str, subject: str = "") -> list[Any]:
    return [r for r in recorder.sent if r.message.kind == kind and subject in getattr(r.message, "subject", "")]


def late(view: IncidentView) -> list[str]:
    return [entry.what for entry in view.timeline if entry.kind == "late"]


def with_stakeholder(recorder: Recorder) -> None:
    recorder.pinned = recorder.pinned.model_copy(update={"stakeholders": ("carol",)})


@pytest.mark.capability("S-003")
async def test_response_targets_of_guide_000(stage: Stage, recorder: Recorder) -> None:
    """Given payments failing for 25% of transactions under profile 000, then the severity is P1 and the response timer
    fires at 15 min (warn) and 30 min (breach)."""
    recorder.pinned = recorder.pinned.model_copy(update={"profile": PROFILES["000"]})
    without_cadence(recorder)
    failing = alert("PaymentsFailing").model_copy(update={"annotations": {"error_rate": "25%"}})
    story = await stage.start(recorder, IncidentInput(alerts=(failing,), pinned=recorder.pinned))
    await story.paged("alice")
    assert (await story.view()).severity == "P1"
    await story.skip(minutes=14, seconds=50)
    assert late(await story.view()) == ["required roles: commander, operations_lead, communications_lead, scribe"]
    await story.skip(seconds=15)
    assert late(await story.view())[1:] == ["response warning"]
    await story.skip(minutes=15)
    view = await story.until(lambda v: len(late(v)) == 3, "the breach")
    assert late(view)[2] == "response target"
    begun = view.timeline[0].at
    dues = [entry.due for entry in view.timeline if entry.kind == "late"]
    assert [due - begun for due in dues[1:]] == [timedelta(minutes=15), timedelta(minutes=30)]
    await story.over()


@pytest.mark.capability("S-133")
async def test_unassigned_roles_are_reminded_of_at_minute_5(stage: Stage, recorder: Recorder) -> None:
    """Given a SEV1 at minute 5 with unassigned roles, then the commander is reminded, it is recorded, and so is when
    the last of them was assigned."""
    story = await stage.start(recorder, severity="SEV1")
    await story.tell("acknowledge")
    missing = (await story.view()).missing_roles
    assert missing
    await story.skip(minutes=5, seconds=1)
    await story.until(lambda v: late(v) == [f"required roles: {', '.join(missing)}"], "recorded")
    await story.until(lambda _: bool(sent(recorder, "notice", "Roles")), "reminded")
    assert [r.person for r in sent(recorder, "notice", "Roles")] == ["alice"]
    for role in missing:
        await story.tell("assign_role", role=role, person="bob")
    assert "all required roles are assigned, 5 min" in (await story.journal("noted"))[-1].text
    await story.over()


@pytest.mark.capability("S-146", "S-151")
@pytest.mark.parametrize(
    ("owner", "comms", "reminded"),
    [
        ("communications_lead", True, "bob"),
        ("communications_lead", False, "alice"),
        ("commander", True, "alice"),
    ],
)
async def test_who_owes_the_update_is_reminded_and_it_goes_out_anyway(
    stage: Stage, recorder: Recorder, owner: str, comms: bool, reminded: str
) -> None:
    """Given the configured owner of updates is the communications lead (the commander where that role is vacant) or the
    commander, then the reminder goes to that role's holder; at the due time one goes out by itself and names the next,
    for which a timer is armed."""
    with_stakeholder(recorder)
    levels(recorder, update_owner=owner)
    story = await stage.start(recorder, severity="SEV1")
    await story.tell("acknowledge")
    if comms:
        await story.tell("assign_role", role="communications_lead", person="bob")
    every = recorder.pinned.profile.level(0).update_every
    assert every is not None
    due = (await story.view()).next_update_due
    assert due is not None
    await story.skip(seconds=every.total_seconds() - 30)
    await story.until(lambda _: bool(sent(recorder, "notice", "update is due")), "reminded")
    assert [r.person for r in sent(recorder, "notice", "update is due")] == [reminded]
    before = len(sent(recorder, "status"))
    await story.skip(seconds=60)
    view = await story.until(lambda v: v.next_update_due and v.next_update_due > due, "the next is due later")
    await story.until(lambda _: len(sent(recorder, "status")) > before, "told")
    message = sent(recorder, "status")[-1].message
    assert (message.next_update_at, "nvestigating" in message.text) == (view.next_update_due, True)
    await story.over()


async def test_the_public_hears_again_even_without_news(stage: Stage, recorder: Recorder) -> None:
    """A level with a public cadence repeats the public state when its time has passed."""
    recorder.pinned = recorder.pinned.model_copy(update={"profile": PROFILES["000"]})
    level = recorder.pinned.profile.level(0).model_copy(update={"update_every": None})
    profile = recorder.pinned.profile.model_copy(update={"levels": (level, *recorder.pinned.profile.levels[1:])})
    recorder.pinned = recorder.pinned.model_copy(update={"profile": profile})
    story = await stage.start(recorder, severity="P0")
    await story.tell("acknowledge")
    first = (await story.view()).public_at
    await story.skip(minutes=61)
    view = await story.until(lambda v: v.public_at != first, "said again")
    assert "Nothing has changed" in view.public_text
    await story.over()


@pytest.mark.capability("S-177")
async def test_each_public_state_is_announced_once(stage: Stage, recorder: Recorder) -> None:
    """Given stakeholders got the first notice, then each of them gets the resolution's; Investigating, Monitoring and
    Resolved reach each of them once, in that order."""
    recorder.pinned = recorder.pinned.model_copy(update={"stakeholders": ("carol", "bob")})
    without_cadence(recorder)
    story = await stage.start(recorder)
    await story.tell("acknowledge")
    await story.alerts(alert(firing=False))
    await story.until(lambda v: v.phase is Phase.MONITORING, "monitoring")
    await story.tell("resolve", anyway="a test")
    await story.tell("close")
    await story.handle.result()
    for person in ("carol", "bob"):
        states = [r.message.state for r in sent(recorder, "status") if r.person == person]
        assert states == ["Investigating", "Monitoring", "Resolved"]
    assert {r.person for r in sent(recorder, "status")} == {"carol", "bob"}


async def test_the_hold_asks_for_the_resolution(stage: Stage, recorder: Recorder) -> None:
    """Given all alerts resolved, then after the hold the commander is asked to confirm, and may."""
    without_cadence(recorder)
    story = await stage.start(recorder)
    await story.tell("acknowledge", "bob")
    await story.alerts(alert(firing=False))
    await story.until(lambda v: v.phase is Phase.MONITORING, "monitoring")
    with refused("WrongState", "hold"):
        await story.tell("resolve", "bob", confirmations=ALL)
    await story.skip(minutes=10, seconds=5)
    await story.until(lambda _: bool(sent(recorder, "notice", "Confirm")), "asked")
    assert [r.person for r in sent(recorder, "notice", "Confirm")] == ["bob"]
    await story.tell("resolve", "bob", confirmations=ALL)
    await story.tell("close", "bob")
    await story.handle.result()


async def test_without_a_commander_whoever_was_called_is_asked(stage: Stage, recorder: Recorder) -> None:
    """An alert that went away by itself still gets somebody who says that it is over."""
    without_cadence(recorder)
    story = await stage.start(recorder)
    await story.paged("alice")
    await story.alerts(alert(firing=False))
    await story.until(lambda v: v.phase is Phase.MONITORING, "monitoring")
    await story.skip(minutes=10, seconds=5)
    await story.until(lambda _: bool(sent(recorder, "notice", "Confirm")), "asked")
    assert [r.person for r in sent(recorder, "notice", "Confirm")] == ["alice"]
    await story.over()


@pytest.mark.parametrize("standing", [False, True])
async def test_a_resolved_incident_closes_by_itself_or_says_why_not(
    stage: Stage, recorder: Recorder, standing: bool
) -> None:
    """Given auto-close after an hour, then it closes; with a temporary mitigation standing the commander is told."""
    recorder.pinned = recorder.pinned.model_copy(update={"auto_close_after": timedelta(hours=1)})
    levels(recorder, update_every=None, postmortem=False)  # a parent with a pending child does not skip
    story = await stage.start(recorder)
    await story.tell("acknowledge")
    if standing:
        await story.tell("record_mitigation", text="cache off", temporary=True)
    await story.tell("resolve", anyway="a test")
    await story.skip(hours=1, seconds=5)
    if not standing:
        assert (await story.handle.result()).phase is Phase.CLOSED
        return
    await story.until(lambda _: bool(sent(recorder, "notice", "cannot close")), "the commander is told")
    assert "m1" in sent(recorder, "notice", "cannot close")[0].message.text
    await story.tell("record_mitigation", removes="m1")
    await story.tell("close")
    await story.handle.result()


@pytest.mark.capability("S-258")
async def test_firing_again_within_the_hold_goes_back_to_mitigating(stage: Stage, recorder: Recorder) -> None:
    """Given an alert fires again within the monitoring hold, then the state returns to Mitigating, the update goes out,
    and people are paged with new keys."""
    with_stakeholder(recorder)
    story = await stage.start(recorder)
    await story.paged("alice")
    await story.tell("acknowledge")
    await story.alerts(alert(firing=False))
    await story.until(lambda v: v.phase is Phase.MONITORING, "monitoring")
    await story.alerts(alert(start="2026-03-02T05:00:00Z"))
    await story.paged("alice", "alice")
    view = await story.view()
    assert (view.phase, view.public_state) == (Phase.MITIGATING, "Identified")
    await story.until(lambda _: sent(recorder, "status")[-1].message.state == "Identified", "told")
    keys = [r.key for r in sent(recorder, "page")]
    assert len(set(keys)) == len(keys)
    with refused("Stale", "round 2"):
        await story.tell("acknowledge", round=1)
    await story.tell("acknowledge", round=2)
    await story.over()


async def test_standing_down_tells_who_was_called(stage: Stage, recorder: Recorder) -> None:
    """Given a false alarm, then pages stop, who was called is told to stand down, and the public is told."""
    with_stakeholder(recorder)
    story = await stage.start(recorder)
    await story.paged("alice")
    await story.tell("cancel", "bob", reason="a drill nobody announced")
    view = await story.handle.result()
    assert (view.phase, view.next_page_at) == (Phase.CANCELLED, None)
    assert [r.person for r in sent(recorder, "notice", "Stand down")] == ["alice"]
    assert "there is no problem" in view.public_text
    assert view.postmortem_id == ""


@pytest.mark.capability("S-007")
async def test_the_top_level_of_guide_001(stage: Stage, recorder: Recorder) -> None:
    """Given a P0 under profile 001, then everybody on call is paged at once and not only the primary, the commander's
    role stands open, and the status page says so."""
    recorder.pinned = recorder.pinned.model_copy(update={"profile": PROFILES["001"]})
    without_cadence(recorder)
    story = await stage.start(recorder, severity="P0")
    await story.until(lambda _: sorted(recorder.people_paged()) == ["alice", "bob"], "both on call are paged at once")
    view = await story.until(lambda v: v.public_at, "the status page says so")
    assert (view.severity, view.public_state) == ("P0", "Investigating")
    assert "commander" in view.missing_roles
    assert view.public_text
    await story.over()


@pytest.mark.capability("S-324")
async def test_its_figures_are_recorded_at_the_resolution(stage: Stage, recorder: Recorder) -> None:
    """Given it is resolved, and not closed yet, then every instant that figures are made of is in the record store,
    and nobody has entered one."""
    without_cadence(recorder)
    story = await stage.start(recorder)
    await story.tell("acknowledge")
    await story.tell("record_mitigation", text="rolled back")
    await story.tell("resolve", anyway="a test")
    key = (await story.view()).key

    def recorded(_: IncidentView) -> bool:
        return key in recorder.rows and recorder.rows[key].row.resolved_at is not None

    view = await story.until(recorded, "recorded")
    row = recorder.rows[key].row
    assert (view.phase, row.closed_at) == (Phase.RESOLVED, None)
    assert row.declared_at is not None
    instants = (row.declared_at, row.acknowledged_at, row.mitigated_at, row.resolved_at)
    assert all(instants)
    assert (row.severity, row.service) == (view.severity, "api")
    await story.over()
