"""Page or ticket: does an alert deserve to wake somebody? (T-6, S-055 to S-057)

What an alert does not say counts in favour of paging: a person woken in vain is the smaller harm.
"""

from __future__ import annotations

from typing import Literal

from mainstay.domain.alert import Alert
from mainstay.domain.model import Record, Strict

_NO = ("false", "no", "0")


class AlertPolicy(Strict):
    """What counts as a cause rather than a symptom, and whose business causes are."""

    cause_label: str = "kind"
    """An alert with this label saying ``cause`` is about a cause (CPU at 80%), not about what users feel."""
    causes: tuple[str, ...] = (
        "DiskAlmostFull",
        "NodeFilesystemAlmostOutOfSpace",
        "ClusterAutoscalerBlocked",
        "ManyPodEvictions",
    )
    """Names of alerts that are about causes even without the label."""
    owner_label: str = "team"
    infrastructure_teams: tuple[str, ...] = ("infrastructure", "platform")
    """Teams that own infrastructure, and are paged about it (D-20)."""


class PageOrTicket(Record):
    mode: Literal["page", "ticket"]
    reason: str


def page_or_ticket(alert: Alert, policy: AlertPolicy | None = None) -> PageOrTicket:
    """T-6: nothing to do for a person → ticket; a symptom → page; a cause → page only its owner."""
    rules = policy or AlertPolicy()
    if alert.labels.get("actionable", "").strip().casefold() in _NO:
        return PageOrTicket(mode="ticket", reason="nobody can act on it now (actionable=false)")
    is_cause = alert.labels.get(rules.cause_label) == "cause" or alert.name in rules.causes
    if not is_cause:
        return PageOrTicket(mode="page", reason="a symptom, as far as is known")
    if alert.labels.get(rules.owner_label) in rules.infrastructure_teams:
        return PageOrTicket(mode="page", reason="infrastructure, and its team owns it")
    return PageOrTicket(mode="ticket", reason="a cause without a symptom, and its team does not own it")
