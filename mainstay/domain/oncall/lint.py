"""What is unwise about schedules, policies and people. Warnings: all of it loads and works (D-11, M-11)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, time, timedelta
from itertools import pairwise
from typing import Literal

from mainstay.domain.duration import show
from mainstay.domain.escalation import EscalationPolicy
from mainstay.domain.model import Record
from mainstay.domain.oncall.rotation import zone
from mainstay.domain.oncall.schedule import Layer, Schedule, Shift
from mainstay.domain.oncall.shifts import on_call, shifts
from mainstay.domain.people import Person
from mainstay.domain.positioned import Path as Keys

Rule = Literal[
    "gap",
    "long-shift",
    "short-rest",
    "no-days-off",
    "small-rotation",
    "turn-inside-window",
    "night-hand-off",
    "no-contact",
    "unknown-person",
    "no-steps",
    "no-last-resort",
    "no-backup",
    "no-secondary",
]
LONGEST_SHIFT = timedelta(hours=8)
SHORTEST_REST = timedelta(hours=16)
WEEK_ON_CALL = timedelta(days=7)
DAYS_OFF = timedelta(days=2)
SMALLEST_ROTATION = 4
LOOK_AHEAD = timedelta(days=28)
_WORKING = (time(8), time(18))


class Warned(Record):
    """One finding. ``subject`` is the schedule, policy or person it is about."""

    rule: Rule
    subject: str
    message: str
    path: Keys = ()
    """Where in the schedule's or policy's file: ``("layers", 1)``."""


def lint_schedule(
    schedule: Schedule, start: datetime, people: Mapping[str, Person] | None = None
) -> tuple[Warned, ...]:
    """What is unwise in the four weeks from ``start``; each rule once per person or layer."""
    found = shifts(schedule, start, start + LOOK_AHEAD)
    warnings = (
        *_gaps(schedule, found),
        *_loads(schedule, found),
        *(warned for number, layer in enumerate(schedule.layers) for warned in _layer(schedule, layer, number)),
        *_contacts(schedule, people),
    )
    return tuple(dict.fromkeys(warnings))


def _gaps(schedule: Schedule, found: tuple[Shift, ...]) -> Iterator[Warned]:
    gaps = [shift for shift in found if shift.person is None and not shift.layer]
    if gaps:
        total = sum((gap.end - gap.start for gap in gaps), timedelta(0))
        first = f"{gaps[0].start:%a %Y-%m-%d %H:%M} UTC"
        yield _warned(schedule, "gap", f"nobody is on call for {show(total)} of four weeks, first from {first}")


def stints(found: tuple[Shift, ...], person: str) -> list[tuple[datetime, datetime]]:
    """When ``person`` is on call without a break, whichever layers that comes from."""
    merged: list[tuple[datetime, datetime]] = []
    for shift in found:
        if shift.person != person:
            continue
        if merged and merged[-1][1] == shift.start:
            merged[-1] = (merged[-1][0], shift.end)
        else:
            merged.append((shift.start, shift.end))
    return merged


def _loads(schedule: Schedule, found: tuple[Shift, ...]) -> Iterator[Warned]:
    worked_by = {
        person: stints(found, person)
        for person in sorted({shift.person for shift in found if shift.person is not None})
    }
    longest = {person: max(end - start for start, end in worked) for person, worked in worked_by.items()}
    tired = [person for person, stretch in longest.items() if stretch > LONGEST_SHIFT]
    if tired:
        text = f"{_listed(tired)} on call for up to {show(max(longest.values()))} at a stretch; advised: 8 h"
        yield _warned(schedule, "long-shift", text)
    for person, worked in worked_by.items():
        rests = [(after[0] - before[1], before) for before, after in pairwise(worked)]
        if rests and min(rests)[0] < SHORTEST_REST:
            yield _warned(
                schedule,
                "short-rest",
                f"{person} rests for {show(min(rests)[0])} between shifts; advised: 16 h",
            )
        if any(rest < DAYS_OFF and end - start >= WEEK_ON_CALL for rest, (start, end) in rests):
            yield _warned(schedule, "no-days-off", f"{person} has less than 2 days off after a week on call")


def _listed(people: list[str]) -> str:
    if len(people) == 1:
        return f"{people[0]} is"
    more = f" and {len(people) - 3} more" if len(people) > 3 else ""
    return f"{', '.join(people[:3])}{more} are"


def _layer(schedule: Schedule, layer: Layer, number: int) -> Iterator[Warned]:
    if layer.shadow:
        return
    for warned in _turns(schedule, layer):
        yield warned.model_copy(update={"path": ("layers", number)})


def _turns(schedule: Schedule, layer: Layer) -> Iterator[Warned]:
    people = len(set(layer.people))
    if people < SMALLEST_ROTATION:
        yield _warned(schedule, "small-rotation", f"{layer.name} has {people} people, below {SMALLEST_ROTATION}")
    hand_off = layer.start.astimezone(zone(layer.time_zone or schedule.time_zone)).time()
    for window in layer.restrictions:
        if layer.longest_turn >= timedelta(days=1) and _inside(hand_off, window.start, window.end):
            yield _warned(
                schedule,
                "turn-inside-window",
                f"{layer.name} changes hands at {hand_off:%H:%M}, within its window "
                f"{window.start:%H:%M}–{window.end:%H:%M}: start the turns at {window.start:%H:%M}",
            )
    long_turn = layer.longest_turn >= WEEK_ON_CALL and not layer.restrictions
    if long_turn and not _WORKING[0] <= hand_off < _WORKING[1]:
        yield _warned(
            schedule,
            "night-hand-off",
            f"{layer.name} changes hands at {hand_off:%H:%M}: choose business hours",
        )


def _inside(at: time, start: time, end: time) -> bool:
    """Strictly within the window: at its start or end a hand-off is as it should be."""
    return start < at < end if start < end else at > start or at < end


def _contacts(schedule: Schedule, people: Mapping[str, Person] | None) -> Iterator[Warned]:
    if people is None:
        return
    for handle in dict.fromkeys(handle for layer in schedule.layers for handle in layer.people):
        person = people.get(handle)
        if person is None:
            yield _warned(schedule, "unknown-person", f"{handle} is on call and is no known person")
        elif not person.contacts:
            yield _warned(schedule, "no-contact", f"{handle} is on call and has no contact method")


def _warned(schedule: Schedule, rule: Rule, message: str) -> Warned:
    return Warned(rule=rule, subject=f"schedule {schedule.name}", message=message)


def lint_policy(policy: EscalationPolicy) -> tuple[Warned, ...]:
    """A policy should have steps, somebody behind the first one, and a last resort (S-074)."""
    subject = f"policy {policy.name}"
    facts: tuple[tuple[bool, Rule, str], ...] = (
        (not policy.steps, "no-steps", "it pages nobody but its last resort"),
        (not policy.last_resort, "no-last-resort", "when all steps stay silent nobody is paged any more"),
        (
            len({target for step in policy.steps for target in step.targets}) == 1,
            "no-backup",
            "all its steps page the same target: nobody stands in",
        ),
    )
    return tuple(Warned(rule=rule, subject=subject, message=text) for holds, rule, text in facts if holds)


def lint_coverage(policy: EscalationPolicy, schedules: Mapping[str, Schedule], start: datetime) -> tuple[Warned, ...]:
    """A second step that names a schedule should have somebody else there at every moment (S-074)."""
    first, second = (_schedules_of(policy, number, schedules) for number in (0, 1))
    if not first or not second:
        return ()
    for at in _moments((*first, *second), start):
        primary, secondary = _people(first, at), _people(second, at)
        if primary and not secondary - primary:
            who = f"the same person ({', '.join(sorted(secondary))})" if secondary else "nobody"
            text = f"at {at:%a %Y-%m-%d %H:%M} UTC its second step pages {who}: that shift has no secondary"
            return (Warned(rule="no-secondary", subject=f"policy {policy.name}", message=text, path=("steps", 1)),)
    return ()


def uncovered(policy: EscalationPolicy, schedules: Mapping[str, Schedule], start: datetime) -> datetime | None:
    """The first moment in four weeks when the policy's first step pages nobody; None: it is covered day and night.

    A person or a team in the first step is there always. A gap on purpose is a gap here (S-097).
    """
    if not policy.steps:
        return start
    if any(target.kind != "schedule" for target in policy.steps[0].targets):
        return None
    first = _schedules_of(policy, 0, schedules)
    return next((at for at in _moments(first, start) if not _people(first, at)), None)


def _schedules_of(policy: EscalationPolicy, step: int, schedules: Mapping[str, Schedule]) -> tuple[Schedule, ...]:
    """Those that the step names; none when it also pages people who are always there."""
    targets = policy.steps[step].targets if step < len(policy.steps) else ()
    if any(target.kind != "schedule" for target in targets):
        return ()
    return tuple(schedules[target.name] for target in targets if target.name in schedules)


def _moments(schedules: Iterable[Schedule], start: datetime) -> list[datetime]:
    """When anything changes hands in the four weeks from ``start``, and ``start`` itself."""
    found = {shift.start for each in schedules for shift in shifts(each, start, start + LOOK_AHEAD)}
    return sorted(found | {start})


def _people(schedules: Iterable[Schedule], at: datetime) -> set[str]:
    found = (on_call(each, at) for each in schedules)
    return {shift.person for shift in found if shift and shift.person}


def lint_all(
    schedules: Mapping[str, Schedule],
    policies: Mapping[str, EscalationPolicy],
    people: Mapping[str, Person],
    start: datetime,
) -> tuple[Warned, ...]:
    """Everything that is unwise, schedules first."""
    return (
        *(warned for schedule in schedules.values() for warned in lint_schedule(schedule, start, people)),
        *(
            warned
            for policy in policies.values()
            for warned in (*lint_policy(policy), *lint_coverage(policy, schedules, start))
        ),
    )
