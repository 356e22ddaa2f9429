"""What an on-call schedule is. Who is on call when is in ``rotation`` and ``shifts``."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from functools import cached_property
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
    months: int | None = Field(default=None, ge=1, le=120)
    """Turns of whole months instead of ``turn``: a hand-off on the 31st happens on the last day of a shorter
    month and on the 31st again in the next long one."""
    restrictions: tuple[Restriction, ...] = ()
    holidays: Literal["count", "skip", "only"] = "count"
    """On the schedule's holidays, midnight to midnight in the layer's zone: as always, not at all, or only then."""
    active_from: AwareDatetime | None = None
    active_until: AwareDatetime | None = None
    """A temporary layer counts only between these; the turns are still counted from ``start``."""
    shadow: bool = False
    """Its people learn: they get copies of the pages and are never who is on call (S-093)."""

    @model_validator(mode="after")
    def _ends_after_its_start(self) -> Self:
        if self.active_from and self.active_until and self.active_until <= self.active_from:
            raise ValueError("active_until must be after active_from")
        return self

    @property
    def longest_turn(self) -> timedelta:
        """No turn lasts longer, save by a change of the clock."""
        return timedelta(days=31 * self.months) if self.months else self.turn


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
    holidays: tuple[date, ...] = ()
    """Where none stand here, those of mainstay.yaml count."""
    unstaffed: tuple[Restriction, ...] = ()
    """Gaps on purpose, on the clock of the schedule's zone: nobody is on call then, whatever the layers say;
    an override still counts."""

    @cached_property
    def shadowing(self) -> tuple[Schedule, ...]:
        """Each shadow layer as a schedule of its own."""
        return tuple(
            self.model_copy(
                update={"layers": (layer.model_copy(update={"shadow": False}),), "overrides": (), "unstaffed": ()}
            )
            for layer in self.layers
            if layer.shadow
        )


class Shift(Strict):
    """Who is on call from ``start`` (included) to ``end`` (excluded), in UTC; None is a gap."""

    person: str | None
    start: datetime
    end: datetime
    layer: str = ""
