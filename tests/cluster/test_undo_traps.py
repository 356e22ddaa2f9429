"""Traps of rolling back that operators know from kubectl, on the real API server."""

from __future__ import annotations

import json
from typing import Any

from devstack.processes import eventually
from mainstay.domain.change import Change
from tests.cluster.lab import Lab, image

SHOP: dict[str, Any] = {"target": {"name": "shop"}}
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


async def versions(lab: Lab, *tags: str, kind: str = "Deployment", **more: Any) -> None:
    for tag in tags:
        await lab.workload("shop", tag, kind, **more)


async def back(lab: Lab, **more: Any) -> Change:
    change = await lab.plan("rollout_undo", {**SHOP, **more})
    assert (await lab.apply(change)).outcome == "changed"
    return change


async def test_previous_is_the_next_lower_number_there_is(lab: Lab) -> None:
    """Revision 2 was deleted: from 3 it goes back to 1, as kubectl does."""
    await versions(lab, "v1", "v2", "v3")
    sets = (await lab.cluster.api.get(lab.path("ReplicaSet")))["items"]
    second = next(s for s in sets if image(s) == "v2")
    await lab.cluster.api.request("DELETE", lab.path("ReplicaSet", second["metadata"]["name"]))
    change = await back(lab)
    assert "to revision 1 " in change.title
    assert image(await lab.live("shop")) == "v1"


async def test_a_foreign_replica_set_is_no_revision(lab: Lab) -> None:
    """Somebody's own ReplicaSet matches the selector and says that it is revision 9: it is not looked at."""
    await versions(lab, "v1", "v2")
    template = {
        "metadata": {"labels": {"app": "shop", "foreign": "yes"}},
        "spec": {"containers": [{"name": "app", "image": "registry.example/shop:evil"}]},
    }
    spec = {"replicas": 0, "selector": {"matchLabels": {"app": "shop", "foreign": "yes"}}, "template": template}
    metadata = {
        "name": "foreign",
        "labels": {"app": "shop"},
        "annotations": {"deployment.kubernetes.io/revision": "9"},
        # Owned by nobody the Deployment's controller knows, so it is not adopted.
        "ownerReferences": [
            {"apiVersion": "shop.example/v1", "kind": "Other", "name": "x", "uid": "u-1", "controller": True}
        ],
    }
    body = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": metadata, "spec": spec}
    await lab.cluster.api.request("POST", lab.path("ReplicaSet"), body=body)
    await back(lab)
    assert image(await lab.live("shop")) == "v1"


async def test_what_was_applied_last_stays_on_record(lab: Lab) -> None:
    """The annotation of ``kubectl apply`` is the live one afterwards, so that the next apply can compare."""
    await versions(lab, "v1", annotations={LAST_APPLIED: json.dumps({"image": "v1"})})
    await versions(lab, "v2", annotations={LAST_APPLIED: json.dumps({"image": "v2"})})
    await back(lab)
    assert (await lab.live("shop"))["metadata"]["annotations"][LAST_APPLIED] == json.dumps({"image": "v2"})


async def test_annotations_that_would_be_lost_are_shown(lab: Lab) -> None:
    """An annotation that came with the bad version goes with it; who approves sees it in the diff."""
    await versions(lab, "v1", annotations={"note": "of-v1"})
    await versions(lab, "v2", annotations={"note": "of-v2", "runbook": "new"})
    change = await back(lab)
    for line in ("-    note: of-v2", "-    runbook: new", "+    note: of-v1"):
        assert line in change.diff.splitlines()
    assert "runbook" not in (await lab.live("shop"))["metadata"]["annotations"]


async def test_a_template_without_its_hash_is_the_same(lab: Lab) -> None:
    """Rolled back by somebody to the same template: nothing is left to do, although the label differs."""
    await versions(lab, "v1", "v2")
    await lab.kubectl("rollout", "undo", "deployment/shop")
    await lab.recorded("shop")
    assert (await lab.plan("rollout_undo", {**SHOP, "to": "revision", "revision": 3})).already


async def test_pods_that_stay_as_they_are_are_told(lab: Lab) -> None:
    """A partition and OnDelete: the template goes back, these pods do not by themselves."""
    target = {"target": {"kind": "StatefulSet", "name": "shop"}}
    strategy: dict[str, Any] = {"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}
    await versions(lab, "v1", "v2", kind="StatefulSet", spec={"updateStrategy": strategy})
    change = await lab.plan("rollout_undo", target)
    assert "partition 2: pods below it stay as they are" in change.warnings
    await lab.merge("shop", {"spec": {"updateStrategy": {"type": "OnDelete", "rollingUpdate": None}}}, "StatefulSet")
    await lab.recorded("shop", "StatefulSet")
    change = await lab.plan("rollout_undo", target)
    assert any("OnDelete" in warning for warning in change.warnings)


async def test_restarts_of_one_second_are_one(lab: Lab) -> None:
    """Two runs restart within one second: the pods go once, and the second run says that it is done."""
    await versions(lab, "v1")
    first, second = [await lab.plan("rollout_restart", SHOP, run_id=run) for run in ("run-1", "run-2")]
    assert (await lab.apply(first)).outcome == "changed"
    assert (await lab.apply(second, run="run-2")).outcome == "already"

    async def rolled_once() -> bool:
        return len((await lab.cluster.api.get(lab.path("ReplicaSet")))["items"]) == 2

    await eventually(rolled_once, 20, "one new ReplicaSet")
