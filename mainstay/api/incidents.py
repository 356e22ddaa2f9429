# ruff: noqa: N802, ARG002 - methods have the names and the parameters of the wire
"""IncidentService over the desk."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

from mainstay.api import wire
from mainstay.api.call import Context, budget, caller
from mainstay.desk import check
from mainstay.desk.answers import IncidentFilter, WatchEvent
from mainstay.desk.desk import READ_TIMEOUT, UPDATE_TIMEOUT, Desk
from mainstay.desk.failure import Later
from mainstay.domain import incident as domain
from mainstay.domain import names
from mainstay.domain.access import Command
from mainstay.domain.errors import InvalidArgument
from mainstay.gen.mainstay.v1 import common_pb2 as common_pb
from mainstay.gen.mainstay.v1 import incident_service_pb2 as pb
from mainstay.gen.mainstay.v1.incident_service_pb2_grpc import IncidentServiceServicer

MAX_PAGE = 500
DEFAULT_PAGE = 50


class Incidents(IncidentServiceServicer):
    """Translates; everything else is the desk's. ``stopping`` ends the watches."""

    def __init__(self, desk: Desk, stopping: asyncio.Event) -> None:
        self._desk = desk
        self._stopping = stopping

    async def DeclareIncident(self, request: pb.DeclareIncidentRequest, context: Context) -> pb.DeclareIncidentResponse:
        address = await self._desk.declare(wire.read_declaration(request), caller())
        return pb.DeclareIncidentResponse(incident=wire.write_address(address), existed=address.existed)

    async def GetIncident(self, request: pb.GetIncidentRequest, context: Context) -> pb.GetIncidentResponse:
        view = await self._desk.view(request.incident, budget(context, READ_TIMEOUT))
        return pb.GetIncidentResponse(incident=wire.write_incident(view))

    async def ListIncidents(self, request: pb.ListIncidentsRequest, context: Context) -> pb.ListIncidentsResponse:
        if not 0 <= request.page_size <= MAX_PAGE:
            raise InvalidArgument(f"page_size must be from 0 to {MAX_PAGE}", field="page_size")
        wanted = IncidentFilter(
            phases=tuple(wire.read_enum(wire.PHASES, phase, "phases") for phase in request.phases),
            open_only=request.open_only,
            service=check.name(request.service, "service"),
            team=check.name(request.team, "team"),
            severity=check.name(request.severity, "severity"),
            limit=request.page_size or DEFAULT_PAGE,
            after=check.name(request.page_token, "page_token", limit=4096),
        )
        page = await self._desk.incidents(wanted)
        return pb.ListIncidentsResponse(
            incidents=[wire.write_summary(row) for row in page.rows],
            next_page_token=page.next,
            degraded=page.degraded,
        )

    async def WatchIncident(
        self, request: pb.WatchIncidentRequest, context: Context
    ) -> AsyncIterator[pb.WatchIncidentResponse]:
        if request.after_revision < 0:
            raise InvalidArgument("after_revision must not be negative", field="after_revision")
        events = self._desk.watch(request.incident, request.after_revision)
        async for event in until_stopping(events, self._stopping):
            yield wire.write_watch_event(event)

    async def GetTimeline(self, request: pb.GetTimelineRequest, context: Context) -> pb.GetTimelineResponse:
        found = await self._desk.timeline(request.incident)
        return pb.GetTimelineResponse(entries=wire.write_entries(found.entries), degraded=found.degraded)

    async def Acknowledge(self, request: pb.AcknowledgeRequest, context: Context) -> pb.AcknowledgeResponse:
        command = domain.Acknowledge(round=request.round)
        return pb.AcknowledgeResponse(outcome=await self._send(request, names.ACKNOWLEDGE, command, context))

    async def SetSeverity(self, request: pb.SetSeverityRequest, context: Context) -> pb.SetSeverityResponse:
        command = domain.SetSeverity(
            severity=check.name(request.severity, "severity", required=True),
            reason=check.text(request.reason, "reason"),
        )
        return pb.SetSeverityResponse(outcome=await self._send(request, names.SET_SEVERITY, command, context))

    async def AssignRole(self, request: pb.AssignRoleRequest, context: Context) -> pb.AssignRoleResponse:
        command = domain.AssignRole(
            role=check.name(request.role, "role", required=True),
            person=check.name(request.person, "person") or caller().person,
        )
        return pb.AssignRoleResponse(outcome=await self._send(request, names.ASSIGN_ROLE, command, context))

    async def ReleaseRole(self, request: pb.ReleaseRoleRequest, context: Context) -> pb.ReleaseRoleResponse:
        command = domain.ReleaseRole(role=check.name(request.role, "role", required=True))
        return pb.ReleaseRoleResponse(outcome=await self._send(request, names.RELEASE_ROLE, command, context))

    async def AddNote(self, request: pb.AddNoteRequest, context: Context) -> pb.AddNoteResponse:
        command = domain.AddNote(text=check.text(request.text, "text", required=True))
        return pb.AddNoteResponse(outcome=await self._send(request, names.ADD_NOTE, command, context))

    async def RecordDecision(self, request: pb.RecordDecisionRequest, context: Context) -> pb.RecordDecisionResponse:
        command = domain.RecordDecision(
            text=check.text(request.text, "text", required=True),
            rationale=check.text(request.rationale, "rationale"),
        )
        outcome = await self._send(request, names.RECORD_DECISION, command, context)
        return pb.RecordDecisionResponse(outcome=outcome)

    async def PostUpdate(self, request: pb.PostUpdateRequest, context: Context) -> pb.PostUpdateResponse:
        command = domain.PostUpdate(text=check.text(request.text, "text", required=True), public=request.public)
        return pb.PostUpdateResponse(outcome=await self._send(request, names.POST_UPDATE, command, context))

    async def PagePeople(self, request: pb.PagePeopleRequest, context: Context) -> pb.PagePeopleResponse:
        command = domain.PagePeople(
            target=check.name(request.target, "target", required=True),
            message=check.text(request.message, "message"),
        )
        return pb.PagePeopleResponse(outcome=await self._send(request, names.PAGE, command, context))

    async def StartRunbook(self, request: pb.StartRunbookRequest, context: Context) -> pb.StartRunbookResponse:
        command = domain.StartRunbook(
            runbook=check.name(request.runbook, "runbook", required=True),
            inputs=wire.read_json(request.inputs, "inputs"),
        )
        outcome = await self._send(request, names.START_RUNBOOK, command, context)
        return pb.StartRunbookResponse(outcome=outcome)

    async def RecordMitigation(
        self, request: pb.RecordMitigationRequest, context: Context
    ) -> pb.RecordMitigationResponse:
        command = domain.RecordMitigation(
            text=check.text(request.text, "text", required=not request.removes),
            temporary=request.temporary,
            inverse=check.text(request.inverse, "inverse"),
            removes=check.name(request.removes, "removes"),
        )
        outcome = await self._send(request, names.RECORD_MITIGATION, command, context)
        return pb.RecordMitigationResponse(outcome=outcome)

    async def Resolve(self, request: pb.ResolveRequest, context: Context) -> pb.ResolveResponse:
        unknown = [point for point in request.confirmations if point not in domain.CONFIRMATIONS]
        if unknown:
            known = ", ".join(domain.CONFIRMATIONS)
            raise InvalidArgument(f"there is no confirmation {unknown[0]!r}: there are {known}", field="confirmations")
        command = domain.Resolve(
            confirmations=tuple(request.confirmations), anyway=check.text(request.anyway, "anyway")
        )
        return pb.ResolveResponse(outcome=await self._send(request, names.RESOLVE, command, context))

    async def Reopen(self, request: pb.ReopenRequest, context: Context) -> pb.ReopenResponse:
        command = domain.Reopen(reason=check.text(request.reason, "reason"))
        return pb.ReopenResponse(outcome=await self._send(request, names.REOPEN, command, context))

    async def CancelIncident(self, request: pb.CancelIncidentRequest, context: Context) -> pb.CancelIncidentResponse:
        command = domain.Cancel(reason=check.text(request.reason, "reason"))
        return pb.CancelIncidentResponse(outcome=await self._send(request, names.CANCEL, command, context))

    async def Merge(self, request: pb.MergeRequest, context: Context) -> pb.MergeResponse:
        command = domain.Merge(into=check.name(request.into, "into", required=True, limit=1000))
        return pb.MergeResponse(outcome=await self._send(request, names.MERGE, command, context))

    async def Close(self, request: pb.CloseRequest, context: Context) -> pb.CloseResponse:
        drafts = (wire.read_draft(item, f"items[{n}]") for n, item in enumerate(request.items))
        command = domain.Close(reason=check.text(request.reason, "reason"), items=tuple(drafts))
        return pb.CloseResponse(outcome=await self._send(request, names.CLOSE, command, context))

    async def _send(self, request: _Addressed, name: str, command: Command, context: Context) -> common_pb.Outcome:
        within: timedelta = budget(context, UPDATE_TIMEOUT)
        outcome = await self._desk.update(request.incident, name, command, caller(), request.request_id, within)
        return wire.write_outcome(outcome)


