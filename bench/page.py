"""Alert accepted → first notification handed to the channel, against one bare workflow with one activity."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence

from bench.bare import QUEUE
from bench.posting import Connection, alert, webhook
from bench.report import Goal, Outcome, percentile, spread
from bench.rig import Rig
from bench.stages import events, first_stages

PAUSE_SECONDS = 0.4
"""Between two samples: what the last incident still does (records, search attributes) is over by then."""


async def measure(rig: Rig, samples: int, warm_up: int = 3) -> Outcome:
    """``samples`` incidents by webhook channel and as many by e-mail, each beside a bare workflow."""
    accepted: dict[str, list[float]] = {"paged": [], "mailed": []}
    sent: dict[str, list[float]] = {"paged": [], "mailed": []}
    stages: dict[str, list[dict[str, float]]] = {"paged": [], "mailed": []}
    floor_accepted, floor_sent, floor_stages = [], [], []
    async with rig.connection() as connection:
        for count in range(samples + warm_up):
            for service in ("paged", "mailed"):
                begun, answered, arrived, workflow_id = await _one(rig, connection, service)
                await asyncio.sleep(PAUSE_SECONDS)
                if count >= warm_up:
                    accepted[service].append((arrived - answered) / 1e6)
                    sent[service].append((arrived - begun) / 1e6)
                    stages[service].append(first_stages(await events(rig.client, workflow_id)))
            begun, answered, ran, workflow_id = await _bare(rig)
            await asyncio.sleep(PAUSE_SECONDS / 4)
            if count >= warm_up:
                floor_accepted.append((ran - answered) / 1e6)
                floor_sent.append((ran - begun) / 1e6)
                floor_stages.append(first_stages(await events(rig.client, workflow_id)))
    paged, bare = spread(accepted["paged"]), spread(floor_accepted)
    return Outcome(
        sizes={"samples": samples},
        results={
            "accepted_to_webhook_channel_ms": paged,
            "accepted_to_smtp_received_ms": spread(accepted["mailed"]),
            "sent_to_webhook_channel_ms": spread(sent["paged"]),
            "sent_to_smtp_received_ms": spread(sent["mailed"]),
            "stages_p50_ms": _middle(stages["paged"]),
        },
        floor={
            "accepted_to_activity_running_ms": bare,
            "sent_to_activity_running_ms": spread(floor_sent),
            "stages_p50_ms": _middle(floor_stages),
        },
        ratios={
            "accepted_to_webhook_channel_p50": paged["p50"] / bare["p50"],
            "accepted_to_webhook_channel_p99": paged["p99"] / bare["p99"],
            "accepted_to_smtp_received_p50": percentile(accepted["mailed"], 0.5) / bare["p50"],
            "sent_to_webhook_channel_p50": percentile(sent["paged"], 0.5) / percentile(floor_sent, 0.5),
        },
        goals=[
            Goal("p50 against the floor", paged["p50"] / bare["p50"], 2.0),
            Goal("p50 in ms", paged["p50"], 40),
            Goal("p99 in ms", paged["p99"], 120),
        ],
        notes=[
            "accepted: the client has the 200; handed over: the receiver has the whole message",
            "the floor's activity only notes its time: no channel, no connection to anybody",
        ],
        settings=rig.settings(),
    )


async def _one(rig: Rig, connection: Connection, service: str) -> tuple[int, int, int, str]:
    token = rig.token()
    body = webhook(alert(service, token))
    begun = time.time_ns()
    answer = await connection.post(body)
    answered = time.time_ns()
    return begun, answered, await rig.arrivals.wait(token), json.loads(answer)["incidents"][0]


async def _bare(rig: Rig) -> tuple[int, int, int, str]:
    workflow_id = rig.token()
    begun = time.time_ns()
    handle = await rig.client.start_workflow("bare", id=workflow_id, task_queue=QUEUE, result_type=list[int])
    answered = time.time_ns()
    return begun, answered, (await handle.result())[0], workflow_id


def _middle(found: Sequence[dict[str, float]]) -> dict[str, float]:
    names = found[0] if found else {}
    return {name: round(percentile([each[name] for each in found], 0.5), 2) for name in names}
