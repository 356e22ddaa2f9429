"""Where pages arrive: a real SMTP server and a webhook receiver that note the instant."""

from __future__ import annotations

import asyncio
import re
import time
from types import TracebackType
from typing import Self

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from bench.posting import read_message
from devstack.processes import free_ports

TOKEN = re.compile(rb"bench-[0-9a-f]{8}")
"""Stands in the title of every incident, and so in every page about it."""


class Arrivals:
    """The first arrival of each token, in nanoseconds since 1970. May be told from any thread."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._first: dict[str, asyncio.Future[int]] = {}

    def note(self, content: bytes, at: int) -> None:
        found = TOKEN.search(content)
        if found:
            self._loop.call_soon_threadsafe(self._settle, found[0].decode(), at)

    async def wait(self, token: str, deadline_seconds: float = 30) -> int:
        """When it arrived first; raises TimeoutError."""
        async with asyncio.timeout(deadline_seconds):
            return await self._future(token)

    def _settle(self, token: str, at: int) -> None:
        future = self._future(token)
        if not future.done():
            future.set_result(at)

    def _future(self, token: str) -> asyncio.Future[int]:
        return self._first.setdefault(token, self._loop.create_future())


class Receivers:
    """Both servers on loopback; ``arrivals`` is what they know."""

    def __init__(self) -> None:
        self.arrivals = Arrivals()
        smtp, pager = free_ports(2)
        self.smtp, self.pager = f"127.0.0.1:{smtp}", f"127.0.0.1:{pager}"
        self._controller: Controller | None = None
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._controller = Controller(self, hostname="127.0.0.1", port=int(self.smtp.rpartition(":")[2]))
        self._controller.start()
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", int(self.pager.rpartition(":")[2]))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._controller is not None:
            await asyncio.to_thread(self._controller.stop)
        if self._server is not None:
            self._server.close()

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: ARG002, N802
        """Called by the SMTP server once it has a whole mail (the name is its)."""
        self.arrivals.note(envelope.original_content or b"", time.time_ns())
        return "250 2.0.0 kept"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            request, content = await read_message(reader)
            if not request:
                break
            self.arrivals.note(content, time.time_ns())
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        writer.close()
