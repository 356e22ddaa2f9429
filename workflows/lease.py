"""The lease of one target: one change at a time, first come, first served (architecture section 6, rule 4).

The lease is courtesy, the precondition of the write is safety: people with kubectl are caught by that alone.
"""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ActivityError, FailureError

with workflow.unsafe.imports_passed_through():
    from pydantic import Field

    from mainstay.domain import names
    from mainstay.domain.errors import InvalidArgument
    from mainstay.domain.message import NoticeMessage
    from mainstay.domain.model import Record
    from mainstay.domain.runbook.run import Lease
    from mainstay.domain.work import HolderRequest, SendRequest

from workflows import calls, options
from workflows.messages import read
from workflows.parts import none_broke, undisturbed

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
        self._note = ""
        """What the next holder has to know about the one before."""

    @workflow.run
    async def run(self, _state: LeaseState | None = None) -> None:
        story = asyncio.create_task(self._live())
        await undisturbed(story.done, self._set_aside)
        none_broke([story])
        await undisturbed(workflow.all_handlers_finished, self._set_aside)
        if not self._idle():
            workflow.continue_as_new(self._state)

    def _set_aside(self) -> None:
        """Cancelling the lease takes it from its holder: an operator's way out, since fencing is not safety."""
        held = self._state.holder
        if held is not None:
            self._note = f"an operator took it from {held.holder}, which may still be writing; look at it first"
            self._set(holder=None)

    async def _live(self) -> None:
        """Until nobody wants it, or its history has grown long."""
        while not workflow.info().is_continue_as_new_suggested():
            if self._state.holder is None and self._state.waiting:
                await self._grant()
            if self._idle():
                try:
                    await workflow.wait_condition(lambda: not self._idle(), timeout=IDLE, timeout_summary="Idle")
                except TimeoutError:
                    return
                continue
            if self._state.holder is not None:
                await self._watch_holder()

    def _idle(self) -> bool:
        return self._state.holder is None and not self._state.waiting

    def _set(self, **fields: object) -> None:
        self._state = self._state.model_copy(update=fields)

    async def _grant(self) -> None:
        """To the first in line. The number grows for ever, because it is made from the time."""
        note, self._note = self._note, ""
        first, rest = self._state.waiting[0], self._state.waiting[1:]
        fence = max(self._state.fence + 1, int(workflow.now().timestamp() * 1000))
        granted = first.model_copy(update={"fence": fence, "why": note})
        self._set(holder=granted, waiting=rest, fence=fence, granted_at=workflow.now())
        workflow.set_current_details(f"Held by `{granted.holder}`; {len(rest)} waiting")
        if not await self._tell(granted) and self._state.holder is granted:
            self._note = note
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
        self._note = f"its last holder {held.holder} closed without releasing it; look at it first"
        self._set(holder=None)
        await self._tell_somebody(held)

    async def _tell_somebody(self, held: Lease) -> None:
        """A run that closed in the middle may have left its target half-changed: a person looks."""
        target = workflow.info().workflow_id.removeprefix("lease/")
        message = NoticeMessage(
            subject=f"Look at {target}",
            text=f"{held.holder} closed while it was allowed to change it ({held.why or 'no title'}). "
            "Whoever is next may change it now.",
        )
        request = SendRequest(
            key=f"{workflow.info().workflow_id}/{held.fence}/closed",
            channel=names.LAST_RESORT,
            message=message,
        )
        try:
            await calls.start_send(request, f"Tell the last resort about {target}"[: calls.SUMMARY])
        except ActivityError as error:
            workflow.logger.warning("%s: %s", target, calls.why(error)[1])

    @workflow.signal(name=names.LEASE_ASK, description="Ask for the lease (sent by a run)")
    async def ask(self, wanted: Any = None) -> None:
        """Asking again with the same request id is answered again, never queued twice."""
        wanted = self._read(names.LEASE_ASK, wanted)
        if wanted is None or not wanted.holder:
            return
        held = self._state.holder
        if held is not None and held.request_id == wanted.request_id:
            await self._tell(held)
        elif all(other.request_id != wanted.request_id for other in self._state.waiting):
            self._set(waiting=(*self._state.waiting, wanted))

    @workflow.signal(name=names.LEASE_RELEASE, description="Give the lease back (sent by its holder)")
    def release(self, given: Any = None) -> None:
        given = self._read(names.LEASE_RELEASE, given)
        if given is None:
            return
        held = self._state.holder
        mine = held is not None and held.holder == given.holder
        if mine and held is not None and given.fence in (0, held.fence):
            self._set(holder=None)
        self._set(
            waiting=tuple(w for w in self._state.waiting if w.request_id != given.request_id or not given.request_id)
        )

    def _read(self, signal: str, value: object) -> Lease | None:
        try:
            return read(Lease, value)
        except InvalidArgument as refusal:
            self.refuse_signal(signal, refusal.message)
            return None

    def refuse_signal(self, signal: str, why: str) -> None:
        workflow.logger.warning("signal %s refused: %s", signal, why)

    @workflow.query(name=names.VIEW, description="Holder and queue")
    def view(self) -> LeaseState:
        return self._state
