"""When to page and by when to respond."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from mainstay.domain.calendar import Calendar
from mainstay.domain.profiles import PROFILES
from mainstay.domain.response import page_at, response_due

OFFICE = Calendar.parse(("mon-fri 09:00-17:00",))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("severity", "begun", "warn", "breach"),
    [
        ("000 P1", "2026-01-05T03:00", "2026-01-05T03:15", "2026-01-05T03:30"),
        ("000 P2", "2026-01-05T03:00", None, "2026-01-05T04:00"),
        ("000 P3", "2026-01-02T17:00", None, "2026-01-05T17:00"),
        ("000 P4", "2026-01-02T17:00", None, None),
        ("002 P2", "2026-01-05T03:00", None, "2026-01-05T03:15"),
        ("003 SEV4", "2026-01-02T17:00", None, "2026-01-05T17:00"),
    ],
)
def test_response_targets(severity: str, begun: str, warn: str | None, breach: str | None) -> None:
    """Wall-clock deadlines, or business days: a P3 of Friday 17:00 is due on Monday, not after 24 hours."""
    profile, label = severity.split()
    found = response_due(PROFILES[profile].parse(label), at(begun), OFFICE)
    assert (found.warn, found.breach) == (at(warn) if warn else None, at(breach) if breach else None)


@pytest.mark.parametrize(
    ("severity", "now", "page"),
    [
        ("004 SEV1", "2026-01-05T03:00", "2026-01-05T03:00"),
        ("004 SEV3", "2026-01-05T03:00", "2026-01-05T09:00"),
        ("004 SEV4", "2026-01-03T03:00", "2026-01-05T09:00"),
        ("001 P2", "2026-01-05T10:00", "2026-01-05T10:00"),
        ("001 P3", "2026-01-05T10:00", None),
    ],
)
def test_page_now_later_or_not(severity: str, now: str, page: str | None) -> None:
    """At 3 in the morning a SEV3 waits for business hours and a SEV1 does not (S-024)."""
    profile, label = severity.split()
    assert page_at(PROFILES[profile].parse(label), at(now), OFFICE) == (at(page) if page else None)


@pytest.mark.capability("S-423")
def test_a_holiday_is_no_business_day() -> None:
    """Given a holiday calendar, then deadlines in business days skip it, and so do pages of business hours."""
    office = Calendar.parse(("mon-fri 09:00-17:00",), holidays=("2026-01-05",))
    low = PROFILES["000"].parse("P3")
    friday = at("2026-01-02T17:00")
    assert response_due(low, friday, OFFICE).breach == at("2026-01-05T17:00")
    assert response_due(low, friday, office).breach == at("2026-01-06T17:00")
    assert page_at(low, friday, office) == at("2026-01-06T09:00")
