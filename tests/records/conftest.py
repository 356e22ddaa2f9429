"""The same tests on both databases: an SQLite file per test, and one PostgreSQL database emptied per test."""

from __future__ import annotations

import shutil
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


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("records") / "records.db"
    async with await Store.connect(f"sqlite+aiosqlite:///{path}"):
        return path


@pytest.fixture(params=["sqlite", "postgresql"])
def records_url(request: pytest.FixtureRequest, tmp_path: Path, migrated_file: Path, migrated_postgres: str) -> str:
    """The address of an empty record store whose tables exist."""
    if request.param == "sqlite":
        return f"sqlite+aiosqlite:///{shutil.copy(migrated_file, tmp_path / 'records.db')}"
    with psycopg.connect(migrated_postgres.replace("+psycopg", ""), autocommit=True) as connection:
        for name in reversed(metadata.sorted_tables):  # quicker than TRUNCATE for a few rows
            connection.execute(f'DELETE FROM "{name}"'.encode())
    return migrated_postgres


@pytest_asyncio.fixture(loop_scope="session")
async def store(records_url: str) -> AsyncIterator[Store]:
    async with Store(records_url, timeout=PATIENCE) as opened:
        yield opened
