"""A runbook run on the real server and virtual time: approval, drift, abort, undo, continue-as-new."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from temporalio.client import WorkflowHandle, WorkflowUpdateFailedError

from devstack.processes import eventually
from mainstay.domain.change import Applied
from mainstay.domain.incident import Phase
from mainstay.domain.model import digest
from mainstay.domain.names import INCIDENT_QUEUE
from mainstay.domain.runbook.run import RunInput, RunView
from mainstay.domain.verdict import Verdict
from mainstay.domain.work import Look
from mainstay.simulate.recording import Recorder
from tests.workflows.conftest import COUNT, Stage, Story, alert, make_pinned, told

TREE = """
name: fix
title: Roll it back
inputs:
  workload: {type: workload}
start: look
nodes:
  look:
    probe: recent_rollout
    with: {target: "{{ inputs.workload }}", within: 1h}
    on: {held: back, failed: ask, inconclusive: ask, error: ask}
  ask:
    ask: Roll back anyway?
    options: [yes_please, no_thanks]
    timeout: 10m
    on: {yes_please: back, no_thanks: over, timeout: over}
  back:
    act: rollout_undo
    with: {target: "{{ inputs.workload }}", to: previous}
    verify:
      looks:
        - probe: rollout_status
          with: {target: "{{ inputs.workload }}"}
      within: 5m
    undo: on_failure
    on: {done: good, not_helped: over, failed: over, denied: over}
  good: {end: mitigated, summary: rolled back}
  over: {end: escalated, summary: a person goes on}
"""
WORKLOAD = {"cluster": "default", "namespace": "shop", "kind": "Deployment", "name": "api"}


class Run:
    """One run without an incident."""

    def __init__(self, stage: Stage, handle: WorkflowHandle[Any, RunView]) -> None:
        self.stage, self.handle = stage, handle

    async def view(self) -> RunView:
        return await self.handle.query("view", result_type=RunView)

    async def until(self, status: str) -> RunView:
        seen: list[RunView] = []

        async def ok() -> bool:
            seen.append(await self.view())
            return seen[-1].status == status

        await eventually(ok, 30, f"run {status}")
        return seen[-1]

    async def tell(self, update: str, who: str = "alice", **body: Any) -> Any:
        return await told(self.handle, update, {"actor": {"person": who}, **body})


async def start(stage: Stage, recorder: Recorder, text: str = TREE, **fields: Any) -> Run:
    given = RunInput(
        runbook="fix",
        text=text,
        digest=digest(text),
        inputs={"workload": WORKLOAD} if "inputs:" in text else {},
        pinned=recorder.pinned,
        **fields,
    )
    handle = await stage.clock.client.start_workflow(
        "runbook", given, id=f"runbook/test/{next(COUNT)}", task_queue=INCIDENT_QUEUE, result_type=RunView
    )
    return Run(stage, handle)


async def test_approved_change_is_applied_once_and_verified(stage: Stage, recorder: Recorder) -> None:
    """Plan, ask the on-call person, apply with the lease's number, verify, end."""
    run = await start(stage, recorder)
    view = await run.until("waiting for approval")
    assert view.question is not None
    assert [r.person for r in recorder.sent if r.message.kind == "approval"] == ["alice"]
    await run.tell("approve", digest=view.question.digest)
    ended = await run.handle.result()
    assert (ended.outcome, len(recorder.applied), recorder.applied[0].fence) == ("mitigated", 1, 7)


@pytest.mark.parametrize(
    ("who", "body", "kind"),
    [
        ("alice", {"digest": "sha256:0000"}, "Stale"),
        ("alice", {}, "InvalidArgument"),
        ("bob", {"digest": None}, "NotAllowed"),
        ("", {"digest": None}, "InvalidArgument"),
    ],
)
async def test_votes_that_do_not_count(
    stage: Stage, recorder: Recorder, who: str, body: dict[str, Any], kind: str
) -> None:
    """A vote on another plan, on nothing, or by somebody who may not, is refused by name."""
    run = await start(stage, recorder)
    view = await run.until("waiting for approval")
    assert view.question is not None
    if body.get("digest", "") is None:
        body = {"digest": view.question.digest}
    with pytest.raises(WorkflowUpdateFailedError) as refusal:
        await run.tell("approve", who, **body)
    assert getattr(refusal.value.cause, "type", "") == kind
    await run.tell("abort", reason="test over")
    await run.handle.result()


