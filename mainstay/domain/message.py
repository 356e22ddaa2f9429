"""Everything that is said to people, as facts. Templates turn it into text for one medium, in an activity."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from mainstay.domain.model import Record


class IncidentRef(Record):
    """What every message says about its incident. All text in it is hostile until escaped."""

    key: str = ""
    workflow_id: str = ""
    number: str = ""
    """``INC-2026-0042``, or empty while the record store has not answered."""
    title: str = ""
    severity: str = ""
    service: str = ""
    exercise: bool = False

    @property
    def shown(self) -> str:
        return self.number or (f"incident {self.key[:8]}" if self.key else "incident")


class Link(Record):
    """An action offered in a message. The activity signs it for the person it is sent to."""

    purpose: Literal["acknowledge", "escalate", "approve", "reject", "answer", "item_done", "view"]
    label: str
    workflow_id: str = ""
    argument: str = ""
    """Digest for a vote, the option for an answer, the round for an acknowledgement."""
    expires_at: datetime | None = None


class Message(Record):
    incident: IncidentRef = Field(default_factory=IncidentRef)
    links: tuple[Link, ...] = ()


class PageMessage(Message):
    """You are needed. ``reason`` says why you: ``step 2 of payments-default: nobody answered for 5 min``."""

    kind: Literal["page"] = "page"
    reason: str = ""
    alerts: tuple[str, ...] = ()
    """``name: summary`` of the firing alerts, a few at most."""
    commands: tuple[str, ...] = ()
    """What to type by hand, where a runbook's leaf has no action of its own."""
    references: tuple[tuple[str, str], ...] = ()
    """(name, address) of what helps: dashboard, runbook, logs (S-061). Empty: those of the service."""


class HandledMessage(Message):
    """Somebody else has it: for those who were already being called."""

    kind: Literal["handled"] = "handled"
    by: str


class ApprovalMessage(Message):
    """A change waits for a yes. ``diff`` and ``command`` are exactly what the vote binds to."""

    kind: Literal["approval"] = "approval"
    run: str
    what: str
    risk: str
    diff: str = ""
    command: str = ""
    digest: str
    warnings: tuple[str, ...] = ()
    expires_at: datetime
    reminder: bool = False


class QuestionMessage(Message):
    """A runbook asks a person."""

    kind: Literal["question"] = "question"
    run: str
    question: str
    options: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()


class StatusMessage(Message):
    """A status update, internal or public."""

    kind: Literal["status"] = "status"
    state: str
    text: str
    by: str = ""
    next_update_at: datetime | None = None


class InvitationMessage(Message):
    """A calendar invitation; the activity attaches the .ics (RFC 5545)."""

    kind: Literal["invitation"] = "invitation"
    uid: str
    what: str
    starts_at: datetime
    ends_at: datetime
    attendees: tuple[str, ...] = ()
    document: str = ""


class ItemMessage(Message):
    """About an action item: assigned, due soon, overdue, or escalated to the owner's manager."""

    kind: Literal["item"] = "item"
    event: Literal["assigned", "reminder", "overdue", "escalated", "done"]
    item: str
    what: str
    owner: str
    due: datetime
    days_overdue: int = 0


class NoticeMessage(Message):
    """One clear line about something that went wrong or changed: what, on what, why, what happens next."""

    kind: Literal["notice"] = "notice"
    subject: str
    text: str


AnyMessage = Annotated[
    PageMessage
    | HandledMessage
    | ApprovalMessage
    | QuestionMessage
    | StatusMessage
    | InvitationMessage
    | ItemMessage
    | NoticeMessage,
    Field(discriminator="kind"),
]
