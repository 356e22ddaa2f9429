"""Messages about made-up incidents, and text that tries to break out of every medium."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from mainstay.domain.message import (
    AnyMessage,
    ApprovalMessage,
    HandledMessage,
    IncidentRef,
    InvitationMessage,
    ItemMessage,
    Link,
    NoticeMessage,
    PageMessage,
    QuestionMessage,
    StatusMessage,
)

NOW = datetime(2026, 4, 8, 14, 5, tzinfo=UTC)
INCIDENT = IncidentRef(
    key="0198-key-of-the-incident",
    workflow_id="incident/payment-service/x-1a2b3c4d",
    number="INC-2026-0042",
    title="HighErrorRate: 5xx over 5%",
    severity="SEV1",
    service="payment-service",
)
ACK = Link(purpose="acknowledge", label="Acknowledge", workflow_id=INCIDENT.workflow_id, argument="1")

PAGE = PageMessage(
    incident=INCIDENT,
    links=(ACK,),
    reason="step 2 of payments-default: nobody answered for 5 min",
    alerts=("HighErrorRate: 15% of requests fail",),
    commands=("kubectl -n payments get pods",),
)
APPROVAL = ApprovalMessage(
    incident=INCIDENT,
    run="payment-errors",
    what="Roll back deployment/payment-service in payments to revision 4",
    risk="medium",
    diff="--- now\n+++ then\n-  image: shop:v2\n+  image: shop:v1",
    command="kubectl -n payments rollout undo deployment/payment-service --to-revision=4",
    digest="sha256:0123456789abcdef0123",
    warnings=("an autoscaler also writes replicas",),
    expires_at=NOW + timedelta(minutes=30),
)
QUESTION = QuestionMessage(
    incident=INCIDENT, run="payment-errors", question="Is the gateway down?", options=("yes", "no")
)
STATUS = StatusMessage(
    incident=INCIDENT,
    state="Identified",
    text="A bad image; rolling back.",
    by="alice",
    next_update_at=NOW + timedelta(minutes=30),
)
INVITATION = InvitationMessage(
    incident=INCIDENT,
    uid="postmortem-0198@example.com",
    what="Postmortem",
    starts_at=NOW + timedelta(hours=50),
    ends_at=NOW + timedelta(hours=51),
    attendees=("alice", "bob"),
    document="postmortems/INC-2026-0042.md",
)
ITEM = ItemMessage(
    incident=INCIDENT,
    event="overdue",
    item="AI-7",
    what="Add a canary",
    owner="bob",
    due=NOW - timedelta(days=3),
    days_overdue=3,
)
NOTICE = NoticeMessage(incident=INCIDENT, subject="The lease was handed on", text="Its holder has ended.")
HANDLED = HandledMessage(incident=INCIDENT, by="alice")

EVERY_KIND: tuple[AnyMessage, ...] = (
    PAGE, APPROVAL, QUESTION, STATUS, INVITATION, ITEM, NOTICE, HANDLED,
)  # fmt: skip

HOSTILE = (
    "x\r\nBcc: victim@example.org\r\n\r\n<script>alert(1)</script>"
    "\x1b]0;owned\x07\x1b[2J\u202egnp.exe\u0000 `@here` <!channel> \u2028 end"
)


def hostile(message: AnyMessage) -> AnyMessage:
    """The same message with every free text replaced by ``HOSTILE``."""
    kept = {"key", "workflow_id", "uid", "digest", "purpose", "kind", "event", "url"}

    def poison(value: object, name: str = "") -> object:
        match value:
            case str() if name not in kept:
                return HOSTILE
            case dict():
                return {key: poison(inner, key) for key, inner in value.items()}
            case list() | tuple():
                return [poison(inner, name) for inner in value]
            case _:
                return value

    poisoned = poison(message.model_dump())
    return type(message).model_validate(poisoned)
