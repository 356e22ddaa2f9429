"""Who is on call when: layers and overrides laid over each other.

A ``Roster`` is a schedule made ready for look-ups: it works out a few weeks at a time and keeps them, so that
a look-up is a search in a sorted list. ``on_call`` and ``shifts`` keep one roster per schedule object.
"""

from __future__ import annotations

import weakref
from bisect import bisect_right
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import reduce
from itertools import groupby, islice
from typing import NamedTuple
from zoneinfo import ZoneInfo

from mainstay.domain.errors import InvalidArgument
from mainstay.domain.oncall.rotation import Span, both, holidays, turns, windows, without, zone
from mainstay.domain.oncall.schedule import Layer, Override, Schedule, Shift

_BLOCK = timedelta(days=32)
_MOST_BLOCKS = 256
_WEEK = timedelta(days=9)
"""A week and the largest changes of a clock: restrictions repeat weekly, so no finite gap is longer."""
_LONGEST = timedelta(days=400)
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - naive UTC inside, see rotation
_EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
_LATEST = datetime(2200, 1, 1, tzinfo=UTC)
_ALWAYS = Span(datetime(1890, 1, 1), datetime(2210, 1, 1))  # noqa: DTZ001 - naive UTC


class _Source(NamedTuple):
    """What a stretch of time comes from. Neighbours of the same source are one shift."""

    person: str | None
    layer: str
    number: int
    """Of the layer or, negative, of the override."""
    turn: int


class _Piece(NamedTuple):
    """A stretch of one layer or override, naive UTC."""

    start: datetime
    end: datetime
    source: _Source


_NOBODY = _Source(None, "", 0, 0)
_UNSTAFFED = _Source(None, "unstaffed", 0, 0)


