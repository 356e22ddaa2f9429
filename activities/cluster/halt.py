"""The kill switch as one worker sees it (architecture section 6, rule 6).

A running workflow ``mainstay-halt`` halts every mutation. The watch asks every ``interval``; an answer
counts from the moment it was asked for, and one older than ``stale_after`` counts for nothing. So no
mutating request leaves later than ``stale_after`` after the server has acknowledged the stop.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, Self

from temporalio.client import Client, WorkflowExecutionDescription, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from mainstay.domain.errors import Halted, Unavailable
from mainstay.domain.names import HALT_WORKFLOW_ID

UNDO_ALLOWED = "undo_allowed"
"""Name in the halt workflow's memo: false forbids undo as well."""
ASK_SECONDS = 1.0


class HaltGuard(Protocol):
    """What the client asks right before each mutating request."""

    def check(self, *, undo: bool) -> None:
        """Return if the request may leave now. Raises Halted or Unavailable."""

    async def refresh(self) -> None:
        """Find out now, if what is known is not fresh."""


@dataclass(frozen=True)
class _Answer:
    """``asked``: monotonic seconds at which the question left."""

    asked: float
    halted: bool = False
    undo_allowed: bool = True


class HaltWatch:
    """Asks Temporal whether the kill switch is on.

    ``halt_file`` is a local file that only adds a stop: while it is there nothing leaves, undo included.

    ``interval`` and ``stale_after`` are seconds.
    """

    def __init__(
        self,
        client: Client,
        *,
        interval: float = 0.5,
        stale_after: float = 2.0,
        halt_file: Path | None = None,
    ) -> None:
        self._client = client
        self._interval = interval
        self._stale_after = stale_after
        self._halt_file = halt_file
        self._answer: _Answer | None = None
        self._fault = "it has not been asked yet"
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Ask once, then go on asking in the background until ``stop``."""
        await self._ask()
        self._task = asyncio.create_task(self._watch(), name="halt-watch")

    async def stop(self) -> None:
        """Stop asking. From then on ``check`` refuses once the last answer is stale."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    def check(self, *, undo: bool = False) -> None:
        """Return if a mutating request may leave now.

        Raises Halted when a stop is on (for an undo: when the stop forbids undo too), Unavailable when the
        last definite answer is too old to know.
        """
        self._check_file()
        answer = self._answer
        if answer is None or time.monotonic() - answer.asked > self._stale_after:
            raise Unavailable(
                f"whether {HALT_WORKFLOW_ID} is on is not known since more than {self._stale_after:g} s "
                f"({self._fault}); nothing is changed until it is"
            )
        if answer.halted and not (undo and answer.undo_allowed):
            why, remedy = f"the workflow {HALT_WORKFLOW_ID} is running", f"cancel {HALT_WORKFLOW_ID}"
            raise Halted(_halted_text(why, answer.undo_allowed, remedy))

    async def refresh(self) -> None:
        """Ask now if the last answer is older than the interval, as after a stall of the event loop."""
        if self._answer is None or time.monotonic() - self._answer.asked > 2 * self._interval:
            await self._ask()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def _watch(self) -> None:
        while True:
            began = time.monotonic()
            await self._ask()
            await asyncio.sleep(max(0.0, self._interval - (time.monotonic() - began)))

    async def _ask(self) -> None:
        asked = time.monotonic()
        try:
            answer = await asyncio.wait_for(self._describe(asked), ASK_SECONDS)
        except Exception as fault:
            self._fault = type(fault).__name__
            return
        if self._answer is None or self._answer.asked <= asked:
            self._answer = answer

    async def _describe(self, asked: float) -> _Answer:
        try:
            found = await self._client.get_workflow_handle(HALT_WORKFLOW_ID).describe()
        except RPCError as fault:
            if fault.status == RPCStatusCode.NOT_FOUND:
                return _Answer(asked)
            raise
        if found.status != WorkflowExecutionStatus.RUNNING:
            return _Answer(asked)
        return _Answer(asked, halted=True, undo_allowed=await _undo_allowed(found))

    def _check_file(self) -> None:
        if self._halt_file is None:
            return
        try:
            self._halt_file.stat()
        except FileNotFoundError:
            return
        except OSError as fault:
            raise Halted(f"the halt file {self._halt_file} cannot be seen ({fault.strerror}): halted") from None
        raise Halted(_halted_text(f"the file {self._halt_file} is there", False, "remove it"))


async def _undo_allowed(found: WorkflowExecutionDescription) -> bool:
    """An unreadable memo forbids: what is not known does not default to something dangerous."""
    try:
        values = await found.memo()
    except Exception:
        return False
    return values.get(UNDO_ALLOWED, True) is not False


def _halted_text(why: str, undo_allowed: bool, remedy: str) -> str:
    undo = "undo is allowed" if undo_allowed else "undo is not allowed either"
    return f"halted: {why}; no change leaves this worker, {undo}. To go on: {remedy}"
