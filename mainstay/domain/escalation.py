"""Escalation: whom to page next, as a pure function of policy, state and time."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import Literal

from pydantic import Field

from mainstay.domain.duration import Duration
from mainstay.domain.model import Record, Strict
from mainstay.domain.people import ResolvedTarget


class Target(Strict):
    """A kind and a name: ``schedule``, ``person``, ``team``; ``manager`` of a team; ``role`` in the incident.

    Who holds a role is known to the incident alone; a vacant one is nobody.
    """

    kind: Literal["schedule", "person", "team", "manager", "role"]
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


class StepCondition(Strict):
    """When a step counts; what is left out does not matter. A step that does not count takes no time."""

    severity: tuple[str, ...] = ()
    """Only at these levels, as the severity profile calls them."""
    tier: tuple[int, ...] = ()
    """Only for services of these tiers."""
    hours: Literal["", "business", "after"] = ""
    """Only in the organisation's business hours, or only outside of them."""


class Step(Strict):
    """Page all ``targets`` at once; the next step follows ``wait`` later unless somebody acknowledges."""

    targets: tuple[Target, ...] = Field(min_length=1)
    wait: Duration = Field(default=timedelta(minutes=5), ge=timedelta(0))
    pick: Literal["all", "round_robin"] = "all"
    """``round_robin``: one of the people behind the targets, chosen by the incident's key; on each repeat the next."""
    when: StepCondition | None = None


class Unmitigated(Strict):
    """Whom to page, acknowledged or not, when nothing has helped ``after`` the declaration (T-7)."""

    after: Duration = Field(gt=timedelta(0))
    targets: tuple[Target, ...] = Field(min_length=1)


class EscalationPolicy(Strict):
    name: str
    steps: tuple[Step, ...]
    repeat: int = Field(default=2, ge=0, le=100)
    """How often the whole list is gone through again before the last resort."""
    last_resort: tuple[Target, ...] = ()
    """Paged when all others stayed silent, again every ``last_resort_every`` until someone answers."""
    last_resort_every: Duration = Field(default=timedelta(minutes=15), ge=timedelta(minutes=1))
    acks_needed: int = Field(default=1, ge=1, le=10)
    """How many people must acknowledge before nobody else is paged."""
    unmitigated: tuple[Unmitigated, ...] = ()
    """Whom to page as well, though somebody has acknowledged, when nothing has helped for some time."""


class EscalationState(Record):
    """Where an escalation stands. ``round`` counts reopenings; it is part of every page's key."""

    round: int = 1
    step: int = 0
    """The next step to page, counted over all repeats."""
    due: datetime | None = None
    """When it is due; None: nothing is."""
    resorts: int = 0
    acknowledged_by: str = ""
    acknowledged_at: datetime | None = None
    acks: tuple[str, ...] = ()
    """Handles that acknowledged, while more are needed."""
    hours_known: int = -1
    """The step for which it is settled that the hour is right (levels that page in business hours only)."""


class NextPage(Record):
    """Page these now; ``then`` is the state after it. Without targets everybody has been tried in vain."""

    targets: tuple[Target, ...]
    step: int
    """Different for every page of a round, repeats of the last resort included: part of the page's key."""
    last_resort: bool = False
    then: EscalationState
    rule: Step | None = None
    """The policy's step; None: the last resort."""
    lap: int = 0
    """How often the list has been gone through before."""


def begin(_policy: EscalationPolicy, now: datetime, round_: int = 1) -> EscalationState:
    """A new round: its first step is due at once.

    So it is for a policy that pages nobody: that nobody can be paged has to come out, not to stay silent.
    """
    return EscalationState(round=round_, due=now)


def acknowledge(state: EscalationState, person: str, now: datetime) -> EscalationState:
    """Nobody else is paged in this round."""
    return state.model_copy(update={"due": None, "acknowledged_by": person, "acknowledged_at": now})


def picked(people: tuple[ResolvedTarget, ...], key: str, lap: int) -> tuple[ResolvedTarget, ...]:
    """One of ``people``: which, only the incident's key and the lap say, so that no state is shared.

    Who cannot be reached is passed over. Shadows come along, they are not chosen.
    """
    able = [one for one in people if one.methods and not one.shadow]
    if not able:
        return people
    first = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big")
    chosen = able[(first + lap) % len(able)]
    return (chosen, *(one for one in people if one.shadow))


def next_page(policy: EscalationPolicy, state: EscalationState, now: datetime) -> NextPage | None:
    """What is due at ``now``, or None. Never skips a step, however late it comes."""
    if state.due is None or now < state.due:
        return None
    total = len(policy.steps) * (policy.repeat + 1)
    if state.step < total:
        step = policy.steps[state.step % len(policy.steps)]
        then = state.model_copy(update={"step": state.step + 1, "due": now + step.wait})
        lap = state.step // len(policy.steps)
        return NextPage(targets=step.targets, step=state.step, then=then, rule=step, lap=lap)
    number = state.step + state.resorts
    if not policy.last_resort:
        then = state.model_copy(update={"due": None})
    else:
        due = now + policy.last_resort_every
        then = state.model_copy(update={"resorts": state.resorts + 1, "due": due})
    return NextPage(targets=policy.last_resort, step=number, last_resort=True, then=then)
