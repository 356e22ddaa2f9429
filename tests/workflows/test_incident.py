"""The incident on the real server and virtual time: who is told what, when."""

from __future__ import annotations

import pytest
from temporalio.client import WorkflowUpdateFailedError

from mainstay.domain.incident import Phase
from mainstay.simulate.recording import Recorder
from tests.workflows.conftest import Stage, alert, without_cadence


async def test_silence_escalates_until_somebody_answers(stage: Stage, recorder: Recorder) -> None:
    """At 0 page alice, at 5m bob, at 10m carol; bob acknowledges and nobody else is woken."""
    without_cadence(recorder)
    story = await stage.start(recorder)
    await story.until(lambda v: recorder.people_paged() == ["alice"], "alice is paged")
    await story.skip(minutes=4, seconds=59)
    assert recorder.people_paged() == ["alice"]
    await story.skip(seconds=2)
    await story.until(lambda v: recorder.people_paged() == ["alice", "bob"], "bob is paged")
    await story.tell("acknowledge", "bob")
    await story.skip(hours=2)
    assert recorder.people_paged() == ["alice", "bob"]
    view = await story.view()
    assert (view.phase, view.commander) == (Phase.INVESTIGATING, "bob")
    told = [r.person for r in recorder.sent if r.message.kind == "handled"]
    assert told == ["alice"]
    await story.tell("cancel", "bob", reason="test over")
    await story.handle.result()


async def test_second_acknowledgement_is_named(stage: Stage, recorder: Recorder) -> None:
    """A double acknowledgement is AlreadyDone and says who was first."""
    story = await stage.start(recorder)
    await story.tell("acknowledge", "alice")
    with pytest.raises(WorkflowUpdateFailedError) as refusal:
        await story.tell("acknowledge", "bob")
    assert "alice" in str(refusal.value.cause)
    await story.tell("cancel", reason="test over")
    await story.handle.result()


async def test_whole_life_by_hand(stage: Stage, recorder: Recorder) -> None:
    """Alert, acknowledge, alert resolves, hold, resolve, close; everything is in the record store."""
    story = await stage.start(recorder)
    await story.tell("acknowledge")
    await story.alerts(alert(firing=False))
    view = await story.until(lambda v: v.phase is Phase.MONITORING, "monitoring")
    with pytest.raises(WorkflowUpdateFailedError) as early:
        await story.tell(
            "resolve", confirmations=["metrics", "customers", "errors", "data", "mitigations", "status_page"]
        )
    assert "hold" in str(early.value.cause)
    await story.skip(minutes=11)
    await story.tell("resolve", confirmations=["metrics", "customers", "errors", "data", "mitigations", "status_page"])
    await story.tell("close")
    view = await story.handle.result()
    assert view.phase is Phase.CLOSED
    journal = [seq for key, seq in recorder.journal if key == view.key]
    assert sorted(journal) == list(range(1, view.revision + 1))


async def test_firing_after_resolution_reopens_with_new_pages(stage: Stage, recorder: Recorder) -> None:
    """Given a resolved incident, when a new occurrence fires, then it reopens and pages anew."""
    story = await stage.start(recorder)
    await story.until(lambda v: recorder.people_paged() == ["alice"], "alice is paged")
    await story.tell("acknowledge")
    await story.alerts(alert(firing=False))
    await story.tell("resolve", anyway="it is fine")
    await story.alerts(alert(start="2026-03-02T05:00:00Z"))
    await story.until(lambda v: recorder.people_paged() == ["alice", "alice"], "paged anew")
    keys = [r.key for r in recorder.sent if r.message.kind == "page"]
    assert len(set(keys)) == 2
    await story.tell("cancel", reason="test over")
    await story.handle.result()
