"""What an on-call schedule is. Who is on call when is in ``rotation`` and ``shifts``."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Literal, Self

from pydantic import AwareDatetime, Field, model_validator

from mainstay.domain.duration import Duration
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
    start: AwareDatetime
    """When the first person's first turn begins; aware. The grid extends before it, too."""
    turn: Duration = Field(default=timedelta(days=7), ge=timedelta(minutes=1))
    """How long one person's turn is, on the wall clock of the zone: seven days are a week also when the
    clocks change, and so are 168 hours."""
    time_zone: str | None = None
    """Falls back to the schedule's."""
    restrictions: tuple[Restriction, ...] = ()


class Override(Strict):
    """One person takes over (or, with ``person`` None, a gap is meant) from ``start`` to ``end``."""

    person: str | None
    start: AwareDatetime
    end: AwareDatetime
    note: str = ""
    schedule: str = ""
    """The schedule it is for, where it does not stand in one: overrides of the record store."""

    @model_validator(mode="after")
    def _ends_after_its_start(self) -> Self:
        if self.end <= self.start:
            raise ValueError("an override must end after its start")
        return self


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
