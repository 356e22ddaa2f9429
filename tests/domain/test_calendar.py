"""Business hours, holidays, and when to meet."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainstay.domain.calendar import Calendar, meeting_slot, parse_hours
from mainstay.domain.errors import InvalidArgument
from tests.strategies import ZONES, minutes

OFFICE = Calendar.parse(("mon-fri 09:00-17:00",))
BERLIN = Calendar.parse(("mon-fri 09:00-17:00",), "Europe/Berlin", ("2026-12-25",))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("calendar", "now", "opens"),
    [
        (OFFICE, "2026-01-05T10:00", "2026-01-05T10:00"),
        (OFFICE, "2026-01-05T17:00", "2026-01-06T09:00"),
        (OFFICE, "2026-01-02T18:00", "2026-01-05T09:00"),
        (OFFICE, "2026-01-03T03:00", "2026-01-05T09:00"),
        (BERLIN, "2026-07-01T03:00", "2026-07-01T07:00"),
        (BERLIN, "2026-12-24T20:00", "2026-12-28T08:00"),
        (Calendar.parse(("sat 22:00-06:00",)), "2026-01-04T03:00", "2026-01-04T03:00"),
    ],
)
def test_next_open(calendar: Calendar, now: str, opens: str) -> None:
    """Now if it is open, else the next business hour, over weekends, holidays and changes of the clock."""
    assert calendar.next_open(at(now)) == at(opens)


@pytest.mark.parametrize(
    ("now", "days", "end"),
    [
        ("2026-01-02T17:00", 1, "2026-01-05T17:00"),
        ("2026-01-02T08:00", 1, "2026-01-05T17:00"),
        ("2026-01-03T12:00", 1, "2026-01-05T17:00"),
        ("2026-01-05T12:00", 5, "2026-01-12T17:00"),
    ],
)
def test_business_days(now: str, days: int, end: str) -> None:
    """The end of business of the n-th business day after today: Friday's is Monday (S-005)."""
    assert OFFICE.add_business_days(at(now), days) == at(end)


@pytest.mark.parametrize(
    ("resolved", "zone", "holidays", "start", "noted"),
    [
        ("2026-01-05T10:00", "UTC", (), "2026-01-07T10:00", False),
        ("2026-01-05T18:00", "UTC", (), "2026-01-08T09:00", False),
        ("2026-01-05T10:07", "UTC", (), "2026-01-07T10:15", False),
        ("2026-01-07T16:30", "UTC", (), "2026-01-12T09:00", True),
        ("2026-01-08T12:00", "UTC", (), "2026-01-12T09:00", True),
        ("2026-01-05T10:00", "America/New_York", (), "2026-01-07T14:00", False),
        ("2026-01-05T10:00", "UTC", ("2026-01-07", "2026-01-08"), "2026-01-09T09:00", True),
    ],
)
def test_meeting_slots(resolved: str, zone: str, holidays: tuple[str, ...], start: str, noted: bool) -> None:
    """48 to 72 hours later within business hours; else the next slot, and the note says so (D-10)."""
    slot = meeting_slot(at(resolved), time_zone=zone, holidays=holidays)
    assert slot.starts_at == at(start)
    assert bool(slot.note) == noted


@given(minutes(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 12, 31, tzinfo=UTC)), st.sampled_from(ZONES))
def test_meetings_are_always_in_business_hours(resolved: datetime, zone: str) -> None:
    """Whenever the incident ended, the whole meeting is in business hours, never before 48 hours."""
    slot = meeting_slot(resolved, time_zone=zone)
    calendar = Calendar.parse(("mon-fri 09:00-17:00",), zone)
    assert calendar.is_open(slot.starts_at)
    assert calendar.is_open(slot.ends_at - timedelta(minutes=1))
    assert slot.starts_at - resolved >= timedelta(hours=48)
    assert (slot.ends_at - resolved > timedelta(hours=72)) == bool(slot.note)


@pytest.mark.parametrize("text", ["mon-fri 9-17", "monday 09:00-17:00", "mon 25:00-26:00", "", "mon-fri 09:00-24:30"])
def test_hours_that_cannot_be_read(text: str) -> None:
    """The message shows how to write them."""
    with pytest.raises(InvalidArgument, match="mon-fri 09:00-17:00"):
        parse_hours(text)


def test_hours_around_the_week() -> None:
    """``sat-mon`` goes over the end of the week, and 24:00 is midnight."""
    read = parse_hours("sat-mon,wed 00:00-24:00")
    assert read.days == ("sat", "sun", "mon", "wed")
    assert Calendar((read,), OFFICE.tz, frozenset()).is_open(at("2026-01-04T23:59"))


def test_a_calendar_that_never_opens_is_refused() -> None:
    """No business hours at all, or none long enough, is said and not searched for ever."""
    for hours in ((), ("mon-fri 09:00-09:30",)):
        with pytest.raises(InvalidArgument):
            meeting_slot(at("2026-01-05T10:00"), hours=hours)
    with pytest.raises(InvalidArgument, match="not a date"):
        Calendar.parse((), "UTC", ("25.12.2026",))
