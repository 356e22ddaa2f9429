"""One step of a runbook (a trivial probe) against one bare activity, both read from histories."""

from __future__ import annotations

import asyncio
import json
from itertools import pairwise

from bench.bare import OTHER_QUEUE, QUEUE
from bench.posting import alert, webhook
from bench.report import Goal, Outcome, spread
from bench.rig import Rig
from bench.stages import events
from devstack.processes import eventually
from mainstay.domain.incident import IncidentView
from mainstay.domain.names import VIEW

STEPS = 50
"""As many as ``folder/runbooks/steps.yaml`` takes."""
SCHEDULED = "ACTIVITY_TASK_SCHEDULED"


async def measure(rig: Rig, runs: int) -> Outcome:
    """``runs`` runbook runs of 50 steps each, beside bare workflows of 50 activities. A step is the distance
    of two looks: activity, decision, journal, report to the incident, whatever the product does per step."""
    ours: list[float] = []
    eager: list[float] = []
    queued: list[float] = []
    tasks: list[float] = []
    for _ in range(runs):
        eager += await _bare(rig, "")
        found = await _run(rig)
        looks = found[SCHEDULED]
        ours += [(after - before) / 1e6 for before, after in pairwise(looks)]
        tasks.append(len(found["WORKFLOW_TASK_COMPLETED"]) / len(looks))
        queued += await _bare(rig, OTHER_QUEUE)
    step, floor, other = spread(ours), spread(eager), spread(queued)
    return Outcome(
        sizes={"runs": runs, "steps_per_run": STEPS},
        results={"step_ms": step, "workflow_tasks_per_step": round(sum(tasks) / len(tasks), 2)},
        floor={"activity_same_queue_eager_ms": floor, "activity_other_queue_ms": other},
        ratios={
            "step_p50_against_eager": step["p50"] / floor["p50"],
            "step_p50_against_other_queue": step["p50"] / other["p50"],
        },
        goals=[Goal("step over the eager activity, p50, ms", step["p50"] - floor["p50"], 20)],
        notes=[
            (
                "probes are served on a queue of their own, so that hanging ones never delay a page: they "
                "cannot be dispatched eagerly, and their own floor is the other-queue figure"
            ),
        ],
        settings=rig.settings(),
    )


async def _run(rig: Rig) -> dict[str, list[int]]:
    """The events of a run that an alert started."""
    async with rig.connection() as connection:
        answer = await connection.post(webhook(alert("stepped", rig.token())))
    incident = rig.client.get_workflow_handle(json.loads(answer)["incidents"][0])
    run = ""

    async def ended() -> bool:
        nonlocal run
        view: IncidentView = await incident.query(VIEW, result_type=IncidentView)
        if view.runs:
            run = view.runs[0].workflow_id
        return bool(view.runs) and view.runs[0].ended

    await eventually(ended, 120, "the run's end", every_seconds=0.5)
    await asyncio.sleep(0.5)
    return await events(rig.client, run)


async def _bare(rig: Rig, queue: str) -> list[float]:
    workflow_id = rig.token()
    await rig.client.execute_workflow("bare", args=[STEPS, queue], id=workflow_id, task_queue=QUEUE)
    scheduled = (await events(rig.client, workflow_id))[SCHEDULED]
    return [(after - before) / 1e6 for before, after in pairwise(scheduled)]
