"""The whole story while Temporal suggests continue-as-new after every fifty events."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

import pytest_asyncio

from devstack.processes import eventually
from devstack.stack import Stack
from devstack.temporal import TemporalServer
from mainstay.domain.timeline import Noted, Paged
from mainstay.gen.mainstay.v1.incident_service_pb2 import AddNoteRequest
from tests.e2e.conftest import make_world
from tests.e2e.world import SECONDS, Incident, World

SUGGEST = {"limit.historyCount.suggestContinueAsNew": 50}
AGAIN = "a note whose answer was lost"
RUNS = 3
"""At least so many executions one after the other; a whole story has a few hundred events."""


@pytest_asyncio.fixture(loop_scope="session")
async def short_world(e2e_folder: Path, e2e_stack: Stack) -> AsyncIterator[World]:
    """A worker and a server of its own on a Temporal of its own; cluster and mail are shared."""
    folder = e2e_folder / "short"
    async with (
        TemporalServer(folder / "temporal", dynamic=SUGGEST, synchronous="1") as temporal,
        make_world(folder / "product", temporal, e2e_stack.cluster, e2e_stack.smtp) as world,
    ):
        yield world


async def test_whole_story_over_many_continuations(short_world: World) -> None:
    """Given a Temporal that suggests continue-as-new at fifty events, when an incident goes from its alert over two
    pages, notes, approval and rollback to its close, then it does so in several executions and ends as it would
    have in one: each person paged once, the template changed once, the journal complete, and an update that is
    sent again is answered as before."""
    world = short_world
    incident = await world.open("long-story")
    await incident.mail(to="bob")
    await incident.acknowledge("bob")
    await world.people["bob"].call(world.people["bob"].incidents.AddNote, _again(incident))
    run = await incident.asked()
    bob = world.people["bob"]
    for number in range(12):
        await bob.note(incident.workflow_id, f"note {number}")
    await incident.approve(run)
    await incident.mitigated()
    await bob.call(bob.incidents.AddNote, _again(incident))
    final = await incident.finish("bob")

    incident.assert_rolled_back_once(run)
    assert [len(await incident.mails(to=person)) for person in ("alice", "bob", "dan")] == [1, 1, 0]
    await incident.assert_journal_complete(final)
    journal = await world.store.journal(incident.key)
    pages = [entry.key for entry in journal if isinstance(entry, Paged)]
    assert len(pages) == len(set(pages))
    assert [entry.text for entry in journal if isinstance(entry, Noted)].count(AGAIN) == 1
    assert final.key == incident.key

    async def listed() -> bool:
        return len(await _executions(world, incident.workflow_id)) >= RUNS

    await eventually(listed, SECONDS, f"{RUNS} executions being listed")


def _again(incident: Incident) -> AddNoteRequest:
    """The same request each time it is sent."""
    return AddNoteRequest(request_id=str(uuid5(NAMESPACE_URL, AGAIN)), incident=incident.workflow_id, text=AGAIN)


async def _executions(world: World, workflow_id: str) -> list[str]:
    found = world.client.list_workflows(f"WorkflowId = '{workflow_id}'")
    return [run.run_id async for run in found]
