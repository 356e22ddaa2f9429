"""Instants and durations as people type them."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from mainstay.cli import session
from mainstay.cli.problem import usage
from mainstay.domain import duration
from mainstay.domain.errors import InvalidArgument

_HINT = "write a duration from now (2h, 14d), a date (2026-12-01) or an instant (2026-12-01T09:00Z)"
_END_OF_DAY = time(23, 59)


def instant(text: str, option: str, *, end_of_day: bool = False) -> datetime:
    """``now``, ``2h`` or ``+2h`` (from now), ``-2h``, ``2026-12-01``, ``2026-12-01T09:00+01:00``.

    Without a zone it is UTC. A bare date is its first minute, with ``end_of_day`` its last. Raises Problem.
    """
    given = text.strip()
    if given == "now":
        return session.now()
    if (at := _from_now(given)) is not None:
        return at
    try:
        if len(given) == len("2026-12-01"):
            day = date.fromisoformat(given)
            return datetime.combine(day, _END_OF_DAY if end_of_day else time(), UTC)
        found = datetime.fromisoformat(given)
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise usage(f"{option}: {text!r} is neither a duration nor a date", _HINT, field=option) from None


def _from_now(text: str) -> datetime | None:
    sign = -1 if text.startswith("-") else 1
    try:
        return session.now() + sign * duration.parse(text.removeprefix("-").removeprefix("+"))
    except InvalidArgument:
        return None
    except OverflowError:
        raise usage(f"{text!r} is too far away", _HINT) from None


def span(text: str, option: str) -> timedelta:
    """``2h``, ``14d``. Raises Problem."""
    try:
        return duration.parse(text)
    except InvalidArgument as error:
        raise usage(f"{option}: {error.message}", field=option) from None
