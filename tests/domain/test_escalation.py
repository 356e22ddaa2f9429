"""Escalation as time lines: ``0 alice, 5 bob`` means minute 0 pages alice, minute 5 bob."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from mainstay.domain.escalation import (
    EscalationPolicy,
    EscalationState,
    Step,
    Target,
    acknowledge,
    begin,
    next_page,
)

T0 = datetime(2026, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def policy(steps: str, repeat: int = 0, resort: str = "", every: int = 15) -> EscalationPolicy:
    """``alice+bob:5 carol:10``: targets and how long the step waits."""
    parts = (step.split(":") for step in steps.split())
    return EscalationPolicy(
        name="p",
        steps=tuple(
            Step(
                targets=tuple(Target(kind="person", name=n) for n in names.split("+")),
                wait=int(wait) * MINUTE,
            )
            for names, wait in parts
        ),
        repeat=repeat,
        last_resort=(Target(kind="person", name=resort),) if resort else (),
        last_resort_every=every * MINUTE,
    )


def timeline(rules: EscalationPolicy, until: int, ack: int | None = None, asleep: tuple[int, int] = (0, 0)) -> str:
    """Ask every minute, except while ``asleep``, and write down what is paged."""
    state, said = begin(rules, T0), []
    for minute in range(until + 1):
        now = T0 + minute * MINUTE
        if minute == ack:
            state = acknowledge(state, "alice", now)
        while not asleep[0] <= minute < asleep[1] and (page := next_page(rules, state, now)) is not None:
            said.append(f"{minute} {'+'.join(t.name for t in page.targets) or 'nobody left'}")
            state = page.then
    return ", ".join(said)


@pytest.mark.parametrize(
    ("rules", "until", "ack", "expected"),
    [
        pytest.param(policy("alice:5 bob:5"), 30, None, "0 alice, 5 bob, 10 nobody left", id="each once"),
        pytest.param(
            policy("alice:5 bob:10", repeat=1),
            60,
            None,
            "0 alice, 5 bob, 15 alice, 20 bob, 30 nobody left",
            id="repeats",
        ),
        pytest.param(
            policy("alice:5", resort="chief"),
            40,
            None,
            "0 alice, 5 chief, 20 chief, 35 chief",
            id="last resort",
        ),
        pytest.param(policy("alice+bob:5 carol:5"), 7, None, "0 alice+bob, 5 carol", id="together"),
        pytest.param(policy("alice:5 bob:5"), 30, 3, "0 alice", id="acknowledged"),
        pytest.param(policy("alice:5 bob:5"), 30, 5, "0 alice", id="acknowledged at the last moment"),
        pytest.param(policy("alice:0 bob:5"), 4, None, "0 alice, 0 bob", id="no wait"),
        pytest.param(policy("", resort="chief"), 16, None, "0 chief, 15 chief", id="no steps"),
        pytest.param(policy(""), 60, None, "0 nobody left", id="nobody at all comes out, once"),
    ],
)
def test_timelines(rules: EscalationPolicy, until: int, ack: int | None, expected: str) -> None:
    """Steps, repeats, last resort, and silence after an acknowledgement."""
    assert timeline(rules, until, ack) == expected


@pytest.mark.capability("S-108")
def test_primary_secondary_manager() -> None:
    """Given no answer from primary and secondary, then the engineering manager is paged third."""
    rules = policy("primary:5 secondary:5 manager:5")
    assert timeline(rules, 12) == "0 primary, 5 secondary, 10 manager"


def test_a_late_call_skips_nobody_and_keeps_the_waits() -> None:
    """After an outage the step that was due comes at once, and the next one its full wait later."""
    rules = policy("alice:5 bob:5 carol:5")
    assert timeline(rules, 60, asleep=(2, 40)) == "0 alice, 40 bob, 45 carol, 50 nobody left"


@given(st.integers(1, 4), st.integers(0, 3), st.booleans())
def test_every_page_of_a_round_has_its_own_number(steps: int, repeat: int, resort: bool) -> None:
    """Numbers are part of the pages' keys: a repeated last resort must not look like the page before."""
    rules = policy(" ".join(["alice:5"] * steps), repeat=repeat, resort="chief" if resort else "")
    state, numbers = begin(rules, T0), []
    for _ in range(30):
        page = next_page(rules, state, state.due) if state.due else None
        if page is None:
            break
        numbers.append(page.step)
        state = page.then
    assert numbers == list(range(len(numbers)))
    assert len(numbers) == (30 if resort else steps * (repeat + 1) + 1)


def test_nothing_is_due_before_its_time() -> None:
    """A microsecond early is early."""
    rules = policy("alice:5 bob:5")
    state = EscalationState(step=1, due=T0)
    assert next_page(rules, state, T0 - timedelta(microseconds=1)) is None
    assert next_page(rules, state, T0) is not None


@pytest.mark.parametrize(
    "fields",
    [
        {"steps": ({"targets": ()},)},
        {"steps": ({"targets": ({"kind": "person", "name": "a"},), "wait": "-5m"},)},
        {"last_resort_every": timedelta(0)},
        {"repeat": -1},
    ],
)
def test_policies_that_would_not_end_or_page_nobody_do_not_load(fields: dict[str, object]) -> None:
    """A step without targets, a negative wait, and a last resort without pause are refused."""
    with pytest.raises(ValidationError):
        EscalationPolicy.model_validate({"name": "p", "steps": (), **fields})
