"""Draining a node, against ``kubectl drain``."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping

from bench.hands import SETTINGS, Hands, hands
from bench.report import Goal, Outcome, percentile, spread
from bench.rig import say
from devstack.cluster import Cluster
from devstack.pod_stages import SLOW_STOP_SECONDS

LIMIT = 1.1
KINDS: Mapping[str, str] = {"at_once": "v1", "slowly": "v1-slow-stop"}
"""How the pods stop, and the tag that makes kwok do so."""


async def measure(cluster: Cluster, pods: int, rounds: Mapping[str, int]) -> Outcome:
    """``rounds`` of each side by how the pods stop. They go from one node to another and back, in turns."""
    results, floor, ratios = {}, {}, {}
    async with hands(cluster) as it:
        for kind, times in rounds.items():
            ours, theirs = await _rounds(it, kind, pods, times)
            results[f"pods_stop_{kind}_ms"] = spread(ours)
            floor[f"kubectl_pods_stop_{kind}_ms"] = spread(theirs)
            ratios[f"{kind}_p50"] = percentile(ours, 0.5) / percentile(theirs, 0.5)
    return Outcome(
        sizes={"pods": pods, "rounds": dict(rounds)},
        results=results,
        floor=floor,
        ratios=ratios,
        goals=[Goal(f"against kubectl drain, {name}", ratio, LIMIT) for name, ratio in ratios.items()],
        notes=[
            "ours: plan_change and apply_change; over when every pod is gone, not when the new ones are ready",
            f"at once: kwok removes a pod as soon as it is asked; slowly: after {SLOW_STOP_SECONDS} s",
        ],
        settings=SETTINGS,
    )


async def _rounds(it: Hands, kind: str, pods: int, times: int) -> tuple[list[float], list[float]]:
    name = f"{it.namespace}-{kind.replace('_', '-')}"
    full, free = f"{name}-1", f"{name}-2"
    own = {"key": "bench", "value": name, "effect": "NoSchedule"}
    nodes = (full, free)
    for node in nodes:
        await it.cluster.add_node(node, labels={"bench": name}, taints=[own])
    await _open(it, free, closed=True)
    placed = {"nodeSelector": {"bench": name}, "tolerations": [{"key": "bench", "operator": "Exists"}]}
    await it.deployment(name, KINDS[kind], pods, placed)
    await _open(it, free)
    ours: list[float] = []
    theirs: list[float] = []
    for number in range(times):
        sides: list[tuple[list[float], Side]] = [(ours, _ours), (theirs, _theirs)]
        for kept, side in sides if number % 2 == 0 else reversed(sides):
            kept.append(await _timed(it, full, pods, side))
            await it.settled(name)
            await _open(it, full)
            full, free = free, full
        say(f"drain of {pods} pods that stop {kind}: {ours[-1]:.0f} ms, kubectl {theirs[-1]:.0f} ms")
    for node in nodes:
        await it.cluster.remove_node(node)
    return ours, theirs


Side = Callable[[Hands, str], Awaitable[None]]


async def _timed(it: Hands, node: str, pods: int, side: Side) -> float:
    """Milliseconds. Raises AssertionError when there was less to drain, or something is left."""
    assert await _pods(it, node) == pods, f"{node} does not have its {pods} pods"
    begun = time.perf_counter()
    await side(it, node)
    took = (time.perf_counter() - begun) * 1000
    assert await _pods(it, node) == 0, f"{node} is told to be drained and is not"
    return took


async def _ours(it: Hands, node: str) -> None:
    await it.apply(await it.plan("drain", target={"name": node}, timeout_seconds=600))


async def _theirs(it: Hands, node: str) -> None:
    await it.kubectl("drain", node, "--ignore-daemonsets", "--timeout=600s")


async def _pods(it: Hands, node: str) -> int:
    path = f"/api/v1/namespaces/{it.namespace}/pods"
    return len((await it.cluster.api.get(path, fieldSelector=f"spec.nodeName={node}"))["items"])


async def _open(it: Hands, node: str, *, closed: bool = False) -> None:
    await it.cluster.api.request(
        "PATCH",
        f"/api/v1/nodes/{node}",
        body={"spec": {"unschedulable": closed or None}},
        content_type="application/merge-patch+json",
    )
