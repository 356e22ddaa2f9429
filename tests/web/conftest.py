"""The HTTP door on a loopback port, with a desk in memory behind it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx2
import pytest_asyncio

from mainstay.web.server import WebServer
from tests.web.standin import Door


@pytest_asyncio.fixture
async def door() -> Door:
    return Door()


@pytest_asyncio.fixture
async def server(door: Door) -> AsyncIterator[WebServer]:
    async with WebServer(door.app, "127.0.0.1:0") as running:
        yield running


@pytest_asyncio.fixture
async def http(server: WebServer) -> AsyncIterator[httpx2.AsyncClient]:
    """A browser without a page: it keeps cookies and does not follow redirects."""
    async with httpx2.AsyncClient(base_url=server.url, timeout=20) as client:
        yield client
