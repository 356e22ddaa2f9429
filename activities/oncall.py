"""Who is on call now, for the next step of an escalation."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

from temporalio import activity

from activities.holder import ConfigHolder
from mainstay.domain.errors import Unavailable
from mainstay.domain.oncall.resolve import resolve
from mainstay.domain.oncall.schedule import Override
from mainstay.domain.work import ResolvedTargets, ResolveRequest
from mainstay.records.store import Store

_INSTANT = timedelta(microseconds=1)


class OnCall:
    """The current schedules, with the swaps and overrides that people made in the record store."""

    def __init__(self, config: ConfigHolder, store: Store, *, within: timedelta = timedelta(seconds=1)) -> None:
        """``within``: a record store that takes longer counts as down, because a person is to be paged."""
        self._config = config
        self._store = store
        self._within = within.total_seconds()

    @activity.defn(name="resolve_targets")
    async def resolve_targets(self, request: ResolveRequest) -> ResolvedTargets:
        """Without the record store the schedules alone answer, and ``degraded`` says so."""
        overrides, degraded = await self._overrides(request.at)
        config = self._config.current
        found = resolve(
            request.targets,
            request.at,
            schedules=config.schedules,
            teams=config.teams,
            people=config.people,
            overrides=overrides,
            urgency=request.urgency,
        )
        return found.model_copy(update={"degraded": degraded})

    async def _overrides(self, at: datetime) -> tuple[tuple[Override, ...], str]:
        """(the overrides of all schedules in the order in which they were made, why there are none)."""
        try:
            async with asyncio.timeout(self._within):
                rows = await self._store.override_rows(since=at, until=at + _INSTANT)
        except TimeoutError:
            return (), f"the record store did not answer within {self._within:g} s: overrides are not known"
        except Unavailable as refusal:
            return (), f"{refusal.message}: overrides are not known"
        return tuple(
            Override(schedule=row.schedule, person=row.person, start=row.start, end=row.end, note=row.note)
            for row in rows
        ), ""
