"""``/healthz``, ``/readyz`` and ``/metrics``."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta

from prometheus_client import CONTENT_TYPE_LATEST
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from mainstay.desk.answers import IncidentFilter
from mainstay.desk.desk import Desk
from mainstay.domain.errors import Refusal
from mainstay.domain.work import IncidentRow
from mainstay.telemetry import Metrics, label

READY_WITHIN_SECONDS = 3.0
COUNTED = timedelta(days=30)
REFRESH = timedelta(seconds=15)
PAGES = 10
STAGES = ("declared", "acked", "mitigated", "resolved")


class Health:
    """What machines ask. ``/healthz`` needs nothing; ``/readyz`` needs Temporal and says what is not well."""

    def __init__(self, desk: Desk, metrics: Metrics, now: Callable[[], datetime]) -> None:
        self._desk = desk
        self._metrics = metrics
        self._now = now
        self._counted_at: datetime | None = None

    async def alive(self, _request: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def ready(self, _request: Request) -> Response:
        """200 ``ready`` or ``degraded`` (a part that delays records, never a page), 503 without Temporal."""
        try:
            async with asyncio.timeout(READY_WITHIN_SECONDS):
                status = await self._desk.status()
        except (TimeoutError, Refusal) as why:
            message = str(why) or "no answer in time"
            return JSONResponse({"status": "unavailable", "detail": message}, 503, {"Retry-After": "5"})
        parts = {part.name: part.answers for part in status.parts}
        for name, answers in parts.items():
            self._metrics.part_up.labels(label(name)).set(1 if answers else 0)
        needed = parts.get("temporal", False)
        word = "unavailable" if not needed else "ready" if all(parts.values()) else "degraded"
        detail = {part.name: {"answers": part.answers, "detail": part.detail} for part in status.parts}
        body = {"status": word, "parts": detail, "halted": status.halt.on, "version": status.version}
        return JSONResponse(body, 200 if needed else 503, {} if needed else {"Retry-After": "5"})

    async def metrics(self, _request: Request) -> Response:
        """Prometheus' text format. Figures of incidents are those of the records, a few seconds old."""
        await self._count_incidents()
        self._metrics.dropped.set(self._desk.dropped_alerts)
        return Response(self._metrics.exposition(), media_type=CONTENT_TYPE_LATEST)

    async def _count_incidents(self) -> None:
        now = self._now()
        if self._counted_at is not None and now - self._counted_at < REFRESH:
            return
        self._counted_at = now
        try:
            async with asyncio.timeout(READY_WITHIN_SECONDS):
                rows = await self._recent(now)
        except (TimeoutError, Refusal):
            return  # the figures stay as they were; part_up tells why
        _publish(rows, self._metrics)

    async def _recent(self, now: datetime) -> list[IncidentRow]:
        rows: list[IncidentRow] = []
        after = ""
        for _ in range(PAGES):
            got = await self._desk.incidents(IncidentFilter(limit=100, after=after))
            rows += got.rows
            after = got.next
            if not after or any(r.declared_at and r.declared_at < now - COUNTED for r in got.rows):
                break
        return [r for r in rows if r.declared_at is None or r.declared_at >= now - COUNTED]


def _publish(rows: list[IncidentRow], metrics: Metrics) -> None:
    """Counts by stage and severity, and how long each stage took (S-323). Exercises do not count."""
    real = [row for row in rows if not row.exercise]
    counts: Counter[tuple[str, str]] = Counter()
    metrics.stage_seconds.clear()
    for row in real:
        severity = label(row.severity, 20)
        for stage, at in zip(STAGES, _reached(row), strict=True):
            if at is None:
                continue
            counts[stage, severity] += 1
            if row.declared_at is not None and stage != "declared":
                seconds = (at - row.declared_at).total_seconds()
                metrics.stage_seconds.labels(stage, severity).observe(max(seconds, 0.0))
    metrics.incidents.clear()
    for (stage, severity), count in counts.items():
        metrics.incidents.labels(stage, severity).set(count)
    still = Counter(label(row.severity, 20) for row in real if row.resolved_at is None and not row.closed_at)
    metrics.open_incidents.clear()
    for severity, count in still.items():
        metrics.open_incidents.labels(severity).set(count)


def _reached(row: IncidentRow) -> tuple[datetime | None, ...]:
    return row.declared_at, row.acknowledged_at, row.mitigated_at, row.resolved_at
