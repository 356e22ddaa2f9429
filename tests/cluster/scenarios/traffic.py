"""Actions on where requests go."""

from __future__ import annotations

from tests.cluster.lab import Lab
from tests.cluster.scenarios.scenario import NAME, Scenario

WEIGHT = "nginx.ingress.kubernetes.io/canary-weight"


async def standby(lab: Lab) -> None:
    """A Service at blue pods, and green ones that are ready."""
    await lab.workload("green", "v1", labels={"colour": "green"})
    spec = {"selector": {"colour": "blue"}, "ports": [{"port": 80}]}
    await lab.apply_manifest({"apiVersion": "v1", "kind": "Service", "metadata": {"name": NAME}, "spec": spec})
    await lab.cluster.wait_rollout(lab.namespace, "green")


async def canary(lab: Lab) -> None:
    metadata = {"name": NAME, "annotations": {"nginx.ingress.kubernetes.io/canary": "true", WEIGHT: "20"}}
    spec = {"defaultBackend": {"service": {"name": "canary", "port": {"number": 80}}}}
    await lab.apply_manifest(
        {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": metadata, "spec": spec}
    )


SCENARIOS = (
    Scenario(
        "service_switch",
        standby,
        lambda live: live["spec"]["selector"],
        {"colour": "blue"},
        {"colour": "green"},
        {"spec": {"selector": {"colour": "red"}}},
        kind="Service",
        parameters={"selector": {"colour": "green"}},
    ),
    Scenario(
        "ingress_canary",
        canary,
        lambda live: live["metadata"]["annotations"].get(WEIGHT),
        "20",
        "0",
        {"metadata": {"annotations": {WEIGHT: "50"}}},
        kind="Ingress",
        parameters={"weight": 0},
    ),
)
