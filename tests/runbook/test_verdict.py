"""Verdicts: no data is never success."""

from __future__ import annotations

from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainstay.domain.verdict import Criterion, Sample, Verdict, judge, worst

NAN = float("nan")


@pytest.mark.parametrize(
    ("values", "at_least", "wanted"),
    [
        ((0.01,), 1, Verdict.HELD),
        ((0.05,), 1, Verdict.HELD),
        ((0.051,), 1, Verdict.FAILED),
        ((0.01, 0.2), 1, Verdict.FAILED),
        ((), 1, Verdict.INCONCLUSIVE),
        ((), 0, Verdict.INCONCLUSIVE),
        ((None,), 1, Verdict.INCONCLUSIVE),
        ((NAN,), 1, Verdict.INCONCLUSIVE),
        ((0.01, None), 1, Verdict.INCONCLUSIVE),
        ((0.01, NAN), 1, Verdict.INCONCLUSIVE),
        ((0.2, None), 1, Verdict.FAILED),
        ((0.01, 0.02), 3, Verdict.INCONCLUSIVE),
        ((0.2,), 3, Verdict.FAILED),
        ((float("inf"),), 1, Verdict.FAILED),
    ],
)
def test_judging(values: tuple[float | None, ...], at_least: int, wanted: Verdict) -> None:
    """Missing and NaN samples never count in favour; one that fails decides."""
    criterion = Criterion(op="<=", value=0.05, at_least_samples=at_least)
    assert judge(tuple(Sample(value=value) for value in values), criterion) is wanted


Operator = Literal["<", "<=", ">", ">=", "==", "!="]


@pytest.mark.parametrize(
    ("op", "below", "equal", "above"),
    [
        ("<", True, False, False),
        ("<=", True, True, False),
        (">", False, False, True),
        (">=", False, True, True),
        ("==", False, True, False),
        ("!=", True, False, True),
    ],
)
def test_operators(op: Operator, below: bool, equal: bool, above: bool) -> None:
    """Each operator below, at and above its value."""
    criterion = Criterion(op=op, value=5)
    held = [judge((Sample(value=value),), criterion) is Verdict.HELD for value in (4, 5, 6)]
    assert held == [below, equal, above]


@given(st.lists(st.one_of(st.none(), st.floats(allow_nan=True))), st.floats(allow_nan=False))
def test_held_means_that_every_sample_was_there_and_met_it(values: list[float | None], limit: float) -> None:
    """The only way to success."""
    verdict = judge(tuple(Sample(value=v) for v in values), Criterion(op="<=", value=limit))
    good = bool(values) and all(v is not None and v <= limit for v in values)
    assert (verdict is Verdict.HELD) == good


@pytest.mark.parametrize(
    ("verdicts", "wanted"),
    [
        ((), Verdict.INCONCLUSIVE),
        ((Verdict.HELD, Verdict.HELD), Verdict.HELD),
        ((Verdict.HELD, Verdict.INCONCLUSIVE), Verdict.INCONCLUSIVE),
        ((Verdict.INCONCLUSIVE, Verdict.ERROR), Verdict.ERROR),
        ((Verdict.ERROR, Verdict.FAILED), Verdict.FAILED),
    ],
)
def test_worst(verdicts: tuple[Verdict, ...], wanted: Verdict) -> None:
    """Of several the worst counts; of none nothing is known."""
    assert worst(verdicts) is wanted
