"""Who is on call: look-ups per second of one core, and a year of shifts. Pure code, no server."""

from __future__ import annotations

import random
import time
from bisect import bisect_right
from datetime import UTC, datetime, timedelta
from pathlib import Path

import yaml

from bench.report import Goal, Outcome, percentile, spread
from mainstay.domain.oncall.pagerduty import PagerDutySchedule
from mainstay.domain.oncall.schedule import Schedule
from mainstay.domain.oncall.shifts import Roster, on_call

FOLLOW_THE_SUN = Path(__file__).resolve().parent.parent / "examples/shop/schedules/follow-the-sun.yaml"
YEAR = datetime(2026, 1, 1, tzinfo=UTC)
ROUNDS = 5


def measure(lookups: int) -> Outcome:
    """``lookups`` at random instants of a year, against a bare binary search in that year's shifts."""
    schedule = follow_the_sun()
    chosen = random.Random(42)
    instants = [YEAR + timedelta(seconds=chosen.randrange(365 * 86400)) for _ in range(lookups)]
    years = [_year(schedule) for _ in range(ROUNDS * 4)]
    shifts = Roster(schedule).between(YEAR, YEAR + timedelta(days=365))
    starts, people = [shift.start for shift in shifts], [shift.person for shift in shifts]
    on_call(schedule, YEAR)
    ours, bare = [], []
    for _ in range(ROUNDS):
        begun = time.process_time()
        for instant in instants:
            on_call(schedule, instant)
        ours.append(lookups / (time.process_time() - begun))
        begun = time.process_time()
        for instant in instants:
            people[bisect_right(starts, instant) - 1]
        bare.append(lookups / (time.process_time() - begun))
    found = [_person(schedule, instant) for instant in instants[:1000]]
    wanted = [people[bisect_right(starts, instant) - 1] for instant in instants[:1000]]
    assert found == wanted, "look-ups and shifts disagree"
    return Outcome(
        sizes={"lookups": lookups, "rounds": ROUNDS, "layers": len(schedule.layers), "shifts": len(shifts)},
        results={"lookups_per_second": spread(ours), "year_of_shifts_ms": spread(years)},
        floor={"bisect_per_second": spread(bare)},
        ratios={"lookups_against_bisect": percentile(ours, 0.5) / percentile(bare, 0.5)},
        goals=[
            Goal("look-ups per second and core", percentile(ours, 0.5), 100_000, at_least=True),
            Goal("a year of shifts, p50, ms", percentile(years, 0.5), 50),
        ],
        notes=["seconds of processor time, so that others on the machine do not count"],
    )


def follow_the_sun() -> Schedule:
    """The example shop's schedule of three regions (M-13)."""
    return PagerDutySchedule.model_validate(yaml.safe_load(FOLLOW_THE_SUN.read_text())).schedule()


def _person(schedule: Schedule, at: datetime) -> str | None:
    shift = on_call(schedule, at)
    return shift.person if shift else None


def _year(schedule: Schedule) -> float:
    begun = time.process_time()
    Roster(schedule).between(YEAR, YEAR + timedelta(days=365))
    return (time.process_time() - begun) * 1000
