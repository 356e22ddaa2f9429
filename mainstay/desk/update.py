"""One update of one incident or run, with its actor signed. The request id is the update id.

A door cannot know whether a request that timed out was applied. So it says so, and the same request id again
gives the first answer: within one run Temporal finds it, across continue-as-new the workflow does, and after
the end the outcome is read from the closed run.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, TypeVar

from temporalio.client import Client, WorkflowHandle
from temporalio.service import RPCError, RPCStatusCode

from mainstay.desk import check
from mainstay.desk.address import Address, AddressBook
from mainstay.desk.failure import MAY_STILL_APPLY, NoSuchRun, answering
from mainstay.domain.access import Actor, Command, SignedActor
from mainstay.domain.access_rules import check_allowed
from mainstay.domain.errors import InvalidArgument, NotFound, Refusal, Unavailable, WrongState
from mainstay.domain.incident import Outcome
from mainstay.domain.model import digest
from mainstay.domain.signature import Signer

SIGNATURE_HOLDS = timedelta(minutes=5)
"""How long a worker may be away before what was asked must be asked again."""
ANSWER_OF_CLOSED_WITHIN = timedelta(seconds=2)
ASK_AGAIN_AFTER = (0.1, 0.5)
"""Seconds before the second and the third try of an update that the server threw away with its task."""

C = TypeVar("C", bound=Command)


def signed(command: C, caller: Actor, signer: Signer, *, key: str, update_id: str, now: datetime) -> C:
    """``command`` as the validator will read it: through JSON once, so that both digest the same."""
    bare = command.model_copy(update={"actor": SignedActor()})
    bare = type(command).model_validate_json(bare.model_dump_json())
    actor = signer.sign_actor(
        caller,
        incident_key=key,
        update_id=update_id,
        digest=digest(bare),
        expires_at=now + SIGNATURE_HOLDS,
    )
    return bare.model_copy(update={"actor": actor})


class Updates:
    def __init__(self, client: Client, book: AddressBook, signer: Signer, clock: Callable[[], datetime]) -> None:
        self._client = client
        self._book = book
        self._signer = signer
        self._clock = clock

    async def send(
        self,
        address: Address,
        name: str,
        command: Command,
        caller: Actor,
        request_id: str,
        timeout: timedelta,
    ) -> Outcome:
        """Raises every refusal of the workflow; Unavailable says when it may still be applied."""
        request_id = check.request_id(request_id)
        check.size(command)
        check_allowed(name, caller)
        ready = signed(command, caller, self._signer, key=address.key, update_id=request_id, now=self._clock())
        handle = self._client.get_workflow_handle(address.workflow_id, first_execution_run_id=address.key)
        shown = address.number or address.workflow_id
        try:
            async with answering(f"sending {name} to {shown}", timeout, unsure=MAY_STILL_APPLY):
                return await ask(handle, name, ready, request_id)
        except NoSuchRun:
            return await self._answer_of_closed(address, shown, request_id)

    async def _answer_of_closed(self, address: Address, shown: str, request_id: str) -> Outcome:
        """What this very request was answered before the end, or the refusal that it comes too late.

        Raises WrongState after the end, NotFound when there never was such a workflow, Unavailable.
        """
        now = await self._book.of_key(address)
        if now.last_run:
            handle = self._client.get_workflow_handle(address.workflow_id, run_id=now.last_run)
            known = handle.get_update_handle(request_id, workflow_run_id=now.last_run, result_type=Outcome)
            try:
                async with answering(f"reading the answer of {shown}", ANSWER_OF_CLOSED_WITHIN):
                    answer: Outcome = await known.result()
                    return answer
            except (NotFound, InvalidArgument):
                pass  # that run never saw this request
            except Unavailable:
                if not now.ended:
                    raise
        if not now.ended:
            raise Unavailable(f"{shown} is changing over to its next run; retry with the same request_id")
        raise closed(shown)


async def ask(handle: WorkflowHandle[Any, Any], name: str, command: Command, request_id: str) -> Outcome:
    """The update's answer, asked for anew where a task of the workflow was thrown away with the update in it.

    That happens when something arrives while the workflow changes over to its next run. The update id makes
    asking again harmless. Raises what the client raises.
    """
    for pause in (*ASK_AGAIN_AFTER, None):
        try:
            answer: Outcome = await handle.execute_update(name, command, id=request_id, result_type=Outcome)
        except RPCError as error:
            if pause is None or not _thrown_away(error):
                raise
            await asyncio.sleep(pause)
        else:
            return answer
    raise AssertionError("the last try answers or raises")


def _thrown_away(error: RPCError) -> bool:
    return error.status is RPCStatusCode.FAILED_PRECONDITION and "workflow task failure" in error.message


def closed(shown: str) -> Refusal:
    return WrongState(f"{shown} is closed and takes no more changes: declare a new incident, or add to its postmortem")
