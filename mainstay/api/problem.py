"""Refusals → google.rpc.Status, with the details that a client needs to react (google.rpc.error_details)."""

from __future__ import annotations

from datetime import timedelta

import grpc
from google.protobuf.any_pb2 import Any
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from mainstay.desk.failure import RETRY_AFTER, Later
from mainstay.domain.errors import Refusal

DOMAIN = "mainstay"
MAX_MESSAGE = 2000
"""Characters; a status travels in trailing metadata, which HTTP/2 peers bound at 8 KiB or so."""

CODES: dict[str, grpc.StatusCode] = {
    "InvalidArgument": grpc.StatusCode.INVALID_ARGUMENT,
    "Unauthenticated": grpc.StatusCode.UNAUTHENTICATED,
    "NotAllowed": grpc.StatusCode.PERMISSION_DENIED,
    "NotFound": grpc.StatusCode.NOT_FOUND,
    "WrongState": grpc.StatusCode.FAILED_PRECONDITION,
    "AlreadyDone": grpc.StatusCode.ALREADY_EXISTS,
    "Stale": grpc.StatusCode.ABORTED,
    "Expired": grpc.StatusCode.FAILED_PRECONDITION,
    "Halted": grpc.StatusCode.FAILED_PRECONDITION,
    "Unavailable": grpc.StatusCode.UNAVAILABLE,
}
"""``ErrorInfo.reason`` tells apart what shares a code."""


def status_of(refusal: Refusal, request_id: str) -> status_pb2.Status:
    """The status with ErrorInfo, RequestInfo and what fits its kind."""
    message = refusal.message[:MAX_MESSAGE]
    details: list[Message] = [
        error_details_pb2.ErrorInfo(
            reason=refusal.kind, domain=DOMAIN, metadata={"field": refusal.field} if refusal.field else {}
        ),
        error_details_pb2.RequestInfo(request_id=request_id),
        *_of_kind(refusal, message),
    ]
    status = status_pb2.Status(code=CODES[refusal.kind].value[0], message=message)
    for detail in details:
        packed = Any()
        packed.Pack(detail)
        status.details.append(packed)
    return status


def _of_kind(refusal: Refusal, message: str) -> list[Message]:
    field = refusal.field or ""
    match refusal.kind:
        case "InvalidArgument":
            violation = error_details_pb2.BadRequest.FieldViolation(field=field, description=message)
            return [error_details_pb2.BadRequest(field_violations=[violation])] if field else []
        case "NotFound":
            return [error_details_pb2.ResourceInfo(resource_type=field or "incident", description=message)]
        case "WrongState" | "Stale" | "Expired" | "Halted":
            broken = error_details_pb2.PreconditionFailure.Violation(
                type=refusal.kind, subject=field, description=message
            )
            return [error_details_pb2.PreconditionFailure(violations=[broken])]
        case "Unavailable":
            after = refusal.retry_after if isinstance(refusal, Later) else RETRY_AFTER
            return [error_details_pb2.RetryInfo(retry_delay=_duration(after))]
        case _:
            return []


def _duration(value: timedelta) -> Duration:
    message = Duration()
    message.FromTimedelta(value)
    return message


def internal(request_id: str) -> status_pb2.Status:
    """For a fault of ours: the log has it under this id, the caller gets no stack trace."""
    status = status_pb2.Status(
        code=grpc.StatusCode.INTERNAL.value[0],
        message=f"an internal error; the server's log has it as {request_id}",
    )
    packed = Any()
    packed.Pack(error_details_pb2.RequestInfo(request_id=request_id))
    status.details.append(packed)
    return status
