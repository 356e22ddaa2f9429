"""A burst of alerts into one incident: accepted per second, none lost, state bounded."""

from __future__ import annotations

import asyncio
import json
import time

from temporalio.client import WorkflowHandle

from bench.bare import QUEUE
from bench.posting import alert, webhook
from bench.report import Goal, Outcome, spread
from bench.rig import Rig, used
from devstack.processes import eventually
from mainstay.domain.incident import MAX_STATE_BYTES, IncidentView
from mainstay.domain.names import VIEW

BARE_SIGNALS = 2_000
"""The server takes 10,000 signals of one execution: enough to know their pace."""


async def measure(rig: Rig, alerts: int, per_request: int, connections: int, rounds: int = 3) -> Outcome:
    """``alerts`` distinct ones for one incident a round, ``per_request`` in each webhook, against the same
    number of senders that signal one bare workflow."""
    rates: list[float] = []
    bare: list[float] = []
    drained: list[float] = []
    lost: list[int] = []
    signals, state, history = 0, 0, 0
    cost: dict[str, float] = {}
    for _ in range(rounds):
        bare.append(await _signals(rig, min(BARE_SIGNALS, alerts), connections))
        before = rig.processor_ms()
        rate, handle, ended = await _burst(rig, alerts, per_request, connections)
        cost = used(before, rig.processor_ms(), alerts / 1000)
        rates.append(rate)
        view = await _drained(handle, alerts)
        drained.append(time.perf_counter() - ended)
        lost.append(alerts - view.alerts_seen)
        found = await _size(rig, handle.id)
        signals, state, history = found[0], max(state, found[1]), max(history, found[2])
    accepted, floor = spread(rates), spread(bare)
    return Outcome(
        sizes={
            "alerts": alerts,
            "alerts_per_request": per_request,
            "connections": connections,
            "rounds": rounds,
        },
        results={
            "accepted_alerts_per_second": accepted,
            "seconds_until_the_incident_knew_all": spread(drained),
            "lost": sum(lost),
            "processor_ms_per_1000_alerts_last_round": cost,
            "signals_used": signals,
            "carried_state_bytes": state,
            "longest_history_bytes": history,
        },
        floor={"bare_signals_per_second": floor},
        ratios={"alerts_against_bare_signals": accepted["p50"] / floor["p50"]},
        goals=[
            Goal("alerts accepted per second", accepted["p50"], 5000, at_least=True),
            Goal("alerts lost", sum(lost), 0),
            Goal("carried state in bytes", state, MAX_STATE_BYTES),
        ],
        notes=["accepted: answered 200, that is: durable in Temporal's history"],
        settings=rig.settings(),
    )


async def _burst(
    rig: Rig, alerts: int, per_request: int, connections: int
) -> tuple[float, WorkflowHandle[object, object], float]:
    group = rig.token()
    bodies = [
        webhook(
            *(
                alert("paged", group, instance=f"10.0.{n // 250}.{n % 250}:8080", fingerprint=f"{group}-{n}")
                for n in range(first, min(first + per_request, alerts))
            )
        )
        for first in range(0, alerts, per_request)
    ]
    left = iter(bodies)
    answer = b""

    async def sender() -> None:
        nonlocal answer
        async with rig.connection() as connection:
            for body in left:
                answer = await connection.post(body)

    begun = time.perf_counter()
    await asyncio.gather(*(sender() for _ in range(connections)))
    ended = time.perf_counter()
    workflow_id = json.loads(answer)["incidents"][0]
    return alerts / (ended - begun), rig.client.get_workflow_handle(workflow_id), ended


async def _drained(handle: WorkflowHandle[object, object], alerts: int) -> IncidentView:
    views: list[IncidentView] = []

    async def all_seen() -> bool:
        views.append(await handle.query(VIEW, result_type=IncidentView))
        return views[-1].alerts_seen >= alerts

    await eventually(all_seen, 120, f"{alerts} alerts in the incident's view", every_seconds=0.2)
    return views[-1]


async def _signals(rig: Rig, count: int, connections: int) -> float:
    handle = await rig.client.start_workflow("bare-sink", count, id=rig.token(), task_queue=QUEUE)
    left = iter(range(count))

    async def sender() -> None:
        for _ in left:
            await handle.signal("take", "x" * 600)

    begun = time.perf_counter()
    await asyncio.gather(*(sender() for _ in range(connections)))
    rate = count / (time.perf_counter() - begun)
    await handle.result()
    return rate


async def _size(rig: Rig, workflow_id: str) -> tuple[int, int, int]:
    """Signals of the latest run, bytes of the state it was given by continue-as-new, bytes of its history."""
    signals, state = 0, 0
    async for event in rig.client.get_workflow_handle(workflow_id).fetch_history_events():
        if event.HasField("workflow_execution_signaled_event_attributes"):
            signals += 1
        if event.HasField("workflow_execution_started_event_attributes"):
            began = event.workflow_execution_started_event_attributes
            if began.continued_execution_run_id:
                given = json.loads(began.input.payloads[0].data)
                state = len(json.dumps(given["state"]))
    described = await rig.client.get_workflow_handle(workflow_id).describe()
    info = described.raw_description.workflow_execution_info
    return signals, state, info.history_size_bytes
