"""The connection to the server, and one call over it: deadline, credentials, repeats with the same id."""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import grpc

from mainstay.cli import output, session
from mainstay.cli.problem import usage
from mainstay.cli.refused import code_of, details, problem_of
from mainstay.gen.mainstay.v1 import action_item_service_pb2 as item_pb
from mainstay.gen.mainstay.v1 import incident_service_pb2 as incident_pb
from mainstay.gen.mainstay.v1 import on_call_service_pb2 as on_call_pb
from mainstay.gen.mainstay.v1 import runbook_service_pb2 as runbook_pb
from mainstay.gen.mainstay.v1 import system_service_pb2 as system_pb
from mainstay.gen.mainstay.v1.action_item_service_pb2_grpc import ActionItemServiceStub
from mainstay.gen.mainstay.v1.incident_service_pb2_grpc import IncidentServiceStub
from mainstay.gen.mainstay.v1.on_call_service_pb2_grpc import OnCallServiceStub
from mainstay.gen.mainstay.v1.runbook_service_pb2_grpc import RunbookServiceStub
from mainstay.gen.mainstay.v1.system_service_pb2_grpc import SystemServiceStub

if TYPE_CHECKING:
    from google.protobuf.message import Message

__all__ = [
    "action_items",
    "change",
    "channel",
    "close",
    "incident_pb",
    "incidents",
    "item_pb",
    "metadata",
    "on_call",
    "on_call_pb",
    "runbook_pb",
    "runbooks",
    "send",
    "stream",
    "system",
    "system_pb",
]
"""The modules of messages are part of it, so that a command imports this one module, when it runs."""

Q = TypeVar("Q", bound="Message")
A = TypeVar("A", bound="Message")

REPEAT_AFTER = (timedelta(milliseconds=200), timedelta(milliseconds=600), timedelta(milliseconds=1500))
"""Waits before the second, third and fourth attempt, where the server is away. The request id stays."""
LONGEST_WAIT = timedelta(seconds=3)
MAX_ANSWER = 32 * 1024 * 1024
_OPTIONS = (
    ("grpc.max_receive_message_length", MAX_ANSWER),
    ("grpc.keepalive_time_ms", 20_000),  # a watch notices within half a minute that the other side is gone
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.enable_retries", 0),  # we repeat by ourselves, and say so
)
_opened: ContextVar[grpc.Channel | None] = ContextVar("mainstay_cli_channel", default=None)


def incidents() -> IncidentServiceStub:
    return IncidentServiceStub(channel())


def runbooks() -> RunbookServiceStub:
    return RunbookServiceStub(channel())


def on_call() -> OnCallServiceStub:
    return OnCallServiceStub(channel())


def action_items() -> ActionItemServiceStub:
    return ActionItemServiceStub(channel())


def system() -> SystemServiceStub:
    return SystemServiceStub(channel())


def channel() -> grpc.Channel:
    """The one channel of this command. Raises Problem for certificates that cannot be read."""
    found = _opened.get()
    if found is None:
        found = _open(session.current())
        _opened.set(found)
    return found


def close() -> None:
    found = _opened.get()
    if found is not None:
        _opened.set(None)
        found.close()


def _open(given: session.Session) -> grpc.Channel:
    local = is_loopback(given.address)
    options = [*_OPTIONS, ("grpc.primary_user_agent", "mainstay-cli")]
    if local:
        options.append(("grpc.enable_http_proxy", 0))
    if secure(given):
        return grpc.secure_channel(given.address, _credentials(given), options)
    if given.credentials.token and not local and not given.plaintext:
        raise usage(
            f"the token would travel to {given.address} in clear text",
            "add --tls, or --plaintext if you trust the whole way there",
        )
    return grpc.insecure_channel(given.address, options)


def secure(given: session.Session) -> bool:
    """Naming a certificate means TLS."""
    return given.tls or any((given.ca, given.certificate, given.key))


def is_loopback(address: str) -> bool:
    """Unix sockets are local too."""
    if address.startswith("unix:"):
        return True
    host = address.rpartition(":")[0].strip("[]")
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _credentials(given: session.Session) -> grpc.ChannelCredentials:
    if bool(given.certificate) != bool(given.key):
        raise usage("--cert and --key belong together", "give both, or neither")
    try:
        ca, key, certificate = (
            path.read_bytes() if path else None for path in (given.ca, given.key, given.certificate)
        )
    except OSError as error:
        raise usage(f"{error.filename} cannot be read: {error.strerror}") from None
    return grpc.ssl_channel_credentials(ca, key, certificate)


def metadata() -> tuple[tuple[str, str], ...]:
    """Credentials, and the request id once more: the server's log has it."""
    given = session.current()
    found = [("x-request-id", given.request_id)]
    if given.credentials.token:
        found.append(("authorization", f"Bearer {given.credentials.token}"))
    return tuple(found)


def send(method: grpc.UnaryUnaryMultiCallable[Q, A], request: Q) -> A:
    """The answer. While the server is away the same request is sent again, a few times.

    Raises Problem for everything else that a call can end with.
    """
    given = session.current()
    until = time.monotonic() + given.timeout.total_seconds()
    waits = iter(REPEAT_AFTER)
    output.verbose(f"request {given.request_id} to {given.address}")
    while True:
        try:
            left = max(until - time.monotonic(), 0.001)
            return method(request, timeout=left, metadata=metadata())
        except grpc.RpcError as error:
            wait = next(waits, None)
            if wait is None or not _again(error, wait, until):
                raise problem_of(error, given, _subject(request)) from None


def _subject(request: Message) -> str:
    """What the request is about, for the hint."""
    return getattr(request, "incident", "") or getattr(request, "run", "")


def change(method: grpc.UnaryUnaryMultiCallable[Q, Any], request: Q, **more: Any) -> None:
    """Sends a request that changes something, under this command's request id, and tells the outcome."""
    request.request_id = session.current().request_id  # type: ignore[attr-defined]
    outcome = send(method, request).outcome
    output.outcome(outcome.message, changed=outcome.changed, **more)


def _again(error: grpc.RpcError, wait: timedelta, until: float) -> bool:
    """Waits, if another attempt makes sense."""
    if code_of(error) is not grpc.StatusCode.UNAVAILABLE:
        return False
    wanted = min(max(wait, details(error).retry_after or wait), LONGEST_WAIT).total_seconds()
    if time.monotonic() + wanted >= until:
        return False
    output.verbose(f"no answer; trying again in {wanted:g}s with the same request id")
    time.sleep(wanted)
    return True


@contextmanager
def stream(method: grpc.UnaryStreamMultiCallable[Q, A], request: Q) -> Iterator[Iterator[A]]:
    """The events of a stream, which is cancelled at the end. ``grpc.RpcError`` passes: watching goes on."""
    call = method(request, metadata=metadata())
    try:
        yield call
    finally:
        call.cancel()
