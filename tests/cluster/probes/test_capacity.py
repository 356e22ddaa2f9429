"""Nodes, autoscalers, budgets, quotas and endpoints on the real API server."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from mainstay.domain.errors import NotFound
from mainstay.domain.verdict import Verdict
from tests.cluster.lab import Lab
from tests.cluster.probes.setting import has, look, put, status, until

HPA = "apis/autoscaling/v2"


async def test_pressure_on_the_workloads_own_node(lab: Lab) -> None:
    """A pod bound to a node of the test's own; its pressure and its loss fail, its cordon is a fact."""
    name = f"node-of-{lab.namespace}"
    taint = [{"key": "mine", "value": "yes", "effect": "NoSchedule"}]
    node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}, "spec": {"taints": taint}}
    await lab.cluster.api.request("POST", "/api/v1/nodes", body=node)
    path = f"/api/v1/nodes/{name}"
    try:
        pod = {"nodeName": name, "containers": [{"name": "app", "image": "registry.example/shop:v1"}]}
        template = {"metadata": {"labels": {"app": "shop"}}, "spec": pod}
        selector = {"matchLabels": {"app": "shop"}}
        await put(lab, "apps/v1", "Deployment", spec={"selector": selector, "template": template})
        ready = {"type": "Ready", "status": "True", "reason": "KubeletReady"}
        await status(lab, path, {"conditions": [ready]})
        await until(lab, "node_conditions", has(Verdict.HELD))
        pressed = [ready, {"type": "DiskPressure", "status": "True"}]
        await status(lab, path, {"conditions": pressed})
        seen = await look(lab, "node_conditions")
        assert (seen.verdict, seen.facts["pressure"], seen.facts["not_ready"]) == (Verdict.FAILED, [name], [])
        lost = {"type": "Ready", "status": "Unknown", "message": "Kubelet stopped posting node status."}
        await status(lab, path, {"conditions": [lost]})
        seen = await look(lab, "node_conditions")
        assert (seen.verdict, seen.facts["not_ready"]) == (Verdict.FAILED, [name])
        assert "Kubelet stopped" in str(seen.facts["why"])
    finally:
        await lab.cluster.api.request("DELETE", path)


async def test_an_autoscaler_at_its_maximum(lab: Lab) -> None:
    """No autoscaler and one that has not answered yet are inconclusive; then the maximum decides."""
    await lab.workload("shop", "v1")
    assert (await look(lab, "autoscaler_at_max")).verdict is Verdict.INCONCLUSIVE
    reference = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop"}
    await put(lab, "autoscaling/v2", "HorizontalPodAutoscaler", spec={"scaleTargetRef": reference, "maxReplicas": 5})
    path = f"/{HPA}/namespaces/{lab.namespace}/horizontalpodautoscalers/shop"
    now = datetime.now(UTC)
    limited = {
        "type": "ScalingLimited",
        "status": "True",
        "reason": "TooManyReplicas",
        "lastTransitionTime": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    # The autoscaler's own controller has no metrics here, so this spec is one that it leaves alone
    await status(lab, path, {"currentReplicas": 5, "desiredReplicas": 5, "conditions": [limited]})
    seen = await look(lab, "autoscaler_at_max")
    assert (seen.facts["found"], seen.facts["maximum"]) == (True, 5)
    assert seen.verdict in (Verdict.HELD, Verdict.INCONCLUSIVE), "the controller may have answered meanwhile"


async def test_a_budget_that_lets_nothing_go(lab: Lab) -> None:
    """One that allows is held, one that does not is named; without a budget nothing is known."""
    await lab.workload("shop", "v1", replicas=2)
    assert (await look(lab, "disruption_budget")).verdict is Verdict.INCONCLUSIVE
    selector = {"matchLabels": {"app": "shop"}}
    await put(lab, "policy/v1", "PodDisruptionBudget", spec={"minAvailable": 1, "selector": selector})
    await until(lab, "disruption_budget", has(Verdict.HELD))
    await put(lab, "policy/v1", "PodDisruptionBudget", spec={"minAvailable": 2, "selector": selector})
    seen = await until(lab, "disruption_budget", has(Verdict.FAILED))
    assert (seen.facts["blocking"], seen.facts["least_allowed"]) == (["shop"], 0)
    assert (await look(lab, "disruption_budget", allowed=0)).verdict is Verdict.HELD
    with pytest.raises(NotFound, match="no disruption budget 'other'"):
        await look(lab, "disruption_budget", name="other")


async def test_shares_of_the_quota(lab: Lab) -> None:
    """Counted by the quota's own controller; a resource near its end fails and is named."""
    assert (await look(lab, "quota")).verdict is Verdict.INCONCLUSIVE
    await put(lab, "v1", "ResourceQuota", spec={"hard": {"count/services": "4", "requests.memory": "1Gi"}})
    for number in (1, 2, 3):
        await put(lab, "v1", "Service", f"c{number}", spec={"ports": [{"port": 80}]})
    await until(lab, "quota", lambda s: s.facts["share"] == 0.75)
    seen = await look(lab, "quota", criterion="< 0.7")
    assert (seen.verdict, seen.facts["over"]) == (Verdict.FAILED, ["shop:count/services"])
    assert (await look(lab, "quota", criterion="< 0.7", resources=["requests.memory"])).verdict is Verdict.HELD
    assert (await look(lab, "quota", resources=["pods"])).verdict is Verdict.INCONCLUSIVE


async def test_endpoints_follow_readiness(lab: Lab) -> None:
    """Two ready pods are two endpoints; pods that are not ready leave the Service without any."""
    await put(lab, "v1", "Service", spec={"selector": {"app": "shop"}, "ports": [{"port": 80}]})
    await lab.workload("shop", "v1", replicas=2)
    await until(lab, "endpoints_ready", lambda s: s.facts["ready"] == 2, service="shop")
    assert (await look(lab, "endpoints_ready", service="shop", criterion=">= 3")).verdict is Verdict.FAILED
    await lab.workload("shop", "v1", replicas=0)
    seen = await until(lab, "endpoints_ready", lambda s: s.facts["ready"] == 0, service="shop")
    assert seen.verdict is Verdict.FAILED


async def test_kept_revisions(lab: Lab) -> None:
    """One revision leaves nothing to go back to; the second makes a rollback possible (S-206)."""
    await lab.workload("shop", "v1")
    seen = await look(lab, "rollout_history")
    assert (seen.verdict, seen.facts["count"], seen.facts["previous"]) == (Verdict.FAILED, 1, 0)
    await lab.workload("shop", "v2")
    seen = await look(lab, "rollout_history", at=datetime.now(UTC) + timedelta(seconds=1))
    assert (seen.verdict, seen.facts["current"], seen.facts["previous"]) == (Verdict.HELD, 2, 1)
