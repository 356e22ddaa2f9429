"""Updates through the desk: signed, idempotent, refused by name; and every way to name an incident."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from temporalio.client import Client, WorkflowUpdateFailedError
from temporalio.service import RPCError, RPCStatusCode

from mainstay.desk import update
from mainstay.desk.answers import IncidentFilter
from mainstay.desk.desk import Desk
from mainstay.desk.failure import from_update
from mainstay.domain import names
from mainstay.domain.access import Command, SignedActor
from mainstay.domain.errors import (
    AlreadyDone,
    InvalidArgument,
    NotAllowed,
    NotFound,
    Refusal,
    Unavailable,
    WrongState,
)
from mainstay.domain.incident import (
    Acknowledge,
    AddNote,
    Cancel,
    Declaration,
    Merge,
    PagePeople,
    SetSeverity,
)
from mainstay.records import Store
from tests.desk.lab import Lab, actor, alert, request_id

SOON = timedelta(seconds=1)


async def test_an_update_is_done_by_the_person_that_the_door_has_proven(lab: Lab) -> None:
    """Acknowledged by alice, verified: the workflow has checked the door's signature."""
    view = await lab.opened("Signed")
    outcome = await lab.desk.update(view.number, names.ACKNOWLEDGE, Acknowledge(), actor("alice"), request_id("signed"))
    after = await lab.desk.view(view.key)
    assert outcome.changed
    assert after.acknowledged_by == "alice"
    (entry,) = (entry for entry in after.timeline if entry.kind == "acknowledged")
    assert (entry.actor.shown, entry.actor.door) == ("alice", "test")


async def test_the_same_request_id_again_changes_nothing(lab: Lab) -> None:
    """A retried request gets the first answer and leaves one entry."""
    view = await lab.opened("Retried")
    one = request_id("retried")
    note = AddNote(text="the disk is full")
    first, second = await asyncio.gather(
        *(lab.desk.update(view.key, names.ADD_NOTE, note, actor("alice"), one) for _ in range(2))
    )
    third = await lab.desk.update(view.key, names.ADD_NOTE, note, actor("alice"), one)
    after = await lab.desk.view(view.key)
    assert first == second == third
    assert [e.text for e in after.timeline if e.kind == "noted"] == ["the disk is full"]


@pytest.mark.parametrize("name", ["number", "key", "workflow_id"])
async def test_every_name_of_an_incident_finds_it(lab: Lab, name: str) -> None:
    """Number, key and workflow id are the same incident."""
    view = await lab.opened("Named")
    found = await lab.desk.find(getattr(view, name))
    assert (found.workflow_id, found.key) == (view.workflow_id, view.key)


async def test_incidents_are_found_by_temporal_when_the_record_store_is_away(lab: Lab, broken_store: Store) -> None:
    """With a dead record store, number and key are looked up as search attributes."""
    view = await lab.opened("Searched")
    desk = Desk(lab.client, lab.config, broken_store, lab.signer)

    for ref in (view.number, view.key):
        await lab.until(ref, lambda v: v.key == view.key, "Temporal lists it", desk)
    page = await desk.incidents(IncidentFilter(service="api", open_only=True))
    assert page.degraded
    assert view.number in [row.number for row in page.rows]
    assert (await desk.timeline(view.key)).degraded


