"""The probe ``autoscaler_at_max``: is there room above?"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, ClassVar

from activities.cluster.client import Clusters
from activities.cluster.paths import collection
from activities.probes.reading import listed, place_of
from activities.probes.seen import Seen
from mainstay.domain.catalogue.probes.capacity import AutoscalerAtMax as Parameters
from mainstay.domain.revision import Raw
from mainstay.domain.service import Workload
from mainstay.domain.verdict import Verdict


class AutoscalerAtMax:
    name: ClassVar[str] = "autoscaler_at_max"

    def __init__(self, clusters: Clusters) -> None:
        self._clusters = clusters

    async def look(self, parameters: Parameters, at: datetime) -> Seen:
        """Raises what the cluster raises. Without an autoscaler, or before its first answer, INCONCLUSIVE."""
        target = parameters.target
        path = collection("HorizontalPodAutoscaler", place_of(target).namespace)
        scalers = await listed(self._clusters[target.cluster], path)
        scaler = next((one for one in scalers if _scales(one, target)), None)
        facts = _facts(scaler)
        if scaler is None:
            return Seen(verdict=Verdict.INCONCLUSIVE, facts=facts, detail=f"no autoscaler scales {place_of(target)}")
        said = f"{facts['name']}: {facts['current']} replicas, wants {facts['desired']} of at most {facts['maximum']}"
        return Seen(verdict=_verdict(scaler, facts, at, parameters.at_least), facts=facts, detail=said)


def _verdict(scaler: Raw, facts: dict[str, Any], at: datetime, at_least: timedelta) -> Verdict:
    if "desiredReplicas" not in (scaler.get("status") or {}) or _condition(scaler, "ScalingActive") == "False":
        return Verdict.INCONCLUSIVE
    if facts["desired"] < facts["maximum"]:
        return Verdict.FAILED
    since = _since(scaler)
    if not at_least:
        return Verdict.HELD
    return Verdict.HELD if since is not None and at - since >= at_least else Verdict.FAILED


def _facts(scaler: Raw | None) -> dict[str, Any]:
    spec, status = ((scaler.get("spec") or {}), (scaler.get("status") or {})) if scaler else ({}, {})
    return {
        "found": scaler is not None,
        "name": scaler["metadata"]["name"] if scaler else "",
        "current": int(status.get("currentReplicas") or 0),
        "desired": int(status.get("desiredReplicas") or 0),
        "minimum": int(spec.get("minReplicas") or 1) if scaler else 0,
        "maximum": int(spec.get("maxReplicas") or 0),
        "limited": bool(scaler) and _condition(scaler, "ScalingLimited", "TooManyReplicas") == "True",
    }


def _scales(scaler: Raw, target: Workload) -> bool:
    reference = scaler["spec"]["scaleTargetRef"]
    return bool((reference["kind"], reference["name"]) == (target.kind, target.name))


def _condition(scaler: Raw | None, kind: str, reason: str = "") -> str:
    conditions = ((scaler or {}).get("status") or {}).get("conditions") or ()
    found = [c for c in conditions if c["type"] == kind and (not reason or c.get("reason") == reason)]
    return str(found[0]["status"]) if found else ""


def _since(scaler: Raw) -> datetime | None:
    """When the limit was reached first; unknown when the autoscaler does not say that it is limited."""
    for condition in scaler["status"].get("conditions") or ():
        if condition["type"] == "ScalingLimited" and condition["status"] == "True":
            return datetime.fromisoformat(condition["lastTransitionTime"])
    return None
