"""The embedded cluster: rollouts, pods that behave as their image says, rights, audit, and outages."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from devstack.binaries import ensure
from devstack.cluster import READER, WORKER, Cluster
from devstack.kube_api import KubeApi, KubeApiError
from devstack.processes import eventually

PodCheck = Callable[[dict[str, Any]], bool]


def deployment(name: str, tag: str, replicas: int = 1, namespace: str = "default") -> str:
    return f"""
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}, namespace: {namespace}}}
spec:
  replicas: {replicas}
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec:
      containers: [{{name: app, image: "registry.example/app:{tag}"}}]
"""


async def pods(cluster: Cluster, app: str) -> list[dict[str, Any]]:
    found = await cluster.api.get("/api/v1/namespaces/default/pods", labelSelector=f"app={app}")
    items: list[dict[str, Any]] = found["items"]
    return items


def container(pod: dict[str, Any]) -> dict[str, Any]:
    statuses = pod["status"].get("containerStatuses", [{}])
    status: dict[str, Any] = statuses[0]
    return status


def is_ready(pod: dict[str, Any]) -> bool:
    conditions = {c["type"]: c["status"] for c in pod["status"].get("conditions", [])}
    return conditions.get("Ready") == "True"


def waiting_for(reason: str) -> PodCheck:
    return lambda pod: container(pod).get("state", {}).get("waiting", {}).get("reason") == reason


def crashed_twice(pod: dict[str, Any]) -> bool:
    last = container(pod).get("lastState", {}).get("terminated", {})
    return waiting_for("CrashLoopBackOff")(pod) and container(pod)["restartCount"] >= 2 and last["exitCode"] == 1


def out_of_memory_and_back(pod: dict[str, Any]) -> bool:
    last = container(pod).get("lastState", {}).get("terminated", {})
    return is_ready(pod) and last.get("reason") == "OOMKilled" and container(pod)["restartCount"] >= 1


def running_unready(pod: dict[str, Any]) -> bool:
    return pod["status"]["phase"] == "Running" and not is_ready(pod) and "running" in container(pod).get("state", {})


async def seen(cluster: Cluster, app: str, check: PodCheck, seconds: float = 30) -> None:
    async def any_pod() -> bool:
        return any(check(pod) for pod in await pods(cluster, app))

    await eventually(any_pod, seconds, f"{app}: {getattr(check, '__name__', check)}")


async def test_an_image_behaves_as_the_suffix_of_its_tag_says(cluster: Cluster) -> None:
    expected: dict[str, PodCheck] = {
        "never-ready": running_unready,
        "crash": crashed_twice,
        "pull-fail": waiting_for("ImagePullBackOff"),
        "oom": out_of_memory_and_back,
        "slow": is_ready,
    }
    for suffix in expected:
        await cluster.apply(deployment(f"is-{suffix}", f"v2-{suffix}"))
    await seen(cluster, "is-slow", running_unready)
    await asyncio.gather(*(seen(cluster, f"is-{suffix}", check) for suffix, check in expected.items()))
    assert not any(is_ready(pod) for pod in await pods(cluster, "is-never-ready"))
    for suffix in expected:
        await cluster.api.request("DELETE", f"/apis/apps/v1/namespaces/default/deployments/is-{suffix}")

    async def all_gone() -> bool:
        return not any([await pods(cluster, f"is-{suffix}") for suffix in expected])

    await eventually(all_gone, 20, "deletion of the pods")


async def test_a_bad_release_stays_half_rolled_out_and_a_good_one_replaces_it(cluster: Cluster) -> None:
    await cluster.apply(deployment("shifting", "v1", 3))
    await cluster.wait_rollout("default", "shifting")
    await cluster.apply(deployment("shifting", "v2-crash", 3))
    await seen(cluster, "shifting", waiting_for("CrashLoopBackOff"))
    assert sum(is_ready(pod) for pod in await pods(cluster, "shifting")) >= 2
    assert not await cluster.rollout_done("default", "shifting")
    await cluster.apply(deployment("shifting", "v3", 3))
    await cluster.wait_rollout("default", "shifting")
    revisions = await cluster.api.get("/apis/apps/v1/namespaces/default/replicasets", labelSelector="app=shifting")
    assert len(revisions["items"]) == 3


async def test_the_audit_log_holds_who_patched_what_with_the_body(cluster: Cluster) -> None:
    await cluster.apply(deployment("audited", "v1"))
    async with KubeApi.from_kubeconfig(cluster.user_kubeconfig(WORKER)) as worker:
        await worker.request(
            "PATCH",
            "/apis/apps/v1/namespaces/default/deployments/audited",
            body={"spec": {"replicas": 2}},
            content_type="application/merge-patch+json",
        )
        await worker.get("/apis/apps/v1/namespaces/default/deployments/audited")

    def by_worker() -> list[dict[str, Any]]:
        return [e for e in cluster.audit_events() if e["user"]["username"] == WORKER]

    async def written() -> bool:
        return bool(by_worker())

    await eventually(written, 10, "the audit log having the patch")
    (event,) = by_worker()
    assert (event["verb"], event["level"], event["objectRef"]["name"]) == (
        "patch",
        "RequestResponse",
        "audited",
    )
    assert event["requestObject"] == {"spec": {"replicas": 2}}


async def refusal(call: Awaitable[Any]) -> int | None:
    try:
        await call
    except KubeApiError as fault:
        return fault.status
    return None


async def test_users_have_the_rights_of_their_roles_and_no_more(cluster: Cluster) -> None:
    await cluster.apply(deployment("guarded", "v1"))
    path = "/apis/apps/v1/namespaces/default/deployments/guarded"

    def scale(user: KubeApi) -> Awaitable[Any]:
        return user.request("PATCH", path, body={"spec": {"replicas": 1}}, content_type="application/merge-patch+json")

    async with KubeApi.from_kubeconfig(cluster.user_kubeconfig(READER)) as reader:
        assert await refusal(reader.get(path)) is None
        assert await refusal(scale(reader)) == 403
    async with KubeApi.from_kubeconfig(cluster.user_kubeconfig(WORKER)) as worker:
        assert await refusal(scale(worker)) is None
        assert await refusal(worker.get("/api/v1/namespaces/default/secrets")) == 403
        assert await refusal(worker.request("DELETE", path)) == 403


async def test_a_service_account_starts_with_no_rights_and_gets_what_is_bound(cluster: Cluster) -> None:
    async with KubeApi.from_kubeconfig(await cluster.service_account("bots", "watcher")) as bot:
        assert await refusal(bot.get("/api/v1/nodes")) == 403
        await cluster.apply("""
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: bots-watcher}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: mainstay-reader}
subjects: [{kind: ServiceAccount, name: watcher, namespace: bots}]
""")

        async def allowed() -> bool:
            return await refusal(bot.get("/api/v1/nodes")) is None

        await eventually(allowed, 10, "the binding taking effect")


async def test_kubectl_sees_the_same_cluster_and_can_read_pod_logs(cluster: Cluster) -> None:
    await cluster.apply(deployment("logging", "v1"))
    await cluster.wait_rollout("default", "logging")

    kubectl_path = ensure(["kubectl"])["kubectl"]

    async def kubectl(*arguments: str) -> str:
        command = [str(kubectl_path), f"--kubeconfig={cluster.kubeconfig}", *arguments]

        def run() -> subprocess.CompletedProcess[str]:
            return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)

        done = await asyncio.to_thread(run)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert (await kubectl("config", "current-context")).strip() == "mainstay-embedded"
    assert "deployment.apps/logging" in await kubectl("get", "deployments", "-o", "name")
    assert "listening on :8080" in await kubectl("logs", "deployment/logging")


async def test_the_data_survives_an_outage_and_a_restart(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path, nodes=1)
    async with cluster:
        await cluster.apply(deployment("lasting", "v1", 2))
        await cluster.wait_rollout("default", "lasting")
        await cluster.stop_api()
        with pytest.raises(aiohttp.ClientError):
            await cluster.rollout_done("default", "lasting")
        await cluster.start_api()
        await cluster.apply(deployment("lasting", "v2", 2))
        await cluster.wait_rollout("default", "lasting")
    async with Cluster(tmp_path, nodes=1) as again:
        assert await again.rollout_done("default", "lasting")
        await again.apply(deployment("lasting", "v3", 2))
        await again.wait_rollout("default", "lasting")
