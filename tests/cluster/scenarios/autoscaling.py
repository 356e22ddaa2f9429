"""Actions on how many there are."""

from __future__ import annotations

from tests.cluster.lab import Lab
from tests.cluster.scenarios.scenario import NAME, Scenario


async def two_replicas(lab: Lab) -> None:
    await lab.workload(NAME, "v1", replicas=2)


async def autoscaler(lab: Lab) -> None:
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": NAME}
    await lab.apply_manifest(
        {
            "apiVersion": "autoscaling/v2",
            "kind": "HorizontalPodAutoscaler",
            "metadata": {"name": NAME},
            "spec": {"scaleTargetRef": target, "minReplicas": 1, "maxReplicas": 4},
        }
    )


SCENARIOS = (
    Scenario(
        "scale",
        two_replicas,
        lambda live: live["spec"]["replicas"],
        2,
        5,
        {"spec": {"replicas": 3}},
        parameters={"replicas": 5, "expected_current": 2},
        advisory=frozenset({"horizontalpodautoscalers"}),
    ),
    Scenario(
        "autoscaler_bounds",
        autoscaler,
        lambda live: (live["spec"]["minReplicas"], live["spec"]["maxReplicas"]),
        (1, 4),
        (3, 9),
        {"spec": {"maxReplicas": 6}},
        kind="HorizontalPodAutoscaler",
        parameters={"min_replicas": 3, "max_replicas": 9},
    ),
)
