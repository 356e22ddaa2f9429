"""Watching without a server: slow viewers, resuming too late, pollers that come and go."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from mainstay.desk.address import Address
from mainstay.desk.answers import Delta, Heartbeat, Snapshot
from mainstay.desk.watch import QUEUE, Watches
from mainstay.domain.errors import Unavailable
from mainstay.domain.incident import IncidentView, Phase
from mainstay.domain.timeline import Noted

NOW = datetime(2026, 3, 2, 3, tzinfo=UTC)
ADDRESS = Address(workflow_id="incident/api/x", key="k")


def state(revision: int, phase: Phase = Phase.DECLARED, kept: int = 60) -> IncidentView:
    entries = tuple(Noted(seq=n, at=NOW, text=str(n)) for n in range(max(1, revision - kept + 1), revision + 1))
    return IncidentView(
        key="k",
        workflow_id="incident/api/x",
        title="t",
        phase=phase,
        public_state="Investigating",
        severity="SEV1",
        rank=0,
        service="api",
        team="shop",
        timeline=entries,
        revision=revision,
    )


class Source:
    """An incident whose state the test sets."""

    def __init__(self, revision: int) -> None:
        self.view = state(revision)
        self.grown: asyncio.Queue[bool] = asyncio.Queue()
        self.fault: Exception | None = None

    async def read(self, _address: Address) -> IncidentView:
        if self.fault is not None:
            raise self.fault
        return self.view

    async def changes(self, _address: Address) -> AsyncIterator[bool]:
        while await self.grown.get():
            yield True

    def become(self, view: IncidentView) -> None:
        self.view = view
        self.grown.put_nowait(True)

    def watches(self, heartbeat: timedelta = timedelta(seconds=30)) -> Watches:
        return Watches(self.read, self.changes, lambda: NOW, heartbeat)


@pytest.mark.parametrize(
    ("after", "kept", "kind"),
    [(0, 60, Snapshot), (3, 60, Delta), (1, 2, Snapshot), (99, 60, Snapshot)],
    ids=["begins", "resumes", "resumes after entries have gone", "names a revision that never was"],
)
async def test_what_comes_first(after: int, kept: int, kind: type) -> None:
    """The whole state, or exactly what is newer, or the whole state where that is no longer there."""
    source = Source(0)
    source.view = state(5, kept=kept)
    events = source.watches().watch(ADDRESS, after)
    first = await anext(events)
    assert isinstance(first, kind)
    if isinstance(first, Delta):
        assert [entry.seq for entry in first.entries] == [4, 5]
        assert first.view.timeline == ()
    await events.aclose()  # type: ignore[attr-defined]


async def test_a_viewer_who_saw_the_last_revision_gets_nothing_until_there_is_more() -> None:
    """Heartbeats, then the change."""
    source = Source(5)
    events = source.watches(timedelta(milliseconds=10)).watch(ADDRESS, 5)
    assert await anext(events) == Heartbeat(at=NOW, revision=5)
    source.become(state(6))
    event = await anext(events)
    while isinstance(event, Heartbeat):
        event = await anext(events)
    assert isinstance(event, Delta)
    await events.aclose()  # type: ignore[attr-defined]


async def test_a_slow_viewer_gets_the_whole_state_again() -> None:
    """More changes than his queue holds: a snapshot, and no growing queue; others lose nothing."""
    source = Source(1)
    watches = source.watches()
    slow, quick = watches.watch(ADDRESS), watches.watch(ADDRESS)
    await anext(slow)
    await anext(quick)
    seen = []
    for revision in range(2, QUEUE + 10):
        source.become(state(revision))
        seen.append(await anext(quick))
    assert all(isinstance(event, Delta) and len(event.entries) == 1 for event in seen)
    event = await anext(slow)
    assert isinstance(event, Snapshot)
    while event.view.revision < QUEUE + 9:
        event = await anext(slow)
        assert isinstance(event, Snapshot | Delta)
    for events in (slow, quick):
        await events.aclose()  # type: ignore[attr-defined]
    assert watches.pollers == 0


async def test_the_end_is_told_after_the_last_change() -> None:
    """A closed incident: its last change, the end, and no further event."""
    source = Source(1)
    events = source.watches().watch(ADDRESS)
    await anext(events)
    source.become(state(2, Phase.CLOSED))
    assert [event.kind async for event in events] == ["delta", "ended"]


async def test_closing_tells_every_viewer() -> None:
    """Viewers get Unavailable at once, and new ones are not taken."""
    source = Source(1)
    watches = source.watches()
    events = watches.watch(ADDRESS)
    await anext(events)
    await watches.close()
    for late in (events, watches.watch(ADDRESS)):
        with pytest.raises(Unavailable, match="watch again"):
            await anext(late)
