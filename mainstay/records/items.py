"""Action items, overrides, deliveries and standing effects: rows that are put and listed."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from mainstay.domain.work import ItemRow, SaveEffect
from mainstay.records.dialect import put
from mainstay.records.rows import DeliveryReported, DeliveryRow, OverrideRow
from mainstay.records.tables import action_items, deliveries, effects, overrides

FINISHED = ("done",)
_SETTLED = ("accepted", "delivered", "dead")
_REPORTED = ("delivered", "dead")


async def save_item(connection: AsyncConnection, item: ItemRow) -> None:
    """Insert or overwrite; the instant of creation stays the first one."""
    values = item.model_dump()
    await put(connection, action_items, values, keep=() if item.created_at else ("created_at",))


async def item(connection: AsyncConnection, id_: str) -> ItemRow | None:
    found = await connection.execute(select(action_items).where(action_items.c.id == id_))
    row = found.one_or_none()
    return ItemRow(**row._mapping) if row else None


async def items(
    connection: AsyncConnection, *, owner: str, incident: str, open_only: bool, limit: int
) -> tuple[ItemRow, ...]:
    """What is due first comes first. ``incident`` is a key or a number."""
    c = action_items.c
    wanted: list[ColumnElement[bool]] = []
    if owner:
        wanted.append(c.owner == owner)
    if incident:
        wanted.append((c.incident_key == incident) | (c.incident_number == incident))
    if open_only:
        wanted.append(c.status.not_in(FINISHED))
    query = select(action_items).where(*wanted).order_by(c.due, c.id).limit(limit)
    return tuple(ItemRow(**row._mapping) for row in await connection.execute(query))


async def save_override(connection: AsyncConnection, row: OverrideRow) -> bool:
    """True if it is new. The same id again changes nothing: a retried request is one override."""
    known = await connection.execute(select(overrides.c.id).where(overrides.c.id == row.id))
    if known.one_or_none():
        return False
    await put(connection, overrides, row.model_dump(), keep=row.model_dump())
    return True


async def remove_override(connection: AsyncConnection, id_: str, at: datetime) -> bool:
    """Kept, but no longer in force; True if it was in force before."""
    changed = await connection.execute(
        update(overrides)
        .where(overrides.c.id == id_, overrides.c.removed_at.is_(None))
        .values(removed_at=at)
        .returning(overrides.c.id)
    )
    return changed.one_or_none() is not None


async def list_overrides(
    connection: AsyncConnection, *, schedule: str, since: datetime | None, until: datetime | None
) -> tuple[OverrideRow, ...]:
    """Those in force that touch [``since``, ``until``), in the order in which they were made."""
    c = overrides.c
    wanted: list[ColumnElement[bool]] = [c.removed_at.is_(None)]
    if schedule:
        wanted.append(c.schedule == schedule)
    if since:
        wanted.append(c.end > since)
    if until:
        wanted.append(c.start < until)
    query = select(overrides).where(*wanted).order_by(c.created_at, c.id)
    return tuple(OverrideRow(**row._mapping) for row in await connection.execute(query))


async def save_delivery(connection: AsyncConnection, row: DeliveryRow) -> DeliveryRow:
    """Insert or move on; what a provider once accepted does not become "sending" again."""
    await put(connection, deliveries, row.model_dump(), keep=row.model_dump())  # insert only
    locked = select(deliveries).where(deliveries.c.id == row.id).with_for_update()
    known = DeliveryRow(**(await connection.execute(locked)).one()._mapping)
    if known.state in _REPORTED and row.state not in _REPORTED:
        # The provider's word came before the journal's: it stays, and the journal fills in the rest.
        told = {"state": known.state, "provider_id": known.provider_id or row.provider_id}
        row = row.model_copy(update={**told, "detail": known.detail or row.detail})
    back = known.state in _SETTLED and row.state in ("sending", "failed")
    if known == row or back:
        return known
    await put(connection, deliveries, row.model_dump())
    return row


async def report_delivery(connection: AsyncConnection, report: DeliveryReported) -> DeliveryRow | None:
    """Move one on as its provider says; None when no such notification is known.

    A dead one stays dead and a delivered one delivered: callbacks repeat and overtake each other.
    """
    c = deliveries.c
    if report.key:
        blank = DeliveryRow(id=report.key, incident_key=report.incident_key, channel=report.channel, at=report.at)
        await put(connection, deliveries, blank.model_dump(), keep=blank.model_dump())
        chosen = c.id == report.key
    else:
        chosen = (c.provider_id == report.provider_id) & (c.channel == report.channel)
    found = (await connection.execute(select(deliveries).where(chosen).limit(1).with_for_update())).one_or_none()
    if found is None:
        return None
    known = DeliveryRow(**found._mapping)
    if known.state in _REPORTED:
        return known
    told = {"state": report.state, "detail": report.detail or known.detail}
    row = known.model_copy(update={**told, "provider_id": report.provider_id or known.provider_id})
    await put(connection, deliveries, row.model_dump())
    return row


async def delivery(connection: AsyncConnection, id_: str) -> DeliveryRow | None:
    row = (await connection.execute(select(deliveries).where(deliveries.c.id == id_))).one_or_none()
    return DeliveryRow(**row._mapping) if row else None


async def list_deliveries(connection: AsyncConnection, incident_key: str) -> tuple[DeliveryRow, ...]:
    c = deliveries.c
    query = select(deliveries).where(c.incident_key == incident_key).order_by(c.at, c.id)
    return tuple(DeliveryRow(**row._mapping) for row in await connection.execute(query))


async def save_effect(connection: AsyncConnection, effect: SaveEffect) -> None:
    """Put it into the ledger, or mark it undone. Undone stays undone: a late retry brings nothing back."""
    values = effect.model_dump(exclude={"undone"}) | {"undone_at": effect.at if effect.undone else None}
    # Marking it undone keeps the first entry's words and its instant.
    keep = [name for name in values if name != "undone_at" or not effect.undone]
    await put(connection, effects, values, keep=keep)


async def list_effects(
    connection: AsyncConnection, *, open_only: bool, runs: Collection[str] | None
) -> tuple[SaveEffect, ...]:
    """Oldest first; of these runs only, if any are named."""
    query = select(effects).order_by(effects.c.at, effects.c.id)
    if open_only:
        query = query.where(effects.c.undone_at.is_(None))
    if runs is not None:
        query = query.where(effects.c.run.in_(runs))
    found = [dict(row._mapping) for row in await connection.execute(query)]
    return tuple(SaveEffect(**row, undone=row["undone_at"] is not None) for row in found)
