"""Who is on call when, checked against a calculation that walks the clock minute by minute."""

from __future__ import annotations

import time as clock
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import yaml
from dateutil.relativedelta import relativedelta
from hypothesis import given, settings
from hypothesis import strategies as st

from mainstay.domain.errors import InvalidArgument
from mainstay.domain.oncall.pagerduty import PagerDutySchedule
from mainstay.domain.oncall.schedule import Layer, Override, Restriction, Schedule
from mainstay.domain.oncall.shifts import Roster, on_call, shifts
from tests.domain.oncall.samples import FOLLOW_THE_SUN
from tests.strategies import AROUND_CHANGES, DAYS, ZONES, minutes, schedules

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
            name: self._watch(name)
            for name in {schedule.time_zone, *(layer.time_zone or schedule.time_zone for layer in schedule.layers)}
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
            if not (layer.active_from or now) <= now < (layer.active_until or now + MINUTE):
                continue
            if layer.holidays != "count" and self._holiday(highest, lowest) != (layer.holidays == "only"):
                continue
            if layer.restrictions and not any(self._open(r, highest, lowest) for r in layer.restrictions):
                continue
            origin = layer.start.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
            person = layer.people[self._turns_begun(layer, origin, highest) % len(layer.people)]
        highest, lowest = self.walls[self.schedule.time_zone][n]
        if any(self._open(r, highest, lowest) for r in self.schedule.unstaffed):
            person = None
        for override in self.schedule.overrides:
            if override.start <= now < override.end:
                person = override.person
        return person

    def _turns_begun(self, layer: Layer, origin: datetime, highest: datetime) -> int:
        """Counted one by one with dateutil, whose months clamp to the end of a short one."""
        if layer.months is None:
            return (highest - origin) // layer.turn
        number = 0
        while origin + relativedelta(months=number * layer.months) > highest:
            number -= 1
        while origin + relativedelta(months=(number + 1) * layer.months) <= highest:
            number += 1
        return number

    def _holiday(self, highest: datetime, lowest: datetime) -> bool:
        """The clock has shown the day's first midnight, and will still show less than its last."""
        midnights = [datetime.combine(day, time()) for day in self.schedule.holidays]
        return any(highest >= midnight and lowest < midnight + timedelta(days=1) for midnight in midnights)

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
    found = shifts(schedule, around - timedelta(days=200), around + timedelta(days=200))
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


def monthly(day: str, months: int = 1) -> Schedule:
    layer = Layer(name="m", people=("alice", "bob", "carol"), start=datetime.fromisoformat(day), months=months)
    return Schedule(name="x", time_zone="Europe/Berlin", layers=(layer,))


def test_the_end_of_the_month_clamps_and_comes_back() -> None:
    """A monthly hand-off on the 31st is on the last day of short months, in leap years too, and on the 31st again."""
    found = shifts(
        monthly("2027-10-31T09:00+01:00"), datetime(2027, 11, 1, tzinfo=UTC), datetime(2028, 5, 1, tzinfo=UTC)
    )
    assert [f"{s.start.astimezone(ZoneInfo('Europe/Berlin')):%m-%d %H:%M} {s.person}" for s in found[1:]] == [
        "11-30 09:00 bob",
        "12-31 09:00 carol",
        "01-31 09:00 alice",
        "02-29 09:00 bob",
        "03-31 09:00 carol",
        "04-30 09:00 alice",
    ]


def test_every_quarter_also_before_the_start() -> None:
    """Turns of three months extend before their start, clamped the same way."""
    found = shifts(
        monthly("2026-08-31T00:00+02:00", 3), datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
    )
    assert [f"{s.start.astimezone(ZoneInfo('Europe/Berlin')):%m-%d} {s.person}" for s in found[1:]] == [
        "02-28 bob",
        "05-31 carol",
        "08-31 alice",
        "11-30 bob",
    ]


@pytest.mark.parametrize("zone", ["Europe/Berlin", "Australia/Lord_Howe", "Africa/Cairo", "America/Havana"])
def test_a_day_is_twenty_four_hours_of_the_clock(zone: str) -> None:
    """Daily × 1 and hourly × 24 are the same rotation, over a year of clock changes."""
    year = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
    assert shifts(daily("02:30", zone), *year) == shifts(daily("02:30", zone, timedelta(hours=24)), *year)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_windows_that_meet_leave_no_hole(data: st.DataObject) -> None:
    """Two layers whose windows meet cover every minute, whatever the clock does where they meet."""
    around = data.draw(st.sampled_from(AROUND_CHANGES))
    zone = data.draw(st.sampled_from(ZONES))
    cut, other = (time(data.draw(st.integers(0, 23)), data.draw(st.sampled_from((0, 15, 30, 45)))) for _ in "ab")
    start = datetime(2020, 1, 1, tzinfo=UTC)
    one = Layer(name="one", people=("alice",), start=start, restrictions=(Restriction(start=cut, end=other),))
    two = Layer(name="two", people=("bob",), start=start, restrictions=(Restriction(start=other, end=cut),))
    schedule = Schedule(name="x", time_zone=zone, layers=(one, two))
    assert all(s.person for s in shifts(schedule, around - timedelta(days=3), around + timedelta(days=3)))


