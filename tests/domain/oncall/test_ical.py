"""Calendars out and in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from mainstay.domain.errors import InvalidArgument
from mainstay.domain.oncall.ical import CalendarShift, read, render
from mainstay.domain.oncall.schedule import Override
from mainstay.domain.oncall.shifts import shifts
from mainstay.domain.people import Person
from tests.domain.oncall.samples import FOLLOW_THE_SUN

BERLIN = ZoneInfo("Europe/Berlin")
PEOPLE = {
    "alice": Person(handle="alice", name="Alice; Example, \\ BEGIN:VEVENT", email="alice@shop.example"),
    "bob": Person(handle="bob", name="Bob"),
}
START = datetime(2026, 3, 2, tzinfo=UTC)


def event(*lines: str) -> str:
    body = "\r\n".join(("BEGIN:VEVENT", *lines, "END:VEVENT"))
    return f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\n{body}\r\nEND:VCALENDAR\r\n"


def test_what_goes_out_comes_back() -> None:
    """Shifts written as a calendar are read as the same spans of the same people; equal shifts, equal text."""
    people = {name: Person(handle=name, name=name) for layer in FOLLOW_THE_SUN.layers for name in layer.people}
    found = shifts(FOLLOW_THE_SUN, START, START + timedelta(days=3))
    entries = [CalendarShift(schedule="sun", shift=shift) for shift in found]
    text = render("On call", entries, people)
    back = read(text, people, BERLIN)
    expected = [(shift.person, shift.start, shift.end) for shift in found]
    assert [(one.override.person, one.override.start, one.override.end) for one in back if one.override] == expected
    assert render("On call", entries, people) == text
    assert len({one.uid for one in back}) == len(found)


def test_a_name_cannot_break_out() -> None:
    """Text from the folder is escaped: one event stays one event."""
    found = shifts(FOLLOW_THE_SUN, START, START + timedelta(hours=1))
    shift = found[0].model_copy(update={"person": "alice"})
    assert len(read(render("x", [CalendarShift(schedule="s", shift=shift)], PEOPLE), PEOPLE, BERLIN)) == 1


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        pytest.param(
            ("UID:1", "DTSTART:20260329T010000Z", "DTEND:20260329T030000Z", "SUMMARY:bob"),
            ("bob", "03-29 01:00", "03-29 03:00"),
            id="summary is a handle",
        ),
        pytest.param(
            ("UID:1", "DTSTART;VALUE=DATE:20260329", "ATTENDEE:mailto:Alice@shop.example", "SUMMARY:cover"),
            ("alice", "03-28 23:00", "03-29 22:00"),
            id="a whole day of 23 hours",
        ),
        pytest.param(
            ("UID:1", "DTSTART:20261025T023000", "DURATION:PT1H", "X-MAINSTAY-PERSON:alice"),
            ("alice", "10-25 00:30", "10-25 02:30"),
            id="a clock time without zone that comes twice: the first; 03:30 comes once",
        ),
    ],
)
def test_events_as_overrides(lines: tuple[str, ...], expected: tuple[str, str, str]) -> None:
    """Who is meant, and when on the clock of the schedule."""
    (one,) = read(event(*lines), PEOPLE, BERLIN)
    assert isinstance(one.override, Override)
    got = one.override
    assert (got.person, f"{got.start:%m-%d %H:%M}", f"{got.end:%m-%d %H:%M}") == expected


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param("hello", "no iCalendar|event", id="no calendar"),
        pytest.param(event("DTSTART:20260329T010000Z", "SUMMARY:bob"), "no UID", id="no uid"),
        pytest.param(event("UID:1", "DTSTART:20260329T010000Z", "DURATION:PT1H", "SUMMARY:zoe"), "nobody", id="nobody"),
        pytest.param(
            event("UID:1", "DTSTART:20260329T010000Z", "RRULE:FREQ=DAILY", "SUMMARY:bob"), "repeats", id="repeats"
        ),
        pytest.param(event("UID:1", "DTSTART:20260329T010000Z", "SUMMARY:bob"), "end after", id="no end"),
    ],
)
def test_what_cannot_be_read_is_named(text: str, says: str) -> None:
    """A calendar with an event that would have to be guessed is refused, and says which event."""
    with pytest.raises(InvalidArgument, match=says):
        read(text, PEOPLE, BERLIN)
