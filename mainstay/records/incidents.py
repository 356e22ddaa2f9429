"""The incidents' rows: what lists, status page and reports read."""

from __future__ import annotations

import hashlib
import json
import re
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, case, or_, select, true
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from mainstay.domain.errors import InvalidArgument
from mainstay.domain.incident import Phase
from mainstay.domain.work import Earlier, HandledBefore, IncidentRow
from mainstay.records.dialect import insert
from mainstay.records.numbers import number_of
from mainstay.records.rows import IncidentList, IncidentQuery
from mainstay.records.tables import incidents, occurrences

ENDED = tuple(phase.value for phase in Phase if phase.ended)
MAX_PAGE = 500
MAX_OCCURRENCE = 400
_COLUMNS = [column for column in incidents.c if column.name in IncidentRow.model_fields]


async def upsert(connection: AsyncConnection, row: IncidentRow, *, revision: int, owner: bool) -> None:
    """Write the row, and take its lock.

    A late retry of an earlier append must not bring an earlier state back, so the row only goes forward
    with ``revision``, the highest number of the entries that came with it (0: with none). Others than the
    incident itself (``owner`` False) only put the row there if it is missing.
    """
    values = row.model_dump(exclude={"occurrences"})
    values["number"] = await number_of(connection, row.key) or row.number or None
    statement = insert(connection, incidents).values(**values, revision=revision)
    changed: dict[str, Any] = {"revision": incidents.c.revision}  # an update of nothing, which locks the row
    if owner:
        forward = incidents.c.revision <= revision if revision else true()
        changed = {
            name: case((forward, statement.excluded[name]), else_=incidents.c[name])
            for name in (*values, "revision")
            if name != "key"
        }
        if not values["number"]:
            del changed["number"]
        if not revision:
            del changed["revision"]
    await connection.execute(statement.on_conflict_do_update(index_elements=["key"], set_=changed))
    seen = sorted({_bounded(occurrence) for occurrence in row.occurrences if occurrence})
    if seen:
        await connection.execute(
            insert(connection, occurrences).on_conflict_do_nothing(),
            [{"occurrence": occurrence, "key": row.key} for occurrence in seen],
        )


def _bounded(occurrence: str) -> str:
    """A sender may choose fingerprints of any length, but an index entry has a limit."""
    if len(occurrence) <= MAX_OCCURRENCE:
        return occurrence
    return f"sha256:{hashlib.sha256(occurrence.encode()).hexdigest()}"


async def find(connection: AsyncConnection, ref: str) -> IncidentRow | None:
    """By number (``inc-2026-42`` will do), key or workflow id; of several with one id the latest."""
    ref = ref.strip()
    number = re.fullmatch(r"INC-(\d{4})-(\d{1,9})", ref, re.IGNORECASE)
    by = incidents.c.number == (f"INC-{number[1]}-{int(number[2]):04d}" if number else ref)
    wanted = (
        select(*_COLUMNS)
        .where(or_(by, incidents.c.key == ref, incidents.c.workflow_id == ref))
        .order_by((incidents.c.key == ref).desc(), incidents.c.declared_at.desc(), incidents.c.key.desc())
        .limit(1)
    )
    found = (await connection.execute(wanted)).one_or_none()
    return await _with_occurrences(connection, found) if found else None


async def _with_occurrences(connection: AsyncConnection, found: Row[Any]) -> IncidentRow:
    wanted = select(occurrences.c.occurrence).where(occurrences.c.key == found.key).order_by(occurrences.c.occurrence)
    seen = (await connection.execute(wanted)).scalars().all()
    return _row(found).model_copy(update={"occurrences": tuple(seen)})


def _row(found: Row[Any]) -> IncidentRow:
    values = dict(found._mapping)
    values["number"] = values["number"] or ""
    return IncidentRow(**values)


async def page(connection: AsyncConnection, query: IncidentQuery) -> IncidentList:
    """One page, newest first. Raises InvalidArgument for an ``after`` that no page gave out."""
    limit = min(max(query.limit, 1), MAX_PAGE)
    wanted = (
        select(*_COLUMNS)
        .where(*_conditions(query))
        .order_by(incidents.c.declared_at.desc().nulls_last(), incidents.c.key.desc())
        .limit(limit + 1)
    )
    rows = [_row(found) for found in await connection.execute(wanted)]
    more = _cursor(rows[limit - 1]) if len(rows) > limit else ""
    return IncidentList(rows=tuple(rows[:limit]), next=more)


def _conditions(query: IncidentQuery) -> list[ColumnElement[bool]]:
    c = incidents.c
    wanted: list[ColumnElement[bool]] = []
    if query.phases:
        wanted.append(c.phase.in_([phase.value for phase in query.phases]))
    if query.open_only:
        wanted.append(c.phase.not_in(ENDED))
    wanted += [
        c[name] == value
        for name, value in (("service", query.service), ("team", query.team), ("severity", query.severity))
        if value
    ]
    if query.since:
        wanted.append(c.declared_at >= query.since)
    if query.until:
        wanted.append(c.declared_at < query.until)
    if query.text:
        wanted.append(
            or_(
                c.title.icontains(query.text, autoescape=True),
                c.number.icontains(query.text, autoescape=True),
            )
        )
    if query.public_only:
        wanted.append(c.public_name != "")
    if query.after:
        wanted.append(_after(query.after))
    return wanted


def _cursor(row: IncidentRow) -> str:
    return json.dumps([row.declared_at.isoformat() if row.declared_at else None, row.key])


def _after(cursor: str) -> ColumnElement[bool]:
    try:
        at, key = json.loads(cursor)
        before = datetime.fromisoformat(at).astimezone(UTC) if at else None
    except (ValueError, TypeError):
        raise InvalidArgument("this is not the end of a page", field="after") from None
    c = incidents.c
    if before is None:
        return and_(c.declared_at.is_(None), c.key < str(key))
    return or_(c.declared_at < before, and_(c.declared_at == before, c.key < str(key)), c.declared_at.is_(None))


async def handled_before(connection: AsyncConnection, request: HandledBefore) -> Earlier:
    """The latest ended incident, other than this one, that handled one of these occurrences.

    An occurrence without a fingerprint or a start identifies no single firing and matches nothing.
    """
    wanted = [_bounded(o) for o in request.occurrences if all(part.strip() for part in o.rpartition("@")[::2])]
    if not wanted:
        return Earlier()
    found = await connection.execute(
        select(incidents.c.key, incidents.c.number)
        .join(occurrences, occurrences.c.key == incidents.c.key)
        .where(
            occurrences.c.occurrence.in_(wanted),
            incidents.c.key != request.key,
            or_(incidents.c.phase.in_(ENDED), incidents.c.closed_at.is_not(None)),
        )
        .order_by(incidents.c.declared_at.desc(), incidents.c.key.desc())
        .limit(1)
    )
    row = found.one_or_none()
    return Earlier(key=row.key, number=row.number or "") if row else Earlier()
