"""What a long change has done so far: heartbeat details, so that a retry on another worker can tell it."""

from __future__ import annotations

from contextvars import ContextVar

from temporalio import activity

_done: ContextVar[list[str] | None] = ContextVar("mainstay_progress", default=None)


def begin() -> list[str]:
    """The list that the heartbeats carry from now on, with what an attempt before this one has told."""
    told: list[str] = []
    if activity.in_activity():
        details = activity.info().heartbeat_details
        told += [str(one) for one in details[0]] if details and isinstance(details[0], list) else []
    _done.set(told)
    return told


def done() -> list[str]:
    """The present list."""
    known = _done.get()
    return begin() if known is None else known