async def test_claim_of_assurance_without_signature_is_refused(stage: Stage, recorder: Recorder) -> None:
    """A vote from the web UI that claims to be verified is refused and says what to do."""
    run = await start(stage, recorder)
    view = await run.until("waiting for approval")
    assert view.question is not None
    with pytest.raises(WorkflowUpdateFailedError) as refusal:
        await run.handle.execute_update(
            "approve", {"actor": {"person": "alice", "assurance": 3}, "digest": view.question.digest}
        )
    assert getattr(refusal.value.cause, "type", "") in {"NotAllowed", "Unauthenticated"}
    await run.tell("abort", reason="test over")
    await run.handle.result()


async def test_drift_voids_the_vote_and_asks_again(stage: Stage, recorder: Recorder) -> None:
    """Given an approved plan whose target changed, then the new plan is shown and asked for anew."""
    recorder.outcomes = [Applied(outcome="drifted", detail="the template changed")]
    run = await start(stage, recorder)
    first = await run.until("waiting for approval")
    assert first.question is not None
    await run.tell("approve", digest=first.question.digest)

    async def asked_again() -> bool:
        question = (await run.view()).question
        return question is not None and question.number == 2

    await eventually(asked_again, 30, "asked again")
    with pytest.raises(WorkflowUpdateFailedError) as stale:
        await run.tell("approve", digest=first.question.digest)
    assert getattr(stale.value.cause, "type", "") == "Stale"
    second = (await run.view()).question
    assert second is not None
    await run.tell("approve", digest=second.digest)
    assert (await run.handle.result()).outcome == "mitigated"


async def test_silence_denies_and_wakes_the_next(stage: Stage, recorder: Recorder) -> None:
    """After the approval's time nothing is changed, the next approver is paged, a late yes is refused."""
    run = await start(stage, recorder)
    view = await run.until("waiting for approval")
    await stage.clock.fast_forward(run.handle, timedelta(minutes=31))
    ended = await run.handle.result()
    assert (ended.outcome, recorder.applied) == ("escalated", [])
    reminders = [r for r in recorder.sent if r.message.kind == "approval" and getattr(r.message, "reminder", False)]
    assert [r.person for r in reminders] == ["alice"]
    assert "bob" in recorder.people_paged()
    assert view.question is not None


async def test_effect_that_does_not_hold_is_undone(stage: Stage, recorder: Recorder) -> None:
    """A change that did not help is taken back before the tree goes on."""
    recorder.looks["rollout_status"] = [Look(verdict=Verdict.FAILED, branch="failed")]
    run = await start(stage, recorder)
    view = await run.until("waiting for approval")
    assert view.question is not None
    await run.tell("approve", digest=view.question.digest)
    ended = await run.handle.result()
    assert [r.undo for r in recorder.applied] == [False, True]
    assert ended.outcome == "escalated"


async def test_cancel_undoes_what_stands(stage: Stage, recorder: Recorder) -> None:
    """Cancelling the workflow after a change takes the change back and releases the lease."""
    tree = (
        TREE.replace("{done: good,", "{done: rest,")
        .replace("  good: {end", "  rest: {wait: 1h, next: good}\n  good: {end")
        .replace("undo: on_failure", "undo: on_abort")
    )
    run = await start(stage, recorder, tree)
    view = await run.until("waiting for approval")
    assert view.question is not None
    await run.tell("approve", digest=view.question.digest)

    async def resting() -> bool:
        return (await run.view()).node == "rest"

    await eventually(resting, 30, "the change stands")
    await run.handle.cancel()
    ended = await run.handle.result()
    assert ended.outcome == "aborted"
    assert [r.undo for r in recorder.applied] == [False, True]


async def test_an_incident_runs_its_runbook_to_the_hold(stage: Stage, recorder: Recorder) -> None:
    """Alert → runbook → approval → change → the incident goes into its monitoring hold."""
    service = recorder.pinned.service.model_copy(
        update={"runbooks": {"*": "fix"}, "runbook_inputs": {"workload": WORKLOAD}}
    )
    recorder.pinned = make_pinned(service=service, runbooks={"fix": TREE})
    story: Story = await stage.start(recorder)
    view = await story.until(lambda v: v.needs_approval, "approval")
    run = stage.client.get_workflow_handle(view.runs[0].workflow_id)
    question = (await run.query("view", result_type=RunView)).question
    assert question is not None
    await story.tell("acknowledge")
    await run.execute_update("approve", {"actor": {"person": "alice"}, "digest": question.digest})
    view = await story.until(lambda v: v.phase is Phase.MONITORING, "monitoring")
    assert [m.text for m in view.mitigations]
    await story.alerts(alert(firing=False))
    await story.tell("resolve", anyway="test")
    await story.tell("close")
    ended = await story.handle.result()
    kinds = [entry.kind for entry in ended.timeline]
    assert "approval_asked" in kinds
    assert "run_ended" in kinds
