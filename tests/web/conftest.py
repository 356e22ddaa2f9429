"""The HTTP door on a loopback port, with a desk in memory behind it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx2
import pytest_asyncio
from starlette.types import ASGIApp, Receive, Scope, Send

from mainstay.web.server import WebServer
from tests.desk.fixtures import lab
from tests.web.fixtures import real
from tests.web.standin import Door

__all__ = ["lab", "real"]


class Switch:
    """One listening server for all tests; each test puts its own door behind it."""

    app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)


SWITCH = Switch()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def listening() -> AsyncIterator[WebServer]:
    async with WebServer(SWITCH, "127.0.0.1:0") as running:
        yield running


@pytest_asyncio.fixture
async def door() -> Door:
    return Door()


@pytest_asyncio.fixture
async def server(door: Door, listening: WebServer) -> WebServer:
    SWITCH.app = door.app
    return listening


@pytest_asyncio.fixture
async def http(server: WebServer) -> AsyncIterator[httpx2.AsyncClient]:
    """A browser without a page: it keeps cookies and does not follow redirects."""
    async with httpx2.AsyncClient(base_url=server.url, timeout=20) as client:
        yield client
