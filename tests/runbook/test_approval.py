"""Approvals: whose vote counts, on what, until when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainstay.domain.access import AccessRole, Actor, Assurance
from mainstay.domain.approval import (
    ApprovalPolicy,
    ApprovalRule,
    Decision,
    Question,
    VoteKind,
    approvers,
    ask,
    cast,
    check_vote,
    decision,
    short,
    who_may,
    withdraw,
)
from mainstay.domain.change import Risk
from mainstay.domain.errors import (
    AlreadyDone,
    Expired,
    InvalidArgument,
    NotAllowed,
    NotFound,
    Refusal,
    Stale,
    WrongState,
)
from tests.runbook.tree import change

NOW = datetime(2026, 3, 1, 3, 0, tzinfo=UTC)
ROLES = {"commander": "carol"}
TWO = ApprovalRule(votes=2, requester_may_vote=False, break_glass=True)
ONE = ApprovalRule()
DIGEST = change().digest


def who(person: str = "alice", assurance: Assurance = Assurance.TOKEN, *roles: AccessRole) -> Actor:
    return Actor(person=person, assurance=assurance, roles=roles)


def question(rule: ApprovalRule = ONE, requester: str = "") -> Question:
    return ask(
        change(),
        rule,
        number=1,
        step="rollback",
        risk=Risk.HIGH,
        now=NOW,
        requester=requester,
        eligible=("alice", "bob"),
    )


def voted(q: Question, *people: str, kind: VoteKind = VoteKind.APPROVE) -> Question:
    for person in people:
        q = cast(q, check_vote(q, kind, DIGEST, who(person), ROLES, NOW))
    return q


def test_a_question_is_about_the_plan_that_was_shown() -> None:
    """Digest, deadline and those who were on call are fixed when it is asked."""
    q = question()
    assert (q.digest, q.expires_at, q.eligible) == (
        change().digest,
        NOW + timedelta(minutes=30),
        ("alice", "bob"),
    )


def test_any_difference_in_the_plan_is_another_digest() -> None:
    """Action, target, fields found, values to go to and diff each change what is voted on."""
    base = change()
    others = [
        base.model_copy(update={"observed": "other"}),
        base.model_copy(update={"desired": {"n": 9}}),
        base.model_copy(update={"diff": "+ image: evil"}),
        base.model_copy(update={"action": "scale"}),
        base.model_copy(update={"parameters": {"to": "revision"}}),
        base.model_copy(update={"target": base.target.model_copy(update={"uid": "re-created"})}),
    ]
    assert len({plan.digest for plan in [base, *others]}) == len(others) + 1


LATE = NOW + timedelta(minutes=30)
YES, NO = VoteKind.APPROVE, VoteKind.REJECT
SILENT: dict[str, object] = {"break_glass": True}
BREAK: dict[str, object] = {"break_glass": True, "comment": "nobody else is awake"}

ADMIN = who("dave", Assurance.TOKEN, AccessRole.ADMIN)
REFUSED: list[tuple[str, Question, VoteKind, str, Actor, datetime, dict[str, object], type[Refusal], str]] = [
    ("blind", question(), YES, "", who(), NOW, {}, InvalidArgument, short(DIGEST)),
    (
        *("another plan", question(), YES, "sha256:" + "0" * 64, who(), NOW, {}, Stale),
        f"the plan has changed: you saw 000000000000, now it is {short(DIGEST)}",
    ),
    ("too late", question(), YES, DIGEST, who(), LATE, {}, Expired, "2026-03-01 03:30 UTC"),
    (
        *("not meant", question(), YES, DIGEST, who("eve"), NOW, {}, NotAllowed),
        "eve may not decide on this: the on-call person (alice, bob) or the commander (carol) may",
    ),
    (
        *("unverified", question(), YES, DIGEST, who("alice", Assurance.UNVERIFIED), NOW, {}, NotAllowed),
        "unverified:alice is proven by unverified only; this needs at least link",
    ),
    ("nobody", question(), YES, DIGEST, who("", Assurance.TOKEN), NOW, {}, NotAllowed, "nobody is named"),
    (
        "twice",
        voted(question(TWO), "alice"),
        YES,
        DIGEST,
        who(),
        NOW,
        {},
        AlreadyDone,
        "alice has voted already",
    ),
    (
        "after a yes",
        voted(question(TWO), "alice"),
        NO,
        DIGEST,
        who(),
        NOW,
        {},
        AlreadyDone,
        "withdraw it first",
    ),
    (
        *("decided", voted(question(), "alice"), YES, DIGEST, who("bob"), NOW, {}, AlreadyDone),
        "rollback was approved already by alice",
    ),
    (
        *("four eyes", question(TWO, "alice"), YES, DIGEST, who(), NOW, {}, NotAllowed),
        "alice asked for this change, and high risk needs four eyes",
    ),
    (
        *("no glass to break", question(), YES, DIGEST, ADMIN, NOW, BREAK, NotAllowed),
        "does not allow break-glass",
    ),
    (
        *("not his glass", question(TWO), YES, DIGEST, who(), NOW, BREAK, NotAllowed),
        "it takes the access role commander or admin",
    ),
    (
        *("silently", question(TWO), YES, DIGEST, ADMIN, NOW, SILENT, InvalidArgument),
        "say why the glass is broken",
    ),
    ("a no by force", question(TWO), NO, DIGEST, ADMIN, NOW, BREAK, InvalidArgument, "reject without it"),
]


@pytest.mark.parametrize("case", REFUSED, ids=[case[0] for case in REFUSED])
def test_votes_that_do_not_count(
    case: tuple[str, Question, VoteKind, str, Actor, datetime, dict[str, object], type[Refusal], str],
) -> None:
    """Each is refused by name, and told why."""
    _, q, kind, digest, actor, now, more, refusal, message = case
    with pytest.raises(refusal) as refused:
        check_vote(q, kind, digest, actor, ROLES, now, **more)  # type: ignore[arg-type]  # a table of keywords
    assert message in refused.value.message


COUNTED: list[tuple[str, Question, VoteKind, Actor, dict[str, object]]] = [
    ("on call", question(), YES, who("bob"), {}),
    ("commander of the incident", question(), YES, who("carol"), {}),
    ("by link", question(), YES, who("alice", Assurance.LINK), {}),
    ("the requester, where two eyes are enough", question(ONE, "alice"), YES, who(), {}),
    ("the requester may always say no", question(TWO, "alice"), NO, who(), {}),
    ("by access role", question(ApprovalRule(by=("access:admin",))), YES, ADMIN, {}),
    ("by name", question(ApprovalRule(by=("person:dave",))), YES, who("dave"), {}),
    ("break-glass", question(TWO), YES, ADMIN, BREAK),
    ("the requester breaks the glass", question(TWO, "dave"), YES, ADMIN, BREAK),
]


@pytest.mark.parametrize("case", COUNTED, ids=[case[0] for case in COUNTED])
def test_votes_that_count(case: tuple[str, Question, VoteKind, Actor, dict[str, object]]) -> None:
    """With who, on what, when, and whether the glass was broken."""
    _, q, kind, actor, more = case
    vote = check_vote(q, kind, DIGEST, actor, ROLES, NOW, **more)  # type: ignore[arg-type]  # see above
    assert (vote.kind, vote.actor, vote.digest, vote.at) == (kind, actor, DIGEST, NOW)
    assert vote.break_glass is bool(more.get("break_glass"))


DECISIONS: list[tuple[str, Question, datetime, Decision]] = [
    ("nobody yet", question(), NOW, Decision.PENDING),
    ("one of one", voted(question(), "alice"), NOW, Decision.APPROVED),
    ("one of two", voted(question(TWO), "alice"), NOW, Decision.PENDING),
    ("two of two", voted(question(TWO), "alice", "bob"), NOW, Decision.APPROVED),
    ("one no", voted(question(TWO), "alice", kind=NO), NOW, Decision.REJECTED),
    (
        *(
            "a no after a yes",
            cast(voted(question(TWO), "alice"), voted(question(TWO), "bob", kind=NO).votes[0]),
        ),
        *(NOW, Decision.REJECTED),
    ),
    ("too late", voted(question(TWO), "alice"), LATE, Decision.EXPIRED),
    ("approved in time", voted(question(), "alice"), LATE, Decision.APPROVED),
    ("none needed", question(ApprovalRule(votes=0)), NOW, Decision.APPROVED),
    (
        *(
            "glass broken",
            cast(
                question(TWO),
                check_vote(question(TWO), YES, DIGEST, ADMIN, ROLES, NOW, break_glass=True, comment="why"),
            ),
        ),
        *(NOW, Decision.APPROVED),
    ),
]


@pytest.mark.parametrize("case", DECISIONS, ids=[case[0] for case in DECISIONS])
def test_decision(case: tuple[str, Question, datetime, Decision]) -> None:
    """One no rejects; distinct people are counted; a decision outlives the deadline."""
    _, q, now, wanted = case
    assert decision(q, now) is wanted


@given(st.lists(st.sampled_from(["alice", "bob", "carol"]), max_size=8))
def test_one_person_is_one_vote_however_it_is_cast(people: list[str]) -> None:
    """Even votes that got past the check twice count once."""
    q = question(TWO)
    vote = check_vote(q, YES, DIGEST, who("alice"), ROLES, NOW)
    for person in people:
        q = cast(q, vote.model_copy(update={"actor": who(person)}))
    assert (decision(q, NOW) is Decision.APPROVED) == (len(set(people)) >= 2)
    assert len(approvers(q)) == len(set(people))


def test_votes_on_a_former_plan_do_not_count() -> None:
    """After drift the digest is another, and what was said before is void."""
    q = voted(question(), "alice").model_copy(update={"digest": change(number=2).digest})
    assert decision(q, NOW) is Decision.PENDING


def test_withdraw() -> None:
    """One's own vote can be taken back while the question is open, and cast anew."""
    q = withdraw(voted(question(TWO), "alice"), who(), NOW)
    assert q.votes == ()
    assert decision(voted(q, "alice", "bob"), NOW) is Decision.APPROVED


