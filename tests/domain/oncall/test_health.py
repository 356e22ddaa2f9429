"""Health: the limits of M-7, and what counts."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from mainstay.domain.oncall.health import Band, Health, PageFact, band, health, office_hours
from mainstay.domain.oncall.schedule import Shift

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
WEEK = timedelta(days=7)
OFFICE = {"alice": office_hours(("mon-fri 09:00-17:00",), "Asia/Kolkata", ())}


def page(number: int, hour: float = 5, *, day: int = 0, **fields: object) -> PageFact:
    """At 05:00 UTC it is 10:30 in Kolkata."""
    at = MONDAY + timedelta(days=day, hours=hour, minutes=number)
    return PageFact.model_validate({"person": "alice", "incident_key": f"k{number}", "at": at, **fields})


def of(*pages: PageFact, span: timedelta = WEEK) -> Health:
    return health("person", "alice", pages, (), span, OFFICE)


@pytest.mark.capability("S-089")
@pytest.mark.parametrize(("count", "expected"), [(0, "healthy"), (1, "healthy"), (3, "watch"), (6, "unhealthy")])
def test_pages_a_week(count: int, expected: str) -> None:
    """Given 6 pages in a week, then unhealthy; 1 is healthy; 3 is watch."""
    assert of(*(page(n) for n in range(count))).band == expected


@pytest.mark.parametrize(
    ("figure", "value", "expected"),
    [
        *(("pages a week", v, b) for v, b in ((1.9, "healthy"), (2, "watch"), (5, "watch"), (5.1, "unhealthy"))),
        *(("share of false alarms", v, b) for v, b in ((0.09, "healthy"), (0.1, "watch"), (0.31, "unhealthy"))),
        *(("minutes to acknowledge", v, b) for v, b in ((4.9, "healthy"), (15, "watch"), (15.1, "unhealthy"))),
        *(("after-hours pages a week", v, b) for v, b in ((0.9, "healthy"), (1, "watch"), (3.1, "unhealthy"))),
        *(("minutes to mitigate", v, b) for v, b in ((29, "healthy"), (120, "watch"), (121, "unhealthy"))),
    ],
)
def test_limits(figure: str, value: float, expected: Band) -> None:
    """The limits of each figure as the guides give them; at a limit it is watched."""
    assert band(figure, value) == expected


def test_after_hours_are_on_the_clock_of_the_person() -> None:
    """05:00 UTC is office time in Kolkata, 12:30 UTC is not, nor is a Sunday."""
    assert of(page(1)).after_hours == 0
    assert of(page(1, 12.5), page(2, day=6)).after_hours == 2


def test_means_and_reasons() -> None:
    """Means are over what was answered; each figure that is not healthy says so, with its limits."""
    slow = page(
        1,
        declared_at=MONDAY,
        acknowledged_at=page(1).at + timedelta(minutes=20),
        mitigated_at=MONDAY + timedelta(hours=3),
        false_alarm=True,
    )
    found = of(slow)
    assert (found.time_to_acknowledge, found.time_to_mitigate) == (timedelta(minutes=20), timedelta(hours=3))
    assert [reason.split(":")[0] for reason in found.reasons] == [
        "share of false alarms",
        "minutes to acknowledge",
        "minutes to mitigate",
    ]


@pytest.mark.capability("S-090")
def test_three_pages_are_too_many_for_guide_004() -> None:
    """Given 3 pages in a week to one person, then the report flags it under rule 004; two are not flagged."""
    assert any("guide 004" in reason for reason in of(page(1), page(2), page(3)).reasons)
    assert not any("guide 004" in reason for reason in of(page(1), page(2)).reasons)


@pytest.mark.capability("S-091")
def test_rest_after_a_night() -> None:
    """Given an answer between 22:00 and 06:00 local, then a shorter day is suggested for the day that follows."""
    evening = datetime(2026, 3, 3, 17, tzinfo=UTC)  # 22:30 in Kolkata
    early = datetime(2026, 3, 5, 0, 20, tzinfo=UTC)  # 05:50
    late = datetime(2026, 3, 6, 0, 40, tzinfo=UTC)  # 06:10
    pages = [page(n, acknowledged_at=at) for n, at in enumerate((evening, early, late))]
    assert of(*pages).rest_days == (date(2026, 3, 4), date(2026, 3, 5))


@pytest.mark.capability("S-092")
def test_a_month_for_the_payroll() -> None:
    """Given a month of shifts and pages, then per person hours on call, pages and after-hours pages are listed."""
    shifts = [
        Shift(person="alice", start=MONDAY + n * WEEK, end=MONDAY + n * WEEK + timedelta(days=2)) for n in range(4)
    ]
    found = health("person", "alice", [page(1), page(2, 20)], shifts, 4 * WEEK, OFFICE)
    assert (found.hours_on_call, found.pages, found.after_hours) == (192, 2, 1)
