"""Who is on call when, checked against a calculation that walks the clock minute by minute."""

from __future__ import annotations

import time as clock
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mainstay.domain.errors import InvalidArgument
from mainstay.domain.oncall.schedule import Layer, Override, Restriction, Schedule
from mainstay.domain.oncall.shifts import Roster, on_call, shifts
from tests.domain.oncall.samples import FOLLOW_THE_SUN
from tests.strategies import AROUND_CHANGES, DAYS, minutes, schedules

MINUTE = timedelta(minutes=1)


class MinuteByMinute:
    """The same question, answered by watching a wall clock.

    ``highest`` is the latest time that the clock has shown so far, ``lowest`` the earliest that it will still
    show: a hand-off has happened when the clock has once shown its time, a window is over when the clock will
    never again show less than its end.
    """

    def __init__(self, schedule: Schedule, start: datetime, count: int) -> None:
        self.schedule, self.start, self.count = schedule, start, count
        self.walls = {
            name: self._watch(name) for name in {layer.time_zone or schedule.time_zone for layer in schedule.layers}
        }

    def _watch(self, name: str) -> list[tuple[datetime, datetime]]:
        margin = 26 * 60  # minutes; longer than any change of a clock
        first = self.start - margin * MINUTE
        walls = [
            (first + n * MINUTE).astimezone(ZoneInfo(name)).replace(tzinfo=None) for n in range(self.count + 2 * margin)
        ]
        highest, lowest = list(walls), list(walls)
        for n in range(1, len(walls)):
            highest[n] = max(highest[n], highest[n - 1])
            lowest[-n - 1] = min(lowest[-n - 1], lowest[-n])
        return list(zip(highest, lowest, strict=True))[margin : margin + self.count]

    def at(self, n: int) -> str | None:
        now = self.start + n * MINUTE
        person: str | None = None
        for layer in self.schedule.layers:
            zone = layer.time_zone or self.schedule.time_zone
            highest, lowest = self.walls[zone][n]
            if layer.restrictions and not any(self._open(r, highest, lowest) for r in layer.restrictions):
                continue
            origin = layer.start.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
            person = layer.people[(highest - origin) // layer.turn % len(layer.people)]
        for override in self.schedule.overrides:
            if override.start <= now < override.end:
                person = override.person
        return person

    def _open(self, window: Restriction, highest: datetime, lowest: datetime) -> bool:
        for back in range(-1, 4):
            day = highest.date() - timedelta(days=back)
            begin = datetime.combine(day, window.start)
            end = datetime.combine(day, window.end)
            if window.end <= window.start:
                end += timedelta(days=1)
            if DAYS[day.weekday()] in window.days and highest >= begin and lowest < end:
                return True
        return False


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_every_minute_agrees_with_the_wall_clock(data: st.DataObject) -> None:
    """For any schedule, around any change of the clock, the shifts say what a watched clock says."""
    around = data.draw(st.sampled_from(AROUND_CHANGES))
    schedule = data.draw(schedules(around))
    start, count = around - timedelta(hours=20), 64 * 60
    found = shifts(schedule, start, start + count * MINUTE)
    expected = MinuteByMinute(schedule, start, count)
    for n in data.draw(st.lists(st.integers(0, count - 1), min_size=150, max_size=150)) + list(range(1200, 1600, 5)):
        at = start + n * MINUTE
        shift = next(s for s in found if s.start <= at < s.end)
        assert shift.person == expected.at(n), at


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_shifts_tile_time(data: st.DataObject) -> None:
    """Shifts follow each other without gap or overlap, from the start to the end, none of them empty."""
    around = data.draw(st.sampled_from(AROUND_CHANGES))
    schedule = data.draw(schedules(around))
    start = data.draw(minutes(around - timedelta(days=9), around))
    end = data.draw(minutes(start, around + timedelta(days=9)))
    found = shifts(schedule, start, end)
    assert [s.start for s in found] == [start, *(s.end for s in found)][: len(found)]
    assert (found[-1].end if found else end) == end or start == end
    assert all(s.start < s.end for s in found)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_look_up_is_the_shift(data: st.DataObject) -> None:
    """``on_call`` at an instant is the shift that ``shifts`` gives for a range around it."""
    around = data.draw(st.sampled_from(AROUND_CHANGES))
    schedule = data.draw(schedules(around))
    found = shifts(schedule, around - timedelta(days=20), around + timedelta(days=20))
    for at in data.draw(st.lists(minutes(around - timedelta(days=2), around + timedelta(days=2)), max_size=20)):
        expected = next(s for s in found if s.start <= at < s.end)
        shift = on_call(schedule, at)
        if shift is None:
            assert expected.person is None
        else:
            assert shift == expected


ALICE_BOB = ("alice", "bob")


def daily(at: str, zone: str, turn: timedelta = timedelta(days=1)) -> Schedule:
    start = datetime.combine(date(2026, 1, 1), time.fromisoformat(at), tzinfo=ZoneInfo(zone))
    return Schedule(name="x", time_zone=zone, layers=(Layer(name="one", people=ALICE_BOB, start=start, turn=turn),))


@pytest.mark.parametrize(
    ("at", "zone", "day", "expected"),
    [
        pytest.param("02:30", "Europe/Berlin", (2026, 10, 25), "00:30", id="repeated: the first"),
        pytest.param("02:30", "Europe/Berlin", (2026, 3, 29), "01:00", id="missing: the end of the gap"),
        pytest.param("03:00", "Europe/Berlin", (2026, 3, 29), "01:00", id="the end of the gap itself"),
        pytest.param("02:00", "Europe/Berlin", (2026, 10, 25), "00:00", id="the first of the repeated hour"),
        pytest.param("01:45", "Australia/Lord_Howe", (2026, 4, 4), "14:45", id="half an hour: the first"),
        pytest.param("02:15", "Australia/Lord_Howe", (2026, 10, 3), "15:30", id="half an hour: end of the gap"),
        pytest.param("09:00", "Europe/Berlin", (2026, 3, 30), "07:00", id="wall time stays after a change"),
    ],
)
def test_hand_offs_when_clocks_change(at: str, zone: str, day: tuple[int, int, int], expected: str) -> None:
    """A hand-off at a repeated time happens at the first, at a missing one when the gap ends."""
    start = datetime(*day, tzinfo=UTC) - timedelta(hours=1)
    found = shifts(daily(at, zone), start, start + timedelta(days=1))
    assert [f"{s.start:%H:%M}" for s in found[1:]] == [expected]


@pytest.mark.parametrize(
    ("window", "day", "expected"),
    [
        pytest.param(("22:00", "02:30"), (2026, 10, 24), ("20:00", "01:30"), id="ends at the last"),
        pytest.param(("02:30", "06:00"), (2026, 10, 25), ("00:30", "05:00"), id="begins at the first"),
        pytest.param(("22:00", "02:30"), (2026, 3, 28), ("21:00", "01:00"), id="ends with the gap"),
        pytest.param(("02:10", "02:50"), (2026, 3, 29), None, id="swallowed by the gap"),
    ],
)
def test_windows_when_clocks_change(
    window: tuple[str, str], day: tuple[int, int, int], expected: tuple[str, str] | None
) -> None:
    """A window that ends at a repeated time ends at the last; in the gap it ends with it."""
    begin, end = (time.fromisoformat(text) for text in window)
    weekday = DAYS[date(*day).weekday()]
    layer = Layer(
        name="one",
        people=("alice",),
        start=datetime(2020, 1, 1, tzinfo=UTC),
        turn=timedelta(days=36500),
        restrictions=(Restriction(start=begin, end=end, days=(weekday,)),),
    )
    schedule = Schedule(name="x", time_zone="Europe/Berlin", layers=(layer,))
    start = datetime(*day, tzinfo=UTC) - timedelta(hours=4)
    found = [s for s in shifts(schedule, start, start + timedelta(days=2)) if s.person]
    assert [(f"{s.start:%H:%M}", f"{s.end:%H:%M}") for s in found] == ([expected] if expected else [])


def test_later_layers_win_and_overrides_win_over_all() -> None:
    """The later layer covers the earlier one where its window is open; an override covers both."""
    start = datetime(2026, 1, 5, tzinfo=UTC)
    base = Layer(name="base", people=("alice",), start=start)
    night = Layer(name="night", people=("bob",), start=start, restrictions=(Restriction(start=time(22), end=time(6)),))
    swap = Override(person="carol", start=start + timedelta(hours=23), end=start + timedelta(hours=25))
    hole = Override(person=None, start=start + timedelta(hours=10), end=start + timedelta(hours=11))
    schedule = Schedule(name="x", layers=(base, night), overrides=(swap, hole))
    found = [(f"{s.start:%H}-{s.end:%H}", s.person) for s in shifts(schedule, start, start + timedelta(hours=30))]
    assert found == [
        ("00-06", "bob"),
        ("06-10", "alice"),
        ("10-11", None),
        ("11-22", "alice"),
        ("22-23", "bob"),
        ("23-01", "carol"),
        ("01-06", "bob"),
    ]


def test_the_grid_extends_before_its_start() -> None:
    """A rotation answers for the time before its first turn, counting backwards."""
    schedule = daily("09:00", "UTC")
    assert [
        s.person for s in shifts(schedule, datetime(2025, 12, 30, 9, tzinfo=UTC), datetime(2026, 1, 3, 9, tzinfo=UTC))
    ] == [
        "alice",
        "bob",
        "alice",
        "bob",
    ]


def test_nobody_at_all_is_one_gap() -> None:
    """A schedule without layers is a gap, and so is a layer without people."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    for layers in ((), (Layer(name="empty", people=(), start=start),)):
        schedule = Schedule(name="x", layers=layers)
        assert on_call(schedule, start) is None
        assert [s.person for s in shifts(schedule, start, start + timedelta(days=400))] == [None]


@pytest.mark.parametrize(
    "at",
    [datetime.fromisoformat("2026-01-01"), datetime(9999, 1, 1, tzinfo=UTC), datetime(1, 1, 1, tzinfo=UTC)],
)
def test_instants_that_mean_nothing_are_refused(at: datetime) -> None:
    """A naive instant and one outside 1900 to 2200 are refused, not guessed."""
    with pytest.raises(InvalidArgument):
        on_call(FOLLOW_THE_SUN, at)


def test_an_unknown_zone_is_refused() -> None:
    """A zone that does not exist is named."""
    with pytest.raises(InvalidArgument, match="Mars/Olympus"):
        Roster(
            Schedule(
                name="x",
                time_zone="Mars/Olympus",
                layers=(Layer(name="l", people=("a",), start=datetime(2026, 1, 1, tzinfo=UTC)),),
            )
        )


def test_an_override_of_many_years_does_not_stop_look_ups() -> None:
    """An override without a sensible end is taken, and answers within it."""
    forever = Override(person="erin", start=datetime(2026, 1, 1, tzinfo=UTC), end=datetime(9999, 1, 1, tzinfo=UTC))
    schedule = FOLLOW_THE_SUN.model_copy(update={"overrides": (forever,)})
    shift = on_call(schedule, datetime(2050, 1, 1, tzinfo=UTC))
    assert shift is not None
    assert shift.person == "erin"


def test_look_ups_are_fast() -> None:
    """A year of follow-the-sun shifts and many look-ups stay far from the bounds of the benchmark.

    The figures themselves (100,000 a second, 50 ms) belong to bench/; here only an order of magnitude.
    """
    start = datetime(2026, 1, 1, tzinfo=UTC)
    began = clock.perf_counter()
    assert len(Roster(FOLLOW_THE_SUN).between(start, start + timedelta(days=365))) > 1000
    instants = [start + timedelta(minutes=7 * n) for n in range(20_000)]
    for at in instants:
        on_call(FOLLOW_THE_SUN, at)
    assert clock.perf_counter() - began < 5
