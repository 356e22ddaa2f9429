"""The lives that golden histories keep: each a short story on virtual time, ending with its workflow."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from temporalio.client import WorkflowHandle

from devstack.processes import eventually
from mainstay.domain.change import Applied
from mainstay.domain.escalation import Step, StepCondition, Target
from mainstay.domain.incident import CONFIRMATIONS, Phase
from mainstay.domain.message import IncidentRef, NoticeMessage
from mainstay.domain.names import INCIDENT_QUEUE
from mainstay.domain.runbook.run import RunView
from mainstay.domain.verdict import Verdict
from mainstay.domain.work import ActionItemInput, IncidentRow, ItemRow, Look, PostmortemInput, SendRequest
from mainstay.simulate.recording import Recorder
from tests.workflows.conftest import Stage, alert, make_pinned
from tests.workflows.test_runbook import TREE, WORKLOAD, start

Scenario = Callable[[Stage, Recorder], Awaitable[list[WorkflowHandle[Any, Any]]]]
SHORT = "short"
"""Scenarios of this name's server live with continue-as-new suggested at fifty events."""


async def escalation(stage: Stage, recorder: Recorder) -> list[WorkflowHandle[Any, Any]]:
    """Alice is silent, bob acknowledges, the incident is cancelled."""
    story = await stage.start(recorder)
    await story.until(lambda _: recorder.people_paged() == ["alice"], "alice")
    await story.skip(minutes=5, seconds=1)
    await story.until(lambda _: recorder.people_paged() == ["alice", "bob"], "bob")
    await story.tell("acknowledge", "bob")
    await story.tell("add_note", "bob", text="looking")
    await story.tell("set_severity", "bob", severity="SEV3", reason="less than it seemed")
    await story.tell("cancel", "bob", reason="false alarm")
    await story.handle.result()
    return [story.handle]


async def low_urgency(stage: Stage, recorder: Recorder) -> list[WorkflowHandle[Any, Any]]:
    """A level that pages in business hours, within them; a step for other hours is passed over; bob has it."""
    profile = recorder.pinned.profile
    levels = tuple(level.model_copy(update={"page": "business_hours"}) for level in profile.levels)
    night = Step(targets=(Target(kind="person", name="carol"),), when=StepCondition(hours="after"))
    policy = recorder.pinned.policy.model_copy(update={"steps": (night, *recorder.pinned.policy.steps)})
    recorder.pinned = make_pinned(
        profile=profile.model_copy(update={"levels": levels}), policy=policy, business_hours=("mon-sun 00:00-24:00",)
    )
    story = await stage.start(recorder)
    await story.paged("alice")
    await story.skip(minutes=5, seconds=1)
    await story.paged("alice", "bob")
    await story.tell("acknowledge", "bob")
    await story.tell("cancel", "bob", reason="false alarm")
    await story.handle.result()
    return [story.handle]


async def mitigated(stage: Stage, recorder: Recorder) -> list[WorkflowHandle[Any, Any]]:
    """Alert, runbook, approval, hold, resolution, close: the incident and its run."""
    service = recorder.pinned.service.model_copy(
        update={"runbooks": {"*": "fix"}, "runbook_inputs": {"workload": WORKLOAD}}
    )
    recorder.pinned = make_pinned(service=service, runbooks={"fix": TREE})
    story = await stage.start(recorder)
    view = await story.until(lambda v: v.needs_approval, "approval")
    run = stage.client.get_workflow_handle(view.runs[0].workflow_id)
    question = (await run.query("view", result_type=RunView)).question
    assert question is not None
    await story.tell("acknowledge")
    await run.execute_update("approve", {"actor": {"person": "alice"}, "digest": question.digest})
    await story.until(lambda v: v.phase is Phase.MONITORING, "monitoring")
    await story.alerts(alert(firing=False))
    await story.tell("resolve", confirmations=list(CONFIRMATIONS), anyway="no time to hold")
    await story.tell("close")
    await story.handle.result()
    return [story.handle, run]


