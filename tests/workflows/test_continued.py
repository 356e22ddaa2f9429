"""Continue-as-new in the middle of everything, full replays, and virtual time over parents and children."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio
from temporalio.client import Client, WorkflowHandle
from temporalio.contrib.pydantic import pydantic_data_converter

from devstack.processes import eventually
from devstack.temporal import TemporalServer
from mainstay.domain.incident import Phase
from mainstay.domain.runbook.run import RunView
from mainstay.simulate.recording import Recorder
from tests.workflows.conftest import Stage, alert, levels, make_pinned, told, workers
from tests.workflows.test_incident_ending import RESTING, changed, run_of, with_runbook
from tests.workflows.test_incident_paging import slow
from tests.workflows.test_runbook import TREE, start

EVENTS = 50


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def short(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Client]:
    """A client of a server that suggests continue-as-new after fifty events."""
    folder = tmp_path_factory.mktemp("short-histories")
    dynamic = {"limit.historyCount.suggestContinueAsNew": EVENTS}
    async with TemporalServer(folder, synchronous="1", dynamic=dynamic) as server:
        yield await Client.connect(server.address, data_converter=pydantic_data_converter)


async def executions(client: Client, handle: WorkflowHandle[Any, Any]) -> int:
    """How many executions the workflow's chain has had."""
    described = await client.get_workflow_handle(handle.id).describe()
    run_id, count = described.run_id, 1
    while True:
        history = await client.get_workflow_handle(handle.id, run_id=run_id).fetch_history()
        started = history.events[0].workflow_execution_started_event_attributes
        if not started.continued_execution_run_id:
            return count
        run_id, count = started.continued_execution_run_id, count + 1


async def test_an_incident_and_its_run_over_many_executions(short: Client) -> None:
    """Given continue-as-new every fifty events through the whole story, then each person is paged once, the change is
    made once, each update id counts once, and the journal has no gap."""
    recorder = _recorder(TREE)
    async with workers(short, recorder):
        story = await Stage(short).start(recorder)
        await story.paged("alice")
        await story.tell("escalate")
        await story.paged("alice", "bob")
        await story.tell("acknowledge")
        for number in range(12):
            for _ in range(2):
                await story.tell("add_note", request_id=f"request-{number}", text=f"note {number}")
        run = await run_of(story)
        await story.until(lambda v: v.needs_approval, "approval")
        question = (await run.query("view", result_type=RunView)).question
        assert question is not None
        await told(run, "approve", {"actor": {"person": "alice"}, "digest": question.digest})
        await story.until(lambda v: v.phase is Phase.MONITORING, "mitigated")
        await story.alerts(alert(firing=False))
        await story.tell("resolve", anyway="a test")
        await story.tell("close")
        view = await story.handle.result()
        assert await executions(short, story.handle) > 2
    assert recorder.people_paged() == ["alice", "bob"]
    assert [request.undo for request in recorder.applied] == [False]
    assert sorted(seq for key, seq in recorder.journal if key == view.key) == list(range(1, view.revision + 1))
    noted = [getattr(entry, "text", "") for entry in recorder.journal.values()]
    assert sum(text.startswith("note ") for text in noted) == 12


def _recorder(text: str) -> Recorder:
    recorder = Recorder(pinned=make_pinned())
    with_runbook(recorder, text)
    return recorder


@pytest.mark.parametrize(("update", "outcome"), [("abort", "aborted"), ("skip", "escalated")])
async def test_what_is_said_on_the_way_to_the_next_execution_counts(short: Client, update: str, outcome: str) -> None:
    """Given a run that is about to continue as new and only waits for a mail to go out, when somebody aborts or skips,
    then the next execution does it: an accepted word is never lost."""
    async with slow(short, held="alice") as (stage, recorder):
        run = await start(stage, recorder)
        await run.until("waiting for approval")
        for _ in range(EVENTS):
            await run.handle.signal("approve")

        async def leaving() -> bool:
            history = await run.handle.fetch_history()
            return len(history.events) > EVENTS + 10

        await eventually(leaving, 30, "the history is long")
        body: dict[str, Any] = {"branch": "denied"} if update == "skip" else {"reason": "a test"}
        await run.tell(update, **body)
        recorder.go.set()
        assert (await run.handle.result()).outcome == outcome
        assert await executions(short, run.handle) > 1
        assert recorder.applied == []


