"""Nodes on the real API server: closed, opened, tainted, drained; and what blocks a drain."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from temporalio.exceptions import ApplicationError

from activities.cluster import removal
from activities.cluster.envelope import Envelope
from devstack.cluster import _node
from devstack.processes import eventually
from mainstay.domain.change import Change
from mainstay.domain.work import PlanRequest
from tests.cluster.lab import AT, Lab, workload

_numbers = itertools.count(1)
OWN = {"key": "mainstay.test/own", "effect": "NoSchedule"}
"""Keeps the pods of other tests off these nodes."""


class Nodes:
    """``names`` are nodes of the test's own; its workloads run on the first."""

    def __init__(self, lab: Lab, names: tuple[str, ...]) -> None:
        self.lab = lab
        self.names = names

    @property
    def api(self) -> Any:
        return self.lab.cluster.api

    async def spec(self, name: str = "") -> dict[str, Any]:
        found: dict[str, Any] = await self.api.get(f"/api/v1/nodes/{name or self.names[0]}")
        return dict(found["spec"])

    async def plan(self, action: str, **parameters: Any) -> Change:
        given = {"target": {"name": self.names[0]}, **parameters}
        request = PlanRequest(action=action, parameters=given, run_id="run-1", step="roll-back", at=AT)
        return await self.lab.actions.plan_change(request)

    async def pods(self) -> list[dict[str, Any]]:
        found = await self.api.get("/api/v1/pods", fieldSelector=f"spec.nodeName={self.names[0]}")
        return list(found["items"])

    async def run(self, name: str, kind: str = "Deployment", tag: str = "v1", **more: Any) -> None:
        """A workload whose pods go to the first node and nowhere else."""
        manifest = workload(name, tag, kind, **more)
        manifest["spec"]["template"]["spec"] |= self.placed
        await self.lab.apply_manifest(manifest)
        await self.on_node(name, manifest["spec"].get("replicas", 1))

    @property
    def placed(self) -> dict[str, Any]:
        return {
            "nodeSelector": {"kubernetes.io/hostname": self.names[0]},
            "tolerations": [{"key": OWN["key"], "operator": "Exists"}],
        }

    async def on_node(self, name: str, count: int) -> None:
        async def there() -> bool:
            mine = [p for p in await self.pods() if p["metadata"].get("labels", {}).get("app") == name]
            return len(mine) == count and all(p["status"].get("phase") != "Pending" for p in mine)

        await eventually(there, 30, f"{count} pods of {name} on the node")

    async def budget(self, name: str, app: str, **spec: Any) -> None:
        manifest = {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": name}}
        await self.lab.apply_manifest({**manifest, "spec": {"selector": {"matchLabels": {"app": app}}, **spec}})

        async def counted() -> bool:
            path = f"/apis/policy/v1/namespaces/{self.lab.namespace}/poddisruptionbudgets/{name}"
            status = (await self.api.get(path)).get("status", {})
            return bool(status.get("observedGeneration") and status.get("currentHealthy"))

        await eventually(counted, 30, f"budget {name} counted")


@pytest_asyncio.fixture(loop_scope="session")
async def nodes(lab: Lab) -> AsyncIterator[Nodes]:
    names = tuple(f"own-{next(_numbers)}" for _ in range(2))
    for name in names:
        manifest = _node(name, "zone-a")
        manifest["spec"] = {"taints": [OWN]}
        await lab.cluster.api.request("POST", "/api/v1/nodes", body=manifest)
    yield Nodes(lab, names)
    for name in names:
        await lab.cluster.api.request("DELETE", f"/api/v1/nodes/{name}")


async def test_a_node_is_closed_and_opened_once(nodes: Nodes) -> None:
    """Applied twice it is written once; undo opens it; uncordon and its undo are the other way round."""
    change = await nodes.plan("cordon")
    assert "unschedulable: true" in change.diff
    assert [(await nodes.lab.apply(change)).outcome for _ in range(2)] == ["changed", "already"]
    assert (await nodes.spec())["unschedulable"] is True
    back = await nodes.plan("uncordon")
    assert [(await nodes.lab.apply(back)).outcome for _ in range(2)] == ["changed", "already"]
    assert not (await nodes.spec()).get("unschedulable")
    assert (await nodes.lab.apply(back, undo=True)).outcome == "changed"
    assert (await nodes.lab.apply(change, undo=True)).outcome == "changed"
    assert not (await nodes.spec()).get("unschedulable")


async def test_no_more_nodes_are_closed_than_the_envelope_allows(nodes: Nodes) -> None:
    """At the plan, and once more right before the write: two runs may have planned at the same time."""
    first = await nodes.plan("cordon")
    second = await nodes.plan("cordon", target={"name": nodes.names[1]})
    assert (await nodes.lab.apply(first)).outcome == "changed"
    for attempt in (nodes.lab.apply(second), nodes.plan("drain", target={"name": nodes.names[1]})):
        with pytest.raises(ApplicationError, match=f"at once .closed already: {nodes.names[0]}") as refused:
            await attempt
        assert refused.value.type == "NotAllowed"
    nodes.lab.with_envelope(Envelope(largest_node_share=0.5))
    assert (await nodes.lab.apply(second)).outcome == "changed"


async def test_taints_come_and_go_and_leave_others_alone(nodes: Nodes) -> None:
    """One of the same key and effect is replaced; undo brings back the list that was there."""
    taint = await nodes.plan("taint", key="shop/broken", value="disk", effect="NoExecute")
    assert any("disruption budgets" in warning for warning in taint.warnings)
    assert [(await nodes.lab.apply(taint)).outcome for _ in range(2)] == ["changed", "already"]
    assert await broken(nodes) == [("disk", "NoExecute")]
    away = await nodes.plan("untaint", key="shop/broken")
    assert (await nodes.lab.apply(away)).outcome == "changed"
    assert await broken(nodes) == []
    assert (await nodes.lab.apply(away, undo=True)).outcome == "changed"
    assert await broken(nodes) == [("disk", "NoExecute")]
    assert (await nodes.lab.apply(taint, undo=True)).outcome == "changed"
    assert await broken(nodes) == []
    assert OWN["key"] in [t["key"] for t in (await nodes.spec())["taints"]]


async def broken(nodes: Nodes) -> list[tuple[str, str]]:
    taints = (await nodes.spec()).get("taints", ())
    return [(t.get("value", ""), t["effect"]) for t in taints if t["key"] == "shop/broken"]


async def test_a_drain_evicts_what_may_go_and_undo_opens_the_node(nodes: Nodes) -> None:
    """Deployment and StatefulSet pods go, also where the StatefulSet's comes back under its name; a DaemonSet's
    stays; done again there is nothing to do; undo opens the node."""
    await nodes.run("web", replicas=3)
    await nodes.run("db", "StatefulSet")
    await nodes.run("agent", "DaemonSet")
    await nodes.budget("web", "web", maxUnavailable=3)
    change = await nodes.plan("drain", timeout_seconds=60)
    assert change.title.endswith("close it and evict 4 pods")
    assert any("DaemonSet" in warning for warning in change.warnings)
    applied = await nodes.lab.apply(change)
    assert (applied.outcome, applied.facts["count"]) == ("changed", 4)
    assert {p["metadata"]["labels"]["app"] for p in await nodes.pods()} == {"agent"}
    assert (await nodes.lab.apply(change)).outcome == "already"
    assert (await nodes.lab.apply(change, undo=True)).outcome == "changed"
    assert not (await nodes.spec()).get("unschedulable")


async def test_a_drain_is_not_planned_where_pods_would_be_lost(nodes: Nodes) -> None:
    """A bare pod and one with an emptyDir: both reasons at once; with consent it goes through."""
    await nodes.run("web", pod={}, container={"volumeMounts": []})
    bare = workload("bare", "v1")["spec"]["template"]
    bare = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "bare"}, "spec": {**bare["spec"], **nodes.placed}}
    scratch = {**bare, "metadata": {"name": "scratch"}}
    scratch["spec"] = {**bare["spec"], "volumes": [{"name": "s", "emptyDir": {}}]}
    for manifest in (bare, scratch):
        await nodes.lab.apply_manifest(manifest)
    await eventually(lambda: _count(nodes, 3), 30, "three pods on the node")
    with pytest.raises(ApplicationError) as refused:
        await nodes.plan("drain")
    text = str(refused.value)
    assert refused.value.type == "WrongState"
    assert all(reason in text for reason in ("/bare: has no controller", "/scratch: has emptyDir", "set unmanaged"))
    with pytest.raises(ApplicationError, match="at most 2") as refused:
        await nodes.plan("drain", empty_dir_data=True, unmanaged=True, at_most=2)
    change = await nodes.plan("drain", empty_dir_data=True, unmanaged=True, timeout_seconds=60)
    assert (await nodes.lab.apply(change)).facts["count"] == 3


