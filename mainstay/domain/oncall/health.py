"""How people and rotations bear being on call: figures, and healthy, watch or unhealthy (M-7, S-089, D-40)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal

from mainstay.domain.calendar import Calendar
from mainstay.domain.duration import show
from mainstay.domain.errors import InvalidArgument
from mainstay.domain.model import Record
from mainstay.domain.oncall.rotation import zone
from mainstay.domain.oncall.schedule import Shift

Band = Literal["healthy", "watch", "unhealthy"]
WEEK = timedelta(days=7)
HOUR = timedelta(hours=1)
TOO_MANY = 2
"""Pages a week; more is already too many for guide 004 (S-090)."""
NIGHT = (time(22), time(6))
"""Who answers between these does not work a full day after it (S-091)."""
LIMITS: dict[str, tuple[float, float]] = {
    "pages a week": (2, 5),
    "after-hours pages a week": (1, 3),
    "share of false alarms": (0.1, 0.3),
    "minutes to acknowledge": (5, 15),
    "minutes to mitigate": (30, 120),
}
"""Figure → (below it is healthy, above it is unhealthy); between the two somebody should watch it."""


class PageFact(Record):
    """One person was paged for one incident, whatever the number of methods and repeats."""

    person: str
    incident_key: str
    at: datetime
    """The first notification."""
    declared_at: datetime | None = None
    acknowledged_at: datetime | None = None
    mitigated_at: datetime | None = None
    false_alarm: bool = False
    """The incident was cancelled."""


class Health(Record):
    """Figures of one person or rotation over a span."""

    kind: Literal["person", "rotation"]
    name: str
    hours_on_call: float = 0
    pages: int = 0
    after_hours: int = 0
    false_alarms: int = 0
    time_to_acknowledge: timedelta | None = None
    """Mean from the page to the acknowledgement; None: there was none."""
    time_to_mitigate: timedelta | None = None
    """Mean from the declaration."""
    band: Band = "healthy"
    """That of its worst figure."""
    reasons: tuple[str, ...] = ()
    """Which figures are not healthy."""
    rest_days: tuple[date, ...] = ()
    """Local days on which this person should work less, because they answered a page in the night."""


def band(figure: str, value: float) -> Band:
    """Where ``value`` lies between the limits of ``LIMITS``; a value at a limit is watched."""
    healthy, unhealthy = LIMITS[figure]
    if value < healthy:
        return "healthy"
    return "unhealthy" if value > unhealthy else "watch"


def health(
    kind: Literal["person", "rotation"],
    name: str,
    pages: Iterable[PageFact],
    shifts: Iterable[Shift],
    span: timedelta,
    office: Mapping[str, Calendar],
) -> Health:
    """The figures of ``pages`` over ``span``; ``office`` holds each person's business hours on their own clock.

    Raises InvalidArgument for an empty span.
    """
    if span <= timedelta(0):
        raise InvalidArgument("the span of a health report must not be empty", field="end")
    known = tuple(pages)
    late = [page for page in known if page.person in office and not office[page.person].is_open(page.at)]
    false = [page for page in known if page.false_alarm]
    acknowledged = _mean([p.acknowledged_at - p.at for p in known if p.acknowledged_at and p.acknowledged_at >= p.at])
    mitigated = _mean([p.mitigated_at - p.declared_at for p in known if p.mitigated_at and p.declared_at])
    weeks = max(span / WEEK, 1.0)
    figures = {
        "pages a week": len(known) / weeks,
        "after-hours pages a week": len(late) / weeks,
        **({"share of false alarms": len(false) / len(known)} if known else {}),
        **({"minutes to acknowledge": acknowledged / timedelta(minutes=1)} if acknowledged is not None else {}),
        **({"minutes to mitigate": mitigated / timedelta(minutes=1)} if mitigated is not None else {}),
    }
    bands = {figure: band(figure, value) for figure, value in figures.items()}
    on_call = sum((shift.end - shift.start for shift in shifts if shift.person), timedelta(0))
    return Health(
        kind=kind,
        name=name,
        hours_on_call=round(on_call / HOUR, 2),
        pages=len(known),
        after_hours=len(late),
        false_alarms=len(false),
        time_to_acknowledge=acknowledged,
        time_to_mitigate=mitigated,
        band=_worst(bands.values()),
        reasons=tuple(_reasons(figures, bands)),
        rest_days=_rest_days(known, office) if kind == "person" else (),
    )


def office_hours(hours: tuple[str, ...], time_zone: str, holidays: tuple[str, ...]) -> Calendar:
    """A person's business hours; of an unknown zone those of UTC."""
    try:
        zone(time_zone)
    except InvalidArgument:
        time_zone = "UTC"
    return Calendar.parse(hours, time_zone, holidays)


def _worst(bands: Iterable[Band]) -> Band:
    found = set(bands)
    return "unhealthy" if "unhealthy" in found else "watch" if "watch" in found else "healthy"


def _reasons(figures: Mapping[str, float], bands: Mapping[str, Band]) -> Iterable[str]:
    for figure, value in figures.items():
        if bands[figure] != "healthy":
            healthy, unhealthy = LIMITS[figure]
            yield f"{figure}: {value:.3g} ({bands[figure]}; healthy below {healthy:g}, unhealthy above {unhealthy:g})"
    if figures["pages a week"] > TOO_MANY:
        yield f"more than {TOO_MANY} pages a week are too many (guide 004): mend what pages, or add people"


def _rest_days(pages: Iterable[PageFact], office: Mapping[str, Calendar]) -> tuple[date, ...]:
    days = set()
    for page in pages:
        if page.acknowledged_at is None:
            continue
        tz = office[page.person].tz if page.person in office else UTC
        local = page.acknowledged_at.astimezone(tz)
        if local.time() >= NIGHT[0]:
            days.add(local.date() + timedelta(days=1))
        elif local.time() < NIGHT[1]:
            days.add(local.date())
    return tuple(sorted(days))


def _mean(spans: list[timedelta]) -> timedelta | None:
    return sum(spans, timedelta(0)) / len(spans) if spans else None


def shown(span: timedelta | None) -> str:
    """For people; empty where there is none."""
    return "" if span is None else show(timedelta(seconds=round(span.total_seconds())))
