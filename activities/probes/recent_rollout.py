"""The probe ``recent_rollout``: did the pod template change lately, and could it be changed back safely?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar

from activities.cluster.client import Clusters
from activities.cluster.history import history
from activities.cluster.paths import Place
from activities.probes.seen import Seen
from mainstay.domain.catalogue import probes as catalogue
from mainstay.domain.revision import (
    CHANGE_CAUSE,
    RUN,
    STEP,
    Raw,
    Revision,
    changed_at,
    images,
    is_ours,
    template_writers,
    unsafe,
)
from mainstay.domain.verdict import Verdict

_LISTED = 10
"""Revisions that the facts list, newest first."""


class RecentRollout:
    """By revision history, not by the age of the object (S-199). Holds when the newest is young enough."""

    name: ClassVar[str] = "recent_rollout"

    def __init__(self, clusters: Clusters) -> None:
        self._clusters = clusters

    async def look(self, parameters: catalogue.RecentRollout, at: datetime) -> Seen:
        """Raises what the cluster raises. Without any history it is INCONCLUSIVE."""
        target = parameters.target
        place = Place(target.cluster, target.kind, target.namespace, target.name)
        cluster = self._clusters[place.cluster]
        live = await cluster.read(place)
        known = await history(cluster, live)
        if not known:
            return Seen(verdict=Verdict.INCONCLUSIVE, facts=_nothing(live), detail=f"{place} keeps no history")
        age = at - changed_at(live, known)
        recent = age < parameters.within
        facts = _facts(live, known, at, recent, max(0, int(age.total_seconds())))
        return Seen(
            verdict=Verdict.HELD if recent else Verdict.FAILED,
            facts=facts,
            detail=_detail(place, live, facts),
        )


def _facts(live: Raw, known: Sequence[Revision], at: datetime, recent: bool, age: int) -> dict[str, Any]:
    newest, previous = known[0], known[1] if len(known) > 1 else None
    why = _unsafe_because(live, known)
    return {
        "found": recent,
        "age_seconds": age,
        "revision": newest.number,
        "image": images(live["spec"]["template"]),
        "change_cause": newest.annotations.get(CHANGE_CAUSE, ""),
        "has_previous": previous is not None,
        "previous_revision": previous.number if previous else 0,
        "previous_image": images(previous.template) if previous else "",
        "revisions": [revision_row(entry, at) for entry in known[:_LISTED]],
        "rollback_safe": not why,
        "unsafe_because": why,
    }


def _nothing(live: Raw) -> dict[str, Any]:
    image = images(live["spec"]["template"])
    return {
        "found": False,
        "age_seconds": 0,
        "revision": 0,
        "image": image,
        "change_cause": "",
        "has_previous": False,
        "previous_revision": 0,
        "previous_image": "",
        "revisions": [],
        "rollback_safe": False,
        "unsafe_because": "there is no history to roll back to",
    }


def revision_row(entry: Revision, at: datetime) -> dict[str, Any]:
    """S-206: revisions with change cause and age."""
    return {
        "revision": entry.number,
        "age_seconds": max(0, int((at - entry.created).total_seconds())),
        "image": images(entry.template),
        "change_cause": entry.annotations.get(CHANGE_CAUSE, ""),
        "verified": entry.verified,
    }


def _unsafe_because(live: Raw, known: Sequence[Revision]) -> str:
    if live["spec"].get("paused"):
        return "it is paused"
    if len(known) < 2:
        return "there is no previous revision"
    return unsafe(live, known[:1])


def _detail(place: Place, live: Raw, facts: dict[str, Any]) -> str:
    age = timedelta(seconds=facts["age_seconds"])
    before = f" (before: {facts['previous_image']})" if facts["has_previous"] else ""
    by = "".join(f", by {who}" for who in _who(live))
    return f"{place}: revision {facts['revision']}, {facts['image']}{before}, {age} ago{by}"


def _who(live: Raw) -> Iterator[str]:
    """The writer of the newest template change, by its managed fields."""
    annotations = live["metadata"].get("annotations") or {}
    for manager in template_writers(live)[:1]:
        if is_ours(manager):
            yield f"Mainstay (run {annotations.get(RUN, '?')}, step {annotations.get(STEP, '?')})"
        else:
            yield manager
