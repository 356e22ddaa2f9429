"""Swaps: who may answer, once, and what an accepted one changes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainstay.domain.errors import AlreadyDone, Expired, InvalidArgument, NotAllowed, Refusal
from mainstay.domain.oncall.schedule import Layer, Schedule
from mainstay.domain.oncall.shifts import Roster
from mainstay.domain.oncall.swap import Answer, Swap, answered, check_theirs, overrides

NOW = datetime(2026, 3, 2, tzinfo=UTC)
DAY = timedelta(days=1)
OFFER = Swap(
    id="s",
    schedule="primary",
    giver="alice",
    taker="bob",
    start=NOW + DAY,
    end=NOW + 2 * DAY,
    return_start=NOW + 8 * DAY,
    return_end=NOW + 9 * DAY,
    created_at=NOW,
)


def test_an_accepted_swap_changes_both_shifts() -> None:
    """The taker has the giver's shift, and the giver the taker's; nobody else's shift is touched."""
    layer = Layer(name="l", people=("alice", "bob", "carol"), start=NOW, turn=7 * DAY)
    schedule = Schedule(name="primary", layers=(layer,))
    laid = overrides(answered(OFFER, "accept", "bob", NOW))
    found = Roster(schedule, laid).between(NOW, NOW + 21 * DAY)
    assert [(shift.person, (shift.start - NOW).days) for shift in found] == [
        *(("alice", 0), ("bob", 1), ("alice", 2)),
        *(("bob", 7), ("alice", 8), ("bob", 9), ("carol", 14)),
    ]


@given(
    st.lists(st.tuples(st.sampled_from(("accept", "decline", "withdraw")), st.sampled_from(("alice", "bob", "zoe"))))
)
def test_the_first_answer_counts(answers: list[tuple[Answer, str]]) -> None:
    """Whatever is tried, only the first allowed answer changes the swap, and repeating it changes nothing."""
    now, changes = OFFER, 0
    for answer, person in answers:
        try:
            after = answered(now, answer, person, NOW)
        except Refusal:
            continue
        changes += after != now
        now = after
    assert changes <= 1
    allowed = {("accept", "bob"): "accepted", ("decline", "bob"): "declined", ("withdraw", "alice"): "withdrawn"}
    first = next((allowed[pair] for pair in answers if pair in allowed), "open")
    assert now.state == first
    assert bool(overrides(now)) == (first == "accepted")


@pytest.mark.parametrize(
    ("swap", "answer", "person", "refusal"),
    [
        (OFFER, "accept", "zoe", NotAllowed),
        (OFFER, "withdraw", "bob", NotAllowed),
        (OFFER.model_copy(update={"taker": ""}), "accept", "alice", NotAllowed),
        (OFFER.model_copy(update={"state": "declined", "answered_by": "bob"}), "accept", "bob", AlreadyDone),
        (OFFER.model_copy(update={"end": NOW}), "accept", "bob", Expired),
    ],
)
def test_refused_answers(swap: Swap, answer: Answer, person: str, refusal: type[Refusal]) -> None:
    """Only who is meant may answer, once, and not when the shift is over."""
    with pytest.raises(refusal):
        answered(swap, answer, person, NOW)


def test_nobody_gives_away_what_is_not_theirs() -> None:
    """The refusal names who is on call there."""
    layer = Layer(name="l", people=("alice", "bob"), start=NOW, turn=7 * DAY)
    found = Roster(Schedule(name="primary", layers=(layer,))).between(NOW + 6 * DAY, NOW + 8 * DAY)
    with pytest.raises(InvalidArgument, match="bob is on call, not alice"):
        check_theirs(found, "alice", "start")
