"""Pure look-ups on pinned configuration, as local activities: a new tzdata must not change runs in flight."""

from __future__ import annotations

from temporalio import activity

from mainstay.domain.calendar import meeting_slot
from mainstay.domain.oncall.resolve import resolve
from mainstay.domain.work import MeetingRequest, MeetingSlot, PinnedResolveRequest, ResolvedTargets


class PinnedRules:
    """Needs nothing but its arguments."""

    @activity.defn(name="resolve_pinned")
    async def resolve_pinned(self, request: PinnedResolveRequest) -> ResolvedTargets:
        """Who is behind the targets by the pinned schedules, without overrides."""
        pinned = request.pinned
        return resolve(
            request.targets,
            request.at,
            schedules=pinned.schedules,
            teams=pinned.teams,
            people=pinned.people,
        )

    @activity.defn(name="meeting_slot")
    async def meeting_slot(self, request: MeetingRequest) -> MeetingSlot:
        """When to hold the postmortem."""
        return meeting_slot(
            request.after,
            hours=request.business_hours,
            time_zone=request.time_zone,
            holidays=request.holidays,
        )
