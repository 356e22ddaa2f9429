"""Insert-or-update, which both databases write alike but SQLAlchemy keeps per dialect."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

Insert = postgresql.Insert | sqlite.Insert


def insert(connection: AsyncConnection, table: Table) -> Insert:
    """An INSERT that knows ON CONFLICT."""
    return sqlite.insert(table) if connection.dialect.name == "sqlite" else postgresql.insert(table)


async def put(connection: AsyncConnection, table: Table, values: Mapping[str, Any], keep: Iterable[str] = ()) -> None:
    """Insert the row, or overwrite the one with its primary key except for the columns in ``keep``.

    With every column in ``keep`` a row that is there already stays as it is.
    """
    keys = [column.name for column in table.primary_key]
    statement = insert(connection, table).values(dict(values))
    changed = {name: statement.excluded[name] for name in values if name not in {*keys, *keep}}
    if changed:
        statement = statement.on_conflict_do_update(index_elements=keys, set_=changed)
    else:
        statement = statement.on_conflict_do_nothing(index_elements=keys)
    await connection.execute(statement)
