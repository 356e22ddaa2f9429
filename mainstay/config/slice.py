"""Which part of the folder one service's incidents can meet: whom they page, and what they may run."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from pydantic import Field

from mainstay.domain.escalation import EscalationPolicy, Target
from mainstay.domain.model import Strict
from mainstay.domain.oncall.schedule import Schedule
from mainstay.domain.people import Person, Team
from mainstay.domain.runbook.node import CallNode
from mainstay.domain.runbook.parse import RunbookErrors, parse
from mainstay.domain.service import Service

_MENTION = re.compile(r"\b(schedule|person|team):([\w.@-]+)")


class Slice(Strict):
    """People, teams, schedules and runbooks, all of them or those that are needed."""

    people: dict[str, Person] = Field(default_factory=dict)
    teams: dict[str, Team] = Field(default_factory=dict)
    schedules: dict[str, Schedule] = Field(default_factory=dict)
    runbooks: dict[str, str] = Field(default_factory=dict)


def slice_for(service: Service, team: Team, policy: EscalationPolicy, whole: Slice, also: Iterable[str] = ()) -> Slice:
    """What an incident of ``service`` reaches from its policy, its team, its runbooks and ``also`` (handles).

    Histories carry it, so that hundreds of services and people do not make every incident large.
    """
    runbooks = with_called(service.runbooks.values(), whole.runbooks)
    targets = [
        *(target for step in policy.steps for target in step.targets),
        *policy.last_resort,
        *(target for late in policy.unmitigated for target in late.targets),
        *(target for text in runbooks.values() for target in mentioned(text)),
    ]
    names = {kind: {t.name for t in targets if t.kind == kind} for kind in ("schedule", "team", "person", "manager")}
    teams = {name: whole.teams[name] for name in {*names["team"], *names["manager"], team.name} if name in whole.teams}
    schedules = {name: whole.schedules[name] for name in names["schedule"] if name in whole.schedules}
    handles = {
        *also,
        *names["person"],
        *(member for one in teams.values() for member in (*one.members, one.manager) if member),
        *(person for schedule in schedules.values() for person in people_of(schedule)),
    }
    people = {handle: whole.people[handle] for handle in with_managers(handles, whole.people)}
    return Slice(
        people=dict(sorted(people.items())),
        teams=dict(sorted(teams.items())),
        schedules=dict(sorted(schedules.items())),
        runbooks=runbooks,
    )


def with_called(names: Iterable[str], library: Mapping[str, str]) -> dict[str, str]:
    """These runbooks and every one that they call, however deep."""
    found: dict[str, str] = {}
    waiting = sorted(names)
    while waiting:
        name = waiting.pop()
        if name not in found and name in library:
            found[name] = library[name]
            waiting += called_by(library[name])
    return dict(sorted(found.items()))


def called_by(text: str) -> list[str]:
    """Names of the runbooks that a runbook's text calls; of an unreadable one none."""
    try:
        runbook = parse(text)
    except RunbookErrors:
        return []
    return [node.call for node in runbook.nodes.values() if isinstance(node, CallNode)]


def mentioned(text: str) -> Iterator[Target]:
    """``team:payments``, ``schedule:…`` and ``person:…`` anywhere in a runbook: whom it may page or ask."""
    for kind, name in _MENTION.findall(text):
        yield Target.model_validate({"kind": kind, "name": name.rstrip(".")})


def people_of(schedule: Schedule) -> Iterator[str]:
    for layer in schedule.layers:
        yield from layer.people
    yield from (override.person for override in schedule.overrides if override.person)


def with_managers(handles: Iterable[str], people: Mapping[str, Person]) -> set[str]:
    """Overdue work is escalated to managers, so they belong to it."""
    found: set[str] = set()
    waiting = [handle for handle in handles if handle in people]
    while waiting:
        handle = waiting.pop()
        if handle in found:
            continue
        found.add(handle)
        manager = people[handle].manager
        if manager and manager in people:
            waiting.append(manager)
    return found