def test_withdraw_is_refused_when_there_is_nothing_or_it_is_decided() -> None:
    """What was decided is stopped by aborting, not by changing one's mind."""
    with pytest.raises(NotFound, match="bob has no vote on rollback"):
        withdraw(voted(question(TWO), "alice"), who("bob"), NOW)
    with pytest.raises(WrongState, match="approved already: abort the run"):
        withdraw(voted(question(), "alice"), who(), NOW)


def test_who_may_names_people() -> None:
    """For messages: roles with the people behind them."""
    q = question(ApprovalRule(by=("on_call", "operations_lead", "access:approver", "person:dave")))
    assert who_may(q, {}) == (
        "the on-call person (alice, bob) or the operations lead (nobody yet) "
        "or anybody with the access role approver or dave"
    )


def test_shipped_policy_is_for_small_teams() -> None:
    """Low risk runs by itself, medium takes one, high two of four eyes or broken glass."""
    policy = ApprovalPolicy()
    assert [policy.rule(risk).votes for risk in Risk] == [0, 1, 2]
    assert not policy.high.requester_may_vote
    assert policy.high.break_glass
    assert not policy.medium.break_glass


@pytest.mark.capability("S-124")
def test_only_the_role_that_the_policy_lists_may_approve() -> None:
    """Given a change of production, then only the operations lead, or another role that the policy lists, may approve
    it; not whoever is on call, nor the commander, nor an administrator."""
    roles = {"operations_lead": "olga", "commander": "carol"}
    q = question(ApprovalRule(by=("operations_lead",)))
    for other in (who("alice"), who("carol"), ADMIN):
        with pytest.raises(NotAllowed, match=r"the operations lead \(olga\) may"):
            check_vote(q, YES, DIGEST, other, roles, NOW)
    vote = check_vote(q, YES, DIGEST, who("olga"), roles, NOW)
    assert decision(cast(q, vote), NOW) is Decision.APPROVED
    listed = question(ApprovalRule(by=("operations_lead", "commander")))
    assert check_vote(listed, YES, DIGEST, who("carol"), roles, NOW).kind is YES
