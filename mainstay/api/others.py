# ruff: noqa: N802, ARG002 - methods have the names and the parameters of the wire
"""The smaller services over the desk: action items, alerts, and the product itself."""

from __future__ import annotations

from mainstay.api import wire
from mainstay.api.call import Context, budget, caller
from mainstay.desk import check
from mainstay.desk.channel_tests import WITHIN
from mainstay.desk.desk import UPDATE_TIMEOUT, Desk
from mainstay.domain import names
from mainstay.domain.access import Command
from mainstay.domain.errors import InvalidArgument
from mainstay.domain.item_commands import DeferItem, ItemControl
from mainstay.gen.mainstay.v1 import (
    action_item_service_pb2 as item_pb,
)
from mainstay.gen.mainstay.v1 import (
    alert_service_pb2 as alert_pb,
)
from mainstay.gen.mainstay.v1 import (
    common_pb2 as common_pb,
)
from mainstay.gen.mainstay.v1 import (
    system_service_pb2 as system_pb,
)
from mainstay.gen.mainstay.v1.action_item_service_pb2_grpc import ActionItemServiceServicer
from mainstay.gen.mainstay.v1.alert_service_pb2_grpc import AlertServiceServicer
from mainstay.gen.mainstay.v1.system_service_pb2_grpc import SystemServiceServicer

MAX_ALERTS = 1000


class ActionItems(ActionItemServiceServicer):
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def ListActionItems(
        self, request: item_pb.ListActionItemsRequest, context: Context
    ) -> item_pb.ListActionItemsResponse:
        found = await self._desk.items(check.name(request.owner, "owner"), request.incident, request.open_only)
        return item_pb.ListActionItemsResponse(items=[wire.write_item(row) for row in found])

    async def StartActionItem(
        self, request: item_pb.StartActionItemRequest, context: Context
    ) -> item_pb.StartActionItemResponse:
        outcome = await self._send(request, names.START_ITEM, ItemControl(), context)
        return item_pb.StartActionItemResponse(outcome=outcome)

    async def CompleteActionItem(
        self, request: item_pb.CompleteActionItemRequest, context: Context
    ) -> item_pb.CompleteActionItemResponse:
        command = ItemControl(comment=check.text(request.note, "note"))
        outcome = await self._send(request, names.DONE_ITEM, command, context)
        return item_pb.CompleteActionItemResponse(outcome=outcome)

    async def DeferActionItem(
        self, request: item_pb.DeferActionItemRequest, context: Context
    ) -> item_pb.DeferActionItemResponse:
        if not request.HasField("due"):
            raise InvalidArgument("due is required", field="due")
        command = DeferItem(
            due=wire.read_instant(request.due, "due"),
            reason=check.text(request.reason, "reason", required=True),
        )
        outcome = await self._send(request, names.DEFER_ITEM, command, context)
        return item_pb.DeferActionItemResponse(outcome=outcome)

    async def _send(
        self,
        request: item_pb.StartActionItemRequest | item_pb.CompleteActionItemRequest | item_pb.DeferActionItemRequest,
        name: str,
        command: Command,
        context: Context,
    ) -> common_pb.Outcome:
        outcome = await self._desk.item_update(
            request.item, name, command, caller(), request.request_id, budget(context, UPDATE_TIMEOUT)
        )
        return wire.write_outcome(outcome)


class Alerts(AlertServiceServicer):
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def DeliverAlerts(
        self, request: alert_pb.DeliverAlertsRequest, context: Context
    ) -> alert_pb.DeliverAlertsResponse:
        if len(request.alerts) > MAX_ALERTS:
            raise InvalidArgument(
                f"{len(request.alerts)} alerts at once, at most {MAX_ALERTS} are allowed", field="alerts"
            )
        source = check.name(request.source, "source") or caller().person
        alerts = tuple(wire.read_alert(each, source, f"alerts[{n}]") for n, each in enumerate(request.alerts))
        delivered = await self._desk.deliver(alerts, f"grpc:{caller().person}")
        return alert_pb.DeliverAlertsResponse(deliveries=[wire.write_delivery(one) for one in delivered])


class System(SystemServiceServicer):
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def Halt(self, request: system_pb.HaltRequest, context: Context) -> system_pb.HaltResponse:
        outcome = await self._desk.halt(request.reason, caller(), request.request_id, allow_undo=request.allow_undo)
        return system_pb.HaltResponse(outcome=wire.write_outcome(outcome))

    async def ClearHalt(self, request: system_pb.ClearHaltRequest, context: Context) -> system_pb.ClearHaltResponse:
        outcome = await self._desk.clear_halt(request.reason, caller(), request.request_id)
        return system_pb.ClearHaltResponse(outcome=wire.write_outcome(outcome))

    async def GetStatus(self, request: system_pb.GetStatusRequest, context: Context) -> system_pb.GetStatusResponse:
        return wire.write_status(await self._desk.status())

    async def TestChannel(
        self, request: system_pb.TestChannelRequest, context: Context
    ) -> system_pb.TestChannelResponse:
        tested = await self._desk.channel_tests.test(
            request.channel, request.person, caller(), request.request_id, budget(context, WITHIN)
        )
        return wire.write_channel_tested(tested)
