"""The probe ``maintenance``: does somebody work on it, or break it on purpose?"""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import ClassVar

from kubernetes.aio.client.exceptions import ApiException

from activities.cluster.client import Cluster, Clusters
from activities.probes.alertmanager import Alertmanagers
from activities.probes.reading import listed, place_of
from activities.probes.seen import Seen
from mainstay.domain.catalogue.probes.context import CHAOS_KINDS, MAINTENANCE
from mainstay.domain.catalogue.probes.context import Maintenance as Parameters
from mainstay.domain.revision import Raw
from mainstay.domain.text import plain
from mainstay.domain.verdict import Verdict

_NOBODY = ("", "none", "false")


class Maintenance:
    name: ClassVar[str] = "maintenance"

    def __init__(self, clusters: Clusters, alertmanagers: Alertmanagers) -> None:
        self._clusters = clusters
        self._alertmanagers = alertmanagers

    async def look(self, parameters: Parameters, at: datetime) -> Seen:  # noqa: ARG002 - as it is now
        """Raises what the cluster and ``Alertmanagers`` raise: a place that cannot be looked at is no "none"."""
        place = place_of(parameters.target)
        cluster = self._clusters[place.cluster]
        namespace = await cluster.send("GET", f"/api/v1/namespaces/{place.namespace}")
        for where, live in (("workload", await cluster.read(place)), ("namespace", namespace)):
            what = (live["metadata"].get("annotations") or {}).get(MAINTENANCE, "")
            if what.strip().lower() not in _NOBODY:
                return _seen("annotation", f"{where}: {what}")
        for running in await asyncio.gather(*(_experiments(cluster, place.namespace, kind) for kind in CHAOS_KINDS)):
            if running:
                return _seen("experiment", running[0])
        if parameters.labels:
            for silence in await self._alertmanagers.silences(parameters.alertmanager):
                meets = all(matcher.meets(parameters.labels) for matcher in silence.matchers)
                if silence.status.state == "active" and silence.matchers and meets:
                    return _seen("silence", f"by {silence.created_by}: {silence.comment}")
        return _seen("", "")


async def _experiments(cluster: Cluster, namespace: str, kind: str) -> list[str]:
    """Chaos Mesh's experiments under way; a cluster without Chaos Mesh has none."""
    path = f"/apis/chaos-mesh.org/v1alpha1/namespaces/{namespace}/{kind}"
    try:
        found = await listed(cluster, path)
    except ApiException as refused:
        if refused.status == 404:
            return []
        raise
    return [f"{kind}/{one['metadata']['name']}" for one in found if _runs(one)]


def _runs(experiment: Raw) -> bool:
    """Injected, and not yet recovered; one without a status is about to begin."""
    paused = (experiment["metadata"].get("annotations") or {}).get("experiment.chaos-mesh.org/pause") == "true"
    conditions = {c["type"]: c["status"] for c in (experiment.get("status") or {}).get("conditions") or ()}
    return not paused and conditions.get("AllRecovered") != "True"


def _seen(kind: str, what: str) -> Seen:
    what = plain(what, 300)
    return Seen(
        verdict=Verdict.HELD if kind else Verdict.FAILED,
        facts={"found": bool(kind), "kind": kind, "what": what},
        detail=f"{kind}: {what}" if kind else "no maintenance, experiment or silence",
    )
