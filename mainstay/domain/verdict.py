"""Judging an effect: no data is never success (architecture section 2, hop 5)."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from mainstay.domain.model import Record, Strict


class Verdict(StrEnum):
    """``ERROR`` is a look that failed, ``INCONCLUSIVE`` one that saw nothing it could judge by."""

    HELD = "held"
    FAILED = "failed"
    ERROR = "error"
    INCONCLUSIVE = "inconclusive"


class Criterion(Strict):
    """What a number must be. ``at_least_samples`` guards against judging by nearly nothing."""

    op: Literal["<", "<=", ">", ">=", "==", "!="]
    value: float
    at_least_samples: int = 1


class Sample(Record):
    """One number with what it was measured on. ``value`` None means that there was no data."""

    name: str = ""
    value: float | None = None


def judge(samples: tuple[Sample, ...], criterion: Criterion) -> Verdict:
    """HELD when every sample meets the criterion, FAILED when one does not, else INCONCLUSIVE.

    Missing and NaN samples never count in favour: with fewer than ``at_least_samples`` numbers there is no
    judgement, and a sample without data beside good ones leaves it INCONCLUSIVE.
    """
    numbers = [s.value for s in samples if s.value is not None and s.value == s.value]
    if any(not _meets(number, criterion) for number in numbers):
        return Verdict.FAILED
    if len(numbers) < max(criterion.at_least_samples, 1) or len(numbers) < len(samples):
        return Verdict.INCONCLUSIVE
    return Verdict.HELD


def _meets(number: float, criterion: Criterion) -> bool:
    match criterion.op:
        case "<":
            return number < criterion.value
        case "<=":
            return number <= criterion.value
        case ">":
            return number > criterion.value
        case ">=":
            return number >= criterion.value
        case "==":
            return number == criterion.value
        case "!=":
            return number != criterion.value


_ORDER = (Verdict.FAILED, Verdict.ERROR, Verdict.INCONCLUSIVE, Verdict.HELD)


def worst(verdicts: tuple[Verdict, ...]) -> Verdict:
    """The worst of several; INCONCLUSIVE of none."""
    return min(verdicts, key=_ORDER.index, default=Verdict.INCONCLUSIVE)