async def _count(nodes: Nodes, wanted: int) -> bool:
    pods = await nodes.pods()
    return len(pods) == wanted and all(p["status"].get("phase") == "Running" for p in pods)


async def test_a_budget_that_never_allows_it_ends_in_a_report(nodes: Nodes) -> None:
    """429 for ever: within its time the drain gives up, and names pod, budget and how many it allows."""
    await nodes.run("web", replicas=2)
    await nodes.budget("strict", "web", maxUnavailable=0)
    change = await nodes.plan("drain", timeout_seconds=2)
    assert any("strict" in warning and "allows 0 disruptions" in warning for warning in change.warnings)
    with pytest.raises(ApplicationError, match=r"2 of 2 pods .*poddisruptionbudget/strict in .* allows 0") as failed:
        await nodes.lab.apply(change)
    assert (failed.value.type, failed.value.non_retryable) == ("Unavailable", True)
    assert len(await nodes.pods()) == 2
    assert (await nodes.lab.apply(change, undo=True)).outcome == "changed"


async def test_two_budgets_on_one_pod_are_not_waited_for(nodes: Nodes) -> None:
    """The API server answers 500 and always will: told before approval, and at once when it happens."""
    await nodes.run("web")
    await nodes.budget("one", "web", maxUnavailable=1)
    await nodes.budget("two", "web", maxUnavailable=1)
    change = await nodes.plan("drain", timeout_seconds=600)
    assert any("2 budgets count it" in warning for warning in change.warnings)
    with pytest.raises(ApplicationError, match="several budgets"):
        await asyncio.wait_for(nodes.lab.apply(change), 20)


