"""What every notification channel takes, answers and declares."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import ClassVar, Protocol

from mainstay.domain.catalogue.spec import Supports
from mainstay.domain.errors import Unavailable
from mainstay.domain.letter import Offer
from mainstay.domain.message import AnyMessage
from mainstay.domain.text import plain
from mainstay.domain.work import Receipt


@dataclass(frozen=True, slots=True)
class Attendee:
    """Somebody invited; the address stays out of every repr."""

    name: str
    address: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message, ready for one channel. Lives only while it is sent, never in a history or a log.

    ``key`` is the idempotency key: a retry carries the same one, and the channel passes it on.
    """

    key: str
    message: AnyMessage
    at: datetime
    person: str = ""
    address: str = field(default="", repr=False)
    links: tuple[Offer, ...] = field(default=(), repr=False)
    attendees: tuple[Attendee, ...] = ()
    follows: str = ""
    """The provider's id of an earlier message about the same: this one is said in its thread."""
    replaces: str = ""
    """The provider's id of a message that is changed to say this, where the channel can."""
    base: str = ""
    """The web door as the world reaches it, for providers that say later what became of a message."""

    @property
    def thread(self) -> str:
        """What belongs together for a reader: all messages of one incident, or of one action item."""
        if self.message.incident.key:
            return f"incident/{self.message.incident.key}"
        return f"item/{self.message.item}" if self.message.kind == "item" else ""


class Channel(Protocol):
    """One way to hand a message over.

    Answers a Receipt: accepted, or refused for good (``permanent``), so that the caller goes on to the next
    method at once. Raises ``Later`` when trying again may help. Neither ever holds an address or a link.
    """

    supports: ClassVar[Supports]

    async def send(self, outgoing: Outgoing) -> Receipt: ...


class Later(Unavailable):
    """Not now; ``retry_after`` is what the provider asked for, if it did."""

    def __init__(self, message: str, *, retry_after: timedelta | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


def refused(detail: str) -> Receipt:
    """No, and asking again does not help."""
    return Receipt(accepted=False, permanent=True, detail=detail)


_PRIVATE = re.compile(r"\S*(?:@|https?://)\S*", re.IGNORECASE)
_SECRETIVE = re.compile(r"\+?\d[\d\s().-]{6,}\d|[A-Za-z0-9_=-]{24,}")
"""Telephone numbers, and whatever is long enough to be a token."""


def scrubbed(said: str, *secrets: str, limit: int = 160) -> str:
    """What a provider said, without addresses, telephone numbers, links and tokens: fit for a history."""
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        said = said.replace(secret, "(address)")
    return plain(_SECRETIVE.sub("(hidden)", _PRIVATE.sub("(hidden)", said)), limit)
