"""Conditions: checked before they run, and never false because they could not be evaluated."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import JsonValue

from mainstay.domain.condition import Type, check, choose, evaluate
from mainstay.domain.errors import InvalidArgument
from mainstay.domain.verdict import Verdict

FACTS: dict[str, Type] = {"found": "boolean", "age": "integer", "rate": "number", "image": "string"}


@pytest.mark.parametrize(
    "expression",
    [
        "found && age < 3600",
        "rate < 1 || rate > 0.5",
        "!found",
        "inputs.workload.name == 'checkout' && image.startsWith('shop/')",
        "verdict == 'held' && facts.look.found",
        "facts.look.values.exists(v, v > 3)",
        "true",
    ],
)
def test_good_conditions(expression: str) -> None:
    """Facts by their own names, and inputs, facts, incident and verdict."""
    assert check(expression, FACTS) == ()


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("", "1 to 2000 characters"),
        ("found &&", "Syntax error"),
        ("fuond", "column 1: undeclared reference to 'fuond'"),
        ("found && age > 'x'", "column 14: found no matching overload for '_>_' applied to '(int, string)'"),
        ("age", "gives INT, not true or false"),
        ("found = true", "Syntax error"),
        ("true || " * 400 + "true", "1 to 2000 characters"),
    ],
)
def test_bad_conditions_are_found_before_they_run(expression: str, why: str) -> None:
    """Syntax, unknown names and wrong types, with the column."""
    assert why in check(expression, FACTS)[0]


@pytest.mark.parametrize(
    ("expression", "values", "wanted"),
    [
        ("a.n < 3", {"a": {"n": 2.5}}, True),
        ("a.n < 3.5", {"a": {"n": 2}}, True),
        ("a == null", {"a": None}, True),
        ("a.x == 'b' || a.missing", {"a": {"x": "b"}}, True),
        ("size(a) == 2", {"a": [1, 2]}, True),
        ("a", {"a": False}, False),
    ],
)
def test_evaluation(expression: str, values: dict[str, Any], wanted: bool) -> None:
    """Whole and fractional numbers compare; an error beside what decides does not matter."""
    assert evaluate(expression, values) is wanted


@pytest.mark.parametrize(
    ("expression", "values"),
    [
        ("a.missing", {"a": {}}),
        ("a < 3", {"a": None}),
        ("a", {"a": 5}),
        ("a.x == 'c' || a.missing", {"a": {"x": "b"}}),
        ("b", {"a": 1}),
        ("a > 1", {"a": 10**30}),
        (
            "l.all(a, l.all(b, l.all(c, l.all(d, l.all(e, a + b + c + d + e > -1)))))",
            {"l": list(range(100))},
        ),
    ],
)
def test_what_cannot_be_said_is_an_error(expression: str, values: dict[str, JsonValue]) -> None:
    """Missing values, wrong types and runaway loops are refused; they are never just false."""
    with pytest.raises(InvalidArgument, match="condition"):
        evaluate(expression, values)


CASES = (("new", "found && age < 3600"), ("old", "found"), ("none", "!found"))


@pytest.mark.parametrize(
    ("verdict", "facts", "branch"),
    [
        (Verdict.HELD, {"found": True, "age": 60}, "new"),
        (Verdict.HELD, {"found": True, "age": 3600}, "old"),
        (Verdict.FAILED, {"found": False, "age": 0}, "none"),
        (Verdict.INCONCLUSIVE, {"found": True, "age": 60}, "inconclusive"),
        (Verdict.ERROR, {"found": True, "age": 60}, "error"),
        (Verdict.HELD, {"age": 60}, "error"),
        (Verdict.HELD, {"found": True, "age": None}, "error"),
    ],
)
def test_the_first_case_that_holds_is_chosen(verdict: Verdict, facts: dict[str, JsonValue], branch: str) -> None:
    """A look that failed or saw nothing is put into no case; missing facts are an error."""
    assert choose(CASES, verdict, facts, {"inputs": {}}).branch == branch


def test_no_case_is_inconclusive() -> None:
    """When nothing holds nothing is known, and people are told which cases there were."""
    chosen = choose(CASES[:1], Verdict.HELD, {"found": False, "age": 1}, {})
    assert chosen.branch == "inconclusive"
    assert "new" in chosen.detail


def test_without_cases_the_verdict_is_the_branch() -> None:
    """held, failed, inconclusive, error."""
    assert [choose((), verdict, {}, {}).branch for verdict in Verdict] == [v.value for v in Verdict]


def test_facts_cannot_shadow_the_scope() -> None:
    """A probe that answers a fact called ``inputs`` does not change what ``inputs`` means."""
    chosen = choose((("a", "inputs.x == 1"),), Verdict.HELD, {"inputs": {"x": 2}}, {"inputs": {"x": 1}})
    assert chosen.branch == "a"
