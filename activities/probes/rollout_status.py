"""The probe ``rollout_status``: is the rollout of a workload complete?"""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from activities.cluster.client import Cluster, Clusters
from activities.cluster.history import history
from activities.cluster.paths import Place
from activities.probes.seen import Seen
from mainstay.domain.catalogue import probes as catalogue
from mainstay.domain.revision import REVISION, Raw, images
from mainstay.domain.rollout import RolloutState, rollout
from mainstay.domain.verdict import Verdict

_VERDICTS = {
    RolloutState.DONE: Verdict.HELD,
    RolloutState.PROGRESSING: Verdict.FAILED,
    RolloutState.STUCK: Verdict.FAILED,
    RolloutState.UNKNOWN: Verdict.INCONCLUSIVE,
}


class RolloutStatus:
    """Holds when all pods are of the newest template and available, by kubectl's rules (S-255)."""

    name: ClassVar[str] = "rollout_status"

    def __init__(self, clusters: Clusters) -> None:
        self._clusters = clusters

    async def look(self, parameters: catalogue.RolloutStatus, at: datetime) -> Seen:  # noqa: ARG002 - no time in it
        """Raises what the cluster raises."""
        target = parameters.target
        place = Place(target.cluster, target.kind, target.namespace, target.name)
        cluster = self._clusters[place.cluster]
        live = await cluster.read(place)
        found = rollout(live)
        facts: dict[str, Any] = {
            "state": found.state.value,
            "desired": found.wanted,
            "updated": found.updated,
            "ready": _ready(live),
            "revision": await _revision(cluster, live),
            "image": images(live["spec"]["template"]),
        }
        return Seen(verdict=_VERDICTS[found.state], facts=facts, detail=f"{place}: {found.detail}")


def _ready(live: Raw) -> int:
    status = live.get("status") or {}
    return int(status.get("readyReplicas", status.get("numberReady", 0)))


async def _revision(cluster: Cluster, live: Raw) -> int:
    if live["kind"] == "Deployment":
        number = (live["metadata"].get("annotations") or {}).get(REVISION, "")
        return int(number) if number.isdecimal() else 0
    known = await history(cluster, live)
    return known[0].number if known else 0
