"""The private PostgreSQL keeps its data over stops and crashes."""

from __future__ import annotations

import asyncio
from pathlib import Path

import psycopg
import pytest

from devstack.postgres import Postgres


async def run(url: str, statement: str) -> list[tuple[object, ...]]:
    def execute() -> list[tuple[object, ...]]:
        with psycopg.connect(url.replace("+psycopg", ""), autocommit=True, connect_timeout=5) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    return await asyncio.to_thread(execute)


async def test_it_speaks_sql_in_utf8(postgres_url: str) -> None:
    assert postgres_url.startswith("postgresql+psycopg://")
    assert await run(postgres_url, "SELECT length('⚠é')") == [(2,)]


async def test_each_test_can_have_a_database_of_its_own(postgres: Postgres) -> None:
    first, second = await postgres.create_database("one"), await postgres.create_database("two")
    await run(first, "CREATE TABLE only_here (id int)")
    assert await run(second, "SELECT to_regclass('only_here')") == [(None,)]
    assert await postgres.create_database("one") == first


async def test_data_survives_stop_and_kill(tmp_path: Path) -> None:
    server = Postgres(tmp_path / "postgres")
    async with server:
        await run(server.url, "CREATE TABLE kept AS SELECT 1 AS id")
        await server.stop()
        with pytest.raises(psycopg.OperationalError):
            await run(server.url, "SELECT 1")
        await server.start()
        await run(server.url, "INSERT INTO kept VALUES (2)")
        await server.kill()
        await server.start()
        assert await run(server.url, "SELECT id FROM kept ORDER BY id") == [(1,), (2,)]


async def test_the_password_is_needed(postgres_url: str) -> None:
    head, _, rest = postgres_url.rpartition("@")
    stranger = head.rpartition(":")[0] + ":wrong@" + rest
    with pytest.raises(psycopg.OperationalError, match="authentication failed"):
        await run(stranger, "SELECT 1")
