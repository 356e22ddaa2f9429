"""What the tree machine asks for, and what it is told.

``step.decide(runbook, state)`` returns one Command; ``workflows/runbook.py`` carries it out and feeds the
Result to ``step.advance(runbook, state, result)``. The machine never acts and never looks at a clock, so
its tests are scripts: result → expected next command.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field, JsonValue

from mainstay.domain.change import Applied, Change, Risk
from mainstay.domain.model import Record
from mainstay.domain.verdict import Verdict

# ---- commands -----------------------------------------------------------------------------------


class Probe(Record):
    """Look. Parameters are still templates: the activity renders them with the run's values."""

    do: Literal["probe"] = "probe"
    node: str
    probe: str
    parameters: dict[str, JsonValue] = Field(default_factory=dict)
    cases: tuple[tuple[str, str], ...] = ()
    """(branch name, CEL condition over the answer's facts), first match wins. Empty: by verdict."""


class Ask(Record):
    """Ask a person. Nobody answers within ``timeout`` → the branch ``timeout``."""

    do: Literal["ask"] = "ask"
    node: str
    question: str
    options: tuple[str, ...]
    audience: tuple[str, ...] = ("on_call",)
    commands: tuple[str, ...] = ()
    timeout: timedelta = timedelta(minutes=30)


class PlanChange(Record):
    do: Literal["plan_change"] = "plan_change"
    node: str
    action: str
    parameters: dict[str, JsonValue] = Field(default_factory=dict)


class AwaitApproval(Record):
    do: Literal["await_approval"] = "await_approval"
    node: str
    change: Change
    risk: Risk


class AcquireLease(Record):
    do: Literal["acquire_lease"] = "acquire_lease"
    node: str
    change: Change


class ApplyChange(Record):
    do: Literal["apply_change"] = "apply_change"
    node: str
    change: Change
    fence: int


class VerifyChange(Record):
    """Judge the effect: every probe must hold within ``within``, else the step failed."""

    do: Literal["verify_change"] = "verify_change"
    node: str
    change: Change
    applied: Applied
    probes: tuple[Probe, ...]
    within: timedelta
    settle: timedelta = timedelta(0)


class UndoChange(Record):
    do: Literal["undo_change"] = "undo_change"
    node: str
    change: Change
    fence: int
    why: str


class ReleaseLease(Record):
    do: Literal["release_lease"] = "release_lease"
    node: str
    change: Change


class Wait(Record):
    do: Literal["wait"] = "wait"
    node: str
    duration: timedelta


class Notify(Record):
    do: Literal["notify"] = "notify"
    node: str
    text: str
    audience: tuple[str, ...] = ("responders",)


class PagePerson(Record):
    do: Literal["page"] = "page"
    node: str
    target: str
    text: str
    commands: tuple[str, ...] = ()


class CallRunbook(Record):
    do: Literal["call"] = "call"
    node: str
    runbook: str
    inputs: dict[str, JsonValue] = Field(default_factory=dict)


class Parallel(Record):
    """Several probes at once; the branch is the worst verdict of all."""

    do: Literal["parallel"] = "parallel"
    node: str
    probes: tuple[Probe, ...]


class End(Record):
    do: Literal["end"] = "end"
    node: str
    outcome: Literal["mitigated", "nothing_to_do", "escalated", "failed", "aborted"]
    summary: str = ""


Command = Annotated[
    Probe
    | Ask
    | PlanChange
    | AwaitApproval
    | AcquireLease
    | ApplyChange
    | VerifyChange
    | UndoChange
    | ReleaseLease
    | Wait
    | Notify
    | PagePerson
    | CallRunbook
    | Parallel
    | End,
    Field(discriminator="do"),
]

# ---- results ------------------------------------------------------------------------------------


class Answered(Record):
    """Result of Probe, Parallel, Ask and CallRunbook: the branch to take, with what was seen."""

    got: Literal["answered"] = "answered"
    branch: str
    verdict: Verdict | None = None
    facts: dict[str, JsonValue] = Field(default_factory=dict)
    """Kept under ``facts.NODE`` for later templates."""
    detail: str = ""
    by: str = ""


class Planned(Record):
    got: Literal["planned"] = "planned"
    change: Change


class Failure(Record):
    """A step could not be carried out: permanent refusal of the cluster, precondition, envelope, halt."""

    got: Literal["failure"] = "failure"
    kind: str
    detail: str


class Approved(Record):
    got: Literal["approved"] = "approved"
    by: tuple[str, ...] = ()


class Denied(Record):
    got: Literal["denied"] = "denied"
    why: Literal["rejected", "expired", "aborted"]
    detail: str = ""


class Drifted(Record):
    """What the plan was made on has changed: plan again, and ask again."""

    got: Literal["drifted"] = "drifted"
    detail: str = ""


class Leased(Record):
    got: Literal["leased"] = "leased"
    fence: int


class Changed(Record):
    got: Literal["changed"] = "changed"
    applied: Applied


class Verified(Record):
    got: Literal["verified"] = "verified"
    verdict: Verdict
    detail: str = ""


class Done(Record):
    """Result of Wait, Notify, PagePerson, UndoChange, ReleaseLease."""

    got: Literal["done"] = "done"
    detail: str = ""


class Skipped(Record):
    """A person skipped this node, choosing the branch (or the default next)."""

    got: Literal["skipped"] = "skipped"
    node: str = ""
    """The node that was meant; empty: the present one. If the run has left it, nothing is skipped."""
    branch: str = ""
    by: str = ""


class Aborted(Record):
    """A person, the incident or a deadline stopped the run: undo what says so, release, end."""

    got: Literal["aborted"] = "aborted"
    why: str
    by: str = ""
    undo: bool = True


Result = Annotated[
    Answered | Planned | Failure | Approved | Denied | Drifted | Leased | Changed | Verified | Done | Skipped | Aborted,
    Field(discriminator="got"),
]
