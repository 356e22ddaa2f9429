"""Actions on workloads."""

from __future__ import annotations

from typing import Any

from mainstay.domain.catalogue.kinds import DEPLOYMENTS
from mainstay.domain.catalogue.spec import Verb
from tests.cluster.lab import AT, Lab, image
from tests.cluster.scenarios.scenario import NAME, Scenario


async def two_revisions(lab: Lab) -> None:
    await lab.workload(NAME, "v1")
    await lab.workload(NAME, "v2")


async def one(lab: Lab) -> None:
    container = {
        "env": [{"name": "MODE", "value": "full"}],
        "resources": {"limits": {"memory": "512Mi", "cpu": "1"}},
    }
    await lab.workload(NAME, "v1", container=container)


async def rolled_out(lab: Lab) -> None:
    await lab.workload(NAME, "v1")
    await lab.cluster.wait_rollout(lab.namespace, NAME)


async def paused(lab: Lab) -> None:
    await lab.workload(NAME, "v1", spec={"paused": True})


def container(live: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = live["spec"]["template"]["spec"]["containers"][0]
    return found


def restarted(live: dict[str, Any]) -> Any:
    annotations = live["spec"]["template"]["metadata"].get("annotations") or {}
    return annotations.get("kubectl.kubernetes.io/restartedAt")


def template(**spec: Any) -> dict[str, Any]:
    """What somebody else does: the first container is replaced."""
    container = {"name": "app", "image": "registry.example/shop:v1", **spec}
    return {"spec": {"template": {"spec": {"containers": [container]}}}}


SCENARIOS = (
    Scenario(
        "rollout_undo",
        two_revisions,
        image,
        "v2",
        "v1",
        template(image="registry.example/shop:v3"),
        rights=(DEPLOYMENTS, Verb("apps", "replicasets", ("list",))),
    ),
    Scenario(
        "rollout_restart",
        one,
        restarted,
        None,
        AT.isoformat(),
        {"spec": {"template": {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": "2026-04-08"}}}}},
    ),
    Scenario(
        "mark_verified",
        rolled_out,
        lambda live: bool(live["metadata"]["annotations"].get("mainstay.dev/verified")),
        False,
        True,
        {"metadata": {"annotations": {"mainstay.dev/verified": "of-another"}}},
        rights=(Verb("apps", "replicasets", ("get", "list", "patch")), Verb("apps", "deployments", ("get",))),
        owned="ReplicaSet",
    ),
    Scenario(
        "rollout_pause",
        one,
        lambda live: live["spec"].get("paused"),
        None,
        True,
    ),
    Scenario("rollout_resume", paused, lambda live: live["spec"].get("paused"), True, None),
    Scenario(
        "set_image",
        one,
        image,
        "v1",
        "v7",
        template(image="registry.example/shop:v3"),
        parameters={"images": {"app": "registry.example/shop:v7"}},
    ),
    Scenario(
        "set_env",
        one,
        lambda live: container(live).get("env"),
        [{"name": "MODE", "value": "full"}],
        [{"name": "MODE", "value": "lean"}, {"name": "CACHE", "value": "on"}],
        template(env=[{"name": "MODE", "value": "other"}]),
        parameters={"env": {"MODE": "lean", "CACHE": "on"}},
    ),
    Scenario(
        "set_resources",
        one,
        lambda live: container(live)["resources"],
        {"limits": {"memory": "512Mi", "cpu": "1"}},
        {"limits": {"memory": "1Gi", "cpu": "1"}, "requests": {"cpu": "500m"}},
        template(resources={"limits": {"memory": "2Gi"}}),
        parameters={"limits": {"memory": "1Gi"}, "requests": {"cpu": "0.5"}},
    ),
    Scenario(
        "json_patch",
        one,
        lambda live: live["spec"]["template"]["spec"].get("terminationGracePeriodSeconds"),
        30,
        5,
        {"spec": {"template": {"spec": {"terminationGracePeriodSeconds": 7}}}},
        parameters={
            "allow": ["/spec/template/spec/terminationGracePeriodSeconds"],
            "patch": [{"op": "replace", "path": "/spec/template/spec/terminationGracePeriodSeconds", "value": 5}],
        },
    ),
)
