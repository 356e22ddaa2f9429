"""Many probes at the same time: how long each takes, beside bare reads of the same objects."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime

from temporalio.testing import ActivityEnvironment

from activities.probes.look import Probes
from activities.probes.pod_health import PodHealth
from activities.probes.rollout_history import RolloutHistory
from activities.probes.rollout_status import RolloutStatus
from bench.hands import SETTINGS, Hands, hands
from bench.report import Outcome, percentile, spread
from bench.rig import say
from devstack.cluster import Cluster
from mainstay.domain.verdict import Verdict
from mainstay.domain.work import Look, LookRequest

KINDS = (RolloutStatus, RolloutHistory, PodHealth)
"""One read; one read and a list of revisions; one read and a list of pods."""
REPLICAS = 3


async def measure(cluster: Cluster, probes: int, workloads: int, rounds: int) -> Outcome:
    """``probes`` looks at once in each round, at ``workloads`` Deployments; in turns with as many bare reads."""
    ours: list[float] = []
    bare: list[float] = []
    whole: list[float] = []
    whole_bare: list[float] = []
    async with hands(cluster) as it:
        for number in range(workloads):
            await it.deployment(_name(number), "v1", REPLICAS)
        kinds = Probes(*(kind(it.clusters) for kind in KINDS))

        async def look(number: int) -> None:
            await _look(it, kinds, KINDS[number % len(KINDS)].name, _name(number % workloads))

        async def read(number: int) -> None:
            await it.image(_name(number % workloads))

        await _at_once(look, 1)
        await _at_once(read, 1)
        for _ in range(rounds):
            for singly, together, side in ((ours, whole, look), (bare, whole_bare, read)):
                begun = time.perf_counter()
                singly.extend(await _at_once(side, probes))
                together.append((time.perf_counter() - begun) * 1000)
            say(f"{probes} probes at once: {whole[-1]:.0f} ms, bare reads {whole_bare[-1]:.0f} ms")
    return Outcome(
        sizes={"probes_at_once": probes, "workloads": workloads, "rounds": rounds},
        results={"look_ms": spread(ours), "until_all_have_answered_ms": spread(whole)},
        floor={"bare_read_ms": spread(bare), "until_all_have_answered_ms": spread(whole_bare)},
        ratios={
            "look_p50": percentile(ours, 0.5) / percentile(bare, 0.5),
            "look_p99": percentile(ours, 0.99) / percentile(bare, 0.99),
        },
        notes=[
            f"in equal shares {', '.join(kind.name for kind in KINDS)}: two of three make two requests each",
            "a look's time begins with all the others', so its p50 is half of the whole and its p99 all of it",
        ],
        settings=SETTINGS | {"floor": "one GET of the Deployment by aiohttp, its JSON parsed"},
    )


def _name(number: int) -> str:
    return f"shop-{number}"


async def _at_once(side: Callable[[int], Awaitable[None]], count: int) -> Sequence[float]:
    """Milliseconds of each of ``count``."""

    async def one(number: int) -> float:
        begun = time.perf_counter()
        await side(number)
        return (time.perf_counter() - begun) * 1000

    return await asyncio.gather(*(one(number) for number in range(count)))


async def _look(it: Hands, probes: Probes, probe: str, name: str) -> None:
    parameters: dict[str, object] = {"target": {"namespace": it.namespace, "name": name}}
    if probe == RolloutHistory.name:
        parameters["revisions"] = 1
    request = LookRequest.model_validate({"probe": probe, "parameters": parameters, "at": datetime.now(UTC)})
    seen: Look = await ActivityEnvironment().run(probes.look, request)
    assert seen.verdict is Verdict.HELD, f"{probe} of {name}: {seen.detail}"
