"""Small texts for people: names of phases, instants in UTC with how far away they are."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from mainstay.domain.text import plain

if TYPE_CHECKING:
    from google.protobuf.timestamp_pb2 import Timestamp

_UNITS = (
    (timedelta(days=1), "d"),
    (timedelta(hours=1), "h"),
    (timedelta(minutes=1), "m"),
    (timedelta(seconds=1), "s"),
)


def line(text: str, limit: int = 500) -> str:
    """One harmless line of text that came from elsewhere."""
    return plain(text, limit)


def block(text: str) -> str:
    """Several harmless lines, never cut: an approver must see all of a change."""
    return plain(text, len(text) + 1, newlines=True)


def moment(message: Timestamp) -> datetime | None:
    """None for a timestamp that is not set (its zero, which no instant of ours is)."""
    if not message.seconds and not message.nanos:
        return None
    try:
        return message.ToDatetime(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def relative(at: datetime, now: datetime) -> str:
    """``in 4m``, ``3h ago``, ``now``: the two largest units would be read as exact, so it is one."""
    distance = at - now
    size = abs(distance)
    for unit, letter in _UNITS:
        if size >= unit:
            count = f"{size // unit}{letter}"
            return f"in {count}" if distance > timedelta(0) else f"{count} ago"
    return "now"


def utc(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def when(message: Timestamp, now: datetime) -> str:
    """``2026-03-02 03:00:00 UTC (in 4m)``; empty for none."""
    at = moment(message)
    return f"{utc(at)} ({relative(at, now)})" if at else ""


def iso(message: Timestamp) -> str:
    """For programs: ``2026-03-02T03:00:00Z``; empty for none."""
    at = moment(message)
    if at is None:
        return ""
    text = at.isoformat().removesuffix("+00:00")
    return f"{text}Z"


def clock(message: Timestamp) -> str:
    """``03:00:00``, for time lines."""
    at = moment(message)
    return f"{at:%H:%M:%S}" if at else ""


def count(number: int, one: str, many: str = "") -> str:
    """``1 alert``, ``2 alerts``."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def short(digest: str) -> str:
    """Enough of a digest for people to compare it by eye."""
    kind, _, rest = digest.partition(":")
    return line(f"{kind}:{rest[:12]}…" if len(rest) > 12 else digest)
