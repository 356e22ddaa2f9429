"""What the parts of the incident workflow share: the one state, the clock, and waiting."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Any, TypeVar

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from mainstay.domain import incident_view, lifecycle
    from mainstay.domain.incident import IncidentInput, IncidentState, Phase, public_state
    from mainstay.domain.message import IncidentRef, Link
    from mainstay.domain.people import ResolvedMethod
    from mainstay.domain.pinned import PinnedConfig
    from mainstay.domain.timeline import AnyEntry

T = TypeVar("T")


class IncidentCore:
    """State and waiting. Every part loops over data in ``_state``, so that any of them can stop between two
    steps and go on in the next run of the workflow."""

    def __init__(self, given: IncidentInput) -> None:
        info = workflow.info()
        self._input = given
        self._pinned_or_none = given.pinned
        self._state = given.state or IncidentState(key=info.first_execution_run_id)
        self._stopping = False
        self._busy = 0
        """Pages being resolved or sent: continue-as-new waits for them, never they for it."""

    @property
    def _pinned(self) -> PinnedConfig:
        assert self._pinned_or_none is not None, "the incident is opened before its parts start"
        return self._pinned_or_none

    @property
    def _id(self) -> str:
        return workflow.info().workflow_id

    def _ref(self) -> IncidentRef:
        return incident_view.ref(self._state, self._pinned, self._id)

    def _view_link(self) -> Link:
        return Link(purpose="view", label="Open the incident", workflow_id=self._id)

    def _log(self, *entries: AnyEntry) -> None:
        self._state = lifecycle.log(self._state, *entries)

    def _set(self, **fields: object) -> None:
        self._state = self._state.model_copy(update=fields)

    def _announcement(self) -> str:
        """What people are to have been told last: the public state, or how it ended without one."""
        phase = self._state.phase
        return phase.value if phase in (Phase.CANCELLED, Phase.MERGED) else public_state(phase)

    def _methods_of(self, handle: str) -> tuple[ResolvedMethod, ...]:
        """A person's methods from the pinned configuration, best first."""
        person = self._pinned.people.get(handle)
        if person is None:
            return ()
        return tuple(ResolvedMethod(method=c.name, channel=c.channel) for c in person.contacts)

    async def _until(self, changed: Callable[[], bool], at: datetime | None = None, summary: str | None = None) -> None:
        """Wait for a change, an instant, or the end of this run, whichever is first."""
        if at is None:
            await workflow.wait_condition(lambda: self._stopping or changed())
            return
        left = at - workflow.now()
        if left.total_seconds() <= 0:
            return
        try:
            await workflow.wait_condition(lambda: self._stopping or changed(), timeout=left, timeout_summary=summary)
        except TimeoutError:
            return

    async def _abandonable(self, work: Coroutine[Any, Any, T]) -> T | None:
        """Do idempotent work that this run's end may interrupt; None when it did."""
        task = asyncio.create_task(work)
        await workflow.wait_condition(lambda: self._stopping or task.done())
        if task.done():
            return task.result()
        task.add_done_callback(_forget)
        task.cancel()
        return None


def _forget(task: asyncio.Task[Any]) -> None:
    """What became of work that nobody waits for any more is no news."""
    if not task.cancelled():
        task.exception()
