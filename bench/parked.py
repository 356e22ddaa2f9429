"""Incidents parked on timers and approvals: the worker's memory, and how soon an approval is acted upon."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

from bench.bare import QUEUE
from bench.posting import alert, webhook
from bench.report import Goal, Outcome, spread
from bench.rig import Rig, say
from bench.stages import events
from devstack.processes import eventually
from mainstay.domain.access import SignedActor
from mainstay.domain.incident import IncidentView
from mainstay.domain.names import APPROVE, VIEW
from mainstay.domain.runbook.run import CastVote, RunView

WORKER = ("-m", "bench.worker")
"""What the rig has to run as the product's worker."""
AT_ONCE = 16
"""Incidents on their way to their approval at one time: they are parked, not a storm."""


async def measure(rig: Rig, incidents: int, samples: int, *, restart: bool = True) -> Outcome:
    """Parks ``incidents`` and approves ``samples`` of them while their workflows are cached, then as many
    after a restart of the worker, when every workflow has to be replayed from its history."""
    empty = _resident_mib(rig)
    begun = time.perf_counter()
    parked = await _park(rig, incidents)
    seconds = time.perf_counter() - begun
    full = _resident_mib(rig)
    cached = [await _approve(rig, run) for run in parked[-samples:]]
    after = _resident_mib(rig)
    floor = [await _bare(rig) for _ in range(samples)]
    if restart:
        await rig.pause_workers()
        await rig.resume_workers()
    evicted = [await _approve(rig, run) for run in parked[:samples]]
    warm, cold, bare = spread(cached), spread(evicted), spread(floor)
    return Outcome(
        sizes={"incidents": incidents, "samples": samples},
        results={
            "worker_resident_mib": {"empty": empty, "parked": full, "after_approvals": after},
            "worker_kib_per_incident": round((full - empty) * 1024 / incidents, 1),
            "parked_per_second": round(incidents / seconds, 1),
            "approval_to_change_begun_cached_ms": warm,
            "approval_to_change_begun_evicted_ms": cold,
        },
        floor={"workflow_start_to_activity_running_ms": bare},
        ratios={"cached_p50": warm["p50"] / bare["p50"], "evicted_p50": cold["p50"] / bare["p50"]},
        goals=[
            Goal("worker's memory in MB", full * 1.048576, 600),
            Goal("cached, p99, ms", warm["p99"], 300),
            Goal("evicted, p99, ms", cold["p99"], 1000),
        ],
        notes=[
            (
                "from sending the approval to the beginning of the write: approval, lease (a workflow of its "
                "own), then the change; the cluster's own time is not in it"
            ),
            "a parked incident is two workflows, the incident and its runbook run",
        ],
        settings=rig.settings(),
    )


async def _park(rig: Rig, count: int) -> list[tuple[str, str]]:
    """(run's workflow id, digest to approve) of each, in the order of parking."""
    parked: list[tuple[str, str]] = []
    left = iter(range(count))

    async def one_after_the_other() -> None:
        async with rig.connection() as connection:
            for _ in left:
                answer = await connection.post(webhook(alert("parked", rig.token())))
                parked.append(await _asked(rig, json.loads(answer)["incidents"][0]))
                if len(parked) % 500 == 0:
                    say(f"parked: {len(parked)} incidents, worker {_resident_mib(rig):.0f} MiB")

    await asyncio.gather(*(one_after_the_other() for _ in range(min(AT_ONCE, count))))
    return parked


async def _asked(rig: Rig, incident: str) -> tuple[str, str]:
    """Wait until the incident's run asks for an approval."""
    handle, run, digest = rig.client.get_workflow_handle(incident), "", ""

    async def asks() -> bool:
        nonlocal run, digest
        view: IncidentView = await handle.query(VIEW, result_type=IncidentView)
        if not view.needs_approval:
            return False
        run = view.runs[0].workflow_id
        of_run: RunView = await rig.client.get_workflow_handle(run).query(VIEW, result_type=RunView)
        digest = of_run.question.digest if of_run.question else ""
        return bool(digest)

    await eventually(asks, 120, f"an approval being asked for by {incident}", every_seconds=1.0)
    return run, digest


async def _approve(rig: Rig, asked: tuple[str, str]) -> float:
    """Milliseconds from sending the approval to the beginning of the change."""
    run, digest = asked
    handle = rig.client.get_workflow_handle(run)
    begun = time.time_ns()
    await handle.execute_update(APPROVE, CastVote(actor=SignedActor(person="alice"), digest=digest))

    async def ended() -> bool:
        return "WORKFLOW_EXECUTION_COMPLETED" in await events(rig.client, run)

    await eventually(ended, 60, f"the end of {run}", every_seconds=0.2)
    return (await _change_begun(rig, run) - begun) / 1e6


async def _change_begun(rig: Rig, run: str) -> int:
    scheduled = 0
    async for event in rig.client.get_workflow_handle(run).fetch_history_events():
        wanted = event.activity_task_scheduled_event_attributes
        if wanted.activity_type.name == "apply_change":
            scheduled = event.event_id
        started = event.activity_task_started_event_attributes
        if scheduled and started.scheduled_event_id == scheduled:
            return event.event_time.ToNanoseconds()
    raise AssertionError(f"{run} changed nothing")


async def _bare(rig: Rig) -> float:
    begun = time.time_ns()
    handle = await rig.client.start_workflow("bare", id=rig.token(), task_queue=QUEUE, result_type=list[int])
    ran: list[int] = await handle.result()
    return (ran[0] - begun) / 1e6


def _resident_mib(rig: Rig) -> float:
    """Resident memory of the product's worker."""
    status = Path(f"/proc/{rig.product.worker.pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
    return round(int(line.split()[1]) / 1024, 1)
