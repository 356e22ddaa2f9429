"""The probe ``node_conditions``: the nodes that a workload runs on."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any, ClassVar

from activities.cluster.client import Clusters
from activities.probes.reading import place_of, pods_of
from activities.probes.seen import Seen
from mainstay.domain.catalogue.probes.capacity import NodeConditions as Parameters
from mainstay.domain.errors import InvalidArgument
from mainstay.domain.revision import Raw
from mainstay.domain.text import plain
from mainstay.domain.verdict import Verdict

_PRESSURE = ("MemoryPressure", "DiskPressure", "PIDPressure", "NetworkUnavailable")
MAX_NODES = 100


class NodeConditions:
    name: ClassVar[str] = "node_conditions"

    def __init__(self, clusters: Clusters) -> None:
        self._clusters = clusters

    async def look(self, parameters: Parameters, at: datetime) -> Seen:  # noqa: ARG002 - as it is now
        """Raises what the cluster raises. Without a pod on a node it is INCONCLUSIVE."""
        _, pods = await pods_of(self._clusters, parameters.target)
        names = sorted({pod["spec"]["nodeName"] for pod in pods if pod["spec"].get("nodeName")})
        if len(names) > MAX_NODES:
            raise InvalidArgument(f"the pods are on more than {MAX_NODES} nodes", field="target")
        cluster = self._clusters[parameters.target.cluster]
        nodes = await asyncio.gather(*(cluster.send("GET", f"/api/v1/nodes/{name}") for name in names))
        facts = _facts(nodes)
        bad = facts["not_ready"] or facts["pressure"]
        verdict = (Verdict.FAILED if bad else Verdict.HELD) if nodes else Verdict.INCONCLUSIVE
        said = facts["why"] or (f"{len(nodes)} nodes are well" if nodes else "no pod is on a node")
        return Seen(verdict=verdict, facts=facts, detail=f"{place_of(parameters.target)}: {said}")


def _facts(nodes: list[dict[str, Any]]) -> dict[str, Any]:
    not_ready, pressed, why = [], [], []
    for node in nodes:
        name = node["metadata"]["name"]
        ready = _condition(node, "Ready")
        if ready.get("status") != "True":
            not_ready.append(name)
            why.append(f"{name} is not ready: {ready.get('message') or ready.get('reason') or 'unknown'}")
        under = [kind for kind in _PRESSURE if _condition(node, kind).get("status") == "True"]
        if under:
            pressed.append(name)
            why.append(f"{name}: {', '.join(under)}")
    return {
        "nodes": len(nodes),
        "not_ready": not_ready,
        "pressure": pressed,
        "unschedulable": [n["metadata"]["name"] for n in nodes if n["spec"].get("unschedulable")],
        "why": plain("; ".join(why[:3]), 400),
    }


def _condition(node: Raw, kind: str) -> Raw:
    conditions = (node.get("status") or {}).get("conditions") or ()
    return next((c for c in conditions if c["type"] == kind), {})
