"""The kill switch: a running workflow ``mainstay-halt``. Starting it needs no worker and is its own audit."""

from __future__ import annotations

from datetime import timedelta

from temporalio.client import Client, WorkflowExecutionDescription, WorkflowExecutionStatus
from temporalio.exceptions import WorkflowAlreadyStartedError

from mainstay.desk import check
from mainstay.desk.answers import HaltState
from mainstay.desk.failure import MAY_STILL_APPLY, answering
from mainstay.domain import access_rules, names
from mainstay.domain.access import Actor
from mainstay.domain.errors import NotFound
from mainstay.domain.incident import Outcome
from mainstay.domain.text import markdown

WITHIN = timedelta(seconds=5)
UNDO_ALLOWED = "undo_allowed"
"""Memo that the workers read: false forbids undo as well."""
BY = "by"
REASON = "reason"
REQUEST = "request_id"


class Halts:
    def __init__(self, client: Client) -> None:
        self._client = client

    async def halt(self, reason: str, caller: Actor, request_id: str, *, allow_undo: bool) -> Outcome:
        """On once this returns; within 2 s no worker changes anything (architecture section 6, rule 6)."""
        access_rules.check_allowed(access_rules.HALT, caller)
        request_id = check.request_id(request_id)
        reason = check.text(reason, "reason", required=True, limit=1000)
        async with answering("halting", WITHIN, unsure=MAY_STILL_APPLY):
            try:
                await self._client.start_workflow(
                    names.HALT,
                    f"{caller.shown}: {reason}",
                    id=names.HALT_WORKFLOW_ID,
                    task_queue=names.INCIDENT_QUEUE,
                    memo={
                        UNDO_ALLOWED: allow_undo,
                        BY: caller.shown,
                        REASON: reason,
                        REQUEST: request_id,
                    },
                    static_summary=markdown(f"Halted by {caller.shown}: {reason}", 200),
                    static_details="While this runs, no change leaves any worker. Cancel it to go on.",
                )
            except WorkflowAlreadyStartedError:
                state = await self.state()
                return Outcome(message=f"already halted by {state.by or 'somebody'}", changed=False)
        undo = "undo stays allowed" if allow_undo else "undo is stopped as well"
        return Outcome(message=f"halted: within 2 s no change leaves any worker; {undo}")

    async def clear(self, reason: str, caller: Actor, request_id: str) -> Outcome:
        """Asks the workflow to end; its worker does. Going on needs more than stopping did."""
        access_rules.check_allowed(access_rules.CLEAR_HALT, caller)
        check.request_id(request_id)
        reason = check.text(reason, "reason", required=True, limit=1000)
        if not (await self.state()).on:
            return Outcome(message="nothing is halted", changed=False)
        try:
            async with answering("clearing the halt", WITHIN, unsure=MAY_STILL_APPLY):
                await self._client.get_workflow_handle(names.HALT_WORKFLOW_ID).cancel(
                    reason=f"{caller.shown}: {reason}"
                )
        except NotFound:
            return Outcome(message="nothing is halted", changed=False)
        return Outcome(message="the halt is cleared")

    async def state(self) -> HaltState:
        try:
            async with answering("asking for the halt", WITHIN):
                found = await self._client.get_workflow_handle(names.HALT_WORKFLOW_ID).describe()
                if found.status is not WorkflowExecutionStatus.RUNNING:
                    return HaltState(on=False)
                return await _described(found)
        except NotFound:
            return HaltState(on=False)


async def _described(found: WorkflowExecutionDescription) -> HaltState:
    memo = await found.memo()
    return HaltState(
        on=True,
        by=str(memo.get(BY, "")),
        reason=str(memo.get(REASON, "")),
        allow_undo=memo.get(UNDO_ALLOWED, True) is not False,
        since=found.start_time,
    )
