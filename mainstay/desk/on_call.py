"""Who is on call, with the overrides that were made at run time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from mainstay.config import Config
from mainstay.desk import check
from mainstay.desk.answers import OnCallAnswer, OnCallNow, ShiftsAnswer
from mainstay.desk.pinning import Pins
from mainstay.domain import access_rules
from mainstay.domain.access import Actor
from mainstay.domain.errors import InvalidArgument
from mainstay.domain.oncall.schedule import Override, Schedule
from mainstay.domain.oncall.shifts import Roster
from mainstay.records import Store
from mainstay.records.rows import OverrideRow

LONGEST = timedelta(days=400)
AHEAD = timedelta(days=35)
"""How far the end of the present shift is looked for."""


class OnCall:
    def __init__(self, config: Config, store: Store, pins: Pins, clock: Callable[[], datetime]) -> None:
        self._config = config
        self._store = store
        self._pins = pins
        self._clock = clock

    async def now(self, schedule: str, at: datetime | None) -> OnCallAnswer:
        """Raises NotFound for an unknown schedule."""
        when = check.instant(at, "at") if at else self._clock()
        wanted = self._wanted(schedule)
        overrides = await self._pins.overrides(when, when + AHEAD)
        people = tuple(self._one(each, overrides.of(name), when) for name, each in sorted(wanted.items()))
        return OnCallAnswer(people=people, degraded=overrides.degraded)

    async def shifts(self, schedule: str, start: datetime, end: datetime) -> ShiftsAnswer:
        """Raises InvalidArgument for a span that is empty or longer than 400 days."""
        check.instant(start, "start")
        check.instant(end, "end")
        if not start < end <= start + LONGEST:
            raise InvalidArgument(f"end must be after start, and at most {LONGEST.days} days after it", field="end")
        found = self._wanted(check.name(schedule, "schedule", required=True))[schedule]
        overrides = await self._pins.overrides(start, end)
        roster = Roster(found, overrides.of(schedule))
        return ShiftsAnswer(shifts=roster.between(start, end), degraded=overrides.degraded)

    async def add(self, schedule: str, override: Override, caller: Actor, request_id: str) -> str:
        """Raises NotFound for an unknown schedule or person."""
        access_rules.check_allowed(access_rules.OVERRIDE_ON_CALL, caller)
        request_id = check.request_id(request_id)
        self._wanted(check.name(schedule, "schedule", required=True))
        if override.person is not None:
            self._config.person(override.person)
        if override.end <= self._clock():
            raise InvalidArgument("the override is over already", field="end")
        fresh = await self._store.save_override(
            OverrideRow(
                id=request_id,
                schedule=schedule,
                person=override.person,
                start=override.start,
                end=override.end,
                note=check.name(override.note, "note", limit=500),
                by=caller.person,
                created_at=self._clock(),
            )
        )
        self._pins.forget_overrides()
        who = override.person or "nobody"
        span = f"{override.start:%Y-%m-%d %H:%M} to {override.end:%Y-%m-%d %H:%M} UTC"
        said = f"{who} is on call for {schedule} from {span}"
        return said if fresh else f"already so: {said}"

    def _wanted(self, schedule: str) -> Mapping[str, Schedule]:
        if not schedule:
            return self._config.schedules
        return {schedule: self._config.schedule(schedule)}

    def _one(self, schedule: Schedule, overrides: tuple[Override, ...], when: datetime) -> OnCallNow:
        shift = Roster(schedule, overrides).at(when)
        if shift.person is None:
            return OnCallNow(schedule=schedule.name, until=shift.end)
        person = self._config.people.get(shift.person)
        return OnCallNow(
            schedule=schedule.name,
            person=shift.person,
            name=person.name if person else "",
            until=shift.end,
            layer=shift.layer,
        )
