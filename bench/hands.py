"""A real cluster for the benchmarks of actions and probes: ours by its activities, and the real kubectl beside it."""

from __future__ import annotations

import asyncio
import json
import secrets
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from temporalio.testing import ActivityEnvironment

from activities.cluster.actions import ClusterActions
from activities.cluster.client import Clusters
from bench.rig import say
from devstack.binaries import ensure
from devstack.cluster import Cluster
from mainstay.domain.change import Applied, ApplyRequest, Change
from mainstay.domain.work import PlanRequest

SETTINGS = {
    "cluster": "Kubernetes 1.34.4 in processes of this machine; kwok plays nodes and pods",
    "product": "its activities in this process, warm, without Temporal between them; no kill switch",
    "floor": "kubectl 1.34.4, a process for each command, its discovery cached",
}


class NotHalted:
    """A kill switch that is off. The worker's own looks at an answer that it has in memory."""

    def check(self, *, undo: bool) -> None:  # noqa: ARG002 - the guard's shape
        return

    async def refresh(self) -> None:
        return


class Hands:
    """One namespace of one cluster. ``plan`` and ``apply`` are the product's activities."""

    def __init__(self, cluster: Cluster, kubectl: Path) -> None:
        self.cluster = cluster
        self.namespace = f"bench-{secrets.token_hex(4)}"
        self._kubectl = kubectl
        halt = NotHalted()
        self.clusters = Clusters({"default": (str(cluster.kubeconfig), "")}, halt)
        self._actions = ClusterActions(self.clusters, halt)

    async def plan(self, action: str, **parameters: Any) -> Change:
        request = PlanRequest(
            action=action,
            parameters=parameters,
            allowed_namespaces=(self.namespace,),
            run_id="bench",
            step="measured",
            at=datetime.now(UTC),
        )
        change: Change = await ActivityEnvironment().run(self._actions.plan_change, request)
        return change

    async def apply(self, change: Change) -> Applied:
        """Raises AssertionError when nothing was changed: that would be a very fast action."""
        request = ApplyRequest(change=change, run_id="bench", step="measured", fence=1)
        answer: Applied = await ActivityEnvironment().run(self._actions.apply_change, request)
        assert answer.outcome == "changed", f"{change.title}: {answer.outcome} {answer.detail}"
        return answer

    async def kubectl(self, *arguments: str) -> None:
        """The real one. Raises AssertionError with what it said when it failed."""
        process = await asyncio.create_subprocess_exec(
            self._kubectl,
            f"--kubeconfig={self.cluster.kubeconfig}",
            f"--namespace={self.namespace}",
            *arguments,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await process.communicate()
        assert process.returncode == 0, said.decode()

    async def deployment(self, name: str, tag: str, replicas: int, pod: dict[str, Any] | None = None) -> None:
        """Roll it out, and wait for that. ``pod`` is added to the pods' spec."""
        container = {"name": "app", "image": f"registry.example/shop:{tag}"}
        template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": [container], **(pod or {})}}
        manifest = {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": name, "namespace": self.namespace},
            "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": template},
        }
        await self.cluster.apply(json.dumps(manifest))
        await self.settled(name)

    async def settled(self, name: str) -> None:
        await self.cluster.wait_rollout(self.namespace, name, seconds=600)

    async def image(self, name: str) -> str:
        """The tag that the Deployment wants now."""
        live = await self.cluster.api.get(f"/apis/apps/v1/namespaces/{self.namespace}/deployments/{name}")
        return str(live["spec"]["template"]["spec"]["containers"][0]["image"]).rpartition(":")[2]


@asynccontextmanager
async def hands(cluster: Cluster) -> AsyncIterator[Hands]:
    """A namespace of its own, deleted at the end."""
    found = await asyncio.to_thread(lambda: ensure(["kubectl"], report=say))
    it = Hands(cluster, found["kubectl"])
    await cluster.apply(json.dumps({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": it.namespace}}))
    try:
        # Clients and discovery are warm on both sides before anything is measured.
        await it.clusters["default"].list(f"/api/v1/namespaces/{it.namespace}/pods")
        await it.kubectl("get", "deployments,pods,nodes")
        yield it
    finally:
        await it.clusters.close()
        await cluster.api.request("DELETE", f"/api/v1/namespaces/{it.namespace}")


@asynccontextmanager
async def cluster_of(nodes: int) -> AsyncIterator[Cluster]:
    """A cluster for one benchmark."""
    with tempfile.TemporaryDirectory(prefix="mainstay-bench-") as folder:
        async with Cluster(Path(folder), nodes=nodes, report=say) as running:
            yield running
