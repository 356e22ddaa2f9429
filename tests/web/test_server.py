"""The listening part: start, stop, addresses."""

from __future__ import annotations

import asyncio

import httpx2
import pytest

from mainstay.domain.errors import InvalidArgument
from mainstay.web.server import WebServer
from tests.web.standin import SOURCE_TOKEN, Door, bearer
from tests.web.test_alertmanager import PAYLOAD


async def test_a_taken_port_is_an_error_at_start(door: Door) -> None:
    async with WebServer(door.app, "127.0.0.1:0") as first:
        port = first.url.rpartition(":")[2]
        with pytest.raises(OSError, match="in use"):
            await WebServer(door.app, f"127.0.0.1:{port}").start()


@pytest.mark.parametrize("listen", ["", "8080", ":8080", "localhost", "127.0.0.1:", "127.0.0.1:99999", "a:b"])
def test_an_address_that_is_none_is_refused(door: Door, listen: str) -> None:
    with pytest.raises(InvalidArgument, match="HOST:PORT"):
        WebServer(door.app, listen)


async def test_stopping_waits_for_what_is_being_answered() -> None:
    door = Door()
    door.desk.hold = asyncio.Event()
    server = WebServer(door.app, "127.0.0.1:0")
    await server.start()
    async with httpx2.AsyncClient(base_url=server.url, timeout=20) as http:
        headers = bearer(SOURCE_TOKEN)
        held = asyncio.create_task(http.post("/webhooks/alertmanager", content=PAYLOAD, headers=headers))
        async with asyncio.timeout(5):
            while door.sample("mainstay_requests_in_flight", door="web") < 1:
                await asyncio.sleep(0.01)
        stopping = asyncio.create_task(server.stop())
        await asyncio.sleep(0)
        door.desk.hold.set()
        assert (await held).status_code == 200
        await stopping
        with pytest.raises(httpx2.ConnectError):
            await http.get("/healthz")


async def test_answers_are_not_held_back_by_delayed_acknowledgements(door: Door, server: WebServer) -> None:
    """Without TCP_NODELAY every answer on a kept connection took 40 ms."""
    loop = asyncio.get_running_loop()
    async with httpx2.AsyncClient(base_url=server.url) as http:
        times = []
        for _ in range(30):
            begun = loop.time()
            await http.get("/healthz")
            times.append(loop.time() - begun)
    assert sorted(times)[5] < 0.03