REFUSED: dict[str, tuple[str, Command, str, type[Refusal], str]] = {
    "an unknown number": ("INC-2020-9999", AddNote(text="x"), names.ADD_NOTE, NotFound, "incident"),
    "an unknown key": (
        "00000000-0000-4000-8000-000000000000",
        AddNote(text="x"),
        names.ADD_NOTE,
        NotFound,
        "incident",
    ),
    "an unknown workflow id": ("incident/api/none", AddNote(text="x"), names.ADD_NOTE, NotFound, "incident"),
    "no incident": ("", AddNote(text="x"), names.ADD_NOTE, InvalidArgument, "incident"),
    "a severity of no profile": (
        "",
        SetSeverity(severity="S9"),
        names.SET_SEVERITY,
        InvalidArgument,
        "severity",
    ),
    "more than 64 KiB": ("", AddNote(text="x" * 70_000), names.ADD_NOTE, InvalidArgument, ""),
    "a foreign update": ("", AddNote(text="x"), "explode", InvalidArgument, ""),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_what_cannot_be_done_is_refused_by_name(lab: Lab, case: str) -> None:
    """Each with the field at fault where there is one."""
    ref, command, update, kind, field = REFUSED[case]
    if not ref and case != "no incident":
        ref = (await lab.opened("Refused")).key
    with pytest.raises(kind) as told:
        await lab.desk.update(ref, update, command, actor("alice"), request_id(case))
    assert (told.value.field or "") == field


async def test_a_viewer_may_not_change_anything(lab: Lab) -> None:
    """The role is checked before anything is sent."""
    view = await lab.opened("Viewed")
    with pytest.raises(NotAllowed, match="responder"):
        await lab.desk.update(view.key, names.ADD_NOTE, AddNote(text="x"), actor("vera"), request_id(1))


async def test_a_claim_that_no_door_has_signed_is_refused_by_the_workflow(lab: Lab) -> None:
    """A command with roles but without a signature is NotAllowed, whoever sends it."""
    view = await lab.opened("Claimed")
    claim = SignedActor(person="alice", roles=actor("carol").roles, assurance=actor("carol").assurance)
    handle = lab.client.get_workflow_handle(view.workflow_id)
    with pytest.raises(WorkflowUpdateFailedError) as told:
        await handle.execute_update(names.ADD_NOTE, AddNote(text="x", actor=claim), id=request_id("c"))
    assert isinstance(from_update(told.value), NotAllowed)


async def test_a_bad_request_id_is_refused(lab: Lab) -> None:
    """The idempotency key must be a UUID; one UUID in two spellings is one intent."""
    view = await lab.opened("RequestIds")
    with pytest.raises(InvalidArgument) as told:
        await lab.desk.update(view.key, names.ADD_NOTE, AddNote(text="x"), actor("alice"), "again")
    assert told.value.field == "request_id"
    one = request_id("spelling")
    for spelled in (one, one.upper()):
        await lab.desk.update(view.key, names.ADD_NOTE, AddNote(text="x"), actor("alice"), spelled)
    after = await lab.desk.view(view.key)
    assert len([entry for entry in after.timeline if entry.kind == "noted"]) == 1


async def test_a_message_after_the_end_is_refused_and_a_repeated_one_answered(lab: Lab) -> None:
    """After a cancel: a new note is WrongState, the cancel's own retry gets its answer, the view remains."""
    view = await lab.opened("Cancelled")
    cancel = Cancel(reason="false alarm")
    first = await lab.desk.update(view.key, names.CANCEL, cancel, actor("carol"), request_id("cancel"))
    await lab.client.get_workflow_handle(view.workflow_id).result()
    for ref in (view.key, view.number, view.workflow_id):
        with pytest.raises(WrongState, match="closed"):
            await lab.desk.update(ref, names.ADD_NOTE, AddNote(text="x"), actor("alice"), request_id("late"))
    again = await lab.desk.update(view.key, names.CANCEL, cancel, actor("carol"), request_id("cancel"))
    assert again == first
    assert (await lab.desk.view(view.number)).phase == "cancelled"


async def test_the_next_incident_of_a_group_is_another_one(lab: Lab) -> None:
    """The workflow id repeats: the old key and number go on meaning the old incident."""
    old = await lab.opened("Again")
    await lab.desk.update(old.key, names.CANCEL, Cancel(reason="x"), actor("carol"), request_id("again"))
    await lab.client.get_workflow_handle(old.workflow_id).result()
    (delivered,) = await lab.desk.deliver((alert("Again", number=5),), "test")
    new = await lab.until(delivered.workflow_id, lambda v: v.number, "the next one has its number")
    assert new.workflow_id == old.workflow_id
    assert new.key != old.key
    seen = await lab.desk.view(old.number)
    assert (seen.key, seen.phase) == (old.key, "cancelled")
    with pytest.raises(WrongState):
        await lab.desk.update(old.number, names.ADD_NOTE, AddNote(text="x"), actor("alice"), request_id(9))


async def test_without_workers_the_caller_learns_that_it_may_still_be_applied(lab: Lab) -> None:
    """Unavailable within the time given; the retry with the same id is applied once."""
    view = await lab.opened("Waits")
    one = request_id("waits")
    note = AddNote(text="sent while nobody worked")
    async with lab.without_workers():
        with pytest.raises(Unavailable, match="may still be applied: retry with the same request_id"):
            await lab.desk.update(view.key, names.ADD_NOTE, note, actor("alice"), one, SOON)
    await lab.desk.update(view.key, names.ADD_NOTE, note, actor("alice"), one)
    after = await lab.desk.view(view.key)
    assert len([entry for entry in after.timeline if entry.kind == "noted"]) == 1


async def test_a_merge_accepts_any_name_of_the_other_incident(lab: Lab) -> None:
    """``into`` may be a number; the workflow is told the workflow id."""
    goes, stays = await lab.opened("Goes"), await lab.opened("Stays")
    await lab.desk.update(goes.number, names.MERGE, Merge(into=stays.number), actor("carol"), request_id("merge"))
    after = await lab.until(goes.key, lambda v: v.phase == "merged", "it is merged")
    assert any(entry.kind == "linked" and entry.other == stays.workflow_id for entry in after.timeline)


async def test_a_retried_declaration_finds_the_first_also_after_it_closed(lab: Lab) -> None:
    """The request id is the identity; other content under it is AlreadyDone."""
    given = Declaration(title="Checkout is slow", service="api", request_id=request_id("declared"))
    first = await lab.desk.declare(given, actor("vera"))
    again = await lab.desk.declare(given, actor("vera"))
    assert (again.key, again.existed, first.existed) == (first.key, True, False)
    await lab.until(first.key, lambda v: v.number, "it is recorded")
    await lab.desk.update(first.key, names.CANCEL, Cancel(reason="x"), actor("carol"), request_id("d2"))
    await lab.client.get_workflow_handle(first.workflow_id).result()
    assert (await lab.desk.declare(given, actor("vera"))).key == first.key
    with pytest.raises(AlreadyDone) as told:
        await lab.desk.declare(given.model_copy(update={"title": "Another"}), actor("vera"))
    assert told.value.field == "request_id"


@pytest.mark.parametrize(
    ("changes", "kind", "field"),
    [
        ({"title": ""}, InvalidArgument, "title"),
        ({"title": "two\nlines"}, InvalidArgument, "title"),
        ({"title": "x" * 300}, InvalidArgument, "title"),
        ({"description": "\x1b[31m"}, InvalidArgument, "description"),
        ({"request_id": "1"}, InvalidArgument, "request_id"),
        ({"severity": "SEV77"}, InvalidArgument, "severity"),
        ({"service": "nowhere"}, NotFound, "service"),
    ],
)
async def test_a_wrong_declaration_names_its_field(
    lab: Lab, changes: dict[str, str], kind: type[Refusal], field: str
) -> None:
    """Nothing is opened for it."""
    given = {"title": "A", "service": "api", "request_id": request_id(field), **changes}
    with pytest.raises(kind) as told:
        await lab.desk.declare(Declaration(**given), actor("alice"))
    assert told.value.field == field


async def test_without_temporal_everything_is_unavailable(lab: Lab) -> None:
    """No server behind the address: each call says so in the time it was given."""
    nowhere = await Client.connect("127.0.0.1:9", lazy=True, data_converter=lab.client.data_converter)
    desk = Desk(nowhere, lab.config, lab.store, lab.signer)
    with pytest.raises(Unavailable):
        await desk.view("incident/api/x", SOON)
    assert not (await desk.temporal()).answers
    status = await desk.status()
    assert {part.name: part.answers for part in status.parts} == {"temporal": False, "records": True}


@pytest.mark.parametrize(
    ("target", "refusal", "message"),
    [
        ("person:zed", NotFound, "no person called 'zed'"),
        ("team:nobody", NotFound, "no team called 'nobody'"),
        ("schedule:never", NotFound, "no schedule called 'never'"),
        ("manager:nobody", InvalidArgument, "say whom"),
        ("bob", InvalidArgument, "say whom"),
        ("person:", InvalidArgument, "say whom"),
    ],
)
async def test_whom_the_configuration_does_not_know_cannot_be_paged(
    lab: Lab, target: str, refusal: type[Refusal], message: str
) -> None:
    """A page to an unknown name is refused at the door, by name, and the incident never hears of it."""
    view = await lab.opened("Page targets")
    with pytest.raises(refusal, match=message) as caught:
        await lab.desk.update(view.key, names.PAGE, PagePeople(target=target), actor("alice"), request_id(target))
    assert caught.value.field == "target"
    after = await lab.desk.view(view.key)
    assert not any("asked to page" in getattr(entry, "text", "") for entry in after.timeline)


class Handle:
    """Answers an update after throwing it away as often as ``faults`` says."""

    def __init__(self, *faults: RPCError) -> None:
        self.faults, self.ids = list(faults), []

    async def execute_update(self, _name: str, _command: object, **options: Any) -> object:
        self.ids.append(options["id"])
        if self.faults:
            raise self.faults.pop(0)
        return options["result_type"](message="noted")


def _fault(text: str) -> RPCError:
    return RPCError(text, RPCStatusCode.FAILED_PRECONDITION, b"")


TASK = "Unable to perform workflow execution update due to unexpected workflow task failure."


async def test_an_update_thrown_away_with_its_task_is_asked_again() -> None:
    """With the same id, so that it is done once; no worker at all is told at once."""
    handle = Handle(_fault(TASK), _fault(TASK))
    answer = await update.ask(handle, "add_note", AddNote(text="x"), "r1")
    assert (answer.message, handle.ids) == ("noted", ["r1"] * 3)
    for faults in ([_fault(TASK)] * 3, [_fault("no poller seen for task queue recently")]):
        handle = Handle(*faults)
        with pytest.raises(RPCError):
            await update.ask(handle, "add_note", AddNote(text="x"), "r1")
        assert len(handle.ids) == len(faults)
