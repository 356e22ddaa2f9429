"""Who may call what: credentials, roles, health, reflection, ids."""

from __future__ import annotations

import asyncio
import random
from datetime import timedelta
from typing import Any

import grpc
import pytest
from google.protobuf import descriptor_pool
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from temporalio.client import Client

from devstack.processes import eventually
from mainstay.api.methods import OPERATIONS, SERVICES
from mainstay.desk.desk import Desk
from mainstay.domain import access_rules
from mainstay.gen.mainstay.v1 import (
    alert_service_pb2 as alert_pb,
)
from mainstay.gen.mainstay.v1 import (
    incident_service_pb2 as pb,
)
from mainstay.gen.mainstay.v1 import (
    system_service_pb2 as system_pb,
)
from tests.api.door import Door, open_door, refusal
from tests.desk.lab import TOKENS, Lab, request_id


@pytest.mark.parametrize("token", [None, "", "wrong", "token-of-alicE", "token-of-alice x", "Basic abc", "x" * 9000])
async def test_a_wrong_token_is_refused_and_counted(lab: Lab, token: str | None) -> None:
    """UNAUTHENTICATED whatever is wrong with it, and the counter that the alert rule watches grows."""
    authenticator = lab.authenticator()
    async with open_door(lab.desk, authenticator) as door:
        call = door.with_token(token).incidents.ListIncidents(pb.ListIncidentsRequest())
        found = await refusal(call)
    assert (found.code, found.reason) == (grpc.StatusCode.UNAUTHENTICATED, "Unauthenticated")
    assert authenticator.refused == 1
    for secret in TOKENS.values():
        assert secret not in found.message


ROLES = [
    ("vera", "incidents", "ListIncidents", pb.ListIncidentsRequest(), True),
    ("vera", "incidents", "AddNote", pb.AddNoteRequest(), False),
    ("vera", "system", "Halt", system_pb.HaltRequest(), False),
    ("alice", "system", "ClearHalt", system_pb.ClearHaltRequest(), False),
    ("alice", "alerts", "DeliverAlerts", alert_pb.DeliverAlertsRequest(), False),
    ("alertmanager", "alerts", "DeliverAlerts", alert_pb.DeliverAlertsRequest(), True),
    ("alertmanager", "incidents", "ListIncidents", pb.ListIncidentsRequest(), False),
    ("alertmanager", "incidents", "DeclareIncident", pb.DeclareIncidentRequest(), False),
    ("carol", "alerts", "DeliverAlerts", alert_pb.DeliverAlertsRequest(), True),
]


@pytest.mark.parametrize(("who", "service", "method", "request_", "allowed"), ROLES)
async def test_the_role_of_the_token_decides(
    door: Door, who: str, service: str, method: str, request_: object, allowed: bool
) -> None:
    """PERMISSION_DENIED names the role that is needed; an alert source can deliver alerts only."""
    call = getattr(getattr(door.of(who), service), method)(request_)
    if allowed:
        await call
        return
    found = await refusal(call)
    assert (found.code, found.reason) == (grpc.StatusCode.PERMISSION_DENIED, "NotAllowed")
    assert "needs the access role" in found.message


def test_every_method_has_an_access_rule() -> None:
    """A method that is added without a rule is refused to everybody, and found here."""
    pool = descriptor_pool.Default()
    wanted = {f"/{service}/{method.name}" for service in SERVICES for method in pool.FindServiceByName(service).methods}
    assert set(OPERATIONS) == wanted
    assert set(OPERATIONS.values()) <= set(access_rules.NEEDS)


async def test_health_is_open_and_says_whether_temporal_answers(lab: Lab, door: Door) -> None:
    """SERVING with Temporal, NOT_SERVING without; no token needed for either."""
    stub = health_pb2_grpc.HealthStub(door.channel)

    async def state(stub: health_pb2_grpc.HealthStub, service: str = "") -> int:
        answer = await stub.Check(health_pb2.HealthCheckRequest(service=service))
        return int(answer.status)

    for service in ("", *SERVICES):

        async def serving(service: str = service) -> bool:
            return bool(await state(stub, service) == health_pb2.HealthCheckResponse.SERVING)

        await eventually(serving, 10, f"{service or 'the server'} serves")
    nowhere = await Client.connect("127.0.0.1:9", lazy=True)
    async with open_door(Desk(nowhere, lab.config, lab.store, lab.signer), lab.authenticator()) as dead:
        assert await state(health_pb2_grpc.HealthStub(dead.channel)) == health_pb2.HealthCheckResponse.NOT_SERVING


