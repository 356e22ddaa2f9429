"""When turns begin and windows are open: the arithmetic of wall clocks.

Every rule is about the wall clock of the layer's zone. A hand-off happens when that clock first reaches its
time: at the first of two equal times when clocks go back, and at the end of the gap when they go forward over
it. A window closes when the clock reaches its end for the last time.

Inside, instants are naive datetimes in UTC, which compare and hash several times faster than aware ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo

from mainstay.domain.errors import InvalidArgument
from mainstay.domain.oncall.schedule import Layer, Restriction

_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


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
    first = (start - 2 * _DAY - origin) // layer.turn
    last = (end + 2 * _DAY - origin) // layer.turn + 1
    begins = ((k, instant(origin + k * layer.turn, tz)) for k in range(first, last + 1))
    for (number, begin), (_, finish) in pairwise(begins):
        if begin < finish and finish > start and begin < end:
            yield Turn(begin, finish, layer.people[number % len(layer.people)], number)


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
