"""A real grpc.aio server with every method of the API, answering what a test tells it to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import grpc
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from grpc_status import rpc_status

from mainstay.api.problem import status_of
from mainstay.domain.errors import Refusal
from mainstay.gen.mainstay.v1 import (
    action_item_service_pb2,
    incident_service_pb2,
    on_call_service_pb2,
    runbook_service_pb2,
    system_service_pb2,
)

FILES = (
    action_item_service_pb2,
    incident_service_pb2,
    on_call_service_pb2,
    runbook_service_pb2,
    system_service_pb2,
)
Answer = Message | Refusal | Callable[[Any], Any]


@dataclass
class FakeServer:
    """``answers`` by method: a message, a refusal, a function of the request; a list is used up.

    A method without an answer gives an Outcome that says its name, or an empty message.
    """

    answers: dict[str, Any] = field(default_factory=dict)
    requests: list[tuple[str, Any]] = field(default_factory=list)
    metadata: list[dict[str, str]] = field(default_factory=list)
    address: str = ""
    server: grpc.aio.Server | None = None

    def forget(self) -> None:
        self.answers, self.requests, self.metadata = {}, [], []

    def of(self, method: str) -> list[Any]:
        return [request for name, request in self.requests if name == method]

    def last(self, method: str) -> Any:
        return self.of(method)[-1]

    async def start(self, credentials: grpc.ServerCredentials | None = None) -> None:
        server = grpc.aio.server(options=(("grpc.so_reuseport", 0),))
        for file in FILES:
            for service in file.DESCRIPTOR.services_by_name.values():
                handlers = {method.name: self._handler(method) for method in service.methods}
                server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service.full_name, handlers),))
        free = "127.0.0.1:0"
        port = server.add_secure_port(free, credentials) if credentials else server.add_insecure_port(free)
        await server.start()
        self.server, self.address = server, f"127.0.0.1:{port}"

    async def stop(self) -> None:
        if self.server is not None:
            await self.server.stop(None)
            self.server = None

    def _handler(self, method: MethodDescriptor) -> grpc.RpcMethodHandler[Any, Any]:
        parse = GetMessageClass(method.input_type).FromString
        made = GetMessageClass(method.output_type)

        def note(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> None:
            self.requests.append((method.name, request))
            self.metadata.append({k: str(v) for k, v in context.invocation_metadata() or ()})

        async def unary(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:
            note(request, context)
            return await self._answer(method.name, request, made, context)

        async def stream(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> AsyncIterator[Any]:
            note(request, context)
            answer = self._next(method.name)
            for event in answer(request) if callable(answer) else answer or ():
                if isinstance(event, Refusal):
                    await context.abort_with_status(rpc_status.to_status(status_of(event, "call-1")))
                if isinstance(event, asyncio.Event):
                    await event.wait()
                    continue
                yield event

        if method.server_streaming:
            return grpc.unary_stream_rpc_method_handler(stream, parse, made.SerializeToString)
        return grpc.unary_unary_rpc_method_handler(unary, parse, made.SerializeToString)

    def _next(self, name: str) -> Any:
        answer = self.answers.get(name)
        return answer.pop(0) if isinstance(answer, list) and name != "WatchIncident" else answer

    async def _answer(
        self, name: str, request: Any, made: type[Message], context: grpc.aio.ServicerContext[Any, Any]
    ) -> Any:
        answer = self._next(name)
        if callable(answer):
            answer = answer(request)
        if isinstance(answer, asyncio.Event):
            await answer.wait()
            answer = None
        if isinstance(answer, Refusal):
            await context.abort_with_status(rpc_status.to_status(status_of(answer, "call-1")))
        if isinstance(answer, grpc.StatusCode):
            await context.abort(answer, "as the test wanted")
        if answer is not None:
            return answer
        found: Any = made()
        if "outcome" in found.DESCRIPTOR.fields_by_name:
            found.outcome.message, found.outcome.changed = f"{name} is done", True
        return found


def events(*given: Any) -> Callable[[Any], Iterable[Any]]:
    return lambda request: iter(given)
