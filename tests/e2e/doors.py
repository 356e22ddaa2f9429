"""How each door names a refusal: the kind of ``mainstay.domain.errors``, read as its callers read it."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

import aiohttp
import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from temporalio.client import WorkflowHandle, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError

TAKEN = "taken"
"""What each of these answers when there was no refusal."""


async def by_grpc(call: Awaitable[Any]) -> str:
    """``ErrorInfo.reason`` of a gRPC call."""
    try:
        await call
    except grpc.aio.AioRpcError as error:
        return _reason(error)
    return TAKEN


def _reason(error: grpc.aio.AioRpcError) -> str:
    status = rpc_status.from_call(error)
    assert status is not None, error
    info = error_details_pb2.ErrorInfo()
    assert any(detail.Unpack(info) for detail in status.details), error
    return str(info.reason)


async def by_link(link: str) -> str:
    """Press the button of a signed link, as a program that wants JSON."""
    async with (
        aiohttp.ClientSession(headers={"Accept": "application/json"}) as session,
        session.post(link, data={}) as answer,
    ):
        if answer.status < 400:
            return TAKEN
        return str((await answer.json())["error"])


async def by_temporal(handle: WorkflowHandle[Any, Any], update: str, **body: Any) -> str:
    """A bare update, as Temporal's own web UI or command line sends it: nobody has signed for the person.

    A workflow that has ended is refused by Temporal itself, with its own name for it.
    """
    try:
        await handle.execute_update(update, {"actor": {"person": "alice"}, **body})
    except WorkflowUpdateFailedError as error:
        return error.cause.type or "" if isinstance(error.cause, ApplicationError) else repr(error.cause)
    except RPCError as error:
        return error.status.name
    return TAKEN