@pytest.mark.parametrize("on", [True, False])
async def test_reflection_can_be_switched_off(lab: Lab, on: bool) -> None:
    """On: grpcurl finds every service. Off: the method does not exist."""
    async with open_door(lab.desk, lab.authenticator(), with_reflection=on) as door:
        stub = reflection_pb2_grpc.ServerReflectionStub(door.channel)
        call = stub.ServerReflectionInfo(iter([reflection_pb2.ServerReflectionRequest(list_services="")]))
        if not on:
            with pytest.raises(grpc.aio.AioRpcError) as told:
                await call.read()
            assert told.value.code() is grpc.StatusCode.UNIMPLEMENTED
            return
        answer = await call.read()
        listed = {service.name for service in answer.list_services_response.service}
    assert set(SERVICES) <= listed


async def test_a_call_keeps_the_id_that_it_brings(door: Door) -> None:
    """``x-request-id`` comes back and is in every refusal; a hostile one is replaced."""
    from mainstay.gen.mainstay.v1.incident_service_pb2_grpc import IncidentServiceStub

    stub = IncidentServiceStub(door.channel)
    for given, kept in (("trace-7", True), ("a b/../c", False)):
        call = stub.ListIncidents(
            pb.ListIncidentsRequest(), metadata=(*door.of("vera").metadata, ("x-request-id", given))
        )
        metadata = dict(await call.initial_metadata())
        await call
        assert (metadata["x-request-id"] == given) is kept


async def test_a_request_of_garbage_is_an_invalid_argument(door: Door) -> None:
    """Bytes that are no message of the method are the caller's mistake, not ours."""
    send = door.channel.unary_unary(
        "/mainstay.v1.IncidentService/AddNote",
        request_serializer=lambda raw: raw,
        response_deserializer=lambda raw: raw,
    )
    found = await refusal(send(b"\xff\xff\xff\x07 not a message", metadata=door.of("alice").metadata))
    assert found.code is grpc.StatusCode.INVALID_ARGUMENT


async def test_a_thousand_hostile_requests_never_crash_the_server(lab: Lab, door: Door) -> None:
    """Random bytes and mutations of valid requests to every method: none is answered by a fault of ours."""
    view = await lab.opened("Hostile")
    valid = pb.AddNoteRequest(request_id=request_id("h"), incident=view.key, text="hello").SerializeToString()
    chance = random.Random(20261121)
    methods = sorted(method for method in OPERATIONS if not method.endswith("Halt"))
    alice = door.of("carol").metadata

    def mutated() -> bytes:
        raw = bytearray(valid if chance.random() < 0.7 else chance.randbytes(chance.randrange(200)))
        for _ in range(chance.randrange(1, 8)):
            match chance.randrange(3):
                case 0 if raw:
                    raw[chance.randrange(len(raw))] = chance.randrange(256)
                case 1 if raw:
                    del raw[chance.randrange(len(raw))]
                case _:
                    raw.insert(chance.randrange(len(raw) + 1), chance.randrange(256))
        return bytes(raw)

    async def send(method: str, raw: bytes) -> grpc.StatusCode:
        watch = method.endswith("WatchIncident")
        kind: Any = door.channel.unary_stream if watch else door.channel.unary_unary
        call: Any = kind(method)(raw, metadata=alice, timeout=10)
        try:
            if watch:
                await call.read()
                call.cancel()
            else:
                await call
        except grpc.aio.AioRpcError as error:
            return error.code()
        return grpc.StatusCode.OK

    codes: list[grpc.StatusCode] = []
    for batch in range(40):
        codes += await asyncio.gather(*(send(methods[(batch * 25 + n) % len(methods)], mutated()) for n in range(25)))
    assert len(codes) == 1000
    assert grpc.StatusCode.INTERNAL not in codes
    assert grpc.StatusCode.UNKNOWN not in codes
    after = await door.of("vera").incidents.GetIncident(pb.GetIncidentRequest(incident=view.key))
    assert after.incident.key == view.key


async def test_a_large_request_is_refused(door: Door) -> None:
    """More than 4 MiB never reaches a handler."""
    request = pb.AddNoteRequest(request_id=request_id(1), incident="x", text="x" * (5 * 1024 * 1024))
    with pytest.raises(grpc.aio.AioRpcError) as told:
        await door.of("alice").incidents.AddNote(request)
    assert told.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_a_taken_port_is_an_error(lab: Lab, door: Door) -> None:
    """Starting on a port that somebody has raises, and does not share it."""
    from mainstay.api.server import ApiServer

    first = ApiServer(lab.desk, lab.authenticator(), "127.0.0.1:0")
    port = await first.start()
    with pytest.raises(OSError, match="cannot listen"):
        await ApiServer(lab.desk, lab.authenticator(), f"127.0.0.1:{port}").start()
    await first.stop(timedelta(0))
