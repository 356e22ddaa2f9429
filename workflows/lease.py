"""The lease of one target: one change at a time, first come, first served (architecture section 6, rule 4).

The lease is courtesy, the precondition of the write is safety: people with kubectl are caught by that alone.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError, FailureError

with workflow.unsafe.imports_passed_through():
    from pydantic import Field

    from mainstay.domain import names
    from mainstay.domain.model import Record
    from mainstay.domain.runbook.run import Lease
    from mainstay.domain.work import HolderRequest

from workflows import calls, options

IDLE = timedelta(minutes=1)


class LeaseState(Record):
    """Who holds it, who waits, and the last fencing number."""

    holder: Lease | None = None
    waiting: tuple[Lease, ...] = Field(default=())
    fence: int = 0
    granted_at: datetime | None = None


@workflow.defn(name=names.LEASE)
class LeaseWorkflow:
    """An entity: its id names the target. It ends when nobody wants it."""

    @workflow.init
    def __init__(self, state: LeaseState | None = None) -> None:
        self._state = state or LeaseState()

    @workflow.run
    async def run(self, _state: LeaseState | None = None) -> None:
        while True:
            if self._state.holder is None and self._state.waiting:
                await self._grant("")
            if self._idle():
                try:
                    await workflow.wait_condition(lambda: not self._idle(), timeout=IDLE, timeout_summary="Idle")
                except TimeoutError:
                    return
                continue
            if workflow.info().is_continue_as_new_suggested():
                workflow.continue_as_new(self._state)
            await self._watch_holder()

    def _idle(self) -> bool:
        return self._state.holder is None and not self._state.waiting

    def _set(self, **fields: object) -> None:
        self._state = self._state.model_copy(update=fields)

    async def _grant(self, note: str) -> None:
        """To the first in line. The number grows for ever, because it is made from the time."""
        first, rest = self._state.waiting[0], self._state.waiting[1:]
        fence = max(self._state.fence + 1, int(workflow.now().timestamp() * 1000))
        granted = first.model_copy(update={"fence": fence, "why": note})
        self._set(holder=granted, waiting=rest, fence=fence, granted_at=workflow.now())
        workflow.set_current_details(f"Held by `{granted.holder}`; {len(rest)} waiting")
        if not await self._tell(granted):
            self._set(holder=None)

    async def _tell(self, granted: Lease) -> bool:
        try:
            await workflow.get_external_workflow_handle(granted.holder).signal(names.LEASE_GRANTED, granted)
        except FailureError:
            return False
        return True

    async def _watch_holder(self) -> None:
        """Until the holder releases it; a holder that has closed without releasing is noticed."""
        held = self._state.holder
        try:
            await workflow.wait_condition(
                lambda: self._state.holder is not held,
                timeout=options.HOLDER_CHECK_EVERY,
                timeout_summary="Look after the holder",
            )
        except TimeoutError:
            if held is not None and await self._gone(held) and self._state.holder is held:
                await self._hand_on(held)

    async def _gone(self, held: Lease) -> bool:
        try:
            found = await calls.holder_state(HolderRequest(workflow_id=held.holder, run_id=held.holder_run_id))
        except ActivityError:
            return False
        return not found.open

    async def _hand_on(self, held: Lease) -> None:
        """Its last write may still be under way: wait out the longest one first."""
        await workflow.sleep(held.write_timeout, summary="Wait out the closed holder's last write")
        if self._state.holder is not held:
            return
        self._set(holder=None)
        if self._state.waiting:
            await self._grant(f"its last holder {held.holder} closed without releasing it; look at it first")

    @workflow.signal(name=names.LEASE_ASK, description="Ask for the lease (sent by a run)")
    async def ask(self, wanted: Lease | None = None) -> None:
        """Asking again with the same request id is answered again, never queued twice."""
        if wanted is None or not wanted.holder:
            return
        held = self._state.holder
        if held is not None and held.request_id == wanted.request_id:
            await self._tell(held)
        elif all(other.request_id != wanted.request_id for other in self._state.waiting):
            self._set(waiting=(*self._state.waiting, wanted))

    @workflow.signal(name=names.LEASE_RELEASE, description="Give the lease back (sent by its holder)")
    def release(self, given: Lease | None = None) -> None:
        if given is None:
            return
        held = self._state.holder
        mine = held is not None and held.holder == given.holder
        if mine and held is not None and given.fence in (0, held.fence):
            self._set(holder=None)
        self._set(
            waiting=tuple(w for w in self._state.waiting if w.request_id != given.request_id or not given.request_id)
        )

    @workflow.query(name=names.VIEW, description="Holder and queue")
    def view(self) -> LeaseState:
        return self._state
