"""The journal: one typed entry per thing that happened, with workflow time.

It is the one record inside a workflow; time line, status page, postmortem and metrics are functions of it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from mainstay.domain.access import SYSTEM, Actor
from mainstay.domain.model import Record

INCIDENT = "incident"
"""Source of what an incident's own journal numbers; a run without an incident numbers under its workflow id."""


class Entry(Record):
    """Common to all. ``seq`` counts per journal; (incident key, source, seq) identifies an entry."""

    seq: int = 0
    at: datetime
    actor: Actor = SYSTEM
    source: str = INCIDENT
    """``incident`` or the workflow id of the child that wrote it."""


class Declared(Entry):
    kind: Literal["declared"] = "declared"
    title: str
    service: str
    severity: str
    how: str
    """``alert``, ``person`` or ``still_firing``."""


class Numbered(Entry):
    kind: Literal["numbered"] = "numbered"
    number: str


class Alerted(Entry):
    """Alerts joined: counts and the names, never the whole text."""

    kind: Literal["alerted"] = "alerted"
    firing: int
    resolved: int
    names: tuple[str, ...] = ()


class SeveritySet(Entry):
    kind: Literal["severity_set"] = "severity_set"
    former: str = ""
    severity: str
    reason: str = ""


class Paged(Entry):
    """A notification was handed over, or it failed for good on this method."""

    kind: Literal["paged"] = "paged"
    person: str
    method: str
    channel: str
    delivered: bool
    detail: str = ""
    reason: str = ""
    key: str = ""
    provider_id: str = ""
    """The provider's own id: its callbacks name the notification by it."""


class Bounced(Entry):
    """A provider took a notification and said later that it cannot be delivered."""

    kind: Literal["bounced"] = "bounced"
    person: str
    method: str
    key: str = ""
    detail: str = ""


class EscalationStep(Entry):
    kind: Literal["escalation_step"] = "escalation_step"
    round: int
    step: int
    targets: tuple[str, ...] = ()
    why: str = ""


class EscalationExhausted(Entry):
    kind: Literal["escalation_exhausted"] = "escalation_exhausted"
    detail: str = ""


class Acknowledged(Entry):
    kind: Literal["acknowledged"] = "acknowledged"
    already_called: tuple[str, ...] = ()
    """Who had been sent a page that was already out."""


class RoleAssigned(Entry):
    kind: Literal["role_assigned"] = "role_assigned"
    role: str
    person: str


class RoleReleased(Entry):
    kind: Literal["role_released"] = "role_released"
    role: str
    person: str


class Noted(Entry):
    kind: Literal["noted"] = "noted"
    text: str


class Decided(Entry):
    kind: Literal["decided"] = "decided"
    text: str
    rationale: str = ""


class UpdatePosted(Entry):
    kind: Literal["update_posted"] = "update_posted"
    text: str
    public: bool
    public_state: str
    automatic: bool = False


class RunStarted(Entry):
    kind: Literal["run_started"] = "run_started"
    runbook: str
    run: str


class RunStep(Entry):
    """One step of a runbook run: what was asked or done and what came of it."""

    kind: Literal["run_step"] = "run_step"
    run: str
    step: str
    what: str
    outcome: str = ""
    detail: str = ""


class ApprovalAsked(Entry):
    kind: Literal["approval_asked"] = "approval_asked"
    run: str
    step: str
    what: str
    risk: str
    digest: str


class ApprovalAnswered(Entry):
    kind: Literal["approval_answered"] = "approval_answered"
    run: str
    step: str
    answer: str
    digest: str = ""
    comment: str = ""


class Mitigated(Entry):
    """Something was changed to help. ``temporary`` ones stand in the ledger until they are removed."""

    kind: Literal["mitigated"] = "mitigated"
    mitigation: str
    text: str
    temporary: bool = False
    inverse: str = ""
    """How to take it back, in words or as a command."""
    run: str = ""


class MitigationRemoved(Entry):
    kind: Literal["mitigation_removed"] = "mitigation_removed"
    mitigation: str
    how: str


class RunEnded(Entry):
    kind: Literal["run_ended"] = "run_ended"
    run: str
    outcome: str
    summary: str = ""


class PhaseChanged(Entry):
    kind: Literal["phase_changed"] = "phase_changed"
    former: str
    phase: str
    reason: str = ""


class Resolved(Entry):
    kind: Literal["resolved"] = "resolved"
    confirmations: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


class Reopened(Entry):
    kind: Literal["reopened"] = "reopened"
    reason: str
    round: int


class Linked(Entry):
    """Merged into, still firing after, or duplicate of another incident."""

    kind: Literal["linked"] = "linked"
    relation: str
    other: str


class Late(Entry):
    """A deadline passed: response target, required role, update cadence."""

    kind: Literal["late"] = "late"
    what: str
    due: datetime | None = None


class Refused(Entry):
    """Something that arrived and could not be taken, with the reason. Nothing is lost silently."""

    kind: Literal["refused"] = "refused"
    what: str
    why: str


class LearningStarted(Entry):
    """A child that outlives the incident was started: postmortem, action item."""

    kind: Literal["learning_started"] = "learning_started"
    what: str
    workflow_id: str


AnyEntry = Annotated[
    Declared
    | Numbered
    | Alerted
    | SeveritySet
    | Paged
    | Bounced
    | EscalationStep
    | EscalationExhausted
    | Acknowledged
    | RoleAssigned
    | RoleReleased
    | Noted
    | Decided
    | UpdatePosted
    | RunStarted
    | RunStep
    | ApprovalAsked
    | ApprovalAnswered
    | Mitigated
    | MitigationRemoved
    | RunEnded
    | PhaseChanged
    | Resolved
    | Reopened
    | Linked
    | Late
    | Refused
    | LearningStarted,
    Field(discriminator="kind"),
]
