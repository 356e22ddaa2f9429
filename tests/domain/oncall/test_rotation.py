"""Wall clocks to instants."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mainstay.domain.oncall.rotation import instant
from tests.strategies import AROUND_CHANGES, ZONES, minutes


@pytest.mark.parametrize(
    ("wall", "zone", "expected"),
    [
        ("2011-12-30T12:00", "Pacific/Apia", "2011-12-30T10:00"),  # the whole day was left out
        ("2026-03-29T02:00", "Europe/Berlin", "2026-03-29T01:00"),
        ("2026-06-01T12:00", "Asia/Kolkata", "2026-06-01T06:30"),
    ],
)
def test_times_that_a_clock_skips(wall: str, zone: str, expected: str) -> None:
    """A time that a clock never shows is the instant at which it jumps over it."""
    assert instant(datetime.fromisoformat(wall), ZoneInfo(zone)) == datetime.fromisoformat(expected)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(ZONES), st.data())
def test_a_time_that_the_clock_shows_is_found(zone: str, data: st.DataObject) -> None:
    """The instant of a shown time shows that time, the first not after the last."""
    around = data.draw(st.sampled_from(AROUND_CHANGES))
    at = data.draw(minutes(around - timedelta(days=1), around + timedelta(days=2)))
    wall = at.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    first, last = instant(wall, ZoneInfo(zone)), instant(wall, ZoneInfo(zone), last=True)
    assert first <= at.replace(tzinfo=None) <= last
    for found in (first, last):
        assert found.replace(tzinfo=UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None) == wall


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(ZONES), st.data())
def test_instants_keep_the_order_of_the_clock(zone: str, data: st.DataObject) -> None:
    """A later wall time never comes earlier: hand-offs cannot overtake each other."""
    around = data.draw(st.sampled_from(AROUND_CHANGES)).replace(tzinfo=None)
    early = data.draw(minutes(around - timedelta(days=1), around + timedelta(days=2)))
    late = early + timedelta(minutes=data.draw(st.integers(0, 200)))
    assert instant(early, ZoneInfo(zone)) <= instant(late, ZoneInfo(zone))
