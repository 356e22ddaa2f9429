"""How an incident ends: with its runs undone, its ledger clean, its journal recorded, and nothing lost on the way."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from temporalio.client import Client, WorkflowHandle

from devstack.processes import eventually
from mainstay.domain.incident import CONFIRMATIONS, Phase
from mainstay.domain.runbook.run import RunView
from mainstay.domain.work import ItemRow
from mainstay.simulate.recording import Recorder
from tests.workflows.conftest import Stage, Story, alert, levels, make_pinned, refused, told
from tests.workflows.test_runbook import TREE, WORKLOAD

RESTING = (
    TREE.replace("{done: good,", "{done: rest,")
    .replace("  good: {end", "  rest: {wait: 1h, next: good}\n  good: {end")
    .replace("undo: on_failure", "undo: on_abort\n    temporary: true")
)
"""Like TREE, but it waits for an hour after the change, which would be undone by an abort."""


def with_runbook(recorder: Recorder, text: str) -> None:
    service = recorder.pinned.service.model_copy(
        update={"runbooks": {"*": "fix"}, "runbook_inputs": {"workload": WORKLOAD}}
    )
    recorder.pinned = make_pinned(service=service, runbooks={"fix": text})


async def run_of(story: Story) -> WorkflowHandle[Any, RunView]:
    view = await story.until(lambda v: v.runs, "the runbook is started")
    return story.client.get_workflow_handle(view.runs[0].workflow_id, result_type=RunView)


async def changed(story: Story) -> WorkflowHandle[Any, RunView]:
    """The run's change is approved and made; the run rests."""
    run = await run_of(story)
    await story.until(lambda v: v.needs_approval, "approval")
    question = (await run.query("view", result_type=RunView)).question
    assert question is not None
    await told(run, "approve", {"actor": {"person": "alice"}, "digest": question.digest})
    await story.until(lambda v: v.mitigations, "the change is in the ledger")

    async def resting() -> bool:
        return (await run.query("view", result_type=RunView)).node == "rest"

    await eventually(resting, 30, "the run rests", 0.05)
    return run


async def test_a_cancel_has_the_run_undo_and_tells_of_it(stage: Stage, recorder: Recorder) -> None:
    """Given a runbook's change stands, when the incident is cancelled, then the run takes it back, and the incident is
    over only when that is in its journal."""
    with_runbook(recorder, RESTING)
    story = await stage.start(recorder)
    run = await changed(story)
    await story.tell("cancel", reason="a mistake")
    view = await story.handle.result()
    assert [request.undo for request in recorder.applied] == [False, True]
    assert (await run.result()).outcome == "aborted"
    assert [m.removed != "" for m in view.mitigations] == [True]
    kinds = [entry.kind for entry in view.timeline]
    assert "mitigation_removed" in kinds
    assert "run_ended" in kinds
    assert (view.phase, view.runs[0].ended) == (Phase.CANCELLED, True)


async def test_cancelling_the_workflow_is_a_cancel_like_any(stage: Stage, recorder: Recorder) -> None:
    """Given somebody uses Temporal's own button, even twice, then runs undo and the journal says who asked for it."""
    with_runbook(recorder, RESTING)
    story = await stage.start(recorder)
    run = await changed(story)
    await story.handle.cancel()
    await story.handle.cancel()
    view = await story.handle.result()
    assert view.phase is Phase.CANCELLED
    assert (await run.result()).outcome == "aborted"
    changes = [entry for entry in view.timeline if entry.kind == "phase_changed"]
    assert changes[-1].actor.shown == "unverified:Temporal cancellation"


