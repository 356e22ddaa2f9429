"""Figures over the incidents' rows and the deliveries (S-312, S-330, S-332, S-333, D-03)."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import case, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from mainstay.domain.errors import InvalidArgument
from mainstay.domain.incident import Phase
from mainstay.domain.work import IncidentRow
from mainstay.records.incidents import ENDED
from mainstay.records.rows import DeliveryReport, LevelReport, Report
from mainstay.records.tables import deliveries, incidents

UNREAL = (Phase.CANCELLED.value, Phase.MERGED.value)
"""False alarms and duplicates are no incidents of their own."""


async def report(connection: AsyncConnection, since: datetime, until: datetime) -> Report:
    """Counts and means of the incidents declared in [``since``, ``until``). Raises InvalidArgument."""
    if since >= until:
        raise InvalidArgument("a report needs a start before its end", field="since")
    rows = await _rows(connection, since, until)
    levels: dict[tuple[int, str], list[IncidentRow]] = defaultdict(list)
    for row in rows:
        levels[row.rank, row.severity].append(row)
    return Report(
        since=since,
        until=until,
        incidents=len(rows),
        mtta=mean_to(rows, "acknowledged_at"),
        mttm=mean_to(rows, "mitigated_at"),
        mttr=mean_to(rows, "resolved_at"),
        levels=tuple(_level(*level, levels[level]) for level in sorted(levels)),
        services=tuple(Counter(row.service for row in rows).most_common()),
        deliveries=await _deliveries(connection, since, until),
    )


async def _rows(connection: AsyncConnection, since: datetime, until: datetime) -> list[IncidentRow]:
    c = incidents.c
    wanted = (
        select(
            *(c.key, c.workflow_id, c.severity, c.rank, c.service, c.phase),
            *(c.declared_at, c.acknowledged_at, c.mitigated_at, c.resolved_at),
        )
        .where(c.declared_at >= since, c.declared_at < until, c.exercise.is_(False), c.phase.not_in(UNREAL))
        .order_by(c.declared_at, c.key)
    )
    return [IncidentRow(**row._mapping) for row in await connection.execute(wanted)]


def mean_to(rows: Iterable[IncidentRow], instant: str) -> timedelta | None:
    """Mean time from the declaration to ``instant``, over the rows that have both; None if none has."""
    spans = [
        getattr(row, instant) - row.declared_at
        for row in rows
        if getattr(row, instant) is not None and row.declared_at is not None
    ]
    return sum(spans, timedelta(0)) / len(spans) if spans else None


def _level(rank: int, severity: str, rows: list[IncidentRow]) -> LevelReport:
    return LevelReport(
        severity=severity,
        rank=rank,
        incidents=len(rows),
        open=sum(row.phase not in ENDED for row in rows),
        mtta=mean_to(rows, "acknowledged_at"),
        mttm=mean_to(rows, "mitigated_at"),
        mttr=mean_to(rows, "resolved_at"),
    )


async def _deliveries(connection: AsyncConnection, since: datetime, until: datetime) -> tuple[DeliveryReport, ...]:
    c = deliveries.c

    def count(*states: str) -> Any:
        return func.sum(case((c.state.in_(states), 1), else_=0))

    wanted = (
        select(
            c.channel,
            count("accepted", "delivered").label("accepted"),
            count("failed", "dead").label("failed"),
        )
        .where(c.at >= since, c.at < until)
        .group_by(c.channel)
        .order_by(c.channel)
    )
    return tuple(DeliveryReport(**row._mapping) for row in await connection.execute(wanted))
