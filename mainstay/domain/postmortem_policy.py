"""Which incidents need a postmortem (T-9, D-21, S-261, S-354, S-372)."""

from __future__ import annotations

from datetime import timedelta

from mainstay.domain.duration import Duration
from mainstay.domain.model import Record, Strict


class PostmortemPolicy(Strict):
    """The default is guide 003's; guide 001 wants one for every incident."""

    every_incident: bool = False
    ranks_up_to: int = 1
    longer_than: Duration = timedelta(hours=1)
    budget_below: float = 0.10
    """With less of the error budget left, any further use of it needs one (share, M-8)."""


class PostmortemFacts(Record):
    rank: int
    duration: timedelta
    data_exposure: bool = False
    security_breach: bool = False
    near_miss: bool = False
    budget_remaining: float | None = None
    """Share of the error budget that is left; None: unknown, or no objective."""
    budget_used: bool = False
    cancelled: bool = False


def postmortem_reasons(facts: PostmortemFacts, policy: PostmortemPolicy | None = None) -> tuple[str, ...]:
    """Why a postmortem is required; empty: it is optional. A cancelled incident forces none (S-039)."""
    rules = policy or PostmortemPolicy()
    low = facts.budget_remaining is not None and facts.budget_remaining < rules.budget_below
    reasons = (
        (rules.every_incident, "every incident has one"),
        (facts.rank <= rules.ranks_up_to, "severity"),
        (facts.duration > rules.longer_than, "duration"),
        (facts.data_exposure, "customer data was exposed"),
        (facts.security_breach, "security breach"),
        (facts.near_miss, "near-miss"),
        (low and facts.budget_used, f"error budget used with less than {rules.budget_below:.0%} left"),
    )
    return () if facts.cancelled else tuple(text for holds, text in reasons if holds)
