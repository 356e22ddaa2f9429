"""Real receivers at the far end: an OTLP collector over gRPC, and the provider behind the paging webhook."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import grpc.aio
from aiohttp import web
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc

from devstack.processes import free_ports


@dataclass(frozen=True)
class Span:
    """One span as it arrived; ids in hex. ``process`` is the sender's ``service.name``."""

    process: str
    name: str
    trace_id: str
    span_id: str
    parent_id: str


class Collector(trace_service_pb2_grpc.TraceServiceServicer):
    """Keeps every span that is exported to it."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self.address = f"127.0.0.1:{free_ports(1)[0]}"
        self._server: grpc.aio.Server | None = None

    async def Export(self, request: Any, context: Any) -> Any:
        for group in request.resource_spans:
            names = {entry.key: entry.value.string_value for entry in group.resource.attributes}
            for scope in group.scope_spans:
                self.spans += [_span(names.get("service.name", ""), span) for span in scope.spans]
        return trace_service_pb2.ExportTraceServiceResponse()

    async def start(self) -> None:
        self._server = grpc.aio.server()
        register: Any = trace_service_pb2_grpc.add_TraceServiceServicer_to_server
        register(self, self._server)
        self._server.add_insecure_port(self.address)
        await self._server.start()

    async def stop(self) -> None:
        if self._server is not None:
            await self._server.stop(0)

    def path_to(self, span: Span) -> list[Span]:
        """``span`` and its ancestors, the root first, as far as they have arrived."""
        by_id = {known.span_id: known for known in self.spans}
        path = [span]
        while path[0].parent_id in by_id:
            path.insert(0, by_id[path[0].parent_id])
        return path


def _span(process: str, span: Any) -> Span:
    return Span(process, span.name, span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex())


class Pager:
    """A provider of SMS and the like: takes every signed page that is posted to it."""

    def __init__(self) -> None:
        self.pages: list[dict[str, Any]] = []
        self.port = free_ports(1)[0]
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/pages"

    async def start(self) -> None:
        pages = web.Application()
        pages.add_routes([web.post("/pages", self._take)])
        self._runner = web.AppRunner(pages, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        self.pages.append(await request.json())
        return web.json_response({"id": str(len(self.pages))})
