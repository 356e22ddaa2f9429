"""The gRPC server: start, health, and a stop that lets calls finish."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from mainstay.api.gate import Authenticated, Told, Traced
from mainstay.api.incidents import Incidents
from mainstay.api.methods import SERVICES
from mainstay.api.on_call import OnCall
from mainstay.api.others import ActionItems, Alerts, System
from mainstay.api.runbooks import Runbooks
from mainstay.desk.auth import Authenticator
from mainstay.desk.desk import Desk
from mainstay.gen.mainstay.v1.action_item_service_pb2_grpc import add_ActionItemServiceServicer_to_server
from mainstay.gen.mainstay.v1.alert_service_pb2_grpc import add_AlertServiceServicer_to_server
from mainstay.gen.mainstay.v1.incident_service_pb2_grpc import add_IncidentServiceServicer_to_server
from mainstay.gen.mainstay.v1.on_call_service_pb2_grpc import add_OnCallServiceServicer_to_server
from mainstay.gen.mainstay.v1.runbook_service_pb2_grpc import add_RunbookServiceServicer_to_server
from mainstay.gen.mainstay.v1.system_service_pb2_grpc import add_SystemServiceServicer_to_server

MAX_REQUEST = 4 * 1024 * 1024
MAX_ANSWER = 16 * 1024 * 1024
MAX_CALLS = 2000
GRACE = timedelta(seconds=10)
HEALTH_EVERY_SECONDS = 1.0

OPTIONS: tuple[tuple[str, int], ...] = (
    ("grpc.max_receive_message_length", MAX_REQUEST),
    ("grpc.max_send_message_length", MAX_ANSWER),
    ("grpc.max_metadata_size", 16 * 1024),
    ("grpc.so_reuseport", 0),  # a second server on the same port is a mistake, not a load balancer
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
    ("grpc.max_connection_age_ms", 30 * 60_000),  # so that load balancers can move clients
    ("grpc.max_connection_age_grace_ms", 60_000),
)


@dataclass(frozen=True)
class Tls:
    """Files of the server's certificate and key; with ``client_ca``, callers must prove themselves too."""

    certificate: Path
    key: Path
    client_ca: Path | None = None

    def credentials(self) -> grpc.ServerCredentials:
        """Raises OSError when a file cannot be read."""
        pair = (self.key.read_bytes(), self.certificate.read_bytes())
        authority = self.client_ca.read_bytes() if self.client_ca else None
        return grpc.ssl_server_credentials(
            [pair], root_certificates=authority, require_client_auth=authority is not None
        )


class ApiServer:
    """One per process, on the process's event loop. ``listen`` is ``host:port``; port 0 takes a free one."""

    def __init__(
        self,
        desk: Desk,
        authenticator: Authenticator,
        listen: str,
        *,
        tls: Tls | None = None,
        with_reflection: bool = True,
    ) -> None:
        self._desk = desk
        self._authenticator = authenticator
        self._listen = listen
        self._tls = tls
        self._with_reflection = with_reflection
        self._stopping = asyncio.Event()
        self._health = health.aio.HealthServicer()
        self._server: grpc.aio.Server | None = None
        self._watch: asyncio.Task[None] | None = None

    async def start(self) -> int:
        """Listens, and is healthy once Temporal answers. Returns the port. Raises OSError if it is taken."""
        server = grpc.aio.server(
            interceptors=(Traced(), Told(), Authenticated(self._authenticator)),
            options=OPTIONS,
            maximum_concurrent_rpcs=MAX_CALLS,
        )
        self._add_services(server)
        await self._set_health(serving=False)
        try:
            port = (
                server.add_secure_port(self._listen, self._tls.credentials())
                if self._tls
                else server.add_insecure_port(self._listen)
            )
        except RuntimeError as error:
            raise OSError(f"cannot listen on {self._listen}: {error}") from error
        await server.start()
        self._server = server
        self._watch = asyncio.create_task(self._keep_health())
        return port

    async def stop(self, grace: timedelta = GRACE) -> None:
        """No new work, watches end with UNAVAILABLE, calls get ``grace`` to finish."""
        if self._server is None:
            return
        await self._health.enter_graceful_shutdown()
        if self._watch is not None:
            self._watch.cancel()
            with suppress(asyncio.CancelledError):
                await self._watch
        self._stopping.set()
        await self._server.stop(grace.total_seconds())
        self._server = None

    async def wait(self) -> None:
        """Until it is stopped."""
        if self._server is not None:
            await self._server.wait_for_termination()

    def _add_services(self, server: grpc.aio.Server) -> None:
        add_IncidentServiceServicer_to_server(Incidents(self._desk, self._stopping), server)
        add_RunbookServiceServicer_to_server(Runbooks(self._desk), server)
        add_OnCallServiceServicer_to_server(OnCall(self._desk), server)
        add_ActionItemServiceServicer_to_server(ActionItems(self._desk), server)
        add_AlertServiceServicer_to_server(Alerts(self._desk), server)
        add_SystemServiceServicer_to_server(System(self._desk), server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
        if self._with_reflection:
            reflection.enable_server_reflection((*SERVICES, health.SERVICE_NAME, reflection.SERVICE_NAME), server)

    async def _set_health(self, *, serving: bool) -> None:
        states = health_pb2.HealthCheckResponse
        state = states.SERVING if serving else states.NOT_SERVING
        for service in ("", *SERVICES):
            await self._health.set(service, state)

    async def _keep_health(self) -> None:
        """Nothing here can serve without Temporal, so a load balancer is told at once when it is away."""
        former: bool | None = None
        while True:
            serving = (await self._desk.temporal()).answers
            if serving != former:
                await self._set_health(serving=serving)
                former = serving
            await asyncio.sleep(HEALTH_EVERY_SECONDS)
