"""The public status page as a pure function of incidents, their public updates and the time (S-163, D-16).

Only what somebody posted for the public is shown: the service's public name, the state, the text and when.
No number, title, severity, alert or person.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta

from mainstay.domain.incident import PublicState
from mainstay.domain.model import Record
from mainstay.domain.timeline import AnyEntry, UpdatePosted
from mainstay.domain.work import IncidentRow

HISTORY = timedelta(days=14)
OPERATIONAL = "Operational"
_ORDER: tuple[PublicState, ...] = ("Investigating", "Identified", "Monitoring")
"""Worst first: what a service with several incidents shows."""
HEADLINES: dict[str, str] = {
    "Investigating": "{service} - Service Disruption",
    "Identified": "{service} - Service Disruption Update",
    "Monitoring": "{service} - Service Disruption Update",
    "Resolved": "{service} - Service Restored",
}
"""S-158 … S-160: the headline follows the state."""
SHOWN_STATES: dict[str, str] = {"Identified": "Identified / Working on Fix"}


class PublicUpdate(Record):
    at: datetime
    state: str
    text: str


class PublicIncident(Record):
    """One incident for the public. ``updates`` are newest first."""

    service: str
    state: str
    began: datetime
    ended: datetime | None = None
    updates: tuple[PublicUpdate, ...] = ()

    @property
    def headline(self) -> str:
        return HEADLINES.get(self.state, "{service}").format(service=self.service)

    @property
    def lasted(self) -> timedelta | None:
        return self.ended - self.began if self.ended else None


class PublicService(Record):
    name: str
    state: str = OPERATIONAL


class PublicDay(Record):
    day: date
    incidents: tuple[PublicIncident, ...] = ()
    """Those that are over."""
    ongoing: bool = False
    """One that is not over began on this day."""


class PublicStatus(Record):
    """Everything on the page. ``as_of`` is when the records were read."""

    services: tuple[PublicService, ...]
    current: tuple[PublicIncident, ...]
    days: tuple[PublicDay, ...]
    as_of: datetime

    @property
    def calm(self) -> bool:
        return not self.current


def build(
    names: Iterable[str],
    rows: Iterable[IncidentRow],
    journals: Mapping[str, Iterable[AnyEntry]],
    now: datetime,
) -> PublicStatus:
    """``names`` are the public names of all services, ``journals`` entries by incident key."""
    shown = [_incident(row, journals.get(row.key, ())) for row in rows if is_public(row)]
    current = tuple(i for i in shown if i.ended is None)
    worst = {
        name: _worst({i.state for i in current if i.service == name})
        for name in sorted({*names, *(i.service for i in current)})
    }
    today = now.astimezone(UTC).date()
    return PublicStatus(
        services=tuple(PublicService(name=name, state=state) for name, state in worst.items()),
        current=tuple(sorted(current, key=lambda i: i.began, reverse=True)),
        days=tuple(_day(today - timedelta(days=n), shown) for n in range(HISTORY.days)),
        as_of=now,
    )


def _day(day: date, shown: Iterable[PublicIncident]) -> PublicDay:
    begun = [i for i in shown if i.began.astimezone(UTC).date() == day]
    return PublicDay(
        day=day,
        incidents=tuple(i for i in begun if i.ended is not None),
        ongoing=any(i.ended is None for i in begun),
    )


def _worst(states: set[str]) -> str:
    return next((state for state in _ORDER if state in states), OPERATIONAL)


def is_public(row: IncidentRow) -> bool:
    """Somebody told the public about it; exercises never are (S-358)."""
    return bool(row.public_name and row.public_text and not row.exercise and row.declared_at)


def _incident(row: IncidentRow, entries: Iterable[AnyEntry]) -> PublicIncident:
    declared = row.declared_at
    assert declared is not None, "is_public has seen it"
    updates = [
        PublicUpdate(at=e.at, state=e.public_state, text=e.text)
        for e in entries
        if isinstance(e, UpdatePosted) and e.public
    ]
    last = PublicUpdate(
        at=row.public_at or declared,
        state=row.public_state,
        text=row.public_text,
    )
    if not updates or updates[-1].text != last.text:
        updates.append(last)
    updates.sort(key=lambda u: u.at)
    began = min(updates[0].at, declared)
    over = row.public_state == "Resolved"
    return PublicIncident(
        service=row.public_name,
        state=row.public_state,
        began=began,
        ended=(row.resolved_at or row.closed_at or updates[-1].at) if over else None,
        updates=tuple(reversed(updates)),
    )
