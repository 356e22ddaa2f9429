"""The hand-off document of a schedule, from the records."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta

from mainstay.config import Config
from mainstay.desk import check
from mainstay.desk.pinning import Pins
from mainstay.domain.errors import NotFound
from mainstay.domain.oncall.handoff import AHEAD, Handoff
from mainstay.domain.oncall.shifts import Roster
from mainstay.records import Store
from mainstay.records.rows import IncidentQuery

LOOK_AHEAD = timedelta(days=100)


class Handoffs:
    def __init__(self, config: Config, store: Store, pins: Pins, clock: Callable[[], datetime]) -> None:
        self._config = config
        self._store = store
        self._pins = pins
        self._clock = clock

    async def next(self, schedule: str) -> Handoff:
        """Of the next change of hands. Raises NotFound, also where none comes; Unavailable without records."""
        found = self._config.schedule(check.name(schedule, "schedule", required=True))
        now = self._clock()
        laid = (await self._pins.overrides(now, now + LOOK_AHEAD)).of(schedule)
        shifts = Roster(found, laid).between(now, now + LOOK_AHEAD)
        change = next((n for n, shift in enumerate(shifts) if shift.person != shifts[0].person), None)
        if change is None:
            raise NotFound(f"{schedule} does not change hands within {LOOK_AHEAD.days} days", field="schedule")
        at = shifts[change].start
        incidents = await self._store.incidents(IncidentQuery(open_only=True, limit=200))
        days = (date.fromisoformat(day) for day in self._config.holidays)
        return Handoff(
            schedule=schedule,
            outgoing=shifts[0].person or "",
            incoming=shifts[change].person or "",
            at=at,
            incidents=incidents.rows,
            mitigations=await self._store.effects(),
            items=await self._store.items(open_only=True, limit=200),
            gaps=tuple(s for s in shifts if s.person is None and s.end > at and s.start < at + AHEAD),
            overrides=tuple(one for one in laid if one.end > at and one.start < at + AHEAD),
            holidays=tuple(sorted(day.isoformat() for day in days if at.date() <= day <= (at + AHEAD).date())),
        )
