"""When turns begin and windows are open: the arithmetic of wall clocks.

Every rule is about the wall clock of the layer's zone. A hand-off happens when that clock first reaches its
time: at the first of two equal times when clocks go back, and at the end of the gap when they go forward over
it. A window closes when the clock reaches its end for the last time.

Inside, instants are naive datetimes in UTC, which compare and hash several times faster than aware ones.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Collection, Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo

from mainstay.domain.errors import InvalidArgument
from mainstay.domain.oncall.schedule import Layer, Restriction

_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_WHOLE_DAY = Restriction(start=time(0), end=time(0))


class Span(NamedTuple):
    """From ``start`` (included) to ``end`` (excluded), naive UTC."""

    start: datetime
    end: datetime


class Turn(NamedTuple):
    """One person's turn; ``number`` counts from the layer's start and is negative before it."""

    start: datetime
    end: datetime
    person: str
    number: int


def zone(name: str) -> ZoneInfo:
    """The time zone called ``name``. Raises InvalidArgument when there is none."""
    try:
        return ZoneInfo(name)
    except (KeyError, OSError, ValueError) as error:
        raise InvalidArgument(
            f"there is no time zone {name!r}: use a name of the IANA database such as Europe/Berlin",
            field="time_zone",
        ) from error


def turns(layer: Layer, tz: ZoneInfo, start: datetime, end: datetime) -> Iterator[Turn]:
    """The turns that touch [start, end), in order, without gap or overlap."""
    origin = layer.start.astimezone(tz).replace(tzinfo=None)
    # Two days on either side cover every offset and every change of the clock
    walls = _anchors(layer, origin, start - 2 * _DAY, end + 2 * _DAY)
    begins = ((k, instant(wall, tz)) for k, wall in walls)
    for (number, begin), (_, finish) in pairwise(begins):
        if begin < finish and finish > start and begin < end:
            yield Turn(begin, finish, layer.people[number % len(layer.people)], number)


def _anchors(layer: Layer, origin: datetime, start: datetime, end: datetime) -> Iterator[tuple[int, datetime]]:
    """Number and wall time of the hand-offs, from the last before ``start`` to the first after ``end``."""
    if layer.months is None:
        first, last = (start - origin) // layer.turn, (end - origin) // layer.turn + 1
        return ((k, origin + k * layer.turn) for k in range(first, last + 1))
    # A clamped anchor may come before or after the day that a mere count of months finds: one more on each side
    first = _months(origin, start) // layer.months - 1
    last = _months(origin, end) // layer.months + 1
    return ((k, _months_later(origin, k * layer.months)) for k in range(first, last + 1))


def _months(origin: datetime, to: datetime) -> int:
    return (to.year - origin.year) * 12 + to.month - origin.month


def _months_later(origin: datetime, months: int) -> datetime:
    """The same day of the month, or the last one where the month is shorter; always counted from ``origin``."""
    years, month = divmod(origin.month - 1 + months, 12)
    year = origin.year + years
    return origin.replace(year=year, month=month + 1, day=min(origin.day, monthrange(year, month + 1)[1]))


def windows(restrictions: tuple[Restriction, ...], tz: ZoneInfo, start: datetime, end: datetime) -> list[Span]:
    """When any of the restrictions is open within [start, end): merged, in order, not clipped."""
    spans = sorted(
        span
        for restriction in restrictions
        for day in _dates(start.date() - 3 * _DAY, end.date() + 2 * _DAY)
        if _DAYS[day.weekday()] in restriction.days
        for span in window(restriction, tz, day)
        if span.end > start and span.start < end
    )
    return _merged(spans)


def holidays(days: Collection[date], tz: ZoneInfo) -> list[Span]:
    """The days from midnight to midnight, in order, those that touch as one."""
    return _merged(sorted(span for day in days for span in window(_WHOLE_DAY, tz, day)))


def without(spans: list[Span], start: datetime, end: datetime) -> list[Span]:
    """What of [start, end) is not in ``spans``, which are in order."""
    marks = [start, *(mark for span in spans for mark in span), end]
    return [Span(a, b) for a, b in zip(marks[::2], marks[1::2], strict=True) if a < b]


def both(one: list[Span], other: list[Span]) -> list[Span]:
    """What is in both, each in order."""
    return [
        Span(max(a.start, b.start), min(a.end, b.end))
        for a in one
        for b in other
        if a.start < b.end and b.start < a.end
    ]


def _merged(spans: list[Span]) -> list[Span]:
    merged: list[Span] = []
    for span in spans:
        if merged and span.start <= merged[-1].end:
            merged[-1] = Span(merged[-1].start, max(merged[-1].end, span.end))
        else:
            merged.append(span)
    return merged


def window(restriction: Restriction, tz: ZoneInfo, day: date) -> Iterator[Span]:
    """The window that begins on ``day``; nothing when a change of the clock swallows it."""
    closes = day if restriction.end > restriction.start else day + _DAY
    begin = instant(datetime.combine(day, restriction.start), tz)
    finish = instant(datetime.combine(closes, restriction.end), tz, last=True)
    if begin < finish:
        yield Span(begin, finish)


def _dates(first: date, last: date) -> Iterator[date]:
    return (first + timedelta(days=n) for n in range((last - first).days + 1))


def instant(wall: datetime, tz: ZoneInfo, *, last: bool = False) -> datetime:
    """When the clock of ``tz`` shows ``wall``, in naive UTC.

    Of two such instants the first, or the last one with ``last``; of none, the end of the gap.
    """
    before = _offset(wall.replace(tzinfo=tz))
    after = _offset(wall.replace(tzinfo=tz, fold=1))
    if before >= after:  # PEP 495: equal is the ordinary case, greater a repeated time
        return wall - (after if last else before)
    return _change(wall - after, wall - before, tz)


def _change(before: datetime, after: datetime, tz: ZoneInfo) -> datetime:
    """When the offset of ``tz`` changes between two instants, found by halving; whole seconds (RFC 9636)."""
    former = _offset_at(before, tz)
    while after - before > _SECOND:
        middle = before + (after - before) // _SECOND // 2 * _SECOND
        if _offset_at(middle, tz) == former:
            before = middle
        else:
            after = middle
    return after.replace(microsecond=0)


def _offset_at(utc: datetime, tz: ZoneInfo) -> timedelta:
    return _offset(utc.replace(tzinfo=UTC).astimezone(tz))


def _offset(aware: datetime) -> timedelta:
    return aware.utcoffset() or timedelta(0)
