"""The probe ``pod_health``: crash loops, out-of-memory kills, images, places and evictions."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any, ClassVar

from activities.cluster.client import Clusters
from activities.probes.reading import place_of, pods_of
from activities.probes.seen import Seen
from mainstay.domain.catalogue.probes.pods import PodHealth as Parameters
from mainstay.domain.pod_health import Kind, PodFault, faults, finished, ready, restarts
from mainstay.domain.revision import Raw
from mainstay.domain.text import plain
from mainstay.domain.verdict import Verdict

_SHOWN = 20


class PodHealth:
    name: ClassVar[str] = "pod_health"

    def __init__(self, clusters: Clusters) -> None:
        self._clusters = clusters

    async def look(self, parameters: Parameters, at: datetime) -> Seen:
        """Raises what the cluster raises. Without any pod it is INCONCLUSIVE: nothing can be said."""
        _, pods = await pods_of(self._clusters, parameters.target)
        wrong = {
            pod["metadata"]["name"]: faults(
                pod, at, recent=parameters.restarts_within, patience=parameters.pending_after
            )
            for pod in pods
        }
        facts = _facts(pods, wrong)
        alive = [pod for pod in pods if not finished(pod)]
        well = not any(wrong.values()) and all(map(ready, alive))
        verdict = (Verdict.HELD if well else Verdict.FAILED) if pods else Verdict.INCONCLUSIVE
        said = facts["why"] or f"{facts['ready']} of {len(alive)} pods are ready"
        return Seen(verdict=verdict, facts=facts, detail=f"{place_of(parameters.target)}: {said}")


def _facts(pods: list[dict[str, Any]], wrong: dict[str, tuple[PodFault, ...]]) -> dict[str, Any]:
    counts = Counter(fault.kind for found in wrong.values() for fault in found)
    telling = [f"{name}: {plain(fault.why, 200)}" for name, found in sorted(wrong.items()) for fault in found]
    return {
        "pods": len(pods),
        "ready": sum(map(ready, pods)),
        **{kind.value: counts[kind] for kind in Kind},
        "restarts": sum(map(restarts, pods)),
        "why": "; ".join(telling[:3]),
        "nodes": sorted({_node(pod) for pod in pods} - {""})[:_SHOWN],
    }


def _node(pod: Raw) -> str:
    return str(pod["spec"].get("nodeName") or "")
