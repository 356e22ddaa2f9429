"""The public status page: no login, no internal data, and one read of the records for many visitors."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from starlette.requests import Request
from starlette.responses import Response

from mainstay.config import Config
from mainstay.desk.answers import IncidentFilter
from mainstay.desk.desk import Desk
from mainstay.domain.errors import NotFound, Refusal, Unavailable
from mainstay.domain.work import IncidentRow
from mainstay.web import refused
from mainstay.web.public import HISTORY, SHOWN_STATES, PublicStatus, build, is_public
from mainstay.web.render import page

FRESH = timedelta(seconds=5)
MAX_PAGES = 10
PER_PAGE = 100
REFRESH_SECONDS = 60
_log = structlog.get_logger("mainstay.web")


class StatusPage:
    """``GET /status``."""

    def __init__(self, desk: Desk, config: Callable[[], Config], now: Callable[[], datetime]) -> None:
        self._desk = desk
        self._config = config
        self._now = now
        self._last: PublicStatus | None = None
        self._reading = asyncio.Lock()

    async def show(self, request: Request) -> Response:
        """The page; from before, and saying so, while the records cannot be read."""
        about = self._config().status_page
        try:
            if not about.enabled:
                raise NotFound("there is no public status page here")
            status = await self._current()
        except Refusal as refusal:
            if isinstance(refusal, NotFound):
                return refused.as_page(request, refusal, ref="")
            _log.warning("status page", why=refusal.message)
            if self._last is None:
                return refused.as_page(request, Unavailable("the status cannot be read at the moment"), ref="")
            status = self._last
        late = self._now() - status.as_of > FRESH * 2
        return page(
            "status.html",
            request,
            public=status,
            about=about,
            late=late,
            names=SHOWN_STATES,
            refresh=REFRESH_SECONDS,
        )

    async def _current(self) -> PublicStatus:
        """At most one read at a time and one every five seconds, however many ask."""
        async with self._reading:
            now = self._now()
            if self._last is None or now - self._last.as_of >= FRESH:
                self._last = await self._read(now)
            return self._last

    async def _read(self, now: datetime) -> PublicStatus:
        rows = [row for row in await self._rows(now) if is_public(row)]
        journals = {row.key: (await self._desk.timeline(row.key)).entries for row in rows}
        names = [s.public_name for s in self._config().services.values() if s.public_name]
        return build(names, rows, journals, now)

    async def _rows(self, now: datetime) -> list[IncidentRow]:
        """Incidents of the last 14 days and all that are open. Raises Unavailable when records are silent:
        Temporal's list knows no public texts, and an empty page would say that all is well."""
        found: dict[str, IncidentRow] = {}
        for wanted in (IncidentFilter(limit=PER_PAGE), IncidentFilter(limit=PER_PAGE, open_only=True)):
            after = ""
            for _ in range(MAX_PAGES):
                got = await self._desk.incidents(wanted.model_copy(update={"after": after}))
                if got.degraded:
                    raise Unavailable("the record store does not answer")
                found |= {row.key: row for row in got.rows}
                after = got.next
                old = [r for r in got.rows if r.declared_at and r.declared_at < now - HISTORY]
                if not after or (old and not wanted.open_only):
                    break
        return [r for r in found.values() if _recent(r, now)]


def _recent(row: IncidentRow, now: datetime) -> bool:
    return row.public_state != "Resolved" or (row.declared_at is not None and row.declared_at >= now - HISTORY)
