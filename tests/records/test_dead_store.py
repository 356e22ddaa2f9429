"""A dead, silent or locked database: Unavailable in time, and well again when the database is."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from devstack.postgres import Postgres
from devstack.processes import free_ports
from mainstay.domain.errors import InvalidArgument, Unavailable
from mainstay.domain.work import AppendRequest
from mainstay.records import Store
from tests.records.samples import NOW, append

SHORT = timedelta(seconds=1)


@pytest_asyncio.fixture(loop_scope="session")
async def silent_port() -> AsyncIterator[int]:
    """Takes connections and never says a word."""
    held: list[asyncio.StreamWriter] = []

    async def hold(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        held.append(writer)

    async with await asyncio.start_server(hold, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]
        for writer in held:
            writer.close()


async def test_silence(silent_port: int) -> None:
    """A database that takes connections and stays silent is down after the timeout, not after minutes."""
    async with Store(f"postgresql+psycopg://u:hidden@127.0.0.1:{silent_port}/r", timeout=SHORT) as store:
        begun = time.monotonic()
        with pytest.raises(Unavailable, match="did not answer within 1 s") as refusal:
            await store.number("k", NOW)
        assert time.monotonic() - begun < 3
    assert "hidden" not in refusal.value.message
    assert "hidden" not in repr(store)


async def test_nobody_there() -> None:
    """A refused connection is Unavailable, and making the store did not need it."""
    (port,) = free_ports(1)
    async with Store(f"postgresql+psycopg://u:hidden@127.0.0.1:{port}/r", timeout=SHORT) as store:
        with pytest.raises(Unavailable) as refusal:
            await store.journal("k")
    assert "hidden" not in str(refusal.value)
    with pytest.raises(Unavailable):
        await Store.connect(f"postgresql+psycopg://127.0.0.1:{port}/r", timeout=SHORT)


async def test_locked_file(tmp_path: Path) -> None:
    """While another process holds SQLite's lock writes are Unavailable in time, and reads go on."""
    path = tmp_path / "records.db"
    async with await Store.connect(f"sqlite+aiosqlite:///{path}", timeout=SHORT) as store:
        await store.append(append("k", 1))
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        begun = time.monotonic()
        with pytest.raises(Unavailable):
            await store.append(append("k", 2))
        assert time.monotonic() - begun < 3
        assert len(await store.journal("k")) == 1
        other.execute("ROLLBACK")
        other.close()
        assert await _in_time(store.append, append("k", 2)) == 2


async def test_killed_server(tmp_path: Path) -> None:
    """After the server was killed the store is Unavailable, and works again once the server is back."""
    async with Postgres(tmp_path / "pg") as server, await Store.connect(server.url) as store:
        await store.append(append("k", 1))
        await server.kill()
        with pytest.raises(Unavailable):
            await store.append(append("k", 2))
        await server.start()
        assert await _in_time(store.append, append("k", 1, 2)) == 2
        assert (await store.verify_chain("k")).intact


async def _in_time(call: Callable[[AppendRequest], Awaitable[int]], request: AppendRequest) -> int:
    deadline = time.monotonic() + 10
    while True:
        try:
            return await call(request)
        except Unavailable:
            if time.monotonic() > deadline:
                raise


async def test_cancelled_asker(store: Store) -> None:
    """A caller that goes away takes no connection with it."""
    for _ in range(20):
        task = asyncio.ensure_future(store.number("k", NOW))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert await store.number("k", NOW) == "INC-2026-0001"


@pytest.mark.parametrize(
    "url", ["", "nonsense", "mysql://u:hidden@h/d", "sqlite+aiosqlite://", "sqlite+aiosqlite:///:memory:"]
)
def test_addresses_that_cannot_be(url: str) -> None:
    """An address of neither database is refused by the name of its setting, without its password."""
    with pytest.raises(InvalidArgument) as refusal:
        Store(url)
    assert refusal.value.field == "database_url"
    assert "hidden" not in refusal.value.message
