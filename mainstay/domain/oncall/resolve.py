"""From targets of a policy to people and the ways to reach them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import assert_never

from mainstay.domain.calendar import Calendar
from mainstay.domain.escalation import Target
from mainstay.domain.oncall.schedule import Override, Schedule
from mainstay.domain.oncall.shifts import on_call
from mainstay.domain.people import Person, ResolvedMethod, ResolvedTarget, Team
from mainstay.domain.work import ResolvedTargets, Urgency

MOST_SPANS = 21
"""Quiet hours without an end end after some days: nothing is put off for ever."""


def resolve(
    targets: tuple[Target, ...],
    at: datetime,
    *,
    schedules: Mapping[str, Schedule],
    teams: Mapping[str, Team],
    people: Mapping[str, Person],
    overrides: tuple[Override, ...] = (),
    urgency: Urgency = "high",
) -> ResolvedTargets:
    """Who is behind ``targets`` at ``at``, each person once, in the order of the targets.

    ``overrides`` are those of the record store: they win over the schedule's own, and the later over the
    earlier. A target behind which nobody is (a gap, an unknown name, an empty team) is listed in ``empty``.
    A person without a contact method is listed among the people, with no methods.
    """
    found: dict[str, ResolvedTarget] = {}
    empty: list[str] = []
    for target in targets:
        handles = tuple(_behind(target, at, schedules=schedules, teams=teams, people=people, overrides=overrides))
        if not handles:
            empty.append(str(target))
        for handle in handles:
            found.setdefault(
                handle,
                ResolvedTarget(person=handle, via=str(target), methods=methods(people.get(handle), urgency, at)),
            )
        for handle in _shadows(target, at, schedules) if handles else ():
            copy = ResolvedTarget(
                person=handle, via=f"{target} (shadow)", shadow=True, methods=methods(people.get(handle), urgency, at)
            )
            found.setdefault(handle, copy)
    return ResolvedTargets(people=tuple(found.values()), empty=tuple(empty))


def _behind(
    target: Target,
    at: datetime,
    *,
    schedules: Mapping[str, Schedule],
    teams: Mapping[str, Team],
    people: Mapping[str, Person],
    overrides: tuple[Override, ...],
) -> Iterator[str]:
    match target.kind:
        case "person":
            if target.name in people:
                yield target.name
        case "team":
            team = teams.get(target.name)
            yield from team.members if team else ()
        case "manager":
            team = teams.get(target.name)
            manager = team.manager if team else None
            if manager and manager in people:
                yield manager
        case "role":
            return  # the incident puts the holder in its place
        case "schedule":
            schedule = schedules.get(target.name)
            person = person_on_call(schedule, at, overrides) if schedule else None
            if person:
                yield person
        case _:
            assert_never(target.kind)


def _shadows(target: Target, at: datetime, schedules: Mapping[str, Schedule]) -> Iterator[str]:
    """Who learns on the schedule at ``at``; with nobody on call there is nobody to learn from."""
    schedule = schedules.get(target.name) if target.kind == "schedule" else None
    for each in schedule.shadowing if schedule else ():
        shift = on_call(each, at)
        if shift and shift.person:
            yield shift.person


def person_on_call(schedule: Schedule, at: datetime, overrides: tuple[Override, ...] = ()) -> str | None:
    """Who is on call at ``at``, with the record store's overrides laid over the schedule; None in a gap."""
    for override in reversed(overrides):
        if override.schedule == schedule.name and override.start <= at < override.end:
            return override.person
    shift = on_call(schedule, at)
    return shift.person if shift else None


def methods(person: Person | None, urgency: Urgency = "high", at: datetime | None = None) -> tuple[ResolvedMethod, ...]:
    """The person's ways, best first: as the notification rules say, then the other contacts as fallbacks.

    Of low urgency nothing is sent before the person's quiet hours end; of high urgency they do not matter.
    Without rules the first contact is the way and the others are its fallbacks. A rule that names no contact
    is skipped: the configuration check reports it.
    """
    if person is None:
        return ()
    contacts = {contact.name: contact for contact in person.contacts}
    ruled = tuple(
        ResolvedMethod(method=rule.method, channel=contacts[rule.method].channel, after=rule.after)
        for rule in sorted(person.notify, key=lambda rule: rule.after)
        if rule.method in contacts and rule.urgency in ("any", urgency)
    )
    named = {way.method for way in ruled}
    others = tuple(
        ResolvedMethod(method=contact.name, channel=contact.channel, fallback=bool(ruled) or number > 0)
        for number, contact in enumerate(person.contacts)
        if contact.name not in named
    )
    found = ruled + others
    if urgency == "high" or at is None or not person.quiet_hours:
        return found
    hold = quiet_until(person, at) - at
    return tuple(way.model_copy(update={"hold": hold, "after": way.after + hold}) for way in found)


def quiet_until(person: Person, at: datetime) -> datetime:
    """When the quiet hours that hold at ``at`` end; ``at`` itself outside of them."""
    end = at
    for number, span in enumerate(Calendar.parse(person.quiet_hours, person.time_zone).spans(at)):
        if span.start > end or number > MOST_SPANS:
            break
        if span.start <= end < span.end:
            end = span.end
    return end
