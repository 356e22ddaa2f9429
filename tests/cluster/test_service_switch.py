"""Switching a Service to a standby, and back."""

from __future__ import annotations

from typing import Any

import pytest
from temporalio.exceptions import ApplicationError

from tests.cluster.lab import Lab


def to(**labels: str) -> dict[str, Any]:
    return {"target": {"kind": "Service", "name": "shop"}, "selector": labels}


async def pair(lab: Lab, standby: str = "v1") -> None:
    await lab.workload("primary", "v1")
    await lab.workload("standby", standby)
    spec = {"selector": {"app": "primary"}, "ports": [{"port": 80}]}
    await lab.apply_manifest({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "shop"}, "spec": spec})
    await lab.cluster.wait_rollout(lab.namespace, "primary")
    if standby == "v1":
        await lab.cluster.wait_rollout(lab.namespace, "standby")


async def selector(lab: Lab) -> dict[str, str]:
    found: dict[str, str] = (await lab.live("shop", "Service"))["spec"]["selector"]
    return found


async def test_failover_and_fail_back(lab: Lab) -> None:
    """The selector points at the standby; undo points it back; each once however often asked."""
    await pair(lab)
    change = await lab.plan("service_switch", to(app="standby"))
    assert change.title == f"Point service/shop in {lab.namespace} at pods with app=standby (1 ready)"
    assert "-    app: primary\n+    app: standby" in change.diff
    assert [(await lab.apply(change)).outcome for _ in range(2)] == ["changed", "already"]
    assert await selector(lab) == {"app": "standby"}
    assert [(await lab.apply(change, undo=True)).outcome for _ in range(2)] == ["changed", "already"]
    assert await selector(lab) == {"app": "primary"}


async def test_fail_back_removes_labels_that_the_switch_added(lab: Lab) -> None:
    """A label of the new selector that the former had not is gone after undo."""
    await pair(lab)
    await lab.merge("standby", {"spec": {"template": {"metadata": {"labels": {"zone": "b"}}}}})
    await lab.cluster.wait_rollout(lab.namespace, "standby")
    change = await lab.plan("service_switch", to(app="standby", zone="b"))
    await lab.apply(change)
    assert await selector(lab) == {"app": "standby", "zone": "b"}
    await lab.apply(change, undo=True)
    assert await selector(lab) == {"app": "primary"}


async def test_nothing_ready_is_nothing_to_switch_to(lab: Lab) -> None:
    """Pointing a Service at pods of which none is ready would be an outage of its own."""
    await pair(lab, standby="v1-never-ready")
    with pytest.raises(ApplicationError, match="nothing to switch to") as refused:
        await lab.plan("service_switch", to(app="standby"))
    assert refused.value.type == "WrongState"


async def test_switched_by_somebody_else_since_the_plan_is_drift(lab: Lab) -> None:
    """Where it points now was not what people saw."""
    await pair(lab)
    change = await lab.plan("service_switch", to(app="standby"))
    await lab.merge("shop", {"spec": {"selector": {"app": "third"}}}, "Service")
    answer = await lab.apply(change)
    assert (answer.outcome, await selector(lab)) == ("drifted", {"app": "third"})


async def test_a_service_without_a_selector_is_refused(lab: Lab) -> None:
    """Its endpoints are kept by somebody else: a selector would take them away."""
    spec = {"ports": [{"port": 80}]}
    await lab.apply_manifest({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "shop"}, "spec": spec})
    with pytest.raises(ApplicationError, match="no selector"):
        await lab.plan("service_switch", to(app="standby"))
