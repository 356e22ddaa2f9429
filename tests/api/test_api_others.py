"""Runs, schedules, action items and the kill switch over a real connection."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from devstack.processes import eventually
from mainstay.domain.errors import NotFound
from mainstay.domain.work import ItemRow
from mainstay.gen.mainstay.v1 import (
    action_item_service_pb2 as item_pb,
)
from mainstay.gen.mainstay.v1 import (
    common_pb2 as common_pb,
)
from mainstay.gen.mainstay.v1 import (
    on_call_service_pb2 as on_call_pb,
)
from mainstay.gen.mainstay.v1 import (
    runbook_service_pb2 as runbook_pb,
)
from mainstay.gen.mainstay.v1 import (
    system_service_pb2 as system_pb,
)
from tests.api.door import Door, refusal
from tests.desk.lab import Lab, request_id


def at(when: datetime) -> Timestamp:
    message = Timestamp()
    message.FromDatetime(when)
    return message


async def test_a_run_of_its_own_is_started_once_and_answered(lab: Lab, door: Door) -> None:
    """Listed, planned, started (twice with one request id: once), asked, answered, ended."""
    alice = door.of("alice").runbooks
    listed = await alice.ListRunbooks(runbook_pb.ListRunbooksRequest())
    assert [(one.name, one.inputs[0].name) for one in listed.runbooks] == [("ask-first", "reason")]
    plan = await alice.PlanRunbook(runbook_pb.PlanRunbookRequest(runbook="ask-first", service="api"))
    assert [(step.node, step.kind) for step in plan.steps] == [
        ("ask", "ask"),
        ("gone", "end"),
        ("fixed", "end"),
    ]
    request = runbook_pb.RunRunbookRequest(request_id=request_id("run"), runbook="ask-first", service="api")
    request.inputs.update({"reason": "a drill"})
    first, second = [await alice.RunRunbook(request) for _ in range(2)]
    assert (first.run, first.outcome.changed, second.outcome.changed) == (second.run, True, False)
    await lab.until_run(first.run, lambda v: v.ask, "it asks")
    shown = (await alice.GetRun(runbook_pb.GetRunRequest(run=first.run))).run
    assert (shown.ask, list(shown.ask_options)) == ("Does it help to wait?", ["yes", "no"])
    answer = runbook_pb.AnswerRequest(request_id=request_id("answer"), run=first.run, option="yes")
    assert (await alice.Answer(answer)).outcome.changed
    ended = await lab.until_run(first.run, lambda v: v.outcome, "it has ended")
    assert ended.outcome == "mitigated"


@pytest.mark.parametrize(
    ("method", "request_", "code", "field"),
    [
        (
            "Approve",
            runbook_pb.ApproveRequest(request_id=request_id(1), run="runbook/x"),
            grpc.StatusCode.INVALID_ARGUMENT,
            "digest",
        ),
        (
            "Approve",
            runbook_pb.ApproveRequest(request_id=request_id(1), run="runbook/x", digest="sha256:0"),
            grpc.StatusCode.NOT_FOUND,
            "run",
        ),
        ("GetRun", runbook_pb.GetRunRequest(run="nothing"), grpc.StatusCode.NOT_FOUND, "run"),
        ("PlanRunbook", runbook_pb.PlanRunbookRequest(runbook="none"), grpc.StatusCode.NOT_FOUND, "runbook"),
        (
            "RunRunbook",
            runbook_pb.RunRunbookRequest(request_id=request_id(1), runbook="ask-first"),
            grpc.StatusCode.INVALID_ARGUMENT,
            "service",
        ),
    ],
)
async def test_what_a_run_cannot_do_is_refused(
    door: Door, method: str, request_: object, code: grpc.StatusCode, field: str
) -> None:
    """A vote needs the digest that was shown; unknown runs and runbooks are NOT_FOUND."""
    found = await refusal(getattr(door.of("alice").runbooks, method)(request_))
    assert (found.code, found.field) == (code, field)


async def test_a_vote_without_a_question_is_refused(lab: Lab, door: Door) -> None:
    """The run exists, and asks for no approval."""
    alice = door.of("alice").runbooks
    request = runbook_pb.RunRunbookRequest(request_id=request_id("vote"), runbook="ask-first", service="api")
    run = (await alice.RunRunbook(request)).run
    await lab.until_run(run, lambda v: v.ask, "it asks")
    vote = runbook_pb.ApproveRequest(request_id=request_id("v"), run=run, digest="sha256:0")
    found = await refusal(alice.Approve(vote))
    assert found.reason in ("WrongState", "NotFound", "Stale")
    abort = runbook_pb.AbortRequest(request_id=request_id("abort"), run=run, reason="enough")
    assert (await alice.Abort(abort)).outcome.changed
    await lab.until_run(run, lambda v: v.outcome == "aborted", "it is aborted")


async def test_the_person_on_call_follows_an_override(door: Door) -> None:
    """Who is on call for each schedule; an override made at run time counts, and is made once."""
    stub = door.of("alice").on_call
    start = datetime(2031, 1, 6, 12, tzinfo=UTC)
    ask = on_call_pb.WhoIsOnCallRequest(schedule="primary", at=at(start + timedelta(hours=1)))
    (former,) = (await stub.WhoIsOnCall(ask)).on_call
    other = "bob" if former.person == "alice" else "alice"
    request = on_call_pb.AddOverrideRequest(
        request_id=request_id("override"),
        schedule="primary",
        person=other,
        start=at(start),
        end=at(start + timedelta(hours=4)),
    )
    first, second = [(await stub.AddOverride(request)).message for _ in range(2)]
    assert (f"{other} is on call" in first, "already so" in second) == (True, True)
    (now,) = (await stub.WhoIsOnCall(ask)).on_call
    assert (now.person, now.schedule) == (other, "primary")
    shifts = await stub.ListShifts(
        on_call_pb.ListShiftsRequest(
            schedule="primary", start=at(start - timedelta(hours=2)), end=at(start + timedelta(hours=6))
        )
    )
    assert [shift.person for shift in shifts.shifts] == [former.person, other, former.person]
    assert all(a.end == b.start for a, b in zip(shifts.shifts, shifts.shifts[1:], strict=False))


async def test_a_swap_is_offered_and_accepted(door: Door) -> None:
    """The giver offers their shift, only the other can take it, once; it is on record, and can be taken back."""
    start = datetime(2032, 1, 5, 12, tzinfo=UTC)
    ask = on_call_pb.WhoIsOnCallRequest(schedule="primary", at=at(start))
    (former,) = (await door.of("alice").on_call.WhoIsOnCall(ask)).on_call
    giver, taker = ("alice", "bob") if former.person == "alice" else ("bob", "alice")
    offer = on_call_pb.OfferSwapRequest(
        request_id=request_id("swap"),
        schedule="primary",
        taker=taker,
        start=at(start),
        end=at(start + timedelta(hours=1)),
    )
    stranger = await refusal(door.of(taker).on_call.OfferSwap(offer))
    assert stranger.reason == "InvalidArgument"
    made, again = [(await door.of(giver).on_call.OfferSwap(offer)).swap for _ in range(2)]
    assert (made.state, made.giver, made == again) == ("open", giver, True)
    assert (await door.of(giver).on_call.WhoIsOnCall(ask)).on_call[0].person == giver
    yes = on_call_pb.AnswerSwapRequest(id=made.id, answer=on_call_pb.SWAP_ANSWER_ACCEPT)
    assert (await refusal(door.of(giver).on_call.AnswerSwap(yes))).reason == "NotAllowed"
    done = [(await door.of(taker).on_call.AnswerSwap(yes)).swap.state for _ in range(2)]
    assert done == ["accepted", "accepted"]
    assert (await door.of(giver).on_call.WhoIsOnCall(ask)).on_call[0].person == taker
    listed = (await door.of(giver).on_call.ListOverrides(on_call_pb.ListOverridesRequest(schedule="primary"))).overrides
    (row,) = [one for one in listed if one.origin == f"swap:{made.id}"]
    assert (row.person, row.by) == (taker, taker)
    await door.of(giver).on_call.RemoveOverride(on_call_pb.RemoveOverrideRequest(id=row.id))
    assert (await door.of(giver).on_call.WhoIsOnCall(ask)).on_call[0].person == giver


async def test_a_calendar_is_read_twice_and_changes_once(door: Door) -> None:
    """A dry run changes nothing; the same calendar again neither; a cancelled event takes its override away."""
    stub = door.of("alice").on_call

    def calendar(*more: str) -> str:
        lines = (
            "BEGIN:VEVENT",
            "UID:dentist",
            "DTSTART:20330301T100000Z",
            "DTEND:20330301T120000Z",
            "SUMMARY:bob",
            *more,
        )
        return "\r\n".join(("BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:x", *lines, "END:VEVENT", "END:VCALENDAR", ""))

    async def send(name: str, text: str, *, dry_run: bool = False) -> tuple[int, int, int]:
        request = on_call_pb.ImportOverridesRequest(
            request_id=request_id(name), schedule="primary", calendar=text, dry_run=dry_run
        )
        done = await stub.ImportOverrides(request)
        return done.added, done.removed, done.unchanged

    assert await send("dry", calendar(), dry_run=True) == (1, 0, 0)
    assert await send("first", calendar()) == (1, 0, 0)
    assert await send("second", calendar()) == (0, 0, 1)
    assert await send("gone", calendar("STATUS:CANCELLED")) == (0, 1, 0)


async def test_the_hand_off_document(door: Door) -> None:
    """It is of the next change of hands, from who is on call now to somebody else; an unknown schedule is named."""
    stub = door.of("alice").on_call
    (now,) = (await stub.WhoIsOnCall(on_call_pb.WhoIsOnCallRequest(schedule="primary"))).on_call
    found = await stub.GetHandoff(on_call_pb.GetHandoffRequest(schedule="primary"))
    assert (found.outgoing, found.incoming != now.person) == (now.person, True)
    assert "# Hand-off of primary" in found.text
    unknown = await refusal(stub.GetHandoff(on_call_pb.GetHandoffRequest(schedule="none")))
    assert unknown.reason == "NotFound"


async def test_a_temporary_schedule_takes_turns(door: Door) -> None:
    """For its time its people take turns on the clock of the schedule; after it all is as before."""
    stub, start = door.of("alice").on_call, datetime(2034, 1, 2, 12, tzinfo=UTC)
    request = on_call_pb.AddTemporaryScheduleRequest(
        request_id=request_id("launch"),
        schedule="primary",
        people=["alice", "bob"],
        start=at(start),
        end=at(start + timedelta(days=3)),
        turn_seconds=86400,
    )
    assert "3 temporary shifts" in (await stub.AddTemporarySchedule(request)).message
    span = on_call_pb.ListShiftsRequest(schedule="primary", start=at(start), end=at(start + timedelta(days=3)))
    assert [shift.person for shift in (await stub.ListShifts(span)).shifts] == ["alice", "bob", "alice"]


async def test_a_calendar_address_is_shown_once_and_revoked(lab: Lab, door: Door) -> None:
    """The secret opens the calendar; a new one takes its place, and a revoked one opens nothing."""
    stub = door.of("alice").on_call
    paths = [(await stub.CreateFeed(on_call_pb.CreateFeedRequest(schedule="primary"))).path for _ in range(2)]
    first, second = [path.removeprefix("/calendar/").removesuffix(".ics") for path in paths]
    with pytest.raises(NotFound):
        await lab.desk.feeds.read(first)
    assert "BEGIN:VEVENT" in await lab.desk.feeds.read(second)
    assert (await stub.RevokeFeeds(on_call_pb.RevokeFeedsRequest(schedule="primary"))).revoked == 1
    with pytest.raises(NotFound):
        await lab.desk.feeds.read(second)


@pytest.mark.parametrize(
    ("request_", "code", "field"),
    [
        (on_call_pb.ListShiftsRequest(schedule="none"), grpc.StatusCode.INVALID_ARGUMENT, "start"),
        (
            on_call_pb.ListShiftsRequest(schedule="none", start=Timestamp(seconds=1000), end=Timestamp(seconds=2000)),
            grpc.StatusCode.NOT_FOUND,
            "schedule",
        ),
        (
            on_call_pb.ListShiftsRequest(
                schedule="primary", start=Timestamp(seconds=1000), end=Timestamp(seconds=10**9)
            ),
            grpc.StatusCode.INVALID_ARGUMENT,
            "end",
        ),
        (
            on_call_pb.ListShiftsRequest(
                schedule="primary", start=Timestamp(seconds=-(10**13)), end=Timestamp(seconds=2000)
            ),
            grpc.StatusCode.INVALID_ARGUMENT,
            "start",
        ),
    ],
)
async def test_shifts_that_cannot_be_listed(
    door: Door, request_: on_call_pb.ListShiftsRequest, code: grpc.StatusCode, field: str
) -> None:
    """Missing, out of range, too long, unknown: each names its field."""
    found = await refusal(door.of("vera").on_call.ListShifts(request_))
    assert (found.code, found.field) == (code, field)


async def test_action_items_are_listed_and_unknown_ones_refused(lab: Lab, door: Door) -> None:
    """What the record store has, by owner; an item that does not exist is NOT_FOUND."""
    due = datetime(2026, 12, 1, tzinfo=UTC)
    await lab.store.save_item(ItemRow(id="INC-1-1", text="bigger disk", owner="vera", due=due))
    stub = door.of("alice").items
    listed = await stub.ListActionItems(item_pb.ListActionItemsRequest(owner="vera", open_only=True))
    (item,) = listed.items
    assert (item.id, item.status, item.kind, item.due.ToDatetime(tzinfo=UTC)) == (
        "INC-1-1",
        item_pb.ITEM_STATUS_OPEN,
        1,
        due,
    )
    found = await refusal(
        stub.CompleteActionItem(item_pb.CompleteActionItemRequest(request_id=request_id(1), item="none"))
    )
    assert (found.code, found.field) == (grpc.StatusCode.NOT_FOUND, "item")


async def test_the_kill_switch_is_thrown_once_and_cleared_by_a_commander(lab: Lab, door: Door) -> None:
    """Anyone who responds may halt; a second halt changes nothing; status tells; clearing needs more."""
    alice, carol = door.of("alice").system, door.of("carol").system
    halt = system_pb.HaltRequest(request_id=request_id("halt"), reason="bad rollback", allow_undo=True)
    first, second = [(await alice.Halt(halt)).outcome for _ in range(2)]
    assert (first.changed, second.changed) == (True, False)
    status = await alice.GetStatus(system_pb.GetStatusRequest())
    assert (status.halted, status.halted_by, status.halt_reason) == (True, "alice", "bad rollback")
    assert {part.name: part.answers for part in status.parts} == {"temporal": True, "records": True}
    clear = system_pb.ClearHaltRequest(request_id=request_id("clear"), reason="fixed")
    assert (await refusal(alice.ClearHalt(clear))).code is grpc.StatusCode.PERMISSION_DENIED
    assert (await carol.ClearHalt(clear)).outcome.changed

    async def off() -> bool:
        return not (await alice.GetStatus(system_pb.GetStatusRequest())).halted

    await eventually(off, 10, "the halt is cleared")
    assert isinstance(first, common_pb.Outcome)