async def test_a_terminated_run_does_not_hold_the_incident_for_ever(stage: Stage, recorder: Recorder) -> None:
    """Given a run is terminated, which runs no code, then the incident notices and can be closed."""
    with_runbook(recorder, RESTING)
    levels(recorder, update_every=None, postmortem=False)
    story = await stage.start(recorder)
    await story.tell("acknowledge")
    run = await changed(story)
    await run.terminate("a test")
    await story.tell("resolve", anyway="a test")
    with refused("WrongState", "still running"):
        await story.tell("close")
    recorder.holder_open = False
    await story.skip(minutes=10, seconds=5)
    view = await story.until(lambda v: v.runs[0].ended, "noticed")
    assert "will not report any more" in view.runs[0].status
    await story.tell("record_mitigation", removes=view.mitigations[0].id, text="undone by hand")
    await story.tell("close")
    await story.handle.result()


async def test_the_ledger_blocks_closing_and_becomes_an_action_item(
    stage: Stage, recorder: Recorder, client: Client
) -> None:
    """Given a temporary mitigation stands, then closing needs an item with owner and date, which starts to live."""
    levels(recorder, postmortem=False)
    story = await stage.start(recorder)
    await story.tell("acknowledge")
    await story.tell("record_mitigation", text="cache off", temporary=True, inverse="cache on")
    await story.tell("resolve", anyway="a test")
    with refused("WrongState", "m1 (cache off) stands"):
        await story.tell("close")
    now = (await story.view()).timeline[-1].at
    item = {"text": "Switch the cache on", "owner": "bob", "due": (now + timedelta(days=7)).isoformat()}
    await story.tell("close", items=[{**item, "mitigation": "m1"}])
    view = await story.handle.result()
    started = [entry for entry in view.timeline if entry.kind == "learning_started"]
    handle = client.get_workflow_handle(started[0].workflow_id, result_type=ItemRow)
    row = await handle.query("view", result_type=ItemRow)
    assert (row.text, row.owner, row.incident_key) == ("Switch the cache on", "bob", view.key)
    await handle.execute_update("done", {"actor": {"person": "bob"}})
    await handle.result()


async def test_a_merge_tells_the_other_incident(stage: Stage, recorder: Recorder) -> None:
    """Given two incidents, when one is merged into the other, then the other knows of it and goes on."""
    levels(recorder, update_every=None)
    goes_on, merged = await stage.start(recorder), await stage.start(recorder)
    await merged.tell("acknowledge")
    await merged.until(lambda v: v.number, "recorded")
    await merged.tell("merge", into=goes_on.handle.id)
    view = await merged.handle.result()
    assert (view.phase, view.merged_into) == (Phase.MERGED, goes_on.handle.id)
    other = await goes_on.until(lambda v: v.linked, "the other knows")
    assert view.number in other.linked[0]
    assert not other.phase.ended
    await goes_on.over()


async def test_a_merge_into_nothing_goes_on_here(stage: Stage, recorder: Recorder) -> None:
    """Given the other incident does not run, then this one is not over and whoever has it keeps it."""
    levels(recorder, update_every=None)
    story = await stage.start(recorder)
    await story.tell("acknowledge")
    await story.tell("merge", into="incident/api/nobody")
    view = await story.until(lambda v: v.phase is Phase.INVESTIGATING, "it goes on")
    refusals = [entry for entry in view.timeline if entry.kind == "refused"]
    assert "incident/api/nobody" in refusals[0].what
    assert view.acknowledged_by == "unverified:alice"
    await story.over()


async def test_records_down_for_the_whole_life(stage: Stage, recorder: Recorder) -> None:
    """Given the record store is down from declaration to close, then paging, acknowledging, resolving and closing work;
    once it is back, number, journal and row are complete, and only then the workflow ends."""
    recorder.records_down = True
    levels(recorder, update_every=None, postmortem=False)
    story = await stage.start(recorder)
    await story.paged("alice")
    await story.tell("escalate")
    await story.paged("alice", "bob")
    await story.tell("acknowledge", "bob")
    await story.alerts(alert(firing=False))
    await story.tell("resolve", "bob", confirmations=list(CONFIRMATIONS), anyway="hold waived")
    await story.tell("close", "bob")
    view = await story.view()
    assert (view.phase, view.number, view.waits_for) == (Phase.CLOSED, "", "its journal to be recorded")
    assert recorder.journal == {}
    recorder.records_down = False
    await story.skip(minutes=1)
    view = await story.handle.result()
    assert view.number
    assert sorted(seq for key, seq in recorder.journal if key == view.key) == list(range(1, view.revision + 1))
    assert recorder.rows[view.key].row.phase == Phase.CLOSED


