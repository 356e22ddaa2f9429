"""Restarting: once a step, with the time of the workflow."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError

from devstack.processes import eventually
from tests.cluster.lab import AT, Lab, image

RESTARTED_AT = "kubectl.kubernetes.io/restartedAt"


def shop(kind: str) -> dict[str, Any]:
    return {"target": {"name": "shop", "kind": kind}}


async def pod_uids(lab: Lab) -> set[str]:
    found = await lab.cluster.api.get(f"/api/v1/namespaces/{lab.namespace}/pods", labelSelector="app=shop")
    return {pod["metadata"]["uid"] for pod in found["items"] if not pod["metadata"].get("deletionTimestamp")}


@pytest.mark.capability("S-228")
@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet", "DaemonSet"])
async def test_pods_are_replaced_once_with_the_image_unchanged(lab: Lab, kind: str) -> None:
    """Given rollout restart, then pods are replaced one revision later with the image unchanged; a retry
    within the same step does not restart again."""
    await lab.workload("shop", "v1", kind, replicas=2)
    await eventually(lambda: done(lab, kind), 20, "the first rollout")
    before, changes = await pod_uids(lab), lab.template_changes("shop")
    change = await lab.plan("rollout_restart", shop(kind))
    assert [(await lab.apply(change)).outcome for _ in range(3)] == ["changed", "already", "already"]
    await eventually(lambda: replaced(lab, before), 30, "all pods replaced")
    live = await lab.live("shop", kind)
    assert image(live) == "v1"
    assert live["spec"]["template"]["metadata"]["annotations"][RESTARTED_AT] == "2026-04-08T14:32:00+00:00"
    assert lab.template_changes("shop") == changes + 1


async def done(lab: Lab, kind: str) -> bool:
    status = (await lab.live("shop", kind)).get("status", {})
    ready = status.get("numberReady" if kind == "DaemonSet" else "readyReplicas", 0)
    return bool(ready and ready >= (3 if kind == "DaemonSet" else 2))


async def replaced(lab: Lab, before: set[str]) -> bool:
    now = await pod_uids(lab)
    return bool(now) and not now & before


async def test_restarted_by_somebody_else_since_the_plan_is_drift(lab: Lab) -> None:
    """One restart is enough; the people who approved are asked again."""
    await lab.workload("shop", "v1")
    change = await lab.plan("rollout_restart", shop("Deployment"))
    await lab.apply(await lab.plan("rollout_restart", shop("Deployment"), at=AT + timedelta(minutes=1)))
    assert (await lab.apply(change)).outcome == "drifted"


async def test_a_restart_cannot_be_undone(lab: Lab) -> None:
    """There is no former value worth going back to: asked for it, the answer is a named refusal."""
    await lab.workload("shop", "v1")
    change = await lab.plan("rollout_restart", shop("Deployment"))
    assert change.undo == "none"
    with pytest.raises(ApplicationError, match="cannot be undone") as refused:
        await lab.apply(change, undo=True)
    assert refused.value.type == "WrongState"


async def test_pods_that_change_only_by_hand_are_told(lab: Lab) -> None:
    """An OnDelete strategy makes a restart do nothing by itself."""
    await lab.workload("shop", "v1", "StatefulSet", spec={"updateStrategy": {"type": "OnDelete"}})
    change = await lab.plan("rollout_restart", shop("StatefulSet"))
    assert any("OnDelete" in warning for warning in change.warnings)
