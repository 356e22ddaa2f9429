"""Escalation: whom to page next, as a pure function of policy, state and time."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

from pydantic import Field

from mainstay.domain.duration import Duration
from mainstay.domain.model import Record, Strict


class Target(Strict):
    """``schedule``, ``person`` or ``team`` and its name."""

    kind: Literal["schedule", "person", "team"]
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


class Step(Strict):
    """Page all ``targets`` at once; the next step follows ``wait`` later unless somebody acknowledges."""

    targets: tuple[Target, ...] = Field(min_length=1)
    wait: Duration = Field(default=timedelta(minutes=5), ge=timedelta(0))


class EscalationPolicy(Strict):
    name: str
    steps: tuple[Step, ...]
    repeat: int = Field(default=2, ge=0, le=100)
    """How often the whole list is gone through again before the last resort."""
    last_resort: tuple[Target, ...] = ()
    """Paged when all others stayed silent, again every ``last_resort_every`` until someone answers."""
    last_resort_every: Duration = Field(default=timedelta(minutes=15), ge=timedelta(minutes=1))


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


class NextPage(Record):
    """Page these now; ``then`` is the state after it. Without targets everybody has been tried in vain."""

    targets: tuple[Target, ...]
    step: int
    """Different for every page of a round, repeats of the last resort included: part of the page's key."""
    last_resort: bool = False
    then: EscalationState


def begin(_policy: EscalationPolicy, now: datetime, round_: int = 1) -> EscalationState:
    """A new round: its first step is due at once.

    So it is for a policy that pages nobody: that nobody can be paged has to come out, not to stay silent.
    """
    return EscalationState(round=round_, due=now)


def acknowledge(state: EscalationState, person: str, now: datetime) -> EscalationState:
    """Nobody else is paged in this round."""
    return state.model_copy(update={"due": None, "acknowledged_by": person, "acknowledged_at": now})


def next_page(policy: EscalationPolicy, state: EscalationState, now: datetime) -> NextPage | None:
    """What is due at ``now``, or None. Never skips a step, however late it comes."""
    if state.due is None or now < state.due:
        return None
    total = len(policy.steps) * (policy.repeat + 1)
    if state.step < total:
        step = policy.steps[state.step % len(policy.steps)]
        then = state.model_copy(update={"step": state.step + 1, "due": now + step.wait})
        return NextPage(targets=step.targets, step=state.step, then=then)
    number = state.step + state.resorts
    if not policy.last_resort:
        then = state.model_copy(update={"due": None})
    else:
        due = now + policy.last_resort_every
        then = state.model_copy(update={"resorts": state.resorts + 1, "due": due})
    return NextPage(targets=policy.last_resort, step=number, last_resort=True, then=then)
