"""Approvals: a vote is on the digest of what was shown, and only on that (architecture section 6, rule 2)."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal

from pydantic import Field

from mainstay.domain.access import AccessRole, Actor, Assurance
from mainstay.domain.change import Change, Risk
from mainstay.domain.errors import (
    AlreadyDone,
    Expired,
    InvalidArgument,
    NotAllowed,
    NotFound,
    Stale,
    WrongState,
)
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
        return selector.removeprefix("access:") in [role.value for role in actor.roles]
    if selector.startswith("person:"):
        return actor.person == selector.removeprefix("person:")
    return roles.get(selector) == actor.person


BREAK_GLASS_ROLES = (AccessRole.COMMANDER, AccessRole.ADMIN)


def ask(
    change: Change,
    rule: ApprovalRule,
    *,
    number: int,
    step: str,
    risk: Risk,
    now: datetime,
    requester: str = "",
    eligible: tuple[str, ...] = (),
) -> Question:
    """Open the question whether ``change`` may be made, as it was planned and shown."""
    return Question(
        number=number,
        step=step,
        digest=change.digest,
        risk=risk,
        rule=rule,
        requester=requester,
        asked_at=now,
        expires_at=now + rule.expires_after,
        eligible=eligible,
    )


def check_vote(
    question: Question,
    kind: VoteKind,
    digest: str,
    actor: Actor,
    roles: dict[str, str],
    now: datetime,
    *,
    comment: str = "",
    break_glass: bool = False,
) -> Vote:
    """The vote, if it counts. Raises a refusal that says why it does not.

    InvalidArgument: no digest, so nobody can know what was approved, or break-glass without a reason.
    Stale: the plan has changed since. AlreadyDone: this person, or everybody, has decided. Expired: too
    late. NotAllowed: too weakly proven, not among those who may, or the requester under four eyes.
    """
    _check_digest(question, digest)
    _check_open(question, actor, now)
    _check_assurance(question.rule, actor)
    if break_glass:
        _check_break_glass(question.rule, kind, actor, comment)
    else:
        _check_eligible(question, kind, actor, roles)
    return Vote(kind=kind, actor=actor, digest=digest, at=now, comment=comment[:2_000], break_glass=break_glass)


def cast(question: Question, vote: Vote) -> Question:
    """The question with one more vote."""
    return question.model_copy(update={"votes": (*question.votes, vote)})


def withdraw(question: Question, actor: Actor, now: datetime) -> Question:
    """Take one's own vote back while the question is open.

    Raises NotFound when there is none, and WrongState once it was decided: then only an abort helps.
    """
    if not any(vote.actor.person == actor.person for vote in question.votes):
        raise NotFound(f"{actor.person} has no vote on {question.step}")
    answer = decision(question, now)
    if answer is not Decision.PENDING:
        raise WrongState(f"{question.step} is {answer.value} already: abort the run to stop it")
    votes = tuple(vote for vote in question.votes if vote.actor.person != actor.person)
    return question.model_copy(update={"votes": votes})


def decision(question: Question, now: datetime) -> Decision:
    """What the votes amount to at ``now``. One reject rejects; each person counts once.

    A decision outlives the deadline: approved in time stays approved.
    """
    if any(vote.kind is VoteKind.REJECT for vote in question.votes):
        return Decision.REJECTED
    if len(approvers(question)) >= question.rule.votes or any(vote.break_glass for vote in question.votes):
        return Decision.APPROVED
    return Decision.EXPIRED if now >= question.expires_at else Decision.PENDING


def approvers(question: Question) -> tuple[str, ...]:
    """Who said yes to what is asked now, each once, in order."""
    yes = [v for v in question.votes if v.kind is VoteKind.APPROVE and v.digest == question.digest]
    return tuple(dict.fromkeys(vote.actor.person for vote in yes))


def who_may(question: Question, roles: dict[str, str]) -> str:
    """Those who may vote, for people: ``the on-call person (alice) or the commander (bob)``."""
    return " or ".join(_selector_shown(selector, roles, question.eligible) for selector in question.rule.by)


def short(digest: str) -> str:
    """The first twelve hex digits, enough for people to compare."""
    return digest.removeprefix("sha256:")[:12]


def _check_digest(question: Question, digest: str) -> None:
    if not digest:
        raise InvalidArgument(
            f"name the digest of the plan that you mean: the open one is {short(question.digest)}",
            field="digest",
        )
    if digest != question.digest:
        raise Stale(
            f"the plan has changed: you saw {short(digest)}, now it is {short(question.digest)}. "
            "Look at the new diff and decide again",
            field="digest",
        )


def _check_open(question: Question, actor: Actor, now: datetime) -> None:
    mine = next((vote for vote in question.votes if vote.actor.person == actor.person), None)
    if mine:
        raise AlreadyDone(
            f"{actor.person} has voted already ({mine.kind.value}, {mine.at:%H:%M} UTC): withdraw it first"
        )
    match decision(question, now):
        case Decision.PENDING:
            return
        case Decision.EXPIRED:
            raise Expired(f"the question on {question.step} expired at {question.expires_at:%Y-%m-%d %H:%M} UTC")
        case decided:
            people = ", ".join(dict.fromkeys(vote.actor.person for vote in question.votes)) or "the policy"
            raise AlreadyDone(f"{question.step} was {decided.value} already by {people}")


def _check_assurance(rule: ApprovalRule, actor: Actor) -> None:
    if not actor.person:
        raise NotAllowed("nobody is named: a vote needs a person")
    if actor.assurance < rule.minimum_assurance:
        raise NotAllowed(
            f"{actor.shown} is proven by {actor.assurance.name.lower()} only; "
            f"this needs at least {rule.minimum_assurance.name.lower()}"
        )


def _check_break_glass(rule: ApprovalRule, kind: VoteKind, actor: Actor, comment: str) -> None:
    if kind is VoteKind.REJECT:
        raise InvalidArgument("breaking the glass is for approving: reject without it", field="break_glass")
    if not rule.break_glass:
        raise NotAllowed("the approval policy does not allow break-glass for this risk", field="break_glass")
    if not any(role in actor.roles for role in BREAK_GLASS_ROLES):
        raise NotAllowed(
            f"{actor.person} may not break the glass: it takes the access role commander or admin",
            field="break_glass",
        )
    if not comment.strip():
        raise InvalidArgument("say why the glass is broken: it is reviewed afterwards", field="comment")


def _check_eligible(question: Question, kind: VoteKind, actor: Actor, roles: dict[str, str]) -> None:
    rule = question.rule
    if not any(selector_allows(selector, actor, roles, question.eligible) for selector in rule.by):
        raise NotAllowed(f"{actor.person} may not decide on this: {who_may(question, roles)} may")
    if kind is VoteKind.APPROVE and not rule.requester_may_vote and actor.person == question.requester:
        raise NotAllowed(
            f"{actor.person} asked for this change, and {question.risk.value} risk needs four eyes: "
            f"{who_may(question, roles)} may approve it"
        )


def _selector_shown(selector: str, roles: dict[str, str], eligible: tuple[str, ...]) -> str:
    if selector == "on_call":
        return f"the on-call person ({', '.join(eligible) or 'nobody now'})"
    if selector.startswith("access:"):
        return f"anybody with the access role {selector.removeprefix('access:')}"
    if selector.startswith("person:"):
        return selector.removeprefix("person:")
    return f"the {selector.replace('_', ' ')} ({roles.get(selector) or 'nobody yet'})"
