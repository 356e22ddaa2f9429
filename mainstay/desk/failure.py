"""What Temporal's client raises → refusals of the domain, decided in one place."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from temporalio.client import (
    RPCTimeoutOrCancelledError,
    WorkflowQueryFailedError,
    WorkflowQueryRejectedError,
    WorkflowUpdateFailedError,
)
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from mainstay.domain.errors import KINDS, InvalidArgument, NotFound, Refusal, Unavailable, WrongState

RETRY_AFTER = timedelta(seconds=1)
MAY_STILL_APPLY = "it may still be applied: retry with the same request_id"


class Later(Unavailable):
    """Too much at once, or a part is away. ``retry_after`` is when trying again makes sense."""

    def __init__(self, message: str, *, retry_after: timedelta = RETRY_AFTER) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class NoSuchRun(NotFound):
    """Temporal knows no such open execution, which a workflow's own NotFound does not say."""


@asynccontextmanager
async def answering(doing: str, timeout: timedelta, *, unsure: str = "") -> AsyncIterator[None]:
    """Everything inside answers within ``timeout`` or is Unavailable; Temporal's errors become refusals.

    ``doing`` begins the message (``reading incident INC-2026-0042``); ``unsure`` ends that of a timeout.
    A cancelled caller is never swallowed: the SDK turns its CancelledError into a timeout of the update.
    """
    try:
        async with asyncio.timeout(max(timeout.total_seconds(), 0.001)):
            try:
                yield
            except RPCTimeoutOrCancelledError as error:
                if isinstance(error.__cause__, asyncio.CancelledError):
                    raise error.__cause__ from None
                raise TimeoutError from error
    except TimeoutError:
        raise _too_late(doing, unsure) from None
    except RPCError as error:
        raise from_rpc(error, doing, unsure) from error
    except RuntimeError as error:
        # All that a lazily connecting client says when nobody listens at the address.
        if "client connect" not in str(error):
            raise
        raise Later(f"{doing}: Temporal cannot be reached") from error
    except WorkflowUpdateFailedError as error:
        raise from_update(error) from error
    except (WorkflowQueryFailedError, WorkflowQueryRejectedError) as error:
        raise Later(f"{doing}: the workflow could not answer: {error}") from error


def _too_late(doing: str, unsure: str) -> Refusal:
    more = f"; {unsure}" if unsure else "; try again"
    return Later(f"{doing}: no answer in time (is a worker running?){more}")


def from_rpc(error: RPCError, doing: str, unsure: str = "") -> Refusal:
    """The refusal that a failed call means. What says nothing definite is Unavailable."""
    match error.status:
        case RPCStatusCode.NOT_FOUND:
            return NoSuchRun(f"{doing}: not found")
        case RPCStatusCode.INVALID_ARGUMENT:
            return InvalidArgument(f"{doing}: {error.message}")
        case RPCStatusCode.DEADLINE_EXCEEDED | RPCStatusCode.CANCELLED:
            return _too_late(doing, unsure)
        case RPCStatusCode.FAILED_PRECONDITION:
            return Later(f"{doing}: no worker answers ({error.message})")
        case RPCStatusCode.RESOURCE_EXHAUSTED:
            return Later(f"{doing}: Temporal is overloaded; try again", retry_after=3 * RETRY_AFTER)
        case RPCStatusCode.PERMISSION_DENIED | RPCStatusCode.UNAUTHENTICATED:
            return Later(f"{doing}: Temporal does not accept this server's credentials")
        case _:
            more = f"; {unsure}" if unsure else ""
            return Later(f"{doing}: Temporal does not answer ({error.status.name.lower()}){more}")


def from_update(error: WorkflowUpdateFailedError) -> Refusal:
    """A refusal that a validator or handler raised, with its field; it travels as an ApplicationError."""
    cause = error.cause
    if not isinstance(cause, ApplicationError):
        return WrongState(f"the workflow did not finish the request: {cause}")
    field = cause.details[0] if cause.details and isinstance(cause.details[0], str) else None
    kind = KINDS.get(cause.type or "")
    if kind is not None:
        return kind(cause.message, field=field or None)
    if "decod" in cause.message.lower():
        return InvalidArgument(f"the workflow could not read the request: {cause.message}")
    return WrongState(f"the workflow refused the request: {cause.message}")
