"""Watching an incident: the state first, then each change, and heartbeats while nothing does.

One poller per watched incident, whoever many look at it: it follows the workflow's history by long-poll, so
that an incident at which nothing happens costs no query, and asks for the state once the history has grown.
A viewer that is too slow for every change gets the whole state again instead of a growing queue.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from datetime import datetime, timedelta

from mainstay.desk.address import Address
from mainstay.desk.answers import Delta, Ended, Heartbeat, Snapshot, WatchEvent
from mainstay.desk.failure import Later
from mainstay.domain.errors import NotFound, Refusal, Unavailable
from mainstay.domain.incident import IncidentView

HEARTBEAT = timedelta(seconds=15)
QUEUE = 16
"""Changes that wait for one viewer; with more he gets a new snapshot."""
MAX_WATCHED = 500
"""Incidents watched by one process: Temporal bounds long-polls per namespace at 1,200."""

View = Callable[[Address], Awaitable[IncidentView]]
Changes = Callable[[Address], AsyncIterator[bool]]
"""Yields when the state may have changed; ends when the incident's workflow does."""


class _Viewer:
    def __init__(self) -> None:
        self.queue: asyncio.Queue[IncidentView | Ended | Refusal] = asyncio.Queue(QUEUE)
        self.overflowed = False

    def put(self, item: IncidentView | Ended | Refusal) -> None:
        """Never waits: of what a slow viewer has missed only the last state counts."""
        if self.queue.full():
            self.overflowed = True
            while not self.queue.empty():
                self.queue.get_nowait()
        self.queue.put_nowait(item)


class _Watched:
    """One incident with its viewers and the poller they share."""

    def __init__(self) -> None:
        self.viewers: set[_Viewer] = set()
        self.view: IncidentView | None = None
        self.task: asyncio.Task[None] | None = None

    def tell(self, item: IncidentView | Ended | Refusal) -> None:
        for viewer in self.viewers:
            viewer.put(item)


class Watches:
    def __init__(
        self,
        view: View,
        changes: Changes,
        clock: Callable[[], datetime],
        heartbeat: timedelta = HEARTBEAT,
    ) -> None:
        self._view = view
        self._changes = changes
        self._clock = clock
        self._heartbeat = heartbeat.total_seconds()
        self._watched: dict[str, _Watched] = {}
        self._closing = False

    @property
    def pollers(self) -> int:
        """Incidents that are followed now."""
        return len(self._watched)

    async def watch(self, address: Address, after_revision: int = 0) -> AsyncIterator[WatchEvent]:
        """Snapshot, then deltas; a viewer who names the last revision it saw gets what is newer.

        Raises NotFound, and Unavailable when this process stops or the incident cannot be followed.
        """
        if self._closing:
            raise Later("this server is stopping: watch again, another one will answer")
        watched, viewer = self._join(address)
        try:
            async for event in self._events(await self._first(address, watched), viewer, after_revision):
                yield event
        finally:
            self._leave(address.key, watched, viewer)

    async def close(self) -> None:
        """Every viewer is told Unavailable, and no new one is taken."""
        self._closing = True
        tasks = []
        for watched in list(self._watched.values()):
            watched.tell(Later("this server is stopping: watch again, another one will answer"))
            if watched.task is not None:
                watched.task.cancel()
                tasks.append(watched.task)
        await asyncio.gather(*tasks, return_exceptions=True)

    def _join(self, address: Address) -> tuple[_Watched, _Viewer]:
        watched = self._watched.get(address.key)
        if watched is None:
            if len(self._watched) >= MAX_WATCHED:
                raise Later(f"{MAX_WATCHED} incidents are being watched here already")
            watched = self._watched[address.key] = _Watched()
        viewer = _Viewer()
        watched.viewers.add(viewer)
        return watched, viewer

    async def _first(self, address: Address, watched: _Watched) -> IncidentView:
        """The state, and from then on the poller. The poller starts after it and reads once at its start, so
        that nothing between the two is missed."""
        view = await self._view(address)
        if watched.view is None or watched.view.revision < view.revision:
            watched.view = view
        if watched.task is None or watched.task.done():
            watched.task = asyncio.create_task(self._poll(address, watched))
        return watched.view

    def _leave(self, key: str, watched: _Watched, viewer: _Viewer) -> None:
        watched.viewers.discard(viewer)
        if not watched.viewers:
            if watched.task is not None:
                watched.task.cancel()
            if self._watched.get(key) is watched:
                del self._watched[key]

    async def _events(self, first: IncidentView, viewer: _Viewer, after: int) -> AsyncIterator[WatchEvent]:
        sent = first
        if after == 0 or after > first.revision:
            yield Snapshot(view=first)
        elif after < first.revision:
            yield _step(first, after)
        while True:
            if sent.phase.ended:
                yield Ended(reason=f"the incident is {sent.phase.value}", revision=sent.revision)
                return
            try:
                async with asyncio.timeout(self._heartbeat):
                    item = await viewer.queue.get()
            except TimeoutError:
                yield Heartbeat(at=self._clock(), revision=sent.revision)
                continue
            match item:
                case Refusal():
                    raise item
                case Ended():
                    yield item
                    return
                case _:
                    if viewer.overflowed:
                        viewer.overflowed = False
                        sent = item
                        yield Snapshot(view=item)
                    elif _changed(sent, item):
                        event = _step(item, sent.revision)
                        sent = item
                        yield event

    async def _poll(self, address: Address, watched: _Watched) -> None:
        try:
            async for _ in self._changes(address):
                view = await self._settled(address)
                if watched.view is None or _changed(watched.view, view):
                    watched.view = view
                    watched.tell(view)
                if view.phase.ended:
                    return
            revision = watched.view.revision if watched.view else 0
            with suppress(Refusal):
                view = await self._view(address)
                watched.tell(view)
                revision = view.revision
            watched.tell(Ended(reason="the incident's workflow is over", revision=revision))
        except NotFound:
            watched.tell(Ended(reason="the incident is past Temporal's retention", revision=0))
        except Refusal as refusal:
            watched.tell(refusal)
        except Exception as error:  # a viewer must learn that nobody looks any more
            watched.tell(Later(f"the incident cannot be followed: {error}"))
        finally:
            # The next viewer begins afresh; those who are here have been told.
            if self._watched.get(address.key) is watched:
                del self._watched[address.key]

    async def _settled(self, address: Address) -> IncidentView:
        """The state; a worker that is away for a moment does not end a watch."""
        for pause in (0.2, 1.0, 3.0, 5.0):
            try:
                return await self._view(address)
            except Unavailable:
                await asyncio.sleep(pause)
        return await self._view(address)


def _changed(former: IncidentView, view: IncidentView) -> bool:
    return view.revision > former.revision or (view.revision == former.revision and view != former)


def _step(view: IncidentView, after: int) -> WatchEvent:
    """What is new since ``after``; the whole state where some of it is no longer in the view."""
    fresh = tuple(entry for entry in view.timeline if entry.seq > after)
    if len(fresh) != view.revision - after:
        return Snapshot(view=view)
    return Delta(view=view.model_copy(update={"timeline": ()}), entries=fresh)
