"""When people are paged, and by when they have to respond: the level's demands on a calendar."""

from __future__ import annotations

from datetime import datetime
from typing import assert_never

from mainstay.domain.calendar import Calendar
from mainstay.domain.model import Record
from mainstay.domain.severity import Level


class ResponseDue(Record):
    """Instants after which a response is late; None: the level demands none."""

    warn: datetime | None = None
    breach: datetime | None = None


def response_due(level: Level, begun: datetime, calendar: Calendar) -> ResponseDue:
    """The response targets of an incident that began at ``begun`` (M-2, S-003, S-005)."""
    if level.response_business_days is not None:
        return ResponseDue(breach=calendar.add_business_days(begun, level.response_business_days))
    return ResponseDue(
        warn=begun + level.response_warn if level.response_warn is not None else None,
        breach=begun + level.response_breach if level.response_breach is not None else None,
    )


def page_at(level: Level, now: datetime, calendar: Calendar) -> datetime | None:
    """When to page: now, when business hours begin, or None: a ticket is enough (S-024, D-38)."""
    match level.page:
        case "page":
            return now
        case "business_hours":
            return calendar.next_open(now)
        case "ticket":
            return None
        case _:
            assert_never(level.page)
