"""The store: one object, a method per question, each in one transaction and answered within the timeout."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable
from datetime import datetime, timedelta
from types import TracebackType
from typing import Self

from sqlalchemy import text

from mainstay.domain.errors import Refusal
from mainstay.domain.oncall.health import PageFact
from mainstay.domain.oncall.schedule import Override
from mainstay.domain.oncall.swap import Swap
from mainstay.domain.timeline import AnyEntry
from mainstay.domain.work import AppendRequest, Earlier, HandledBefore, IncidentRow, ItemRow, SaveEffect
from mainstay.records import chain, incidents, items, migrate, numbers, oncall, reports
from mainstay.records.engine import Engine
from mainstay.records.rows import (
    ChainReport,
    DeliveryReported,
    DeliveryRow,
    FeedRow,
    IncidentList,
    IncidentQuery,
    OverrideRow,
    Report,
)

TIMEOUT = timedelta(seconds=5)
_log = logging.getLogger(__name__)


class Store:
    """The record store on SQLite or PostgreSQL.

    Every method raises Unavailable when the database has not answered within ``timeout``, and
    InvalidArgument when it refuses the values. Making one contacts nothing, so that paging starts although
    the records are down.
    """

    def __init__(self, url: str, *, timeout: timedelta = TIMEOUT) -> None:
        """``url`` is an SQLAlchemy address: ``sqlite+aiosqlite:///PATH`` or ``postgresql+psycopg://…``."""
        self._engine = Engine(url, timeout)

    @classmethod
    async def connect(cls, url: str, *, timeout: timedelta = TIMEOUT) -> Self:
        """A store whose tables are up to date. Raises Unavailable, and leaves nothing open then."""
        store = cls(url, timeout=timeout)
        try:
            await store.migrate()
        except BaseException:
            await store.close()
            raise
        return store

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"Store({self._engine.where!r})"

    async def close(self) -> None:
        await self._engine.close()

    async def ping(self) -> None:
        """Raises Unavailable if the database does not answer."""
        await self._engine.read(lambda connection: connection.execute(text("SELECT 1")))

    async def migrate(self) -> None:
        """Bring the tables up to date. Safe to call from several processes at once, and every time."""
        await self.ping()
        await self._engine.write_slowly(migrate.upgrade)

    async def migrate_when_up(self, again: timedelta = timedelta(seconds=5)) -> None:
        """``migrate`` as soon as the database answers, however long that takes; each failure is logged."""
        while True:
            try:
                await self.migrate()
            except Refusal as refusal:
                _log.warning("record store: %s; trying again", refusal.message)
                await asyncio.sleep(again.total_seconds())
            else:
                return

    # ---- incidents and their journal

    async def number(self, key: str, at: datetime) -> str:
        """``INC-2026-0042``: drawn once per incident key, whoever asks and however often."""
        while True:  # ends: whoever raced has committed, so the next look finds its number
            try:
                return await self._engine.write(lambda c: numbers.draw(c, key, at))
            except numbers.Raced:
                continue

    async def append(self, request: AppendRequest) -> int:
        """Journal entries and the incident's row; answers how far the sender's numbers are stored."""
        return await self._engine.write(lambda c: chain.append(c, request))

    async def journal(self, key: str) -> tuple[AnyEntry, ...]:
        """Every entry of one incident, oldest first."""
        return await self._engine.read(lambda c: chain.entries_of(c, key))

    async def verify_chain(self, key: str) -> ChainReport:
        """Whether the journal is still what was written."""
        return await self._engine.read(lambda c: chain.verify(c, key))

    async def find(self, ref: str) -> IncidentRow | None:
        """By number, key or workflow id; of several incidents with one workflow id the latest."""
        return await self._engine.read(lambda c: incidents.find(c, ref))

    incident = find

    async def incidents(self, query: IncidentQuery = IncidentQuery()) -> IncidentList:  # noqa: B008 - frozen
        """A page, newest first. Raises InvalidArgument for an ``after`` that no page gave out."""
        return await self._engine.read(lambda c: incidents.page(c, query))

    async def handled_before(self, request: HandledBefore) -> Earlier:
        """The ended incident that handled one of these occurrences; empty if none did."""
        return await self._engine.read(lambda c: incidents.handled_before(c, request))

    async def report(self, since: datetime, until: datetime) -> Report:
        """Counts and mean times of the incidents declared in [``since``, ``until``)."""
        return await self._engine.read(lambda c: reports.report(c, since, until))

    # ---- action items

    async def save_item(self, item: ItemRow) -> None:
        await self._engine.write(lambda c: items.save_item(c, item))

    async def item(self, id_: str) -> ItemRow | None:
        return await self._engine.read(lambda c: items.item(c, id_))

    async def items(
        self, owner: str = "", incident: str = "", open_only: bool = False, limit: int = 500
    ) -> tuple[ItemRow, ...]:
        """What is due first comes first. ``incident`` is a key or a number."""
        return await self._engine.read(
            lambda c: items.items(c, owner=owner, incident=incident, open_only=open_only, limit=limit)
        )

    # ---- overrides of schedules

    async def save_override(self, row: OverrideRow) -> bool:
        """True if it is new; the same id again changes nothing."""
        return await self._engine.write(lambda c: items.save_override(c, row))

    async def remove_override(self, id_: str, at: datetime) -> bool:
        """True if it was in force."""
        return await self._engine.write(lambda c: items.remove_override(c, id_, at))

    async def override_rows(
        self, schedule: str = "", since: datetime | None = None, until: datetime | None = None
    ) -> tuple[OverrideRow, ...]:
        """Those in force that touch [``since``, ``until``), in the order in which they were made."""
        return await self._engine.read(lambda c: items.list_overrides(c, schedule=schedule, since=since, until=until))

    async def overrides(
        self, schedule: str = "", since: datetime | None = None, until: datetime | None = None
    ) -> dict[str, tuple[Override, ...]]:
        """Schedule → its overrides, for the on-call look-up. Where two overlap, the later one is meant."""
        found: dict[str, tuple[Override, ...]] = {}
        for row in await self.override_rows(schedule, since, until):
            one = Override(person=row.person, start=row.start, end=row.end, note=row.note)
            found[row.schedule] = (*found.get(row.schedule, ()), one)
        return found

    async def change_overrides(self, add: Iterable[OverrideRow], remove: Iterable[str], by: str, at: datetime) -> int:
        """Several at once, all or nothing; answers how many are new."""
        rows, gone = tuple(add), tuple(remove)
        return await self._engine.write(lambda c: oncall.change_overrides(c, rows, gone, by, at))

    # ---- swaps and calendar feeds

    async def offer_swap(self, swap: Swap) -> Swap:
        """The same id again is the same offer."""
        return await self._engine.write(lambda c: oncall.offer_swap(c, swap))

    async def swap(self, id_: str) -> Swap:
        """Raises NotFound."""
        return await self._engine.read(lambda c: oncall.swap_of(c, id_))

    async def answer_swap(self, id_: str, answer: Callable[[Swap], tuple[Swap, tuple[OverrideRow, ...]]]) -> Swap:
        """Raises NotFound, and what ``answer`` raises: then nothing has changed."""
        return await self._engine.write(lambda c: oncall.answer_swap(c, id_, answer))

    async def swaps(self, schedule: str, since: datetime) -> tuple[Swap, ...]:
        """Offers whose shift is not over at ``since``, the earliest first."""
        return await self._engine.read(lambda c: oncall.list_swaps(c, schedule=schedule, since=since))

    async def page_facts(self, since: datetime, until: datetime) -> tuple[PageFact, ...]:
        """Who was paged for which incident in [``since``, ``until``)."""
        return await self._engine.read(lambda c: oncall.page_facts(c, since, until))

    async def save_feed(self, row: FeedRow) -> None:
        await self._engine.write(lambda c: oncall.save_feed(c, row))

    async def revoke_feeds(self, kind: str, name: str, by: str, at: datetime) -> int:
        """How many addresses no longer work."""
        return await self._engine.write(lambda c: oncall.revoke_feeds(c, kind, name, by, at))

    async def feed(self, id_: str) -> FeedRow | None:
        return await self._engine.read(lambda c: oncall.feed(c, id_))

    # ---- deliveries

    async def save_delivery(self, row: DeliveryRow) -> DeliveryRow:
        """Insert or move on; answers what is stored now. Accepted never becomes "sending" again."""
        return await self._engine.write(lambda c: items.save_delivery(c, row))

    async def report_delivery(self, report: DeliveryReported) -> DeliveryRow | None:
        """What the provider says became of a notification; answers what is stored now, None if it is unknown."""
        return await self._engine.write(lambda c: items.report_delivery(c, report))

    async def delivery(self, id_: str) -> DeliveryRow | None:
        """By its idempotency key."""
        return await self._engine.read(lambda c: items.delivery(c, id_))

    async def deliveries(self, incident_key: str) -> tuple[DeliveryRow, ...]:
        return await self._engine.read(lambda c: items.list_deliveries(c, incident_key))

    # ---- changes that stand

    async def save_effect(self, effect: SaveEffect) -> None:
        """Put a change into the ledger, or mark it undone; undone stays undone."""
        await self._engine.write(lambda c: items.save_effect(c, effect))

    async def effects(self, open_only: bool = True, runs: Collection[str] | None = None) -> tuple[SaveEffect, ...]:
        """The ledger of changes, oldest first; of these runs (workflow ids) only, if any are named."""
        return await self._engine.read(lambda c: items.list_effects(c, open_only=open_only, runs=runs))