async def test_a_drain_waits_for_a_budget_that_opens(nodes: Nodes) -> None:
    """429 first; when the budget allows it, the eviction goes through within the same step."""
    await nodes.run("web")
    await nodes.budget("strict", "web", maxUnavailable=0)
    change = await nodes.plan("drain", timeout_seconds=60)
    draining = asyncio.create_task(nodes.lab.apply(change))
    await eventually(lambda: _closed(nodes), 20, "the node closed")
    path = f"/apis/policy/v1/namespaces/{nodes.lab.namespace}/poddisruptionbudgets/strict"
    await nodes.api.request("DELETE", path)
    assert (await draining).facts["count"] == 1


async def test_a_pod_that_a_budget_holds_keeps_no_other_one(nodes: Nodes, monkeypatch: pytest.MonkeyPatch) -> None:
    """With room for one request at a time: while one pod is refused and refused again, the others go."""
    monkeypatch.setattr(removal, "AT_ONCE", 1)
    await nodes.run("held")
    await nodes.run("web", replicas=2)
    await nodes.budget("strict", "held", maxUnavailable=0)
    draining = asyncio.create_task(nodes.lab.apply(await nodes.plan("drain", timeout_seconds=600)))

    async def only_held() -> bool:
        return {p["metadata"]["labels"]["app"] for p in await nodes.pods()} == {"held"}

    await eventually(only_held, 30, "the others gone")
    assert not draining.done()
    await nodes.api.request("DELETE", f"/apis/policy/v1/namespaces/{nodes.lab.namespace}/poddisruptionbudgets/strict")
    assert (await draining).facts["count"] == 3


async def _closed(nodes: Nodes) -> bool:
    return bool((await nodes.spec()).get("unschedulable"))


async def test_opened_by_somebody_since_it_is_not_drained_again(nodes: Nodes) -> None:
    """A retry finds its own mark and an open node: a person decided otherwise."""
    await nodes.run("web")
    change = await nodes.plan("drain", timeout_seconds=30)
    await nodes.lab.apply(change)
    await nodes.lab.kubectl("uncordon", nodes.names[0])
    await nodes.on_node("web", 1)
    assert (await nodes.lab.apply(change)).outcome == "drifted"
    await nodes.on_node("web", 1)


async def test_it_leaves_the_same_as_kubectl_drain(nodes: Nodes) -> None:
    """The same workloads on two nodes, one drained by each: the same pods are left."""
    left = []
    for number, name in enumerate(nodes.names):
        both = Nodes(nodes.lab, (name,))
        await both.run(f"web{number}", replicas=2)
        await both.run(f"agent{number}", "DaemonSet")
        if number:
            await nodes.lab.kubectl("drain", name, "--ignore-daemonsets", "--timeout=60s")
        else:
            await nodes.lab.apply(await both.plan("drain", timeout_seconds=60))
        left.append({p["metadata"]["labels"]["app"].rstrip("01") for p in await both.pods()})
    assert left == [{"agent"}, {"agent"}]
