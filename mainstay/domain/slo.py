"""Error budgets: how much is allowed, how much is left, and what that forbids (M-8, M-9, T-10)."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Self

from pydantic import Field, model_validator

from mainstay.domain.duration import Duration
from mainstay.domain.model import Strict


class Objective(Strict):
    """One objective of a service, in percent over a rolling window."""

    name: str
    objective: float = Field(gt=0, lt=100)
    window: Duration = timedelta(days=30)
    description: str = ""
    sli: str = ""
    """The expression that measures it."""
    error_budget: Duration | None = None
    """As stated; it must agree with what the objective gives (S-348)."""

    @model_validator(mode="after")
    def _stated_budget_agrees(self) -> Self:
        if self.error_budget is not None and abs(self.error_budget - self.budget) > timedelta(seconds=1):
            raise ValueError(
                f"{self.name}: {self.objective}% over {self.window.days} days is a budget of "
                f"{_minutes(self.budget)}, not {_minutes(self.error_budget)}"
            )
        return self

    @property
    def budget(self) -> timedelta:
        """Time that may be bad within the window: 21.6 minutes for 99.95% over 30 days."""
        return timedelta(seconds=round(self.window.total_seconds() * (100 - self.objective) / 100, 3))


class ServiceObjectives(Strict):
    """The objectives of one service (S-345)."""

    service: str
    team: str
    tier: int = 3
    slos: tuple[Objective, ...] = Field(min_length=1)


class Band(StrEnum):
    """What the rest of the budget allows, mildest first."""

    NORMAL = "normal"
    CAUTIOUS = "cautious"
    FREEZE = "freeze"
    EMERGENCY = "emergency"


def consumed(bad: timedelta, budget: timedelta) -> float:
    """Share of the budget that ``bad`` time used; above 1 it is overdrawn (S-326)."""
    return bad / budget


def remaining(bad: timedelta, budget: timedelta) -> float:
    return 1 - consumed(bad, budget)


def band(left: float) -> Band:
    """The band for the share that is left (M-8): above 50%, 25% to 50%, 10% to 25%, below 10%.

    25% stands in two bands of the guide; the stricter one is taken (S-349).
    """
    if left > 0.50:
        return Band.NORMAL
    if left > 0.25:
        return Band.CAUTIOUS
    return Band.FREEZE if left >= 0.10 else Band.EMERGENCY


def burn_rate(error_share: float, objective: Objective) -> float:
    """How many times faster than allowed the budget burns; 1 uses it up exactly at the window's end."""
    return error_share / ((100 - objective.objective) / 100)


def burns(long: float | None, short: float | None, factor: float) -> bool | None:
    """Do both windows burn at ``factor`` or faster (S-350)? None while a window without data could decide it.

    The long window says that it matters, the short one that it still goes on.
    """
    if long is not None and short is not None:
        return long >= factor and short >= factor
    known = long if short is None else short
    return False if known is not None and known < factor else None


def experiments_refused(left: float) -> str:
    """Why faults may not be injected now; empty: they may (S-356, D-43)."""
    found = band(left)
    return "" if found is Band.NORMAL else f"{left:.0%} of the error budget is left ({found.value})"


def deploy_refused(left: float) -> str:
    """Why features may not be released now; empty: they may (S-351). Never asked for a rollback."""
    found = band(left)
    return f"{found.value}: {left:.0%} of the error budget is left" if found in (Band.FREEZE, Band.EMERGENCY) else ""


def _minutes(duration: timedelta) -> str:
    return f"{duration / timedelta(minutes=1):g} min"
