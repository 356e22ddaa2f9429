"""What an on-call schedule is. Who is on call when is in ``rotation`` and ``shifts``."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Literal

from mainstay.domain.model import Strict

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


class Restriction(Strict):
    """A window of wall time in which a layer counts; ``end`` not after ``start`` crosses midnight."""

    start: time
    end: time
    days: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    """Days on which the window begins."""


class Layer(Strict):
    """A rotation of people. Later layers of a schedule win over earlier ones."""

    name: str
    people: tuple[str, ...]
    start: datetime
    """When the first person's first turn begins; aware. The grid extends before it, too."""
    turn: timedelta = timedelta(days=7)
    time_zone: str | None = None
    """Falls back to the schedule's."""
    restrictions: tuple[Restriction, ...] = ()


class Override(Strict):
    """One person takes over (or, with ``person`` None, a gap is meant) from ``start`` to ``end``."""

    person: str | None
    start: datetime
    end: datetime
    note: str = ""


class Schedule(Strict):
    name: str
    time_zone: str = "UTC"
    layers: tuple[Layer, ...] = ()
    overrides: tuple[Override, ...] = ()


class Shift(Strict):
    """Who is on call from ``start`` (included) to ``end`` (excluded), in UTC; None is a gap."""

    person: str | None
    start: datetime
    end: datetime
    layer: str = ""