async def test_a_rollback_over_many_executions_is_made_once(short: Client) -> None:
    """Given the run continues as new while its change is being made and verified, then it is made once and, aborted
    later, taken back once."""
    recorder = _recorder(RESTING)
    levels(recorder, update_every=None)
    async with workers(short, recorder):
        story = await Stage(short).start(recorder)
        run = await changed(story)
        for _ in range(EVENTS):
            await run.signal("approve")
        await told(run, "pause", {"actor": {"person": "alice"}, "reason": "look"})
        await told(run, "resume", {"actor": {"person": "alice"}})
        await told(run, "abort", {"actor": {"person": "alice"}, "reason": "a test"})
        ended = await run.result()
        assert await executions(short, run) > 1
        await story.over()
    assert ended.outcome == "aborted"
    assert [request.undo for request in recorder.applied] == [False, True]
    fences = {request.fence for request in recorder.applied}
    assert len(fences) == 1


async def test_virtual_time_over_an_incident_with_a_child(stage: Stage, recorder: Recorder) -> None:
    """A parent with a running child does not skip: the child is moved by its own handle, then the parent by its own."""
    with_runbook(recorder, RESTING)
    levels(recorder, update_every=None, postmortem=False)
    story = await stage.start(recorder)
    await story.tell("acknowledge")
    run = await changed(story)
    await stage.clock.fast_forward(run, timedelta(hours=1, seconds=5))
    assert (await run.result()).outcome == "mitigated"
    await story.alerts(alert(firing=False))
    await story.until(lambda v: v.phase is Phase.MONITORING and v.firing == 0, "the hold")
    await story.skip(minutes=10, seconds=5)
    await story.until(lambda v: "confirm the resolution" in v.waits_for, "the hold has passed")
    await story.over()


# ---- every task replays everything ----------------------------------------------------------------


async def test_an_incident_without_cache(client: Client, recorder: Recorder) -> None:
    """Nothing is kept between two tasks, so each replays the whole history: a nondeterminism would stop it."""
    with_runbook(recorder, TREE)
    async with workers(client, recorder, max_cached_workflows=0):
        story = await Stage(client).start(recorder)
        await story.paged("alice")
        await story.tell("escalate")
        await story.paged("alice", "bob")
        await story.tell("acknowledge")
        await story.tell("assign_role", role="scribe", person="bob")
        run = await run_of(story)
        await story.until(lambda v: v.needs_approval, "approval")
        question = (await run.query("view", result_type=RunView)).question
        assert question is not None
        await told(run, "approve", {"actor": {"person": "alice"}, "digest": question.digest})
        await story.until(lambda v: v.phase is Phase.MONITORING, "mitigated")
        await story.alerts(alert(firing=False))
        await story.tell("resolve", anyway="a test")
        await story.tell("close")
        assert (await story.handle.result()).phase is Phase.CLOSED


async def test_a_run_without_cache(client: Client, recorder: Recorder) -> None:
    """The same for a run that is paused, resumed, and undone on an abort."""
    async with workers(client, recorder, max_cached_workflows=0):
        run = await start(Stage(client), recorder, RESTING)
        await run.tell("pause", reason="look")
        await run.tell("resume")
        view = await run.until("waiting for approval")
        assert view.question is not None
        await run.tell("approve", digest=view.question.digest)

        async def resting() -> bool:
            return (await run.view()).node == "rest"

        await eventually(resting, 30, "the change stands", 0.05)
        await run.tell("abort", reason="a test")
        assert (await run.handle.result()).outcome == "aborted"
    assert [request.undo for request in recorder.applied] == [False, True]
