"""Health of people and rotations, from the record store's pages and incidents."""

from __future__ import annotations

from datetime import datetime, timedelta

from mainstay.config import Config
from mainstay.desk import check
from mainstay.desk.pinning import Pins
from mainstay.domain.errors import InvalidArgument
from mainstay.domain.oncall.health import Health, health, office_hours
from mainstay.domain.oncall.schedule import Shift
from mainstay.domain.oncall.shifts import Roster
from mainstay.records import Store

LONGEST = timedelta(days=400)


class OnCallHealth:
    def __init__(self, config: Config, store: Store, pins: Pins) -> None:
        self._config = config
        self._store = store
        self._pins = pins

    async def report(self, start: datetime, end: datetime) -> tuple[Health, ...]:
        """Rotations, then everybody who was on call or paged in [``start``, ``end``), by name.

        A page counts for the rotations on which that person was on call when it came. Raises InvalidArgument
        for a span that is empty or too long, Unavailable when the record store is silent.
        """
        check.instant(start, "start")
        check.instant(end, "end")
        if not start < end <= start + LONGEST:
            raise InvalidArgument(f"end must be after start, at most {LONGEST.days} days", field="end")
        config = self._config
        pages = await self._store.page_facts(start, end)
        laid = await self._pins.overrides(start, end)
        office = {
            handle: office_hours(config.business_hours, person.time_zone, config.holidays)
            for handle, person in config.people.items()
        }
        found, theirs = [], dict[str, list[Shift]]()
        for name, schedule in sorted(config.schedules.items()):
            roster = Roster(schedule, laid.of(name))
            shifts = roster.between(start, end)
            for shift in shifts:
                if shift.person:
                    theirs.setdefault(shift.person, []).append(shift)
            mine = [page for page in pages if roster.at(page.at).person == page.person]
            found.append(health("rotation", name, mine, shifts, end - start, office))
        for person in sorted({*theirs, *(page.person for page in pages)}):
            mine = [page for page in pages if page.person == person]
            found.append(health("person", person, mine, theirs.get(person, ()), end - start, office))
        return tuple(found)
