"""One namespace with everything that cluster probes look at, and the probes by name."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx2

from activities.cluster.client import Clusters
from activities.probes.alertmanager import Alertmanagers
from activities.probes.autoscaler_at_max import AutoscalerAtMax
from activities.probes.disruption_budget import DisruptionBudget
from activities.probes.endpoints_ready import EndpointsReady
from activities.probes.events import Events
from activities.probes.exec import Exec
from activities.probes.feature_flag import FeatureFlag
from activities.probes.job_status import JobStatus
from activities.probes.logs import Logs
from activities.probes.maintenance import Maintenance
from activities.probes.node_conditions import NodeConditions
from activities.probes.pod_health import PodHealth
from activities.probes.quota import Quota
from activities.probes.recent_rollout import RecentRollout
from activities.probes.rollout_history import RolloutHistory
from activities.probes.rollout_status import RolloutStatus
from activities.probes.seen import ProbeKind, Seen
from devstack.processes import eventually
from mainstay.domain.catalogue import PROBES, parse_parameters
from mainstay.domain.verdict import Verdict
from tests.cluster.lab import Lab

ON_CLUSTERS: tuple[Callable[[Clusters], ProbeKind[Any]], ...] = (
    RecentRollout,
    RolloutStatus,
    RolloutHistory,
    PodHealth,
    Events,
    Logs,
    Exec,
    JobStatus,
    NodeConditions,
    AutoscalerAtMax,
    DisruptionBudget,
    Quota,
    EndpointsReady,
    FeatureFlag,
)


def no_alertmanagers() -> Alertmanagers:
    return Alertmanagers(httpx2.AsyncClient(), dict)


def probes(clusters: Clusters) -> dict[str, ProbeKind[Any]]:
    made = [kind(clusters) for kind in ON_CLUSTERS]
    return {probe.name: probe for probe in (*made, Maintenance(clusters, no_alertmanagers()))}


async def look(
    lab: Lab, probe: str, at: datetime | None = None, clusters: Clusters | None = None, **parameters: Any
) -> Seen:
    """One look in the lab's namespace; every fact of the catalogue is answered and nothing else."""
    if "target" in PROBES[probe].parameters.model_fields:
        target = parameters.get("target", {"name": "shop"})
        parameters["target"] = {"namespace": lab.namespace, **target}
    else:
        parameters.setdefault("namespace", lab.namespace)
    kind = probes(clusters or lab.clusters)[probe]
    seen = await kind.look(parse_parameters(PROBES[probe].parameters, parameters), at or datetime.now(UTC))
    assert set(seen.facts) == set(PROBES[probe].facts), probe
    return seen


async def until(lab: Lab, probe: str, fits: Callable[[Seen], bool], **parameters: Any) -> Seen:
    """Look until it is so; the last answer is in the failure's text."""
    last: list[Seen] = []

    async def is_so() -> bool:
        last[:] = [await look(lab, probe, **parameters)]
        return fits(last[0])

    try:
        await eventually(is_so, 30, f"{probe} seeing it")
    except TimeoutError as late:
        raise AssertionError(f"{late}: {last}") from None
    return last[0]


def has(verdict: Verdict) -> Callable[[Seen], bool]:
    return lambda seen: seen.verdict is verdict


async def put(lab: Lab, api: str, kind: str, name: str = "shop", **rest: Any) -> None:
    metadata = {"name": name, **rest.pop("metadata", {})}
    await lab.apply_manifest({"apiVersion": api, "kind": kind, "metadata": metadata, **rest})


async def status(lab: Lab, path: str, given: dict[str, Any]) -> None:
    """Write a status as its controller would."""
    await lab.cluster.api.request(
        "PATCH", f"{path}/status", body={"status": given}, content_type="application/merge-patch+json"
    )