class Roster:
    """A schedule ready for look-ups. Times outside 1900 to 2200 are refused as InvalidArgument."""

    def __init__(self, schedule: Schedule, overrides: tuple[Override, ...] = ()) -> None:
        self._layers = tuple(
            (number, layer, zone(layer.time_zone or schedule.time_zone))
            for number, layer in enumerate(schedule.layers)
            if layer.people and not layer.shadow
        )
        self._zone = zone(schedule.time_zone)
        self._holidays = schedule.holidays
        self._unstaffed = schedule.unstaffed
        self._overrides = tuple(
            _Piece(
                _naive(max(override.start, _EARLIEST)),
                _naive(min(override.end, _LATEST)),
                _Source(override.person, "override", -1 - number, 0),
            )
            for number, override in enumerate(schedule.overrides + overrides)
        )
        longest = [layer.longest_turn for _, layer, _ in self._layers] + [p.end - p.start for p in self._overrides]
        self._margin = min(max(longest, default=timedelta(0)), _LONGEST) + _WEEK
        self._blocks: dict[int, tuple[list[datetime], list[Shift]]] = {}

    def at(self, when: datetime) -> Shift:
        """The whole shift that ``when`` falls in; its person is None in a gap.

        Shifts and gaps longer than about a year are reported only as far as that.
        """
        naive = _naive(when)
        starts, found = self._block((naive - _EPOCH) // _BLOCK)
        return found[bisect_right(starts, naive) - 1]

    def between(self, start: datetime, end: datetime) -> tuple[Shift, ...]:
        """The shifts from ``start`` to ``end``, cut at both; they tile the time, gaps included."""
        return tuple(self._shifts(_naive(start), _naive(end)))

    def _block(self, number: int) -> tuple[list[datetime], list[Shift]]:
        block = self._blocks.get(number)
        if block is None:
            begin = _EPOCH + number * _BLOCK
            found = list(self._shifts(begin - self._margin, begin + _BLOCK + self._margin))
            block = ([shift.start.replace(tzinfo=None) for shift in found], found)
            if len(self._blocks) >= _MOST_BLOCKS:
                self._blocks.clear()
            self._blocks[number] = block
        return block

    def _shifts(self, start: datetime, end: datetime) -> Iterator[Shift]:
        if end <= start:
            return
        pieces = [p for p in self._pieces(start, end) if p.start < end and p.end > start]
        inner = {p.start for p in pieces if p.start > start} | {p.end for p in pieces if p.end < end}
        marks = sorted(inner | {start, end})
        place = {mark: n for n, mark in enumerate(marks)}
        cells = [_NOBODY] * (len(marks) - 1)
        for piece in pieces:
            first, last = place[max(piece.start, start)], place[min(piece.end, end)]
            cells[first:last] = [piece.source] * (last - first)
        first = 0
        for source, run in groupby(cells):
            last = first + sum(1 for _ in run)
            yield _shift(source, marks[first], marks[last])
            first = last

    def _pieces(self, start: datetime, end: datetime) -> Iterator[_Piece]:
        """What may touch [start, end), in the order in which it is laid: later covers earlier."""
        for number, layer, tz in self._layers:
            pieces = (
                _Piece(t.start, t.end, _Source(t.person, layer.name, number, t.number))
                for t in turns(layer, tz, start, end)
            )
            spans = self._active(layer, tz, start, end)
            yield from pieces if spans is None else _within(pieces, spans)
        for span in windows(self._unstaffed, self._zone, start, end) if self._unstaffed else ():
            yield _Piece(span.start, span.end, _UNSTAFFED)
        yield from self._overrides

    def _active(self, layer: Layer, tz: ZoneInfo, start: datetime, end: datetime) -> list[Span] | None:
        """When the layer counts; None: always. What restricts it adds up."""
        parts: list[list[Span]] = []
        if layer.restrictions:
            parts.append(windows(layer.restrictions, tz, start, end))
        if layer.holidays != "count":
            free = holidays(self._holidays, tz)
            parts.append(free if layer.holidays == "only" else without(free, *_ALWAYS))
        if layer.active_from or layer.active_until:
            since = _naive(max(layer.active_from, _EARLIEST)) if layer.active_from else _ALWAYS.start
            until = _naive(min(layer.active_until, _LATEST)) if layer.active_until else _ALWAYS.end
            parts.append([Span(since, until)])
        return reduce(both, parts) if parts else None


def _within(pieces: Iterator[_Piece], spans: list[Span]) -> Iterator[_Piece]:
    """The parts of ``pieces`` that lie in ``spans``; both are in order."""
    first = 0
    for piece in pieces:
        while first < len(spans) and spans[first].end <= piece.start:
            first += 1
        for span in islice(spans, first, None):
            if span.start >= piece.end:
                break
            yield _Piece(max(piece.start, span.start), min(piece.end, span.end), piece.source)


def _shift(source: _Source, start: datetime, end: datetime) -> Shift:
    """Without validation, which takes most of the time and cannot fail here."""
    return Shift.model_construct(
        person=source.person,
        start=start.replace(tzinfo=UTC),
        end=end.replace(tzinfo=UTC),
        layer=source.layer,
    )


def _naive(when: datetime) -> datetime:
    if when.tzinfo is None:
        raise InvalidArgument(f"{when.isoformat()} has no time zone: say which instant is meant", field="at")
    if not _EARLIEST <= when <= _LATEST:
        raise InvalidArgument(f"{when.isoformat()} is outside 1900 to 2200", field="at")
    return when.astimezone(UTC).replace(tzinfo=None)


_rosters: dict[int, tuple[weakref.ref[Schedule], Roster]] = {}


def roster(schedule: Schedule) -> Roster:
    """The roster of this very object, made once and kept while the object lives."""
    key = id(schedule)
    held = _rosters.get(key)
    if held is not None and held[0]() is schedule:
        return held[1]
    made = Roster(schedule)
    _rosters[key] = (weakref.ref(schedule, lambda _: _rosters.pop(key, None)), made)
    return made


def on_call(schedule: Schedule, at: datetime) -> Shift | None:
    """The shift of whoever is on call at ``at``; None in a gap."""
    shift = roster(schedule).at(at)
    return shift if shift.person is not None else None


def shifts(schedule: Schedule, start: datetime, end: datetime) -> tuple[Shift, ...]:
    """The shifts from ``start`` to ``end``, cut at both, tiling time; a gap is a shift of nobody."""
    return roster(schedule).between(start, end)
