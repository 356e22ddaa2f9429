"""What people arranged at run time: several overrides at once, swaps, calendar feeds."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from mainstay.domain.errors import NotFound
from mainstay.domain.incident import Phase
from mainstay.domain.oncall.health import PageFact
from mainstay.domain.oncall.swap import Swap
from mainstay.records.dialect import put
from mainstay.records.items import save_override
from mainstay.records.rows import FeedRow, OverrideRow
from mainstay.records.tables import deliveries, feeds, incidents, overrides, swaps

REACHED = ("sent", "accepted", "delivered")
"""States of a delivery that woke somebody, or may have."""


async def change_overrides(
    connection: AsyncConnection, add: Iterable[OverrideRow], remove: Iterable[str], by: str, at: datetime
) -> int:
    """All or nothing; answers how many are new."""
    gone = list(remove)
    if gone:
        await connection.execute(
            update(overrides)
            .where(overrides.c.id.in_(gone), overrides.c.removed_at.is_(None))
            .values(removed_at=at, removed_by=by)
        )
    return sum([await save_override(connection, row) for row in add])


async def offer_swap(connection: AsyncConnection, swap: Swap) -> Swap:
    """The same id again is the same offer, whatever has become of it."""
    await put(connection, swaps, swap.model_dump(), keep=swap.model_dump())
    return await swap_of(connection, swap.id)


async def swap_of(connection: AsyncConnection, id_: str, *, lock: bool = False) -> Swap:
    """Raises NotFound."""
    wanted = select(swaps).where(swaps.c.id == id_)
    row = (await connection.execute(wanted.with_for_update() if lock else wanted)).one_or_none()
    if row is None:
        raise NotFound(f"no swap has the id {id_!r}: mainstay oncall swap list shows them", field="swap")
    return Swap(**row._mapping)


async def answer_swap(
    connection: AsyncConnection, id_: str, answer: Callable[[Swap], tuple[Swap, tuple[OverrideRow, ...]]]
) -> Swap:
    """``answer`` decides under the row's lock; the overrides of an accepted one are made in the same breath."""
    before = await swap_of(connection, id_, lock=True)
    after, rows = answer(before)
    if after != before:
        await put(connection, swaps, after.model_dump())
        for row in rows:
            await save_override(connection, row)
    return after


async def list_swaps(connection: AsyncConnection, *, schedule: str, since: datetime) -> tuple[Swap, ...]:
    """Those whose shift ends after ``since``, the earliest first."""
    wanted = select(swaps).where(swaps.c.end > since).order_by(swaps.c.start, swaps.c.id).limit(500)
    if schedule:
        wanted = wanted.where(swaps.c.schedule == schedule)
    return tuple(Swap(**row._mapping) for row in await connection.execute(wanted))


async def page_facts(connection: AsyncConnection, since: datetime, until: datetime) -> tuple[PageFact, ...]:
    """Who was paged for which incident in [``since``, ``until``), once each; exercises do not count."""
    d, i = deliveries.c, incidents.c
    first = (
        select(d.person, d.incident_key, func.min(d.at).label("at"))
        .where(d.at >= since, d.at < until, d.person != "", d.state.in_(REACHED))
        .group_by(d.person, d.incident_key)
        .subquery()
    )
    wanted = (
        select(
            *(first.c.person, first.c.incident_key, first.c.at),
            *(i.declared_at, i.acknowledged_at, i.mitigated_at, i.phase),
        )
        .join(incidents, i.key == first.c.incident_key)
        .where(i.exercise.is_(False))
        .order_by(first.c.at, first.c.person)
    )
    return tuple(
        PageFact(**row._mapping, false_alarm=row.phase == Phase.CANCELLED.value)
        for row in await connection.execute(wanted)
    )


async def save_feed(connection: AsyncConnection, row: FeedRow) -> None:
    """A new secret takes the place of the same person's earlier ones for the same calendar."""
    await revoke_feeds(connection, row.kind, row.name, row.by, row.created_at)
    await put(connection, feeds, row.model_dump())


async def revoke_feeds(connection: AsyncConnection, kind: str, name: str, by: str, at: datetime) -> int:
    """``by`` empty: everybody's. Answers how many addresses no longer work."""
    c = feeds.c
    wanted = update(feeds).where(c.kind == kind, c.name == name, c.revoked_at.is_(None)).values(revoked_at=at)
    if by:
        wanted = wanted.where(c.by == by)
    return len((await connection.execute(wanted.returning(c.id))).all())


async def feed(connection: AsyncConnection, id_: str) -> FeedRow | None:
    """None for one that never was, or was revoked."""
    found = await connection.execute(select(feeds).where(feeds.c.id == id_, feeds.c.revoked_at.is_(None)))
    row = found.one_or_none()
    return FeedRow(**row._mapping) if row else None
