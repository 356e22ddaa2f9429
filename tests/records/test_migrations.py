"""Migrations lead from nothing to exactly the tables that the code uses, on both databases."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text

from devstack.postgres import Postgres
from mainstay.domain.errors import Unavailable
from mainstay.records import Store
from mainstay.records.tables import metadata


@pytest.fixture(params=["sqlite", "postgresql"])
async def empty_url(request: pytest.FixtureRequest, tmp_path: Path, postgres: Postgres) -> str:
    if request.param == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path / 'empty' / 'records.db'}"
    return await postgres.create_database(f"empty_{request.node.originalname[-20:]}")


async def test_from_empty_to_the_tables(empty_url: str) -> None:
    """Migrations build what tables.py says, no more and no less."""

    def differences(connection: Connection) -> list[Any]:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return [change for change in compare_metadata(context, metadata) if "alembic_version" not in str(change)]

    async with await Store.connect(empty_url) as store:
        assert await store._engine.read(lambda c: c.run_sync(differences)) == []


async def test_several_processes_at_once(empty_url: str) -> None:
    """Processes that start together migrate once; migrating again changes nothing."""
    stores = [Store(empty_url) for _ in range(8)]
    try:
        await asyncio.gather(*(store.migrate() for store in stores))
        await stores[0].migrate()
        versions = await stores[0]._engine.read(lambda c: c.execute(text("SELECT version_num FROM alembic_version")))
        assert [row[0] for row in versions] == ["0003"]
    finally:
        for store in stores:
            await store.close()


async def test_before_the_first_migration(empty_url: str) -> None:
    """A process that starts before the tables are there is told to try again, not that it is broken."""
    async with Store(empty_url) as store:
        with pytest.raises(Unavailable, match="table"):
            await store.find("k")