_Addressed = (
    pb.AcknowledgeRequest
    | pb.SetSeverityRequest
    | pb.AssignRoleRequest
    | pb.ReleaseRoleRequest
    | pb.AddNoteRequest
    | pb.RecordDecisionRequest
    | pb.PostUpdateRequest
    | pb.PagePeopleRequest
    | pb.StartRunbookRequest
    | pb.RecordMitigationRequest
    | pb.ResolveRequest
    | pb.ReopenRequest
    | pb.CancelIncidentRequest
    | pb.MergeRequest
    | pb.CloseRequest
)


async def until_stopping(events: AsyncIterator[WatchEvent], stopping: asyncio.Event) -> AsyncIterator[WatchEvent]:
    """``events`` until the server stops; then Unavailable, so that the viewer goes to another one."""
    stopped = asyncio.create_task(stopping.wait())
    following: asyncio.Task[WatchEvent] | None = None
    try:
        while True:
            following = asyncio.ensure_future(anext(events))
            await asyncio.wait({following, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if not following.done():
                raise Later("this server is stopping: watch again, another one will answer")
            try:
                yield following.result()
            except StopAsyncIteration:
                return
    finally:
        stopped.cancel()
        if following is not None and not following.done():
            following.cancel()
            await asyncio.wait({following})
        if hasattr(events, "aclose"):
            await events.aclose()
