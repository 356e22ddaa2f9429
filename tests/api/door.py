"""A gRPC door around the session's desk, and stubs of one caller each."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple, TypeVar

import grpc
from google.protobuf.message import Message
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from mainstay.api.server import ApiServer
from mainstay.desk.auth import Authenticator
from mainstay.desk.desk import Desk
from mainstay.gen.mainstay.v1.action_item_service_pb2_grpc import ActionItemServiceStub
from mainstay.gen.mainstay.v1.alert_service_pb2_grpc import AlertServiceStub
from mainstay.gen.mainstay.v1.incident_service_pb2_grpc import IncidentServiceStub
from mainstay.gen.mainstay.v1.on_call_service_pb2_grpc import OnCallServiceStub
from mainstay.gen.mainstay.v1.runbook_service_pb2_grpc import RunbookServiceStub
from mainstay.gen.mainstay.v1.system_service_pb2_grpc import SystemServiceStub
from tests.desk.lab import TOKENS

S = TypeVar("S")
Metadata = tuple[tuple[str, str], ...]


class Caller:
    """Stubs that send one token with every call."""

    def __init__(self, channel: grpc.aio.Channel, token: str | None) -> None:
        self.metadata: Metadata = (("authorization", f"Bearer {token}"),) if token else ()
        self.incidents: Any = _Bound(IncidentServiceStub(channel), self.metadata)
        self.runbooks: Any = _Bound(RunbookServiceStub(channel), self.metadata)
        self.on_call: Any = _Bound(OnCallServiceStub(channel), self.metadata)
        self.items: Any = _Bound(ActionItemServiceStub(channel), self.metadata)
        self.alerts: Any = _Bound(AlertServiceStub(channel), self.metadata)
        self.system: Any = _Bound(SystemServiceStub(channel), self.metadata)


class _Bound:
    def __init__(self, stub: object, metadata: Metadata) -> None:
        self._stub = stub
        self._metadata = metadata

    def __getattr__(self, method: str) -> Any:
        call = getattr(self._stub, method)

        def send(request: Message, **options: Any) -> Any:
            return call(request, metadata=self._metadata, **{"timeout": 20, **options})

        return send


class Door(NamedTuple):
    server: ApiServer
    channel: grpc.aio.Channel
    authenticator: Authenticator

    def of(self, handle: str) -> Caller:
        return Caller(self.channel, TOKENS[handle])

    def with_token(self, token: str | None) -> Caller:
        return Caller(self.channel, token)


@asynccontextmanager
async def open_door(desk: Desk, authenticator: Authenticator, **options: Any) -> AsyncIterator[Door]:
    server = ApiServer(desk, authenticator, "127.0.0.1:0", **options)
    port = await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield Door(server, channel, authenticator)
    await server.stop()


class Told(NamedTuple):
    """A refusal as a client sees it."""

    code: grpc.StatusCode
    message: str
    reason: str
    field: str
    retry_seconds: float
    violations: tuple[str, ...]
    call_id: str


async def refusal(call: Any) -> Told:
    """What ``call`` was refused with; fails when it was not."""
    try:
        await call
    except grpc.aio.AioRpcError as error:
        return told(error)
    raise AssertionError("the call was answered")


def told(error: grpc.aio.AioRpcError) -> Told:
    status = rpc_status.from_call(error)
    assert status is not None, f"no details: {error.code()} {error.details()}"
    found: dict[str, Any] = {}
    for packed in status.details:
        for kind in (
            error_details_pb2.ErrorInfo,
            error_details_pb2.BadRequest,
            error_details_pb2.RetryInfo,
            error_details_pb2.RequestInfo,
            error_details_pb2.ResourceInfo,
            error_details_pb2.PreconditionFailure,
        ):
            if packed.Is(kind.DESCRIPTOR):
                found[kind.__name__] = kind.FromString(packed.value)
    info = found.get("ErrorInfo")
    bad, broken = found.get("BadRequest"), found.get("PreconditionFailure")
    return Told(
        code=error.code(),
        message=status.message,
        reason=info.reason if info else "",
        field=bad.field_violations[0].field
        if bad
        else found["ResourceInfo"].resource_type
        if "ResourceInfo" in found
        else "",
        retry_seconds=found["RetryInfo"].retry_delay.ToTimedelta().total_seconds() if "RetryInfo" in found else 0.0,
        violations=tuple(violation.type for violation in broken.violations) if broken else (),
        call_id=found["RequestInfo"].request_id if "RequestInfo" in found else "",
    )
