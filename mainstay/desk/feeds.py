"""Calendar feeds: an address that nobody can guess, for one person or one schedule."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Literal

from mainstay.config import Config
from mainstay.desk.pinning import Pins
from mainstay.domain import access_rules
from mainstay.domain.access import Actor
from mainstay.domain.errors import NotFound
from mainstay.domain.oncall import ical
from mainstay.domain.oncall.ical import CalendarShift
from mainstay.domain.oncall.shifts import Roster
from mainstay.records import Store
from mainstay.records.rows import FeedRow

BACK, AHEAD = timedelta(days=31), timedelta(days=183)
Kind = Literal["person", "schedule"]


class Feeds:
    def __init__(self, config: Config, store: Store, pins: Pins, clock: Callable[[], datetime]) -> None:
        self._config = config
        self._store = store
        self._pins = pins
        self._clock = clock

    async def create(self, kind: Kind, name: str, caller: Actor) -> str:
        """The path of a new feed; the caller's earlier ones for the same calendar stop working."""
        self._check(kind, name, caller)
        secret = secrets.token_urlsafe(32)
        row = FeedRow(id=_hash(secret), kind=kind, name=name, by=caller.person, created_at=self._clock())
        await self._store.save_feed(row)
        return f"/calendar/{secret}.ics"

    async def revoke(self, kind: Kind, name: str, caller: Actor, *, everybody: bool) -> int:
        """How many addresses no longer work; ``everybody``: those of others too."""
        self._check(kind, name, caller)
        return await self._store.revoke_feeds(kind, name, "" if everybody else caller.person, self._clock())

    async def read(self, secret: str) -> str:
        """The calendar behind the secret. Raises NotFound, which does not say whether it ever was."""
        row = await self._store.feed(_hash(secret))
        if row is None:
            raise NotFound("there is no such calendar")
        today = self._clock().replace(hour=0, minute=0, second=0, microsecond=0)
        start, end = today - BACK, today + AHEAD
        laid = await self._pins.overrides(start, end)
        mine = [row.name] if row.kind == "schedule" else sorted(self._config.schedules)
        entries = [
            CalendarShift(schedule=name, shift=shift)
            for name in mine
            if name in self._config.schedules
            for shift in Roster(self._config.schedules[name], laid.of(name)).between(start, end)
            if row.kind == "schedule" or shift.person == row.name
        ]
        return ical.render(f"On call: {row.name}", entries, self._config.people)

    def _check(self, kind: Kind, name: str, caller: Actor) -> None:
        access_rules.check_allowed(access_rules.OVERRIDE_ON_CALL, caller)
        if kind == "person":
            self._config.person(name)
        else:
            self._config.schedule(name)


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
