"""The same tests on both databases: an SQLite file per test, and one PostgreSQL database emptied per test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
import pytest_asyncio

from devstack.postgres import Postgres
from mainstay.records import Store
from mainstay.records.tables import metadata

PATIENCE = timedelta(seconds=60)
"""On a busy machine a queue of a thousand writes takes longer than people should wait for one."""


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def migrated_postgres(postgres: Postgres) -> str:
    url = await postgres.create_database("records")
    async with await Store.connect(url, timeout=PATIENCE):
        return url


@pytest.fixture(params=["sqlite", "postgresql"])
def records_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty record store whose tables exist (PostgreSQL) or will (SQLite)."""
    if request.param == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path / 'records.db'}"
    url: str = request.getfixturevalue("migrated_postgres")
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        names = ", ".join(f'"{name}"' for name in metadata.tables)
        connection.execute(f"TRUNCATE {names}".encode())
    return url


@pytest_asyncio.fixture(loop_scope="session")
async def store(records_url: str) -> AsyncIterator[Store]:
    async with await Store.connect(records_url, timeout=PATIENCE) as opened:
        yield opened
