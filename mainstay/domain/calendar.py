"""Business hours and holidays: when an office is open, in its own time zone.

Hours are written ``mon-fri 09:00-17:00`` or ``sat,sun 10:00-14:00``; holidays are dates ``2026-12-25``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from typing import cast
from zoneinfo import ZoneInfo

from mainstay.domain.errors import InvalidArgument
from mainstay.domain.oncall.rotation import Span, window, zone
from mainstay.domain.oncall.schedule import Restriction, Weekday
from mainstay.domain.work import MeetingSlot

_DAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_HOURS = re.compile(r"([a-z,-]+) +(\d{1,2}):(\d\d) *- *(\d{1,2}):(\d\d)")
_DAY = timedelta(days=1)
_HORIZON = 400
"""Days that are searched for the next business hour; a calendar without one in a year has none."""


@dataclass(frozen=True)
class Calendar:
    """An office's hours. An instant on a holiday is not in them, whatever its time."""

    hours: tuple[Restriction, ...]
    tz: ZoneInfo
    holidays: frozenset[date]

    @classmethod
    def parse(cls, hours: tuple[str, ...], time_zone: str = "UTC", holidays: tuple[str, ...] = ()) -> Calendar:
        """Raises InvalidArgument for hours, a zone or a date that cannot be read."""
        return cls(
            hours=tuple(parse_hours(text) for text in hours),
            tz=zone(time_zone),
            holidays=frozenset(_date(text) for text in holidays),
        )

    def is_open(self, at: datetime) -> bool:
        return self.next_open(at) == at

    def next_open(self, at: datetime) -> datetime:
        """``at`` itself when the office is open, else when it opens next (S-022, S-024)."""
        for span in self.spans(at):
            if span.end > at:
                return max(span.start, at)
        raise InvalidArgument("the calendar has no business hours within a year", field="business_hours")

    def add_business_days(self, at: datetime, days: int) -> datetime:
        """The end of business of the ``days``-th business day after the day of ``at`` (S-005)."""
        if days < 1:
            raise InvalidArgument("at least one business day", field="days")
        return next(islice(self._ends_after(at.astimezone(self.tz).date()), days - 1, None))

    def _ends_after(self, today: date) -> Iterator[datetime]:
        """When business ends, for each business day after ``today``."""
        for n in range(1, _HORIZON):
            spans = self._day(today + n * _DAY)
            if spans:
                yield max(span.end for span in spans).replace(tzinfo=UTC)
        raise InvalidArgument("the calendar has too few business days", field="business_hours")

    def spans(self, at: datetime) -> Iterator[Span]:
        """Business hours from the day before ``at`` on, in order, aware UTC."""
        first = at.astimezone(self.tz).date() - _DAY
        for n in range(_HORIZON):
            for span in sorted(self._day(first + n * _DAY)):
                yield Span(span.start.replace(tzinfo=UTC), span.end.replace(tzinfo=UTC))

    def _day(self, day: date) -> list[Span]:
        if day in self.holidays:
            return []
        wanted = (hours for hours in self.hours if _DAYS[day.weekday()] in hours.days)
        return [span for hours in wanted for span in window(hours, self.tz, day)]


def parse_hours(text: str) -> Restriction:
    """``mon-fri 09:00-17:00`` as a window. Raises InvalidArgument with an example of what is meant."""
    match = _HOURS.fullmatch(text.strip().casefold())
    try:
        if match is None:
            raise ValueError(text)
        days = tuple(day for part in match[1].split(",") for day in _days(part))
        start, end = time(int(match[2]), int(match[3])), _end(int(match[4]), int(match[5]))
    except ValueError:
        raise InvalidArgument(
            f"business hours {text!r} cannot be read: write them like 'mon-fri 09:00-17:00'",
            field="business_hours",
        ) from None
    return Restriction(start=start, end=end, days=days)


def _end(hour: int, minute: int) -> time:
    """24:00 is the midnight after, which a window writes as 00:00."""
    return time(0) if (hour, minute) == (24, 0) else time(hour, minute)


def _days(part: str) -> tuple[Weekday, ...]:
    """``mon-fri``, ``sat-mon`` or ``tue``. Raises ValueError for other words."""
    first, _, last = part.partition("-")
    begin = _DAYS.index(cast(Weekday, first))
    length = (_DAYS.index(cast(Weekday, last or first)) - begin) % 7 + 1
    return tuple(_DAYS[(begin + n) % 7] for n in range(length))


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InvalidArgument(f"{text!r} is not a date: write it like 2026-12-25", field="holidays") from None


def meeting_slot(
    after: datetime,
    *,
    hours: tuple[str, ...] = ("mon-fri 09:00-17:00",),
    time_zone: str = "UTC",
    holidays: tuple[str, ...] = (),
    earliest: timedelta = timedelta(hours=48),
    latest: timedelta = timedelta(hours=72),
    length: timedelta = timedelta(hours=1),
) -> MeetingSlot:
    """When to hold the postmortem: 48 to 72 hours after ``after``, in business hours (D-10, S-262).

    When that window holds no business time (a weekend, a holiday) it is the next business slot, and the note
    says so. Starts on a full quarter of an hour. Raises InvalidArgument when the calendar never opens.
    """
    calendar = Calendar.parse(hours, time_zone, holidays)
    found = _first_fit(calendar, after + earliest, length)
    note = ""
    if found + length > after + latest:
        hours_later = round((found - after) / timedelta(hours=1))
        note = (
            f"no business hours between {_shown(earliest)} and {_shown(latest)} after the incident: "
            f"the next business slot is {hours_later} h after it"
        )
    return MeetingSlot(starts_at=found, ends_at=found + length, note=note)


def _first_fit(calendar: Calendar, at: datetime, length: timedelta) -> datetime:
    for span in calendar.spans(at):
        start = _quarter(max(span.start, at))
        if start + length <= span.end:
            return start
    raise InvalidArgument(f"no business day is open for {_shown(length)}", field="business_hours")


def _quarter(at: datetime) -> datetime:
    quarter = timedelta(minutes=15)
    return at + (datetime(1970, 1, 1, tzinfo=UTC) - at) % quarter


def _shown(duration: timedelta) -> str:
    return f"{duration / timedelta(hours=1):g} h"
