"""Incidents accepted per second against bare workflow starts, and how fast a worker gets through them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from bench.bare import QUEUE
from bench.posting import alert, webhook
from bench.report import Goal, Outcome, percentile, spread
from bench.rig import Rig, used

END_TO_END = 100
"""Incidents of the end-to-end figure; the workers are paused after it."""


async def measure(rig: Rig, incidents: int, connections: int, rounds: int = 5) -> Outcome:
    """``incidents`` per round and side, in turns. No worker runs: accepting needs none, so the two sides and
    the server have the cores to themselves."""
    several = min(incidents, END_TO_END)
    ran = await _ran(rig, several, connections)
    paged = await _paged(rig, several, connections)
    await rig.pause_workers()
    ours: list[float] = []
    bare: list[float] = []
    cost_ours: dict[str, float] = {}
    cost_bare: dict[str, float] = {}
    for _ in range(rounds):
        before = rig.processor_ms()
        bare.append(await _rate(_starts(rig), incidents, connections))
        between = rig.processor_ms()
        ours.append(await _rate(_posts(rig), incidents, connections))
        cost_bare, cost_ours = (
            used(before, between, incidents),
            used(between, rig.processor_ms(), incidents),
        )
    ratio = percentile(ours, 0.5) / percentile(bare, 0.5)
    return Outcome(
        sizes={"incidents_per_round": incidents, "connections": connections, "rounds": rounds},
        results={
            "accepted_per_second": spread(ours),
            "end_to_end_paged_per_second": round(paged, 1),
            "processor_ms_per_incident_last_round": cost_ours,
        },
        floor={
            "bare_starts_per_second": spread(bare),
            "end_to_end_activity_run_per_second": round(ran, 1),
            "processor_ms_per_start_last_round": cost_bare,
        },
        ratios={"accepted_per_second": ratio, "end_to_end": paged / ran},
        goals=[Goal("accepted per second against bare starts", ratio, 0.8, at_least=True)],
        notes=[
            "one alert and one incident per request, each answered once Temporal has it",
            "end to end: a smaller number while workers run, until the last page is out",
        ],
        settings=rig.settings(),
    )


Send = Callable[[], Awaitable[None]]


def _posts(rig: Rig) -> Callable[[], Send]:
    def open_one() -> Send:
        connection = rig.connection()

        async def send() -> None:
            await connection.post(webhook(alert("paged", rig.token())))

        return send

    return open_one


def _starts(rig: Rig) -> Callable[[], Send]:
    async def send() -> None:
        await rig.client.start_workflow("bare", id=rig.token(), task_queue=QUEUE)

    return lambda: send


async def _rate(open_one: Callable[[], Send], count: int, connections: int) -> float:
    """Sends per second with so many senders, each waiting for its answer before the next."""
    left = iter(range(count))

    async def sender(send: Send) -> None:
        for _ in left:
            await send()

    begun = time.perf_counter()
    await asyncio.gather(*(sender(open_one()) for _ in range(connections)))
    return count / (time.perf_counter() - begun)


async def _paged(rig: Rig, count: int, connections: int) -> float:
    tokens = [rig.token() for _ in range(count)]
    left = iter(tokens)

    async def sender() -> None:
        async with rig.connection() as connection:
            for token in left:
                await connection.post(webhook(alert("paged", token)))

    begun = time.perf_counter()
    await asyncio.gather(*(sender() for _ in range(connections)))
    await asyncio.gather(*(rig.arrivals.wait(token, 600) for token in tokens))
    return count / (time.perf_counter() - begun)


async def _ran(rig: Rig, count: int, connections: int) -> float:
    left = iter(range(count))

    async def sender() -> None:
        for _ in left:
            await rig.client.execute_workflow("bare", id=rig.token(), task_queue=QUEUE, result_type=list[int])

    begun = time.perf_counter()
    await asyncio.gather(*(sender() for _ in range(connections)))
    return count / (time.perf_counter() - begun)