def test_holidays_belong_to_the_holiday_layer() -> None:
    """A layer that skips holidays and one that counts only then share a year without gap, in the layer's zone."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    usual = Layer(name="usual", people=("alice",), start=start, turn=timedelta(days=36500), holidays="skip")
    feast = Layer(name="feast", people=("bob",), start=start, turn=timedelta(days=36500), holidays="only")
    days = (date(2026, 12, 24), date(2026, 12, 25), date(2026, 12, 31))
    schedule = Schedule(name="x", time_zone="Europe/Berlin", layers=(usual, feast), holidays=days)
    found = shifts(schedule, start, datetime(2027, 1, 1, 12, tzinfo=UTC))
    assert [f"{s.person} {s.start:%m-%d %H}" for s in found] == [
        "alice 01-01 00",
        "bob 12-23 23",
        "alice 12-25 23",
        "bob 12-30 23",
        "alice 12-31 23",
    ]


def test_a_temporary_layer_counts_only_while_it_is_active() -> None:
    """A temporary schedule takes over for a week and gives back; its turns are counted from its own start."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    crew = Layer(
        name="launch",
        people=("dave", "erin"),
        start=start,
        turn=timedelta(days=1),
        active_from=start + timedelta(days=9, hours=12),
        active_until=start + timedelta(days=11, hours=6),
    )
    base = Layer(name="base", people=("alice",), start=start)
    schedule = Schedule(name="x", layers=(base, crew))
    found = shifts(schedule, start + timedelta(days=9), start + timedelta(days=12))
    assert [(s.person, f"{s.start:%d %H}") for s in found] == [
        ("alice", "10 00"),
        ("erin", "10 12"),
        ("dave", "11 00"),
        ("erin", "12 00"),
        ("alice", "12 06"),
    ]


def test_a_gap_on_purpose_is_a_gap_that_says_so() -> None:
    """Nobody is on call in an unstaffed window, though a layer counts then; an override still brings somebody."""
    start = datetime(2026, 1, 5, tzinfo=UTC)
    night = Restriction(start=time(22), end=time(6))
    stand_in = Override(person="bob", start=start + timedelta(hours=23), end=start + timedelta(hours=24))
    schedule = Schedule(
        name="x", layers=(Layer(name="l", people=("alice",), start=start),), unstaffed=(night,), overrides=(stand_in,)
    )
    found = shifts(schedule, start + timedelta(hours=12), start + timedelta(hours=36))
    assert [(s.person, s.layer, f"{s.start:%H}") for s in found] == [
        ("alice", "l", "12"),
        (None, "unstaffed", "22"),
        ("bob", "override", "23"),
        (None, "unstaffed", "00"),
        ("alice", "l", "06"),
    ]


def test_a_shadow_is_never_on_call() -> None:
    """A shadow layer changes nothing in who is on call; on its own it is a gap."""
    start = datetime(2026, 1, 5, tzinfo=UTC)
    base, learner = (
        Layer(name="l", people=("alice",), start=start),
        Layer(name="s", people=("zoe",), start=start, shadow=True),
    )
    assert on_call(Schedule(name="x", layers=(learner,)), start) is None
    both = shifts(Schedule(name="x", layers=(base, learner)), start, start + timedelta(days=30))
    assert both == shifts(Schedule(name="x", layers=(base,)), start, start + timedelta(days=30))


EXAMPLE_SCHEDULES = sorted(Path("examples/shop/schedules").glob("*.yaml"))


def _example(path: Path) -> Schedule:
    data = yaml.safe_load(path.read_text())
    return PagerDutySchedule.model_validate(data).schedule() if "users" in data["layers"][0] else Schedule(**data)


@pytest.mark.parametrize("path", EXAMPLE_SCHEDULES, ids=lambda path: path.stem)
def test_a_year_of_each_example(path: Path) -> None:
    """A quarter of an hour by a quarter of an hour, the shipped schedules say what a watched clock says."""
    schedule = _example(path)
    start, count = datetime(2026, 1, 1, tzinfo=UTC), 365 * 24 * 60
    expected = MinuteByMinute(schedule, start, count)
    at = Roster(schedule).at
    wrong = [n for n in range(0, count, 15) if at(start + n * MINUTE).person != expected.at(n)]
    assert EXAMPLE_SCHEDULES
    assert not wrong