async def drifted(stage: Stage, recorder: Recorder) -> list[WorkflowHandle[Any, Any]]:
    """The target changes after the vote: planned and asked again, then it does not help and is undone."""
    recorder.outcomes = [Applied(outcome="drifted", detail="the template changed")]
    recorder.looks["rollout_status"] = [Look(verdict=Verdict.FAILED, branch="failed")]
    run = await start(stage, recorder)
    for number in (1, 2):
        view = await _asked(run, number)
        await run.tell("approve", digest=view)
    await run.handle.result()
    return [run.handle]


async def _asked(run: Any, number: int) -> str:
    found: list[str] = []

    async def ok() -> bool:
        question = (await run.view()).question
        if question is not None and question.number == number:
            found.append(question.digest)
        return bool(found)

    await eventually(ok, 30, f"question {number}")
    return found[-1]


async def expired(stage: Stage, recorder: Recorder) -> list[WorkflowHandle[Any, Any]]:
    """Nobody votes in time."""
    run = await start(stage, recorder)
    await run.until("waiting for approval")
    await stage.clock.fast_forward(run.handle, timedelta(minutes=31))
    await run.handle.result()
    return [run.handle]


async def chased(stage: Stage, recorder: Recorder) -> list[WorkflowHandle[Any, Any]]:
    """An action item's reminder, chases, escalation, and its end."""
    now = datetime.now(UTC)
    item = ItemRow(id="INC-1-1", text="Block bad images", owner="bob", due=now + timedelta(days=5), created_at=now)
    given = ActionItemInput(item=item, manager="carol", pinned=recorder.pinned)
    handle = await stage.clock.client.start_workflow(
        "action-item", given, id="action-item/INC-1-1", task_queue=INCIDENT_QUEUE
    )
    for days in (4, 3, 7):
        await stage.clock.fast_forward(handle, timedelta(days=days))
    await handle.execute_update("done", {"actor": {"person": "bob"}})
    await handle.result()
    return [handle]


async def published(stage: Stage, recorder: Recorder) -> list[WorkflowHandle[Any, Any]]:
    """A postmortem is drafted, chased once and published."""
    incident = IncidentRef(key="k", number="INC-2026-0001", title="Errors", service="api", severity="SEV1")
    row = IncidentRow(key="k", workflow_id="incident/api/x", number="INC-2026-0001", title="Errors")
    given = PostmortemInput(
        incident=incident, row=row, responders=("alice", "bob"), owner="alice", pinned=recorder.pinned
    )
    handle = await stage.clock.client.start_workflow(
        "postmortem", given, id="postmortem/golden", task_queue=INCIDENT_QUEUE
    )
    await stage.clock.fast_forward(handle, timedelta(hours=50))
    await handle.execute_update("publish", {"actor": {"person": "alice"}, "url": "https://wiki.example.com/pm"})
    await handle.result()
    return [handle]


async def halted(stage: Stage, _recorder: Recorder) -> list[WorkflowHandle[Any, Any]]:
    """The kill switch on and off."""
    handle = await stage.client.start_workflow("mainstay-halt", "golden", id="golden-halt", task_queue=INCIDENT_QUEUE)

    async def begun() -> bool:
        return (await handle.describe()).history_length > 3

    await eventually(begun, 30, "the halt's first task")
    await handle.cancel()
    await handle.result()
    return [handle]


async def reconciled(stage: Stage, _recorder: Recorder) -> list[WorkflowHandle[Any, Any]]:
    """Nothing stands without its owner."""
    handle = await stage.client.start_workflow("reconcile", id="golden-reconcile", task_queue=INCIDENT_QUEUE)
    await handle.result()
    return [handle]


async def channel_tested(stage: Stage, recorder: Recorder) -> list[WorkflowHandle[Any, Any]]:
    """A test message is taken by its channel."""
    request = SendRequest(key="k", channel="webhook", message=NoticeMessage(subject="Test", text="nothing to do"))
    handle = await stage.client.start_workflow(
        "channel-test", request, id="channel-test/golden", task_queue=INCIDENT_QUEUE
    )
    await handle.result()
    return [handle]


SCENARIOS: dict[str, Scenario] = {
    "escalation": escalation,
    "low_urgency": low_urgency,
    "mitigated": mitigated,
    "drifted": drifted,
    "expired": expired,
    "chased": chased,
    "published": published,
    "halted": halted,
    "reconciled": reconciled,
    "channel_tested": channel_tested,
}
