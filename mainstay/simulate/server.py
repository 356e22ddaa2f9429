"""The Temporal server of a simulation: one that is started for it, or one that is there already.

Either way it has a namespace of its own: workers of the real installation must never see a simulated page,
nor may this process take their tasks.
"""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path

from google.protobuf.duration_pb2 import Duration
from temporalio.api.operatorservice.v1 import DeleteNamespaceRequest
from temporalio.api.workflowservice.v1 import RegisterNamespaceRequest
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.service import RPCError

from mainstay.domain.errors import Unavailable
from mainstay.namespace import prepare

RETENTION = timedelta(days=1)
HINT = "give the address of one with --temporal (1.32.2 or later)"
Report = Callable[[str], None]


@asynccontextmanager
async def client(address: str, report: Report) -> AsyncIterator[Client]:
    """A client of a namespace that is this simulation's alone. Raises Unavailable in one line."""
    if address:
        async with _namespace_at(address) as made:
            yield made
    else:
        async with _started(report) as made:
            yield made


@asynccontextmanager
async def _namespace_at(address: str) -> AsyncIterator[Client]:
    name = f"mainstay-simulate-{secrets.token_hex(6)}"
    kept = Duration()
    kept.FromTimedelta(RETENTION)
    try:
        made = await Client.connect(address, namespace=name, data_converter=pydantic_data_converter)
        await made.workflow_service.register_namespace(
            RegisterNamespaceRequest(namespace=name, workflow_execution_retention_period=kept)
        )
    except (RPCError, RuntimeError) as fault:
        raise Unavailable(f"the Temporal server at {address} gives no namespace to simulate in: {fault}") from None
    try:
        await prepare(made)
        yield made
    finally:
        with suppress(RPCError):
            await made.operator_service.delete_namespace(DeleteNamespaceRequest(namespace=name))


@asynccontextmanager
async def _started(report: Report) -> AsyncIterator[Client]:
    try:
        from devstack.binaries import MissingToolError
        from devstack.processes import ProcessFailedError
        from devstack.temporal import TemporalServer
    except ImportError:
        raise Unavailable(f"this installation brings no Temporal server: {HINT}") from None
    report("starting a Temporal server for this simulation (some seconds; --temporal ADDRESS spares it)")
    with tempfile.TemporaryDirectory(prefix="mainstay-simulate-") as folder:
        server = TemporalServer(Path(folder), synchronous="1", report=report)
        try:
            await server.start()
        except (MissingToolError, ProcessFailedError) as fault:
            await server.stop()
            raise Unavailable(f"{fault}; or {HINT}") from None
        try:
            yield await Client.connect(server.address, data_converter=pydantic_data_converter)
        finally:
            await server.stop()
