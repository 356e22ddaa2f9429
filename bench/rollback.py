"""A rollback from decision to verified, against ``kubectl rollout undo && kubectl rollout status``."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import pairwise

from temporalio.testing import ActivityEnvironment

from activities.probes.look import Probes
from activities.probes.rollout_status import RolloutStatus
from bench.hands import SETTINGS, Hands, hands
from bench.report import Goal, Outcome, percentile, spread
from bench.rig import say
from devstack.cluster import Cluster
from mainstay.domain.verdict import Verdict
from mainstay.domain.work import Look, LookRequest, VerifyRequest

LIMIT = 1.1
PATIENCE = timedelta(minutes=10)


async def measure(cluster: Cluster, replicas: Sequence[int], rounds: Sequence[int]) -> Outcome:
    """``rounds`` of each side for each number of replicas. Every rollback goes back to where the one before
    came from, so the two sides, in turns, do the same work on the same Deployment."""
    results, floor, ratios = {}, {}, {}
    async with hands(cluster) as it:
        for count, times in zip(replicas, rounds, strict=True):
            name = f"shop-{count}"
            for tag in ("v1", "v2"):
                await it.deployment(name, tag, count)
            ours: list[float] = []
            theirs: list[float] = []
            parts: dict[str, list[float]] = {"plan": [], "apply": [], "verify": []}
            for number in range(times):
                sides: list[tuple[list[float], Side]] = [(ours, partial(_ours, parts)), (theirs, _theirs)]
                for kept, side in sides if number % 2 == 0 else reversed(sides):
                    kept.append(await _timed(it, name, side))
                say(f"rollback of {count}: {ours[-1]:.0f} ms, kubectl {theirs[-1]:.0f} ms")
            results[f"decision_to_verified_{count}_replicas_ms"] = spread(ours)
            results[f"of_that_{count}_replicas_p50_ms"] = {what: spread(each)["p50"] for what, each in parts.items()}
            floor[f"kubectl_undo_and_status_{count}_replicas_ms"] = spread(theirs)
            ratios[f"{count}_replicas_p50"] = percentile(ours, 0.5) / percentile(theirs, 0.5)
    return Outcome(
        sizes={"replicas": list(replicas), "rounds": list(rounds)},
        results=results,
        floor=floor,
        ratios=ratios,
        goals=[Goal(f"against kubectl, {name}", ratio, LIMIT) for name, ratio in ratios.items()],
        notes=[
            "ours: plan_change, apply_change, verify with rollout_status as in a runbook, without its settling time",
            "theirs includes starting kubectl twice, as an operator's does; pods are ready as soon as kwok says so",
        ],
        settings=SETTINGS,
    )


Side = Callable[[Hands, str], Awaitable[None]]


async def _timed(it: Hands, name: str, side: Side) -> float:
    """Milliseconds. Raises AssertionError when it was no rollback or it was told too early."""
    before = await it.image(name)
    begun = time.perf_counter()
    await side(it, name)
    took = (time.perf_counter() - begun) * 1000
    assert await it.cluster.rollout_done(it.namespace, name), "verified, but not rolled out"
    assert await it.image(name) != before, "verified, but not rolled back"
    return took


async def _ours(parts: dict[str, list[float]], it: Hands, name: str) -> None:
    target = {"namespace": it.namespace, "name": name}
    times = [time.perf_counter()]
    change = await it.plan("rollout_undo", target=target)
    times.append(time.perf_counter())
    await it.apply(change)
    times.append(time.perf_counter())
    look = LookRequest(probe="rollout_status", parameters={"target": target}, at=datetime.now(UTC))
    probes = Probes(RolloutStatus(it.clusters))
    seen: Look = await ActivityEnvironment().run(probes.verify, VerifyRequest(looks=(look,), within=PATIENCE))
    assert seen.verdict is Verdict.HELD, seen.detail
    times.append(time.perf_counter())
    for kept, (begun, ended) in zip(parts.values(), pairwise(times), strict=True):
        kept.append((ended - begun) * 1000)


async def _theirs(it: Hands, name: str) -> None:
    await it.kubectl("rollout", "undo", f"deployment/{name}")
    await it.kubectl("rollout", "status", f"deployment/{name}", f"--timeout={PATIENCE.total_seconds():.0f}s")
