"""Approvals: a vote is on the digest of what was shown, and only on that (architecture section 6, rule 2)."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal

from pydantic import Field

from mainstay.domain.access import AccessRole, Actor, Assurance
from mainstay.domain.change import Risk
from mainstay.domain.model import Record, Strict


class ApprovalRule(Strict):
    """Who must say yes to changes of one risk. ``votes`` 0 means that no approval is asked."""

    votes: int = 1
    by: tuple[str, ...] = ("on_call", "commander")
    """Any of: ``on_call``, an incident role, an access role (``access:approver``), ``person:NAME``."""
    minimum_assurance: Assurance = Assurance.LINK
    requester_may_vote: bool = True
    """False = four eyes: the person who asked for the change does not count."""
    expires_after: timedelta = timedelta(minutes=30)
    remind_before: timedelta = timedelta(minutes=10)
    on_expiry: Literal["deny", "escalate"] = "deny"
    break_glass: bool = False
    """One commander or admin may approve alone; recorded, and reviewed afterwards."""


class ApprovalPolicy(Strict):
    """A rule per risk. The shipped one is for small teams: low none, medium one, high two."""

    low: ApprovalRule = Field(default_factory=lambda: ApprovalRule(votes=0))
    medium: ApprovalRule = Field(default_factory=ApprovalRule)
    high: ApprovalRule = Field(
        default_factory=lambda: ApprovalRule(votes=2, requester_may_vote=False, break_glass=True)
    )

    def rule(self, risk: Risk) -> ApprovalRule:
        match risk:
            case Risk.LOW:
                return self.low
            case Risk.MEDIUM:
                return self.medium
            case Risk.HIGH:
                return self.high


class VoteKind(StrEnum):
    APPROVE = "approve"
    REJECT = "reject"


class Vote(Record):
    """A counted vote, after all checks."""

    kind: VoteKind
    actor: Actor
    digest: str
    at: datetime
    comment: str = ""
    break_glass: bool = False


class Question(Record):
    """An open request for approval, as carried in the run's state."""

    number: int
    """Counts up within the run: a new plan is a new question."""
    step: str
    digest: str
    risk: Risk
    rule: ApprovalRule
    requester: str = ""
    asked_at: datetime
    expires_at: datetime
    eligible: tuple[str, ...] = ()
    """Handles that the ``on_call`` selector meant when the question was asked."""
    votes: tuple[Vote, ...] = ()


class Decision(StrEnum):
    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"


def selector_allows(selector: str, actor: Actor, roles: dict[str, str], eligible: tuple[str, ...]) -> bool:
    """Does one entry of ``ApprovalRule.by`` mean this person? ``roles``: incident role → handle."""
    if selector == "on_call":
        return actor.person in eligible
    if selector.startswith("access:"):
        return AccessRole(selector.removeprefix("access:")) in actor.roles
    if selector.startswith("person:"):
        return actor.person == selector.removeprefix("person:")
    return roles.get(selector) == actor.person
