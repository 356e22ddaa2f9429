"""Hypothesis strategies for values of the domain."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

from hypothesis import strategies as st

from mainstay.domain.alert import Alert, AlertStatus
from mainstay.domain.oncall.schedule import Layer, Override, Restriction, Schedule, Weekday

ZONES = (
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",  # changes its clock by half an hour
    "America/St_Johns",  # offset of three and a half hours
    "Asia/Kolkata",
    "Africa/Casablanca",  # changes around Ramadan
    "Africa/Cairo",  # changes at midnight
    "America/Havana",  # repeats the hour after midnight
)
DAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
AROUND_CHANGES = (
    datetime(2026, 3, 8, tzinfo=UTC),
    datetime(2026, 4, 24, tzinfo=UTC),
    datetime(2026, 10, 30, tzinfo=UTC),
    datetime(2026, 3, 29, tzinfo=UTC),
    datetime(2026, 4, 4, tzinfo=UTC),
    datetime(2026, 10, 3, tzinfo=UTC),
    datetime(2026, 10, 25, tzinfo=UTC),
    datetime(2026, 11, 1, tzinfo=UTC),
    datetime(2026, 6, 1, tzinfo=UTC),
)
"""Days on which clocks of ZONES change, and one on which none does."""


def minutes(lowest: datetime, highest: datetime) -> st.SearchStrategy[datetime]:
    span = int((highest - lowest) / timedelta(minutes=1))
    return st.integers(0, span).map(lambda n: lowest + timedelta(minutes=n))


def wall_times() -> st.SearchStrategy[time]:
    """Mostly the hours at which clocks change."""
    return st.builds(time, st.sampled_from((0, 1, 2, 3, 6, 9, 12, 17, 22, 23)), st.sampled_from((0, 15, 30)))


def restrictions() -> st.SearchStrategy[Restriction]:
    some_days = st.lists(st.sampled_from(DAYS), min_size=1, max_size=7, unique=True).map(tuple)
    return st.builds(Restriction, start=wall_times(), end=wall_times(), days=st.one_of(st.just(DAYS), some_days))


def layers() -> st.SearchStrategy[Layer]:
    turns = st.one_of(
        st.sampled_from((1, 3, 8, 12)).map(lambda h: timedelta(hours=h)),
        st.sampled_from((1, 2, 7)).map(lambda d: timedelta(days=d)),
        st.integers(20, 3000).map(lambda m: timedelta(minutes=m)),
    )
    return st.builds(
        Layer,
        name=st.sampled_from(("first", "second", "third")),
        people=st.lists(st.sampled_from(("alice", "bob", "carol", "dave")), min_size=1, max_size=4).map(tuple),
        start=minutes(datetime(2025, 12, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)),
        turn=turns,
        time_zone=st.sampled_from((None, *ZONES)),
        restrictions=st.lists(restrictions(), max_size=2).map(tuple),
        months=st.sampled_from((None, None, 1, 3)),
        holidays=st.sampled_from(("count", "count", "skip", "only")),
        active_from=st.one_of(st.none(), minutes(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 6, 1, tzinfo=UTC))),
        active_until=st.one_of(st.none(), minutes(datetime(2026, 6, 2, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC))),
    )


@st.composite
def overrides(draw: st.DrawFn, around: datetime) -> Override:
    start = draw(minutes(around - timedelta(days=3), around + timedelta(days=3)))
    length = draw(st.integers(1, 3000))
    person = draw(st.sampled_from((None, "erin", "frank")))
    return Override(person=person, start=start, end=start + timedelta(minutes=length))


@st.composite
def schedules(draw: st.DrawFn, around: datetime) -> Schedule:
    return Schedule(
        name="made up",
        time_zone=draw(st.sampled_from(ZONES)),
        layers=tuple(draw(st.lists(layers(), max_size=3))),
        overrides=tuple(draw(st.lists(overrides(around), max_size=2))),
        holidays=tuple(around.date() + timedelta(days=n) for n in draw(st.sets(st.integers(-2, 2), max_size=2))),
        unstaffed=tuple(draw(st.lists(restrictions(), max_size=1))),
    )


def hostile_text() -> st.SearchStrategy[str]:
    """Any text, lone surrogates and control characters included, mixed with what breaks things."""
    nasty = st.sampled_from(
        (
            "\x1b[31m",
            "\x1b]8;;http://evil.example\x07",
            "\u202e",
            "\r\n",
            "</script>",
            "`",
            "@here",
            "|",
            "%s",
            "\ud800",
        )
    )
    return st.lists(st.one_of(nasty, st.text(max_size=20)), max_size=8).map("".join)


def alerts() -> st.SearchStrategy[Alert]:
    plain_text = st.text(st.characters(codec="utf-8"), max_size=40)
    labels = st.dictionaries(st.sampled_from(("alertname", "service", "cluster", "severity")), plain_text)
    return st.builds(
        Alert,
        source=plain_text,
        status=st.sampled_from(AlertStatus),
        fingerprint=st.text("0123456789abcdef", max_size=16),
        labels=labels,
        annotations=st.dictionaries(st.sampled_from(("summary", "description")), plain_text),
        raw=st.one_of(st.just(""), plain_text),
    )
