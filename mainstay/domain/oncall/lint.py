"""What is unwise about schedules, policies and people. Warnings: all of it loads and works (D-11, M-11)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, time, timedelta
from itertools import pairwise
from typing import Literal

from mainstay.domain.duration import show
from mainstay.domain.escalation import EscalationPolicy
from mainstay.domain.model import Record
from mainstay.domain.oncall.rotation import zone
from mainstay.domain.oncall.schedule import Layer, Schedule, Shift
from mainstay.domain.oncall.shifts import shifts
from mainstay.domain.people import Person

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


def lint_schedule(
    schedule: Schedule, start: datetime, people: Mapping[str, Person] | None = None
) -> tuple[Warned, ...]:
    """What is unwise in the four weeks from ``start``; each rule once per person or layer."""
    found = shifts(schedule, start, start + LOOK_AHEAD)
    warnings = (
        *_gaps(schedule, found),
        *_loads(schedule, found),
        *(warned for layer in schedule.layers for warned in _layer(schedule, layer)),
        *_contacts(schedule, people),
    )
    return tuple(dict.fromkeys(warnings))


def _gaps(schedule: Schedule, found: tuple[Shift, ...]) -> Iterator[Warned]:
    gaps = [shift for shift in found if shift.person is None]
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
    for person in sorted({shift.person for shift in found if shift.person is not None}):
        worked = stints(found, person)
        longest = max(end - start for start, end in worked)
        if longest > LONGEST_SHIFT:
            yield _warned(schedule, "long-shift", f"{person} is on call for {show(longest)} at a stretch; advised: 8 h")
        rests = [(after[0] - before[1], before) for before, after in pairwise(worked)]
        if rests and min(rests)[0] < SHORTEST_REST:
            yield _warned(
                schedule,
                "short-rest",
                f"{person} rests for {show(min(rests)[0])} between shifts; advised: 16 h",
            )
        if any(rest < DAYS_OFF and end - start >= WEEK_ON_CALL for rest, (start, end) in rests):
            yield _warned(schedule, "no-days-off", f"{person} has less than 2 days off after a week on call")


def _layer(schedule: Schedule, layer: Layer) -> Iterator[Warned]:
    people = len(set(layer.people))
    if people < SMALLEST_ROTATION:
        yield _warned(schedule, "small-rotation", f"{layer.name} has {people} people, below {SMALLEST_ROTATION}")
    hand_off = layer.start.astimezone(zone(layer.time_zone or schedule.time_zone)).time()
    for window in layer.restrictions:
        if layer.turn >= timedelta(days=1) and _inside(hand_off, window.start, window.end):
            yield _warned(
                schedule,
                "turn-inside-window",
                f"{layer.name} changes hands at {hand_off:%H:%M}, within its window "
                f"{window.start:%H:%M}–{window.end:%H:%M}: start the turns at {window.start:%H:%M}",
            )
    long_turn = layer.turn >= WEEK_ON_CALL and not layer.restrictions
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
