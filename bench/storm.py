"""A storm of incidents through the webhook, and how long a quiet service waits for its first page meanwhile."""

from __future__ import annotations

import asyncio
import json
import time
from itertools import count

from bench.posting import Connection, alert, webhook
from bench.report import Goal, Outcome, spread
from bench.rig import Rig, used

PER_MINUTE = 1000
QUIET_EVERY_SECONDS = 2.0
LIMIT_MS = 10_000
"""Issue 4: in a storm of 1,000 incidents a minute a quiet service's first page comes within ten seconds."""
CONNECTIONS = 8


async def measure(rig: Rig, seconds: float) -> Outcome:
    """``seconds`` of storm on the service ``paged``; every two seconds one incident of ``mailed``, which is quiet."""
    await _quiet(rig)
    calm = [await _quiet(rig) for _ in range(3)]
    before, begun = rig.processor_ms(), time.monotonic()
    sent: list[str] = []
    storm = asyncio.create_task(_storm(rig, begun, seconds, sent))
    asked: list[asyncio.Task[float]] = []
    while time.monotonic() - begun < seconds:
        asked.append(asyncio.create_task(_quiet(rig)))
        await asyncio.sleep(QUIET_EVERY_SECONDS)
    late = await storm
    quiet = list(await asyncio.gather(*asked))
    noisy = [await rig.arrivals.wait(token, 120) for token in sent]
    over = time.monotonic() - begun
    per_minute = len(sent) / (seconds + late) * 60
    return Outcome(
        sizes={"incidents": len(sent), "quiet": len(quiet), "seconds": round(seconds)},
        results={
            "quiet_sent_to_smtp_received_ms": spread(quiet),
            "accepted_per_minute": round(per_minute, 1),
            "seconds_until_all_are_paged": round(over, 2),
            "storm_pages": len(noisy),
            "processor_ms_per_incident": used(before, rig.processor_ms(), len(sent) + len(quiet)),
        },
        floor={"quiet_when_calm_ms": spread(calm)},
        ratios={"quiet_in_the_storm_p50": spread(quiet)["p50"] / spread(calm)["p50"]},
        goals=[Goal("slowest first page of a quiet service in ms", max(quiet), LIMIT_MS)],
        notes=[
            "the storm is posted evenly, one incident a request; accepted_per_minute says whether it was kept up",
            "quiet: from posting the alert until the receiver has the whole mail",
        ],
        settings=rig.settings(),
    )


async def _storm(rig: Rig, begun: float, seconds: float, sent: list[str]) -> float:
    """Post on time, whatever the answers take; returns how many seconds the last answer came late."""
    numbers = count()
    wanted = int(PER_MINUTE * seconds / 60)

    async def poster(connection: Connection) -> None:
        while (number := next(numbers)) < wanted:
            due = begun + number * 60 / PER_MINUTE
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            token = rig.token()
            json.loads(await connection.post(webhook(alert("paged", token))))
            sent.append(token)

    connections = [rig.connection() for _ in range(CONNECTIONS)]
    try:
        await asyncio.gather(*(poster(connection) for connection in connections))
    finally:
        for connection in connections:
            await connection.close()
    return max(0.0, time.monotonic() - begun - seconds)


async def _quiet(rig: Rig) -> float:
    """Milliseconds from the alert of a quiet service to its mail."""
    token = rig.token()
    async with rig.connection() as connection:
        begun = time.time_ns()
        await connection.post(webhook(alert("mailed", token)))
        return (await rig.arrivals.wait(token, 60) - begun) / 1e6
