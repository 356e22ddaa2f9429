"""What every call passes on its way in, in this order: an id and a span, the errors' net, the credentials.

One interceptor each, so that a refusal of the credentials is told like every other one.
"""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Any

import grpc
from google.protobuf.message import DecodeError
from grpc_status import rpc_status
from opentelemetry import propagate, trace
from pydantic import ValidationError

from mainstay.api import call, problem
from mainstay.api.methods import OPERATIONS
from mainstay.desk.auth import Authenticator
from mainstay.desk.failure import Later
from mainstay.domain.access import Actor
from mainstay.domain.access_rules import check_allowed
from mainstay.domain.errors import InvalidArgument, NotAllowed, Refusal, Unauthenticated

CALL_ID = "x-request-id"
_CALL_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
OPEN = ("/grpc.health.v1.Health/",)
"""Answered without credentials: a load balancer has none."""
REFLECTION = ("/grpc.reflection.v1alpha.ServerReflection/", "/grpc.reflection.v1.ServerReflection/")

_log = logging.getLogger("mainstay.api")
_tracer = trace.get_tracer("mainstay.api")

if TYPE_CHECKING:
    Handler = grpc.RpcMethodHandler[Any, Any]
    Continuation = Callable[[grpc.HandlerCallDetails], Awaitable[Handler | None]]


def wrap(handler: Handler, unary: Callable[..., Any], stream: Callable[..., Any]) -> Handler:
    """The same handler with another behaviour; requests arrive as bytes, so that a broken one is our refusal
    and not the library's internal error."""
    parse, serialize = handler.request_deserializer, handler.response_serializer
    if handler.unary_unary is not None:
        inner = handler.unary_unary

        async def answer(request: Any, context: call.Context) -> Any:
            return await unary(inner, parse, request, context)

        return grpc.unary_unary_rpc_method_handler(answer, None, serialize)
    if handler.unary_stream is not None:
        source = handler.unary_stream

        async def events(request: Any, context: call.Context) -> AsyncIterator[Any]:
            async for event in stream(source, parse, request, context):
                yield event

        return grpc.unary_stream_rpc_method_handler(events, None, serialize)
    return handler


def _parsed(parse: Any, request: Any) -> Any:
    if parse is None or not isinstance(request, bytes):
        return request
    try:
        return parse(request)
    except (DecodeError, ValueError):
        raise InvalidArgument("the request is not a message of this method") from None


class Traced(grpc.aio.ServerInterceptor):
    """Gives the call an id (its own, or a new one), tells it back, and continues the caller's trace."""

    async def intercept_service(
        self, continuation: Continuation, handler_call_details: grpc.HandlerCallDetails
    ) -> Handler | None:
        handler = await continuation(handler_call_details)
        if handler is None:
            return handler
        method = handler_call_details.method or ""
        metadata = _metadata(handler_call_details)
        parent = propagate.extract(metadata)

        async def enter(context: call.Context) -> None:
            given = metadata.get(CALL_ID, "")
            call_id = given if _CALL_ID.fullmatch(given) else secrets.token_hex(8)
            call.set_call_id(call_id)
            await context.send_initial_metadata(((CALL_ID, call_id),))

        async def unary(inner: Any, parse: Any, request: Any, context: call.Context) -> Any:
            with _tracer.start_as_current_span(method, context=parent, kind=trace.SpanKind.SERVER):
                await enter(context)
                return await inner(request if parse is None else parse(request), context)

        async def stream(inner: Any, parse: Any, request: Any, context: call.Context) -> Any:
            await enter(context)
            async for event in inner(request if parse is None else parse(request), context):
                yield event

        return wrap(handler, unary, stream)


class Told(grpc.aio.ServerInterceptor):
    """The errors' net: refusals become statuses with details, and faults of ours an id in the log.

    Parses the request, bounds unary calls that bring no deadline, and never swallows a cancellation.
    """

    async def intercept_service(
        self, continuation: Continuation, handler_call_details: grpc.HandlerCallDetails
    ) -> Handler | None:
        handler = await continuation(handler_call_details)
        if handler is None:
            return handler
        method = handler_call_details.method or ""

        async def unary(inner: Any, parse: Any, request: Any, context: call.Context) -> Any:
            try:
                async with asyncio.timeout(call.LONGEST_CALL.total_seconds()):
                    return await inner(_parsed(parse, request), context)
            except Exception as error:  # each is told in its own way
                await _tell(error, method, context)

        async def stream(inner: Any, parse: Any, request: Any, context: call.Context) -> Any:
            try:
                async for event in inner(_parsed(parse, request), context):
                    yield event
            except Exception as error:  # each is told in its own way
                await _tell(error, method, context)

        return wrap(handler, unary, stream)


async def _tell(error: Exception, method: str, context: call.Context) -> None:
    """Ends the call. What is no refusal and no mistake in the request is a fault of ours."""
    call_id = call.call_id()
    match error:
        case grpc.aio.AbortError():
            raise error
        case Refusal():
            status = problem.status_of(error, call_id)
        case ValidationError():
            status = problem.status_of(_first(error), call_id)
        case TimeoutError():
            status = problem.status_of(Later("this took too long; try again"), call_id)
        case _:
            _log.exception("call %s of %s failed", call_id, method, exc_info=error)
            status = problem.internal(call_id)
    await context.abort_with_status(rpc_status.to_status(status))


def _first(error: ValidationError) -> InvalidArgument:
    found = error.errors(include_url=False, include_input=False)[0]
    field = ".".join(str(part) for part in found["loc"])
    return InvalidArgument(f"{field}: {found['msg']}" if field else found["msg"], field=field or None)


class Authenticated(grpc.aio.ServerInterceptor):
    """Bearer token (metadata ``authorization``) or client certificate, then the role of the method."""

    def __init__(self, authenticator: Authenticator) -> None:
        self._authenticator = authenticator

    async def intercept_service(
        self, continuation: Continuation, handler_call_details: grpc.HandlerCallDetails
    ) -> Handler | None:
        handler = await continuation(handler_call_details)
        method = handler_call_details.method or ""
        if handler is None or method.startswith((*OPEN, *REFLECTION)):
            return handler
        bearer = _metadata(handler_call_details).get("authorization")

        def enter(context: call.Context) -> None:
            actor = self._actor(bearer, context)
            operation = OPERATIONS.get(method)
            if operation is None:
                raise NotAllowed(f"{method} has no access rule")
            check_allowed(operation, actor)
            call.set_caller(actor)

        async def unary(inner: Any, parse: Any, request: Any, context: call.Context) -> Any:
            enter(context)
            return await inner(_parsed(parse, request), context)

        async def stream(inner: Any, parse: Any, request: Any, context: call.Context) -> Any:
            enter(context)
            async for event in inner(_parsed(parse, request), context):
                yield event

        return wrap(handler, unary, stream)

    def _actor(self, bearer: str | None, context: call.Context) -> Actor:
        if bearer is None:
            for name in context.auth_context().get("x509_common_name", ()):
                return self._authenticator.of_certificate(bytes(name).decode("utf-8", "replace"))
        try:
            return self._authenticator.authenticate(bearer)
        except Unauthenticated:
            _log.warning("refused credentials from %s", context.peer())
            raise


def _metadata(details: grpc.HandlerCallDetails) -> dict[str, str]:
    pairs = details.invocation_metadata or ()
    return {str(key).lower(): value for key, value in pairs if isinstance(value, str)}
