"""What a door puts into an incident's input, so that its first page waits for nothing."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime, timedelta

from pydantic import Field

from mainstay.config import Config
from mainstay.domain.model import Record
from mainstay.domain.oncall.resolve import resolve
from mainstay.domain.oncall.schedule import Override
from mainstay.domain.people import ResolvedTarget
from mainstay.domain.pinned import PinnedConfig
from mainstay.domain.signature import Signer
from mainstay.records import Store

OVERRIDES_WITHIN_SECONDS = 0.25
"""The record store may delay records, never a page: then the pinned schedule answers alone."""
FRESH_SECONDS = 1.0
"""In a storm one reading of the overrides serves all alerts of a second, and a silent record store delays
the first of them only. What this process itself writes is seen at once (``forget_overrides``)."""


class Pins:
    """The configuration of each service, pinned once per configuration that is loaded."""

    def __init__(self, config: Config, store: Store, signer: Signer) -> None:
        known = (key for key in config.keys if key.key_id != signer.key_id)
        self._config = config.with_keys(signer.public(), *known)
        self._store = store
        self._pins: dict[str, PinnedConfig] = {}
        self._reading = asyncio.Lock()
        self._read: tuple[float, datetime, Overrides] | None = None
        self._changes = 0

    def pin(self, service: str) -> PinnedConfig:
        """The slice that incidents of ``service`` live by. Raises NotFound for an unknown one."""
        if service not in self._pins:
            self._pins[service] = self._config.pin(service)
        return self._pins[service]

    async def first_targets(self, pinned: PinnedConfig, now: datetime) -> tuple[ResolvedTarget, ...]:
        """Whom the first step of the policy means now; empty where nobody is, and the workflow goes on."""
        if not pinned.policy.steps:
            return ()
        overrides = await self._overrides_about(now)
        return resolve(
            pinned.policy.steps[0].targets,
            now,
            schedules=pinned.schedules,
            teams=pinned.teams,
            people=pinned.people,
            overrides=overrides.named,
        ).people

    def forget_overrides(self) -> None:
        """Call it after a change: the next page reads them anew."""
        self._changes += 1
        self._read = None

    async def _overrides_about(self, now: datetime) -> Overrides:
        """Those that may hold at ``now``, read at most ``FRESH_SECONDS`` ago; each says itself when it holds."""
        async with self._reading:
            if self._read is not None:
                at, since, found = self._read
                young = time.monotonic() - at < FRESH_SECONDS
                if young and since <= now <= since + timedelta(seconds=FRESH_SECONDS):
                    return found
            at, changes = time.monotonic(), self._changes
            found = await self.overrides(now, now + timedelta(seconds=2 * FRESH_SECONDS))
            if changes == self._changes:
                self._read = (at, now, found)
            return found

    async def overrides(self, start: datetime, end: datetime | None = None) -> Overrides:
        """Overrides made at run time; ``degraded`` when the record store is silent."""
        try:
            async with asyncio.timeout(OVERRIDES_WITHIN_SECONDS):
                found = await self._store.overrides(since=start, until=end or start + timedelta(seconds=1))
        except Exception:  # whatever is wrong with the record store, people get paged
            return Overrides(degraded=True)
        return Overrides(by_schedule=found)


class Overrides(Record):
    """Schedule → its overrides, in the order in which they were made."""

    by_schedule: dict[str, tuple[Override, ...]] = Field(default_factory=dict)
    degraded: bool = False

    def of(self, schedule: str) -> tuple[Override, ...]:
        return self.by_schedule.get(schedule, ())

    @property
    def named(self) -> tuple[Override, ...]:
        """All of them, each saying which schedule it is for."""
        return tuple(
            override.model_copy(update={"schedule": schedule})
            for schedule, overrides in self.by_schedule.items()
            for override in overrides
        )
