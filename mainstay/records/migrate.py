"""Alembic without its command line: the migrations lie in the package and run inside one transaction."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncConnection

MIGRATIONS = Path(__file__).parent / "migrations"
_LOCK = 0x4D41494E  # any number that nothing else in this database locks


async def upgrade(connection: AsyncConnection) -> None:
    """To the newest revision, from whichever it is at."""
    if connection.dialect.name == "postgresql":
        # Several processes start at once: one migrates, the others wait and find nothing left to do.
        # (On SQLite, BEGIN IMMEDIATE does the same.) Statement timeouts are for questions, not for this.
        await connection.execute(text("SET LOCAL statement_timeout = 0"))
        await connection.execute(text("SET LOCAL lock_timeout = 0"))
        await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    await connection.run_sync(_run)


def _run(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
