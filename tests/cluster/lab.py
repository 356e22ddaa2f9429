"""A namespace of its own for each test, on the real API server, with what tests do to it."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from activities.cluster.actions import ClusterActions
from activities.cluster.client import Clusters, Mutations
from activities.cluster.envelope import Envelope
from activities.cluster.halt import HaltGuard
from activities.cluster.paths import collection
from devstack.binaries import PARTS, cache_dir, ensure
from devstack.cluster import Cluster
from devstack.processes import eventually
from mainstay.domain.change import Applied, ApplyRequest, Change
from mainstay.domain.revision import plain_template
from mainstay.domain.work import PlanRequest

AT = datetime(2026, 4, 8, 14, 32, tzinfo=UTC)


class NoHalt:
    """A kill switch that is off; ``stops`` lists the messages of checks to come that fail."""

    def __init__(self) -> None:
        self.checks = 0
        self.before_check: Callable[[int], None] = lambda _: None

    def check(self, *, undo: bool) -> None:
        self.checks += 1
        self.before_check(self.checks)

    async def refresh(self) -> None:
        return


class Lab:
    """``actions`` are the activities under test; everything else is the test's own hand."""

    def __init__(self, cluster: Cluster, namespace: str, halt: HaltGuard, kubeconfig: Path | None = None) -> None:
        self.cluster = cluster
        self.namespace = namespace
        self.clusters = Clusters({"default": (str(kubeconfig or cluster.kubeconfig), "")}, halt)
        self.mutations = Mutations(self.clusters, halt)
        self.actions = ClusterActions(self.clusters, halt)

    def path(self, kind: str, name: str = "") -> str:
        path = collection(kind, self.namespace)
        return f"{path}/{name}" if name else path

    async def live(self, name: str, kind: str = "Deployment") -> dict[str, Any]:
        found: dict[str, Any] = await self.cluster.api.get(self.path(kind, name))
        return found

    async def apply_manifest(self, document: dict[str, Any]) -> None:
        document["metadata"]["namespace"] = self.namespace
        await self.cluster.apply(json.dumps(document))

    async def workload(self, name: str, tag: str, kind: str = "Deployment", **more: Any) -> None:
        """Roll out an image and wait until the controller has recorded it."""
        await self.apply_manifest(workload(name, tag, kind, **more))
        await self.recorded(name, kind)

    async def recorded(self, name: str, kind: str = "Deployment") -> None:
        async def seen() -> bool:
            live = await self.live(name, kind)
            return bool(live.get("status", {}).get("observedGeneration", 0) >= live["metadata"]["generation"])

        await eventually(seen, 20, f"{name} recorded")

    async def merge(self, name: str, patch: dict[str, Any], kind: str = "Deployment") -> dict[str, Any]:
        """Change an object as somebody else would."""
        changed: dict[str, Any] = await self.cluster.api.request(
            "PATCH", self.path(kind, name), body=patch, content_type="application/strategic-merge-patch+json"
        )
        return changed

    async def plan(self, action: str, parameters: dict[str, Any], at: datetime = AT, **more: Any) -> Change:
        request = PlanRequest.model_validate(
            {
                "action": action,
                "parameters": {**parameters, "target": {"namespace": self.namespace, **parameters["target"]}},
                "allowed_namespaces": (self.namespace,),
                "run_id": "run-1",
                "step": "roll-back",
                "at": at,
                **more,
            }
        )
        return await self.actions.plan_change(request)

    async def apply(self, change: Change, *, undo: bool = False, fence: int = 3, run: str = "run-1") -> Applied:
        request = ApplyRequest(change=change, run_id=run, step="roll-back", fence=fence, undo=undo)
        return await self.actions.apply_change(request)

    def writes(self, name: str) -> list[dict[str, Any]]:
        """Every successful real write of an object, by the API server's audit log."""
        found = []
        for event in self.cluster.audit_events():
            reference = event.get("objectRef", {})
            ours = reference.get("namespace") == self.namespace and reference.get("name") == name
            real = "dryRun" not in event["requestURI"] and event["responseStatus"]["code"] < 300
            if ours and real and not reference.get("subresource"):
                found.append(event)
        return found

    def template_changes(self, name: str) -> int:
        """How often the pod template changed, by the API server's audit log."""
        templates = [plain_template(event["responseObject"]["spec"]["template"]) for event in self.writes(name)]
        return sum(1 for one, other in itertools.pairwise(templates) if one != other)

    async def kubectl(self, *arguments: str) -> str:
        """The real kubectl, to compare with."""
        code, out = await self.kubectl_answers(*arguments)
        assert code == 0, out
        return out

    async def kubectl_answers(self, *arguments: str) -> tuple[int, str]:
        """The real kubectl's exit code and what it says, refusals too."""
        binary = kubectl()
        process = await asyncio.create_subprocess_exec(
            binary,
            f"--kubeconfig={self.cluster.kubeconfig}",
            "-n",
            self.namespace,
            *arguments,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        out, _ = await process.communicate()
        assert process.returncode is not None, "it has ended"
        return process.returncode, out.decode()

    async def close(self) -> None:
        await self.clusters.close()

    async def tear_down(self) -> None:
        """Close, and give the nodes' room back: the cluster is the whole session's."""
        await self.close()
        await self.cluster.api.request("DELETE", f"/api/v1/namespaces/{self.namespace}")

    def with_halt(self, halt: HaltGuard) -> ClusterActions:
        """The same activities behind another kill switch."""
        self.clusters = Clusters({"default": (str(self.cluster.kubeconfig), "")}, halt)
        return ClusterActions(self.clusters, halt)

    def with_envelope(self, envelope: Envelope) -> None:
        self.actions = ClusterActions(self.clusters, NoHalt(), envelope)


def kubectl() -> str:
    """The path of kubectl, built where the stack's list of binaries has it; skips where there is none."""
    if "kubectl" in PARTS:
        return str(ensure(["kubectl"])["kubectl"])
    cached = sorted(cache_dir().glob("kubectl-*"))
    found = os.environ.get("MAINSTAY_BIN_KUBECTL") or shutil.which("kubectl") or (cached and str(cached[-1]))
    return found or pytest.skip("no kubectl to compare with: set MAINSTAY_BIN_KUBECTL")


def workload(name: str, tag: str, kind: str = "Deployment", **more: Any) -> dict[str, Any]:
    """A manifest of one container; ``replicas``, ``annotations``, ``spec``, ``pod`` … may be given."""
    labels = {"app": name, **more.get("labels", {})}
    container = {"name": "app", "image": f"registry.example/shop:{tag}", **more.get("container", {})}
    spec: dict[str, Any] = {
        "selector": {"matchLabels": {"app": name}},
        "template": {
            "metadata": {"labels": labels, **more.get("pod", {})},
            "spec": {"containers": [container, *more.get("containers", ())]},
        },
        **more.get("spec", {}),
    }
    if kind != "DaemonSet":
        spec["replicas"] = more.get("replicas", 1)
    if kind == "StatefulSet":
        spec["serviceName"] = name
    metadata = {"name": name, "annotations": more.get("annotations", {})}
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": metadata, "spec": spec}


def image(live: dict[str, Any]) -> str:
    """The tag of the first container."""
    return str(live["spec"]["template"]["spec"]["containers"][0]["image"]).rpartition(":")[2]
