"""Schedules in PagerDuty's form: read, written back without loss, and turned into ours.

Field names: https://developer.pagerduty.com/api-reference/ (schedules, schedule layers, restrictions).
"""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from mainstay.domain.model import Strict
from mainstay.domain.oncall.schedule import Layer, Restriction, Schedule, Weekday

_DAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class User(Strict):
    id: str
    name: str = ""


class DailyRestriction(Strict):
    type: Literal["daily_restriction"] = "daily_restriction"
    start_time_of_day: time
    duration_seconds: int = Field(gt=0, le=86_400)


class WeeklyRestriction(Strict):
    type: Literal["weekly_restriction"]
    start_day_of_week: int = Field(ge=1, le=7)
    """1 is Monday (ISO 8601)."""
    start_time_of_day: time
    duration_seconds: int = Field(gt=0, le=7 * 86_400)


class PagerDutyLayer(Strict):
    name: str
    start: AwareDatetime
    end: AwareDatetime | None = None
    rotation_virtual_start: AwareDatetime
    rotation_turn_length_seconds: int = Field(ge=60)
    users: tuple[User, ...]
    restrictions: tuple[Annotated[DailyRestriction | WeeklyRestriction, Field(discriminator="type")], ...] = ()


class PagerDutySchedule(Strict):
    name: str
    time_zone: str = "UTC"
    layers: tuple[PagerDutyLayer, ...]

    def schedule(self) -> Schedule:
        """The same as a schedule of ours: turns are counted from the virtual start, people are user ids.

        Where a layer starts with its first turn the grid extends before it, as in schedules of ours; where it
        starts at another time it counts from then on.
        """
        return Schedule(name=self.name, time_zone=self.time_zone, layers=tuple(_layer(layer) for layer in self.layers))


def _layer(layer: PagerDutyLayer) -> Layer:
    return Layer(
        name=layer.name,
        people=tuple(user.id for user in layer.users),
        start=layer.rotation_virtual_start,
        active_from=layer.start if layer.start != layer.rotation_virtual_start else None,
        active_until=layer.end,
        turn=timedelta(seconds=layer.rotation_turn_length_seconds),
        restrictions=tuple(part for given in layer.restrictions for part in _restrictions(given)),
    )


def _restrictions(given: DailyRestriction | WeeklyRestriction) -> list[Restriction]:
    """Ours last a day at most: a longer weekly one becomes a chain of touching windows."""
    if isinstance(given, DailyRestriction):
        return [Restriction(start=given.start_time_of_day, end=_later(given.start_time_of_day, given))]
    whole, rest = divmod(given.duration_seconds, 86_400)
    start = given.start_time_of_day
    days = [_DAYS[(given.start_day_of_week - 1 + n) % 7] for n in range(whole + 1)]
    chain = [Restriction(start=start, end=start, days=(day,)) for day in days[:whole]]
    if rest:
        chain.append(Restriction(start=start, end=_later(start, given), days=(days[-1],)))
    return chain


def _later(start: time, given: DailyRestriction | WeeklyRestriction) -> time:
    """The wall time at which the restriction ends, whichever day that is."""
    day = datetime(2000, 1, 1)  # noqa: DTZ001 - only its clock is used
    return (datetime.combine(day, start) + timedelta(seconds=given.duration_seconds)).time()
