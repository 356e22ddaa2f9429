# ruff: noqa: N802, ARG002 - methods have the names and the parameters of the wire
"""The on-call service over the desk."""

from __future__ import annotations

from datetime import datetime, timedelta

from mainstay.api import wire
from mainstay.api.call import Context, caller
from mainstay.desk import check
from mainstay.desk.desk import Desk
from mainstay.desk.feeds import Kind
from mainstay.domain.errors import InvalidArgument
from mainstay.domain.oncall import handoff
from mainstay.domain.oncall.schedule import Layer, Override
from mainstay.domain.oncall.swap import Answer
from mainstay.gen.mainstay.v1 import on_call_service_pb2 as on_call_pb
from mainstay.gen.mainstay.v1.on_call_service_pb2_grpc import OnCallServiceServicer

Spanned = (
    on_call_pb.ListShiftsRequest
    | on_call_pb.AddOverrideRequest
    | on_call_pb.AddTemporaryScheduleRequest
    | on_call_pb.OfferSwapRequest
    | on_call_pb.GetOnCallHealthRequest
)


class OnCall(OnCallServiceServicer):
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def WhoIsOnCall(
        self, request: on_call_pb.WhoIsOnCallRequest, context: Context
    ) -> on_call_pb.WhoIsOnCallResponse:
        at = wire.read_instant(request.at, "at") if request.HasField("at") else None
        answer = await self._desk.on_call(check.name(request.schedule, "schedule"), at)
        return on_call_pb.WhoIsOnCallResponse(
            on_call=[wire.write_on_call(one) for one in answer.people], degraded=answer.degraded
        )

    async def ListShifts(
        self, request: on_call_pb.ListShiftsRequest, context: Context
    ) -> on_call_pb.ListShiftsResponse:
        start, end = _span(request)
        answer = await self._desk.shifts(request.schedule, start, end)
        return on_call_pb.ListShiftsResponse(
            shifts=[wire.write_shift(shift) for shift in answer.shifts], degraded=answer.degraded
        )

    async def AddOverride(
        self, request: on_call_pb.AddOverrideRequest, context: Context
    ) -> on_call_pb.AddOverrideResponse:
        start, end = _span(request)
        if end <= start:
            raise InvalidArgument("end must be after start", field="end")
        override = Override(
            person=check.name(request.person, "person", required=True),
            start=start,
            end=end,
            note=request.note,
        )
        said = await self._desk.add_override(request.schedule, override, caller(), request.request_id)
        return on_call_pb.AddOverrideResponse(message=said)

    async def ListOverrides(
        self, request: on_call_pb.ListOverridesRequest, context: Context
    ) -> on_call_pb.ListOverridesResponse:
        start = wire.read_instant(request.start, "start") if request.HasField("start") else None
        end = wire.read_instant(request.end, "end") if request.HasField("end") else None
        rows = await self._desk.swaps.overrides(check.name(request.schedule, "schedule"), start, end)
        return on_call_pb.ListOverridesResponse(overrides=[wire.write_override(row) for row in rows])

    async def RemoveOverride(
        self, request: on_call_pb.RemoveOverrideRequest, context: Context
    ) -> on_call_pb.RemoveOverrideResponse:
        said = await self._desk.swaps.remove(check.name(request.id, "id", required=True), caller())
        return on_call_pb.RemoveOverrideResponse(message=said)

    async def AddTemporarySchedule(
        self, request: on_call_pb.AddTemporaryScheduleRequest, context: Context
    ) -> on_call_pb.AddTemporaryScheduleResponse:
        start, end = _span(request)
        if not 60 <= request.turn_seconds <= _LONGEST_TURN or end <= start:
            raise InvalidArgument("a turn lasts a minute to a year, and end is after start", field="turn_seconds")
        layer = Layer(
            name="temporary",
            people=tuple(check.name(one, "people", required=True) for one in request.people),
            start=start,
            turn=timedelta(seconds=request.turn_seconds),
            active_from=start,
            active_until=end,
        )
        count = await self._desk.swaps.temporary(request.schedule, layer, request.note, caller(), request.request_id)
        return on_call_pb.AddTemporaryScheduleResponse(message=f"{request.schedule} has {count} temporary shifts")

    async def ImportOverrides(
        self, request: on_call_pb.ImportOverridesRequest, context: Context
    ) -> on_call_pb.ImportOverridesResponse:
        done = await self._desk.swaps.read_calendar(
            request.schedule, request.calendar, caller(), request.request_id, dry_run=request.dry_run
        )
        return on_call_pb.ImportOverridesResponse(**done.model_dump())

    async def OfferSwap(self, request: on_call_pb.OfferSwapRequest, context: Context) -> on_call_pb.OfferSwapResponse:
        made = await self._desk.swaps.offer(wire.read_swap(request, *_span(request)), caller(), request.request_id)
        return on_call_pb.OfferSwapResponse(swap=wire.write_swap(made))

    async def AnswerSwap(
        self, request: on_call_pb.AnswerSwapRequest, context: Context
    ) -> on_call_pb.AnswerSwapResponse:
        answer = _ANSWERS.get(request.answer)
        if answer is None:
            raise InvalidArgument("answer is required: accept, decline or withdraw", field="answer")
        done = await self._desk.swaps.answer(check.name(request.id, "id", required=True), answer, caller())
        return on_call_pb.AnswerSwapResponse(swap=wire.write_swap(done))

    async def ListSwaps(self, request: on_call_pb.ListSwapsRequest, context: Context) -> on_call_pb.ListSwapsResponse:
        found = await self._desk.swaps.swaps(check.name(request.schedule, "schedule"))
        return on_call_pb.ListSwapsResponse(swaps=[wire.write_swap(one) for one in found])

    async def GetOnCallHealth(
        self, request: on_call_pb.GetOnCallHealthRequest, context: Context
    ) -> on_call_pb.GetOnCallHealthResponse:
        found = await self._desk.on_call_health.report(*_span(request))
        return on_call_pb.GetOnCallHealthResponse(health=[wire.write_health(one) for one in found])

    async def GetHandoff(
        self, request: on_call_pb.GetHandoffRequest, context: Context
    ) -> on_call_pb.GetHandoffResponse:
        found = await self._desk.handoffs.next(request.schedule)
        return on_call_pb.GetHandoffResponse(
            outgoing=found.outgoing,
            incoming=found.incoming,
            at=wire.write_instant(found.at),
            text=handoff.render(found),
        )

    async def CreateFeed(
        self, request: on_call_pb.CreateFeedRequest, context: Context
    ) -> on_call_pb.CreateFeedResponse:
        return on_call_pb.CreateFeedResponse(path=await self._desk.feeds.create(*_of(request), caller()))

    async def RevokeFeeds(
        self, request: on_call_pb.RevokeFeedsRequest, context: Context
    ) -> on_call_pb.RevokeFeedsResponse:
        count = await self._desk.feeds.revoke(*_of(request), caller(), everybody=request.everybody)
        return on_call_pb.RevokeFeedsResponse(revoked=count)


_LONGEST_TURN = 366 * 86_400
_ANSWERS: dict[int, Answer] = {
    on_call_pb.SWAP_ANSWER_ACCEPT: "accept",
    on_call_pb.SWAP_ANSWER_DECLINE: "decline",
    on_call_pb.SWAP_ANSWER_WITHDRAW: "withdraw",
}


def _of(request: on_call_pb.CreateFeedRequest | on_call_pb.RevokeFeedsRequest) -> tuple[Kind, str]:
    """Whose calendar."""
    if bool(request.person) == bool(request.schedule):
        raise InvalidArgument("say whose calendar: either a person or a schedule", field="schedule")
    if request.person:
        return "person", check.name(request.person, "person")
    return "schedule", check.name(request.schedule, "schedule")


def _span(request: Spanned) -> tuple[datetime, datetime]:
    for field in ("start", "end"):
        if not request.HasField(field):
            raise InvalidArgument(f"{field} is required", field=field)
    return wire.read_instant(request.start, "start"), wire.read_instant(request.end, "end")
