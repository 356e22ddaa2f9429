"""Watching over a real connection: snapshot, deltas, resuming, heartbeats, the end, a stopping server."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import grpc
import pytest

from devstack.processes import eventually
from mainstay.domain import names
from mainstay.domain.incident import AddNote, Cancel
from mainstay.gen.mainstay.v1 import incident_pb2
from mainstay.gen.mainstay.v1 import incident_service_pb2 as pb
from tests.api.door import Door, open_door, told
from tests.desk.lab import Lab, actor, request_id


async def note(lab: Lab, ref: str, text: str) -> None:
    await lab.desk.update(ref, names.ADD_NOTE, AddNote(text=text), actor("alice"), request_id(text))


async def until(stream: Any, kind: str) -> Any:
    """The next event of this kind; heartbeats are passed over, and other kinds are mistakes."""
    async with asyncio.timeout(15):
        while True:
            event = await stream.read()
            assert event is not grpc.aio.EOF, f"the stream ended before a {kind}"
            found = event.WhichOneof("event")
            if found == kind:
                return getattr(event, found)


async def test_a_viewer_sees_the_state_then_each_change_then_the_end(lab: Lab, door: Door) -> None:
    """Snapshot, a delta with the new entry, heartbeats meanwhile, and the end after the last change."""
    view = await lab.opened("Watched")
    stream = door.of("vera").incidents.WatchIncident(pb.WatchIncidentRequest(incident=view.number))
    snapshot = await until(stream, "snapshot")
    assert snapshot.key == view.key
    await until(stream, "heartbeat")
    await note(lab, view.key, "seen by the watcher")
    revision, texts = snapshot.revision, []
    while "alice noted: seen by the watcher" not in texts:
        delta = await until(stream, "delta")
        assert [entry.seq for entry in delta.entries] == list(range(revision + 1, delta.revision + 1))
        revision = delta.revision
        texts += [entry.summary for entry in delta.entries]
    await lab.desk.update(view.key, names.CANCEL, Cancel(reason="x"), actor("carol"), request_id("we"))
    end = await until(stream, "end")
    assert end.revision > revision
    assert await stream.read() is grpc.aio.EOF


async def test_a_viewer_resumes_where_he_was(lab: Lab, door: Door) -> None:
    """With the last revision seen: only what is newer, as a delta."""
    view = await lab.opened("Resumed")
    before = (await lab.desk.view(view.key)).revision
    await note(lab, view.key, "while nobody looked")
    stream = door.of("vera").incidents.WatchIncident(pb.WatchIncidentRequest(incident=view.key, after_revision=before))
    delta = await until(stream, "delta")
    assert [entry.seq for entry in delta.entries] == list(range(before + 1, delta.revision + 1))
    assert "alice noted: while nobody looked" in [entry.summary for entry in delta.entries]
    stream.cancel()


async def test_viewers_of_one_incident_share_a_poller(lab: Lab, door: Door) -> None:
    """Twenty viewers, one long-poll; it goes when the last one does."""
    view = await lab.opened("Shared")
    former = lab.desk.watched
    streams = [door.of("vera").incidents.WatchIncident(pb.WatchIncidentRequest(incident=view.key)) for _ in range(20)]
    for stream in streams:
        await until(stream, "snapshot")
    assert lab.desk.watched == former + 1
    await note(lab, view.key, "for everybody")
    for stream in streams:
        await until(stream, "delta")
        stream.cancel()

    async def gone() -> bool:
        return lab.desk.watched == former

    await eventually(gone, 10, "the poller has gone")


async def test_the_watch_of_an_ended_incident_ends(lab: Lab, door: Door) -> None:
    """The last state, and that it was the last."""
    view = await lab.opened("WatchEnded")
    await lab.desk.update(view.key, names.CANCEL, Cancel(reason="x"), actor("carol"), request_id("wz"))
    await lab.client.get_workflow_handle(view.workflow_id).result()
    stream = door.of("vera").incidents.WatchIncident(pb.WatchIncidentRequest(incident=view.key))
    assert (await until(stream, "snapshot")).phase == incident_pb2.PHASE_CANCELLED
    await until(stream, "end")
    assert await stream.read() is grpc.aio.EOF


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (pb.WatchIncidentRequest(incident="INC-2020-9999"), grpc.StatusCode.NOT_FOUND),
        (pb.WatchIncidentRequest(incident="x", after_revision=-1), grpc.StatusCode.INVALID_ARGUMENT),
    ],
)
async def test_a_watch_that_cannot_be_is_refused(door: Door, request_: Any, code: grpc.StatusCode) -> None:
    """With the same details as any other call."""
    stream = door.of("vera").incidents.WatchIncident(request_)
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await stream.read()
    assert told(raised.value).code is code


async def test_a_stopping_server_ends_its_watches_and_lets_calls_finish(lab: Lab) -> None:
    """UNAVAILABLE with RetryInfo for viewers; a call in flight is answered; nothing is left running."""
    view = await lab.opened("Stopping")
    async with open_door(lab.desk, lab.authenticator()) as door:
        stream = door.of("vera").incidents.WatchIncident(pb.WatchIncidentRequest(incident=view.key))
        await until(stream, "snapshot")
        running = asyncio.ensure_future(
            door.of("alice").incidents.AddNote(
                pb.AddNoteRequest(request_id=request_id("st"), incident=view.key, text="in flight")
            )
        )
        await asyncio.sleep(0)
        await asyncio.wait({running}, timeout=0.02)
        began = asyncio.get_running_loop().time()
        await door.server.stop(timedelta(seconds=10))
        took = asyncio.get_running_loop().time() - began
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await until(stream, "end")
        found = told(raised.value)
        assert (found.code, found.retry_seconds) == (grpc.StatusCode.UNAVAILABLE, 1.0)
        assert (await running).outcome.changed
        assert took < 5
