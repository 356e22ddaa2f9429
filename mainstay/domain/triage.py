"""Triage: from facts about the impact to a rank. Rules of the guides, T-1, T-2/M-10, S-002 to S-031.

An alert's own severity label is no fact: one that says ``critical`` at 5% errors decides nothing (D-24).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Literal, assert_never

from mainstay.domain.alert import Alert, AlertStatus
from mainstay.domain.incident import Impact
from mainstay.domain.model import Record
from mainstay.domain.service import Service
from mainstay.domain.severity import SeverityProfile

REVENUE_HEAVY = 100_000.0
"""US dollars an hour: "heavy" revenue loss of guide 000 (S-002)."""
_WIDE_ERRORS = 0.20
_WIDE_USERS = 1000
"""From here on guide 000's "wide impact" and "large subset of users"; the guide itself gives no figures, so
these follow guide 002's (M-10)."""


class Triage(Record):
    """The proposed rank, the rule that gave it, and every fact that speaks for it, in words.

    ``known`` is false when there were no facts to judge by: the rank is then the mildest, and whoever uses it
    decides what that means (it is no reason not to page).
    """

    rank: int
    rule: str
    reasons: tuple[str, ...] = ()
    known: bool = True


def triage(impact: Impact, service: Service, profile: SeverityProfile) -> Triage:
    """The rank that the profile's rules give to ``impact``. First rule that holds wins; never raises.

    Missing facts count as zero or "no", as in guide 002 (S-026). Data loss, a security breach and the
    complete loss of the service are the top level under every profile (S-031, D-08).
    """
    lowest = len(profile.levels) - 1
    for rank, rule, reasons in _findings(impact, service, profile):
        if reasons:
            return Triage(rank=min(rank, lowest), rule=rule, reasons=tuple(reasons))
    known = impact != Impact()
    rule = "no rule of a worse level holds" if known else "no facts about the impact"
    return Triage(rank=lowest, rule=rule, known=known)


_Finding = tuple[int, str, list[str]]


def _findings(impact: Impact, service: Service, profile: SeverityProfile) -> Iterator[_Finding]:
    yield 0, "always the top level (S-031)", _always_top(impact)
    match profile.triage:
        case "guide_000":
            yield from _guide_000(impact, service)
        case "guide_002":
            yield from _guide_002(impact, service)
        case "criteria":
            yield from _criteria(impact)
        case _:
            assert_never(profile.triage)


def _always_top(impact: Impact) -> list[str]:
    return _said(
        (impact.data_loss, "data loss"),
        (impact.security_breach, "security breach"),
        (impact.complete_loss, "complete loss of the service"),
    )


def _guide_002(impact: Impact, service: Service) -> Iterator[_Finding]:
    """T-2 with the strict thresholds of M-10, and the classification tree T-1 beside it."""
    errors, users = impact.error_rate or 0.0, impact.users_affected or 0
    loss = impact.revenue_loss_per_hour or 0.0
    yield (
        0,
        "guide 002: P1",
        _said((service.critical and errors > 0.20, f"critical service, {_share(errors)} errors > 20%")),
    )
    yield (
        1,
        "guide 002: P2",
        _said(
            (service.revenue_impacting, f"{service.name} is revenue-impacting"),
            (loss > 0, f"${loss:,.0f} of revenue lost per hour"),
            (impact.revenue_impacting, "revenue-impacting"),
            (errors > 0.10, f"{_share(errors)} errors > 10%"),
            (users > 1000, f"{users} users affected > 1000"),
            (impact.all_users, "all users affected"),
            (impact.degradation == "most", "significant degradation for most users"),
        ),
    )
    yield (
        2,
        "guide 002: P3",
        _said(
            (errors > 0.05, f"{_share(errors)} errors > 5%"),
            (users > 100, f"{users} users affected > 100"),
            (impact.degradation == "some", "partial degradation for some users"),
        ),
    )


def _guide_000(impact: Impact, service: Service) -> Iterator[_Finding]:
    """S-002 to S-006. Where the guide gives words and no figures, the figures are guide 002's."""
    errors, users = impact.error_rate or 0.0, impact.users_affected or 0
    loss = impact.revenue_loss_per_hour or 0.0
    yield (
        0,
        "guide 000: P0",
        _said(
            (impact.all_users, "all users affected"),
            (errors >= 1.0, "every request fails"),
            (loss > REVENUE_HEAVY, f"${loss:,.0f} of revenue lost per hour > $100,000"),
        ),
    )
    yield (
        1,
        "guide 000: P1",
        _said(
            (errors > _WIDE_ERRORS, f"{_share(errors)} errors: wide impact"),
            (users > _WIDE_USERS, f"{users} users affected: a large subset"),
            (loss > 0, f"${loss:,.0f} of revenue lost per hour"),
            (impact.revenue_impacting, "revenue-impacting"),
            (impact.degradation == "most", "significant degradation for most users"),
            (service.revenue_impacting and errors > 0.10, f"{_share(errors)} errors may cost revenue"),
        ),
    )
    slight = impact.workaround is True
    partial = _said(
        (errors > 0.05, f"{_share(errors)} errors > 5%"),
        (users > 100, f"{users} users affected > 100"),
        (impact.degradation == "some", "partial degradation for some users"),
    )
    yield 2, "guide 000: P2", [] if slight else partial
    yield 3, "guide 000: P3", [*partial, *_said((slight, "a workaround exists"), _any_effect(impact))]


