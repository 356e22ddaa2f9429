"""What a call ended with → a Problem: the server's own words, and what to do about it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from mainstay.cli.problem import Problem
from mainstay.cli.session import Session, default_token_file

if TYPE_CHECKING:
    from google.rpc.status_pb2 import Status

_KINDS: dict[grpc.StatusCode, str] = {
    grpc.StatusCode.INVALID_ARGUMENT: "InvalidArgument",
    grpc.StatusCode.OUT_OF_RANGE: "InvalidArgument",
    grpc.StatusCode.UNAUTHENTICATED: "Unauthenticated",
    grpc.StatusCode.PERMISSION_DENIED: "NotAllowed",
    grpc.StatusCode.NOT_FOUND: "NotFound",
    grpc.StatusCode.FAILED_PRECONDITION: "WrongState",
    grpc.StatusCode.ALREADY_EXISTS: "AlreadyDone",
    grpc.StatusCode.ABORTED: "Stale",
    grpc.StatusCode.UNAVAILABLE: "Unavailable",
    grpc.StatusCode.RESOURCE_EXHAUSTED: "Unavailable",
    grpc.StatusCode.DEADLINE_EXCEEDED: "Unavailable",
}
"""For answers without ErrorInfo: those of a proxy, of the library, or of another version."""

_LISTS = {
    "incident": "mainstay incident list",
    "run": "mainstay incident show INCIDENT",
    "runbook": "mainstay runbook list",
    "schedule": "mainstay oncall who",
    "item": "mainstay action-item list",
}


class Details(NamedTuple):
    """What a server of ours adds to a status."""

    reason: str = ""
    field: str = ""
    retry_after: timedelta | None = None
    resource: str = ""


def details(error: grpc.RpcError) -> Details:
    """Empty when the answer did not come from a server of ours."""
    status = _status(error)
    found = Details()
    for packed in status.details if status else ():
        info, resource = error_details_pb2.ErrorInfo(), error_details_pb2.ResourceInfo()
        retry = error_details_pb2.RetryInfo()
        if packed.Unpack(info):
            found = found._replace(reason=info.reason, field=info.metadata.get("field", ""))
        elif packed.Unpack(resource):
            found = found._replace(resource=resource.resource_type)
        elif packed.Unpack(retry):
            found = found._replace(retry_after=retry.retry_delay.ToTimedelta())
    return found


def _status(error: grpc.RpcError) -> Status | None:
    if not isinstance(error, grpc.Call):
        return None
    try:
        found: Status | None = rpc_status.from_call(error)
    except ValueError:  # a status that contradicts itself is as good as none
        return None
    return found


def code_of(error: grpc.RpcError) -> grpc.StatusCode:
    found = error.code() if isinstance(error, grpc.Call) else None
    return found if found is not None else grpc.StatusCode.UNKNOWN


def problem_of(error: grpc.RpcError, session: Session, subject: str = "") -> Problem:
    """``kind`` is the refusal's name; the hint is a thing to do. ``subject``: the incident or run meant."""
    code, more = code_of(error), details(error)
    text = (error.details() if isinstance(error, grpc.Call) else "") or code.name
    match code:
        case grpc.StatusCode.UNAVAILABLE if not more.reason:
            return _unreachable(text, session)
        case grpc.StatusCode.DEADLINE_EXCEEDED:
            return _too_late(session)
        case grpc.StatusCode.UNIMPLEMENTED:
            hint = "`mainstay version --server` shows both versions"
            return Problem("Unimplemented", f"the server at {session.address} does not know this call", hint)
    kind = more.reason or _KINDS.get(code, "Internal")
    return Problem(kind, text, _hint(kind, more, session, subject), field=more.field, request_id=session.request_id)


def _unreachable(text: str, session: Session) -> Problem:
    handshake = ("ssl", "tls", "certificate", "handshake")
    if any(word in text.casefold() for word in handshake):
        return Problem(
            "Unavailable",
            f"no secure connection to {session.address}: {text}",
            "check --tls, --ca, --cert and --key against what the server listens with",
            request_id=session.request_id,
        )
    return Problem(
        "Unavailable",
        f"no Mainstay server answers at {session.address}",
        "start one with `mainstay-server` or `make run`, or name another by --address or MAINSTAY_ADDRESS",
        request_id=session.request_id,
    )


def _too_late(session: Session) -> Problem:
    return Problem(
        "Unavailable",
        f"no answer from {session.address} within {session.timeout.total_seconds():g}s; it may still be applied",
        f"repeat the command with --request-id {session.request_id}, which cannot apply it twice",
        request_id=session.request_id,
    )


def _hint(kind: str, more: Details, session: Session, subject: str) -> str:
    match kind:
        case "Unauthenticated":
            return where_tokens_come_from(session)
        case "NotAllowed":
            source = session.credentials.source
            said = f"from {source}" if source else "none was given"
            return f"ask somebody who may, or use another token than this one ({said})"
        case "NotFound":
            known = _LISTS.get(more.field) or _LISTS.get(more.resource)
            return f"`{known}` shows what there is" if known else ""
        case "WrongState" | "AlreadyDone":
            shown = "runbook show" if subject.startswith("runbook/") else "incident show"
            return f"`mainstay {shown} {subject}` tells how it stands now" if subject else ""
        case "Stale":
            return "it has changed since: look again and repeat the command"
        case "Expired":
            return "look at it again: a new question may have been asked meanwhile"
        case "Halted":
            return "`mainstay halt status` tells who halted and why; `mainstay halt clear` goes on"
        case "Unavailable":
            return f"try again; with --request-id {session.request_id} it cannot be applied twice"
        case "Internal":
            return "the server's log has more; repeating the command may help"
        case _:
            return ""


def where_tokens_come_from(session: Session) -> str:
    """For everybody whose token is missing or wrong."""
    sources = f"MAINSTAY_TOKEN, --token-file or {default_token_file()}"
    if session.credentials.source:
        return f"the token came from {session.credentials.source}; others can be given by {sources}"
    return f"give a token by {sources}"