async def test_an_alert_while_it_waits_for_its_records_pages_anew(stage: Stage, recorder: Recorder) -> None:
    """Given a closed incident that still waits for the record store, when its group fires again, then somebody is
    paged: the sender was told that the alert is in good hands."""
    recorder.records_down = True
    levels(recorder, update_every=None, postmortem=False)
    story = await stage.start(recorder)
    await story.paged("alice")
    await story.tell("acknowledge")
    await story.alerts(alert(firing=False))
    await story.tell("resolve", anyway="a test")
    await story.tell("close")
    await story.alerts(alert(start="2026-03-02T09:00:00Z"))
    await story.paged("alice", "alice")
    view = await story.view()
    assert (view.phase, view.acknowledged_by) == (Phase.DECLARED, "")
    await story.tell("acknowledge")
    recorder.records_down = False
    await story.skip(minutes=1)
    await story.over()


async def test_still_firing_is_linked(stage: Stage, recorder: Recorder) -> None:
    """Given the same occurrence was part of a closed incident, then the new one says after which it still fires."""
    recorder.earlier = recorder.earlier.model_copy(update={"key": "k0", "number": "INC-2026-0007"})
    story = await stage.start(recorder)
    view = await story.until(lambda v: v.linked, "linked")
    assert view.linked == ("INC-2026-0007",)
    assert [entry.relation for entry in await story.journal("linked")] == ["still firing after"]
    await story.over()


async def test_the_commander_named_later_may_approve(stage: Stage, recorder: Recorder) -> None:
    """Given a runbook that began before anybody answered, when bob becomes commander, then his vote counts."""
    with_runbook(recorder, TREE)
    rule = recorder.pinned.approvals.medium.model_copy(update={"by": ("commander",)})
    approvals = recorder.pinned.approvals.model_copy(update={"medium": rule})
    recorder.pinned = recorder.pinned.model_copy(update={"approvals": approvals})
    story = await stage.start(recorder)
    run = await run_of(story)
    await story.until(lambda v: v.needs_approval, "approval")
    question = (await run.query("view", result_type=RunView)).question
    assert question is not None
    vote = {"actor": {"person": "bob"}, "digest": question.digest}
    with refused("NotAllowed", "commander"):
        await run.execute_update("approve", vote)
    await story.tell("acknowledge", "bob")

    async def counted() -> bool:
        try:
            await run.execute_update("approve", vote)
        except Exception:
            return False
        return True

    await eventually(counted, 20, "bob's vote counts")
    await story.until(lambda v: v.phase is Phase.MONITORING, "mitigated")
    assert len(recorder.applied) == 1
    await story.over()


async def test_needs_approval_is_searchable_and_goes_away(stage: Stage, recorder: Recorder, client: Client) -> None:
    """Incident and run carry it while a vote is open, and neither after an abort."""
    with_runbook(recorder, TREE)
    story = await stage.start(recorder)
    run = await run_of(story)
    await story.until(lambda v: v.needs_approval, "approval")

    async def both(value: bool) -> bool:
        described = [await client.get_workflow_handle(h.id).describe() for h in (story.handle, run)]
        return [_needs(d.search_attributes) for d in described] == [value, value]

    await eventually(lambda: both(True), 20, "both say so")
    await run.execute_update("abort", {"actor": {"person": "alice"}, "reason": "a test"})
    await run.result()
    await eventually(lambda: both(False), 20, "neither says so")
    await story.over()


def _needs(attributes: Any) -> bool:
    return list(attributes.get("NeedsApproval", [])) == [True]
