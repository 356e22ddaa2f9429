"""Is it a major incident? (T-8, M-6, S-042 to S-045)"""

from __future__ import annotations

from datetime import datetime, timedelta

from mainstay.domain.duration import Duration
from mainstay.domain.model import Record, Strict


class MajorRules(Strict):
    """Thresholds of guide 002's major-incident protocol."""

    top_open_for: Duration = timedelta(hours=1)
    critical_services: int = 2
    teams: int = 4


class Spread(Record):
    """How far an incident reaches."""

    rank: int
    declared_at: datetime
    resolved: bool = False
    critical_services: tuple[str, ...] = ()
    teams: tuple[str, ...] = ()
    external_visibility: bool = False


def major_reasons(spread: Spread, now: datetime, rules: MajorRules | None = None) -> tuple[str, ...]:
    """Why it is a major incident; empty: it is none. All reasons that hold, not the first."""
    rules = rules or MajorRules()
    open_long = spread.rank == 0 and not spread.resolved and now - spread.declared_at > rules.top_open_for
    services, teams = sorted(set(spread.critical_services)), sorted(set(spread.teams))
    facts = (
        (open_long, "top severity for more than an hour"),
        (len(services) >= rules.critical_services, f"several critical services: {', '.join(services)}"),
        (len(teams) >= rules.teams, f"more than {rules.teams - 1} teams: {', '.join(teams)}"),
        (spread.external_visibility, "visible outside"),
    )
    return tuple(text for holds, text in facts if holds)


def major_due(spread: Spread, rules: MajorRules | None = None) -> datetime | None:
    """When the passing of time alone makes it major; None when it cannot."""
    rules = rules or MajorRules()
    return spread.declared_at + rules.top_open_for if spread.rank == 0 and not spread.resolved else None
