"""What is known about the call that is being answered: who, under which id, and how long there is."""

from __future__ import annotations

from contextvars import ContextVar
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import grpc

from mainstay.domain.access import Actor

LONGEST_CALL = timedelta(seconds=30)
"""Bound of a unary call that brings no deadline of its own."""
MARGIN = timedelta(milliseconds=50)
"""Kept back from the caller's deadline, so that our reason arrives before it passes."""

_caller: ContextVar[Actor] = ContextVar("mainstay_api_caller")
_call_id: ContextVar[str] = ContextVar("mainstay_api_call_id", default="")

if TYPE_CHECKING:
    Context = grpc.aio.ServicerContext[Any, Any]
else:  # the library's classes are generic for type checkers only
    Context = grpc.aio.ServicerContext


def set_caller(actor: Actor) -> None:
    _caller.set(actor)


def caller() -> Actor:
    """Raises LookupError in a call that nobody authenticated: a bug, and never an answer."""
    return _caller.get()


def set_call_id(call_id: str) -> None:
    _call_id.set(call_id)


def call_id() -> str:
    """Of this call, for the log and for the person who reports a problem; no idempotency key."""
    return _call_id.get()


def budget(context: Context, most: timedelta = LONGEST_CALL) -> timedelta:
    """How long the work may take: the caller's deadline, at most ``most``."""
    remaining = context.time_remaining()
    if remaining is None:
        return most
    # The C core says "infinite" as a very large number of seconds.
    seconds = min(max(remaining - MARGIN.total_seconds(), 0.001), most.total_seconds())
    return timedelta(seconds=seconds)