def _criteria(impact: Impact) -> Iterator[_Finding]:
    """Guides 001, 003 and 004, in words: S-007 to S-010, S-015 to S-022, with the figures of M-10."""
    errors, users = impact.error_rate or 0.0, impact.users_affected or 0
    yield 0, "criteria: outage", _said((impact.all_users, "all users affected"), (errors >= 1.0, "all fails"))
    partial = _said(
        (errors > 0.05, f"{_share(errors)} errors > 5%"),
        (users > 100, f"{users} users affected > 100"),
        (impact.degradation == "some", "partial degradation for some users"),
    )
    yield (
        1,
        "criteria: major",
        _said(
            (impact.degradation == "most", "significant degradation for most users"),
            (errors > 0.10, f"{_share(errors)} errors > 10%"),
            (users > 1000, f"{users} users affected > 1000"),
            ((impact.revenue_loss_per_hour or 0) > 0 or impact.revenue_impacting, "revenue is lost"),
        ),
    )
    yield 2, "criteria: minor", [*partial, *_said(_any_effect(impact))]


def _any_effect(impact: Impact) -> tuple[bool, str]:
    found = (impact.error_rate or 0) > 0 or (impact.users_affected or 0) > 0
    return found, "some users or requests are affected"


def _said(*facts: tuple[bool | None, str]) -> list[str]:
    return [text for holds, text in facts if holds]


def _share(rate: float) -> str:
    return f"{rate:.4g}" if rate > 1 else f"{rate * 100:.4g}%"


# From alerts to facts. All of it is hostile text: what cannot be read is not a fact.

_NUMBER = re.compile(r"([+-]?\d{1,15}(?:,\d{3}){0,4}(?:\.\d{1,20})?(?:e[+-]?\d{1,2})?) ?(%?)", re.ASCII | re.I)
_WORDS = {
    "true": True,
    "yes": True,
    "1": True,
    "on": True,
    "false": False,
    "no": False,
    "0": False,
    "off": False,
}
_DEGRADATION: tuple[Literal["none", "some", "most"], ...] = ("none", "some", "most")
_ALIASES: dict[str, tuple[str, ...]] = {
    "error_rate": ("error_rate", "error_ratio"),
    "users_affected": ("users_affected", "affected_users"),
    "complete_loss": ("complete_loss", "total_outage"),
    "revenue_impacting": ("revenue_impacting", "is_revenue_impacting"),
}


def impact_of(alerts: tuple[Alert, ...]) -> Impact:
    """The facts that the firing alerts state, in labels or annotations named like the fields of ``Impact``.

    The worst of several counts. ``error_rate`` may be a share or a percentage (``0.06``, ``6%``). What is no
    number, negative, infinite or a share above 1 is not taken: a wrong fact is worse than none.
    """
    said = _Said(alerts)
    errors, users = said.numbers("error_rate", most=1.0), said.numbers("users_affected")
    workaround = said.answers("workaround")
    degradation = [w for w in _DEGRADATION if w in said.texts("degradation")]
    services = said.numbers("services_affected")
    return Impact(
        error_rate=max(errors, default=None),
        users_affected=int(max(users)) if users else None,
        all_users=said.any("all_users"),
        revenue_loss_per_hour=max(said.numbers("revenue_loss_per_hour"), default=None),
        revenue_impacting=said.any("revenue_impacting"),
        data_loss=said.any("data_loss"),
        security_breach=said.any("security_breach"),
        complete_loss=said.any("complete_loss"),
        degradation=degradation[-1] if degradation else None,
        services_affected=int(max(services)) if services else None,
        vip_affected=said.any("vip_affected"),
        workaround=all(workaround) if workaround else None,
    )


class _Said:
    """What firing alerts say under a name, label before annotation."""

    def __init__(self, alerts: tuple[Alert, ...]) -> None:
        self._alerts = tuple(alert for alert in alerts if alert.status is AlertStatus.FIRING)

    def texts(self, field: str) -> list[str]:
        places = (place for alert in self._alerts for place in (alert.labels, alert.annotations))
        names = _ALIASES.get(field, (field,))
        found = (place[name] for place in places for name in names if name in place)
        return [text.strip().casefold() for text in found if len(text) <= 64]

    def numbers(self, field: str, most: float = 1e15) -> list[float]:
        read = (_number(text) for text in self.texts(field))
        return [number for number in read if number is not None and 0 <= number <= most]

    def answers(self, field: str) -> list[bool]:
        return [_WORDS[text] for text in self.texts(field) if text in _WORDS]

    def any(self, field: str) -> bool | None:
        answers = self.answers(field)
        return any(answers) if answers else None


def _number(text: str) -> float | None:
    match = _NUMBER.fullmatch(text)
    if match is None:
        return None
    number = float(match[1].replace(",", "")) / (100 if match[2] else 1)
    return number if math.isfinite(number) else None
