"""Pure look-ups on pinned configuration, as local activities: a new tzdata must not change runs in flight."""

from __future__ import annotations

from temporalio import activity

from mainstay.domain.calendar import Calendar, meeting_slot
from mainstay.domain.errors import InvalidArgument
from mainstay.domain.oncall.resolve import resolve
from mainstay.domain.work import (
    HoursRequest,
    MeetingRequest,
    MeetingSlot,
    NextOpen,
    PinnedResolveRequest,
    ResolvedTargets,
)


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
            urgency=request.urgency,
        )

    @activity.defn(name="next_open")
    async def next_open(self, request: HoursRequest) -> NextOpen:
        """When business hours begin; a calendar that never opens holds nobody back."""
        calendar = Calendar.parse(request.business_hours, request.time_zone, request.holidays)
        try:
            return NextOpen(at=calendar.next_open(request.at))
        except InvalidArgument:
            return NextOpen(at=request.at)

    @activity.defn(name="meeting_slot")
    async def meeting_slot(self, request: MeetingRequest) -> MeetingSlot:
        """When to hold the postmortem."""
        return meeting_slot(
            request.after,
            hours=request.business_hours,
            time_zone=request.time_zone,
            holidays=request.holidays,
        )
