"""Overrides in numbers, swaps and temporary schedules: what people arrange among themselves at run time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from mainstay.config import Config
from mainstay.desk import check
from mainstay.desk.answers import Imported
from mainstay.desk.pinning import Pins
from mainstay.domain import access_rules
from mainstay.domain.access import Actor
from mainstay.domain.errors import InvalidArgument, NotFound
from mainstay.domain.oncall import ical, swap
from mainstay.domain.oncall.rotation import zone
from mainstay.domain.oncall.schedule import Layer, Override, Schedule
from mainstay.domain.oncall.shifts import Roster, shifts
from mainstay.domain.oncall.swap import Answer, Swap
from mainstay.records import Store
from mainstay.records.rows import OverrideRow

LONGEST = timedelta(days=400)
MOST_SHIFTS = 1000


class Swaps:
    def __init__(self, config: Config, store: Store, pins: Pins, clock: Callable[[], datetime]) -> None:
        self._config = config
        self._store = store
        self._pins = pins
        self._clock = clock

    async def overrides(self, schedule: str, since: datetime | None, until: datetime | None) -> tuple[OverrideRow, ...]:
        """Those in force that are not over, in the order in which they were made; later ones win."""
        if schedule:
            self._config.schedule(schedule)
        return await self._store.override_rows(schedule, since or self._clock(), until)

    async def remove(self, id_: str, caller: Actor) -> str:
        """Raises NotFound for one that is not in force."""
        access_rules.check_allowed(access_rules.OVERRIDE_ON_CALL, caller)
        known = {row.id: row for row in await self._store.override_rows()}
        if id_ not in known:
            raise NotFound(f"no override in force has the id {id_[:80]!r}", field="id")
        await self._change((), [id_], caller)
        return f"{known[id_].person or 'nobody'} no longer stands in on {known[id_].schedule}"

    async def offer(self, offer: Swap, caller: Actor, request_id: str) -> Swap:
        """The caller's own shift, or part of it. Raises InvalidArgument where it is not theirs."""
        access_rules.check_allowed(access_rules.OVERRIDE_ON_CALL, caller)
        schedule = self._config.schedule(check.name(offer.schedule, "schedule", required=True))
        self._config.person(caller.person)
        if offer.taker:
            self._config.person(offer.taker)
        if (offer.return_start is None) != (offer.return_end is None):
            raise InvalidArgument("what is given in return needs a start and an end", field="return_end")
        if offer.return_start is not None and not offer.taker:
            raise InvalidArgument("a shift in return needs somebody by name", field="person")
        if offer.taker == caller.person:
            raise InvalidArgument("a swap is with somebody else", field="person")
        if offer.end <= self._clock():
            raise InvalidArgument("the shift is over already", field="end")
        made = offer.model_copy(
            update={
                "id": check.request_id(request_id),
                "giver": caller.person,
                "note": check.name(offer.note, "note", limit=300),
                "created_at": self._clock(),
            }
        )
        await self._check_theirs(schedule, made, made.taker)
        return await self._store.offer_swap(made)

    async def answer(self, id_: str, answer: Answer, caller: Actor) -> Swap:
        """Accepting makes the overrides in the same transaction."""
        access_rules.check_allowed(access_rules.OVERRIDE_ON_CALL, caller)
        self._config.person(caller.person)
        now, before = self._clock(), await self._store.swap(id_)
        if answer == "accept" and before.state == "open":
            await self._check_theirs(self._config.schedule(before.schedule), before, caller.person)

        def decide(found: Swap) -> tuple[Swap, tuple[OverrideRow, ...]]:
            after = swap.answered(found, answer, caller.person, now)
            rows = enumerate(swap.overrides(after))
            return after, tuple(self._row(f"{id_}/{n}", one, caller, f"swap:{id_}") for n, one in rows)

        done = await self._store.answer_swap(id_, decide)
        self._pins.forget_overrides()
        return done

    async def swaps(self, schedule: str) -> tuple[Swap, ...]:
        """Offers and what became of them, until their shift is over."""
        if schedule:
            self._config.schedule(schedule)
        return await self._store.swaps(schedule, self._clock())

    async def temporary(self, schedule: str, layer: Layer, note: str, caller: Actor, request_id: str) -> int:
        """A rotation of its own for a while, over the schedule; answers how many shifts it has."""
        access_rules.check_allowed(access_rules.OVERRIDE_ON_CALL, caller)
        request_id = check.request_id(request_id)
        base = self._config.schedule(check.name(schedule, "schedule", required=True))
        for handle in layer.people:
            self._config.person(handle)
        start, end = layer.active_from, layer.active_until
        if start is None or end is None or end - start > LONGEST or not layer.people:
            raise InvalidArgument(
                f"a temporary schedule needs people, a start, and an end at most {LONGEST.days} days later", field="end"
            )
        if end <= self._clock():
            raise InvalidArgument("it is over already", field="end")
        if (end - start) / layer.longest_turn > MOST_SHIFTS:
            raise InvalidArgument(f"its turns are so short that it has more than {MOST_SHIFTS}", field="turn")
        found = shifts(Schedule(name=schedule, time_zone=base.time_zone, layers=(layer,)), start, end)
        rows = [
            self._row(
                f"{request_id}/{n}",
                Override(schedule=schedule, person=shift.person, start=shift.start, end=shift.end, note=note),
                caller,
                f"temporary:{request_id}",
            )
            for n, shift in enumerate(found)
        ]
        await self._change(rows, (), caller)
        return len(rows)

    async def read_calendar(
        self, schedule: str, text: str, caller: Actor, request_id: str, *, dry_run: bool
    ) -> Imported:
        """Overrides from an iCalendar text; an event that was read before is recognised by its UID."""
        access_rules.check_allowed(access_rules.OVERRIDE_ON_CALL, caller)
        request_id = check.request_id(request_id)
        base = self._config.schedule(check.name(schedule, "schedule", required=True))
        read = ical.read(text, self._config.people, zone(base.time_zone))
        known = {row.origin: row for row in await self._store.override_rows(schedule) if row.origin.startswith("ical:")}
        add, remove, same, lines = [], [], 0, []
        for number, one in enumerate(read):
            origin, wanted = f"ical:{one.uid}", one.override
            before = known.get(origin)
            if before and wanted and _alike(before, wanted):
                same += 1
                continue
            if before:
                remove.append(before.id)
                lines.append(f"- {_shown(before.person, before.start, before.end)}")
            if wanted and wanted.end > self._clock():
                named = wanted.model_copy(update={"schedule": schedule})
                add.append(self._row(f"{request_id}/{number}", named, caller, origin))
                lines.append(f"+ {_shown(wanted.person, wanted.start, wanted.end)}")
        if not dry_run:
            await self._change(add, remove, caller)
        return Imported(added=len(add), removed=len(remove), unchanged=same, lines=tuple(lines))

    async def _check_theirs(self, schedule: Schedule, offer: Swap, taker: str) -> None:
        spans = [(offer.start, offer.end, offer.giver, "start")]
        if offer.return_start and offer.return_end:
            spans.append((offer.return_start, offer.return_end, taker, "return_start"))
        for start, end, person, field in spans:
            if not start < end <= start + LONGEST:
                raise InvalidArgument(f"end must be after start, at most {LONGEST.days} days", field=field)
            laid = (await self._pins.overrides(start, end)).of(schedule.name)
            swap.check_theirs(Roster(schedule, laid).between(start, end), person, field)

    def _row(self, id_: str, override: Override, caller: Actor, origin: str) -> OverrideRow:
        return OverrideRow(
            id=id_,
            schedule=override.schedule,
            person=override.person,
            start=override.start,
            end=override.end,
            note=check.name(override.note, "note", limit=500),
            by=caller.person,
            created_at=self._clock(),
            origin=origin,
        )

    async def _change(self, add: Iterable[OverrideRow], remove: Iterable[str], caller: Actor) -> None:
        await self._store.change_overrides(add, remove, caller.person, self._clock())
        self._pins.forget_overrides()


def _alike(row: OverrideRow, override: Override) -> bool:
    return (row.person, row.start, row.end) == (override.person, override.start, override.end)


def _shown(person: str | None, start: datetime, end: datetime) -> str:
    return f"{person or 'nobody'} from {start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC"
