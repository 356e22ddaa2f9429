"""The probe ``rollout_history``: the kept revisions."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from activities.cluster.client import Clusters
from activities.cluster.history import history
from activities.probes.reading import place_of
from activities.probes.recent_rollout import revision_row
from activities.probes.seen import Seen
from mainstay.domain.catalogue.probes.rollouts import RolloutHistory as Parameters
from mainstay.domain.verdict import Verdict

_LISTED = 20


class RolloutHistory:
    name: ClassVar[str] = "rollout_history"

    def __init__(self, clusters: Clusters) -> None:
        self._clusters = clusters

    async def look(self, parameters: Parameters, at: datetime) -> Seen:
        """Raises what the cluster raises. Without any revision it is INCONCLUSIVE."""
        place = place_of(parameters.target)
        cluster = self._clusters[place.cluster]
        known = await history(cluster, await cluster.read(place))
        numbers = [entry.number for entry in known]
        facts: dict[str, Any] = {
            "count": len(known),
            "current": numbers[0] if numbers else 0,
            "previous": numbers[1] if len(numbers) > 1 else 0,
            "last_good": next((entry.number for entry in known[1:] if entry.verified), 0),
            "revisions": [revision_row(entry, at) for entry in known[:_LISTED]],
        }
        if not known:
            return Seen(verdict=Verdict.INCONCLUSIVE, facts=facts, detail=f"{place} keeps no history")
        enough = len(known) >= parameters.revisions
        said = f"{place}: revisions {', '.join(map(str, numbers[:_LISTED]))}"
        return Seen(verdict=Verdict.HELD if enough else Verdict.FAILED, facts=facts, detail=said)
