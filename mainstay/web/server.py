"""uvicorn inside the process's own event loop, started and stopped like the other doors."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import uvicorn
from starlette.types import ASGIApp

from mainstay.domain.errors import InvalidArgument

GRACE_SECONDS = 10
START_WITHIN_SECONDS = 10.0


class WebServer:
    """``async with WebServer(app, "127.0.0.1:8080") as server: …``; port 0 takes a free one."""

    def __init__(self, app: ASGIApp, listen: str) -> None:
        """``listen`` is ``HOST:PORT``, ``[::1]:PORT`` for IPv6. Raises InvalidArgument."""
        self._app = app
        self._host, self._port = _address(listen)
        self._server: _Quiet | None = None
        self._task: asyncio.Task[None] | None = None
        self.url = ""
        """Where it listens, once started."""

    async def start(self) -> None:
        """Listens when it returns. Raises OSError when the port is taken."""
        listening = _bind(self._host, self._port)
        port = listening.getsockname()[1]
        host = f"[{self._host}]" if ":" in self._host else self._host
        config = uvicorn.Config(
            self._app,
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
            proxy_headers=False,
            lifespan="off",
            ws="none",
            timeout_keep_alive=30,
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
        self._server = _Quiet(config)
        self._task = asyncio.create_task(self._server.serve([listening]), name="web")
        async with asyncio.timeout(START_WITHIN_SECONDS):
            while not self._server.started and not self._task.done():  # noqa: ASYNC110 - uvicorn has no event
                await asyncio.sleep(0.01)
        if self._task.done():
            self._task.result()
        self.url = f"http://{host}:{port}"

    async def stop(self) -> None:
        """Takes no more requests, and waits at most 10 seconds for those being answered."""
        if self._server is None or self._task is None:
            return
        self._server.should_exit = True
        with suppress(asyncio.CancelledError):
            await self._task

    async def wait(self) -> None:
        """Until it stops; raises what stopped it."""
        if self._task is not None:
            await asyncio.shield(self._task)

    async def __aenter__(self) -> WebServer:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()


class _Quiet(uvicorn.Server):
    """Leaves signals to the process, which stops its doors in order."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _bind(host: str, port: int) -> socket.socket:
    """The protocol is named because asyncio sets TCP_NODELAY only then: without it every answer, written as
    headers and body, waits 40 ms for the client's delayed acknowledgement."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((host, port))
    except OSError:
        made.close()
        raise
    return made


def _address(listen: str) -> tuple[str, int]:
    host, colon, port = listen.rpartition(":")
    host = host.strip("[]")
    if not colon or not host or not port.isdigit() or int(port) > 65535:
        raise InvalidArgument(f"{listen!r} is not HOST:PORT", field="http_listen")
    return host, int(port)
