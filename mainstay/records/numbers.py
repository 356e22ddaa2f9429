"""Incident numbers: ``INC-2026-0042``, drawn exactly once per incident key, without gaps."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from mainstay.records.dialect import insert
from mainstay.records.tables import incident_numbers, incidents, number_counters


class Raced(Exception):  # noqa: N818 - nothing is wrong
    """Another asker drew for the same key meanwhile. Undo the transaction and ask again."""


async def draw(connection: AsyncConnection, key: str, at: datetime) -> str:
    """The number of ``key``: the one it has, or the next of the year of ``at`` (UTC). Raises Raced.

    Counting takes the lock of the year's row. An asker that finds, with the lock in hand, that another one
    drew for its key undoes its count with the transaction: no number is drawn twice or thrown away.
    """
    found = await number_of(connection, key)
    if found:
        return found
    year = at.astimezone(UTC).year
    number = f"INC-{year}-{await _count(connection, year):04d}"
    drawn = await connection.execute(
        insert(connection, incident_numbers)
        .values(key=key, number=number, drawn_at=at)
        .on_conflict_do_nothing(index_elements=["key"])
        .returning(incident_numbers.c.number)
    )
    if drawn.one_or_none() is None:
        raise Raced
    await connection.execute(update(incidents).where(incidents.c.key == key).values(number=number))
    return number


async def _count(connection: AsyncConnection, year: int) -> int:
    statement = (
        insert(connection, number_counters)
        .values(year=year, last=1)
        .on_conflict_do_update(index_elements=["year"], set_={"last": number_counters.c.last + 1})
        .returning(number_counters.c.last)
    )
    return int((await connection.execute(statement)).scalar_one())


async def number_of(connection: AsyncConnection, key: str) -> str:
    """The number drawn for ``key``, or empty."""
    found = await connection.execute(select(incident_numbers.c.number).where(incident_numbers.c.key == key))
    return found.scalar_one_or_none() or ""
