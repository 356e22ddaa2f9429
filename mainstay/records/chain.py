"""The journal: an idempotent append and a hash chain, so that what was written stays what was written."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from itertools import groupby

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from mainstay.domain.errors import InvalidArgument
from mainstay.domain.model import canonical
from mainstay.domain.timeline import INCIDENT, AnyEntry, Noted
from mainstay.domain.work import AppendRequest
from mainstay.records import incidents
from mainstay.records.rows import ChainReport
from mainstay.records.tables import incidents as incident_table
from mainstay.records.tables import journal

_ENTRY: TypeAdapter[AnyEntry] = TypeAdapter(AnyEntry)


def link(previous: str, entry: str) -> str:
    """The hash of a row: SHA-256 over the hash of the row before (empty for the first) and its text."""
    return hashlib.sha256((previous + entry).encode()).hexdigest()


async def append(connection: AsyncConnection, request: AppendRequest) -> int:
    """Store what is new; the answer is how far the sender's numbers are stored without a gap.

    The sender knows that everything before its first entry was confirmed or had to be dropped, so the count
    starts there. An entry whose (key, source, seq) is known changes nothing, whatever it says: what was
    written first stays. Two sources may arrive in any order.
    """
    key, entries = request.row.key, request.entries
    sources = {entry.source for entry in entries} or {INCIDENT}
    top = max((entry.seq for entry in entries if entry.source == INCIDENT), default=0)
    # Also takes the row's lock, so that two appends to one journal cannot give out the same position.
    await incidents.upsert(connection, request.row, revision=top, owner=INCIDENT in sources)
    known = await _known(connection, key, sources)
    fresh: dict[tuple[str, int], AnyEntry] = {}
    for entry in entries:
        if entry.seq < 1:
            raise InvalidArgument(f"journal entries count from 1, not {entry.seq}", field="entries.seq")
        if (entry.source, entry.seq) not in known:
            fresh.setdefault((entry.source, entry.seq), entry)
    await _store(connection, key, [fresh[at] for at in sorted(fresh)])
    known |= set(fresh)
    source = entries[0].source if entries else INCIDENT
    first = min((entry.seq for entry in entries if entry.source == source), default=1)
    return _contiguous({seq for of, seq in known if of == source}, first)


def _contiguous(stored: set[int], first: int) -> int:
    """The last of the unbroken run that starts at ``first``; ``first`` - 1 if that one is missing."""
    while first in stored:
        first += 1
    return first - 1


async def _known(connection: AsyncConnection, key: str, sources: Iterable[str]) -> set[tuple[str, int]]:
    wanted = select(journal.c.source, journal.c.seq).where(journal.c.key == key, journal.c.source.in_(list(sources)))
    return {(row.source, row.seq) for row in await connection.execute(wanted)}


async def _store(connection: AsyncConnection, key: str, entries: Sequence[AnyEntry]) -> None:
    if not entries:
        return
    tip = select(incident_table.c.chain_length, incident_table.c.chain_hash).where(incident_table.c.key == key)
    position, previous = (await connection.execute(tip)).one()
    rows = []
    for entry in entries:
        position += 1
        text = canonical(entry)
        previous = link(previous, text)
        rows.append(
            {
                "key": key,
                "source": entry.source,
                "seq": entry.seq,
                "position": position,
                "at": entry.at,
                "kind": entry.kind,
                "entry": text,
                "hash": previous,
            }
        )
    await connection.execute(insert(journal), rows)
    await connection.execute(
        update(incident_table).where(incident_table.c.key == key).values(chain_length=position, chain_hash=previous)
    )


async def entries_of(connection: AsyncConnection, key: str) -> tuple[AnyEntry, ...]:
    """Every entry, oldest first; entries of one instant in the order in which their source counted them."""
    wanted = (
        select(journal.c.entry, journal.c.at, journal.c.kind, journal.c.source, journal.c.seq)
        .where(journal.c.key == key)
        .order_by(journal.c.at, journal.c.source, journal.c.seq)
    )
    found: list[AnyEntry] = []
    for row in await connection.execute(wanted):
        try:
            found.append(_ENTRY.validate_json(row.entry))
        except ValidationError:
            # A newer version wrote it: shown as what it is, instead of hiding it or failing the page.
            text = f"An entry of kind {row.kind!r} that this version does not know"
            found.append(Noted(at=row.at, source=row.source, seq=row.seq, text=text))
    return tuple(found)


async def verify(connection: AsyncConnection, key: str) -> ChainReport:
    """Compute every hash again, and compare the end with what the incident's own row remembers."""
    tip = select(incident_table.c.chain_length, incident_table.c.chain_hash).where(incident_table.c.key == key)
    known = (await connection.execute(tip)).one_or_none()
    length, last = (known.chain_length, known.chain_hash) if known else (0, "")
    wanted = (
        select(journal.c.position, journal.c.source, journal.c.seq, journal.c.entry, journal.c.hash)
        .where(journal.c.key == key)
        .order_by(journal.c.position)
    )
    rows = (await connection.execute(wanted)).all()
    report = ChainReport(
        key=key, entries=len(rows), intact=True, missing=_missing((row.source, row.seq) for row in rows)
    )
    previous = ""
    for place, row in enumerate(rows, start=1):
        previous = link(previous, row.entry)
        if row.position != place:
            return _broken(report, place, f"row {place} is missing")
        if row.hash != previous:
            return _broken(report, place, f"row {place} is not what was written")
    if len(rows) != length:
        return _broken(report, len(rows) + 1, f"{length} rows were written and {len(rows)} are there")
    if previous != last:
        return _broken(report, len(rows), "the last row is not what was written")
    return report


def _broken(report: ChainReport, place: int, detail: str) -> ChainReport:
    return report.model_copy(update={"intact": False, "broken_at": place, "detail": detail})


def _missing(stored: Iterable[tuple[str, int]]) -> tuple[str, ...]:
    gaps = []
    for source, group in groupby(sorted(stored), key=lambda pair: pair[0]):
        expected = 1
        for _, seq in group:
            if seq > expected:
                gaps.append(f"{source}: {expected} to {seq - 1}")
            expected = seq + 1
    return tuple(gaps)
