"""The kill switch: while an execution of this workflow runs, no worker changes anything."""

from __future__ import annotations

import asyncio
from typing import Any

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from mainstay.domain import names
    from mainstay.domain.text import plain


@workflow.defn(name=names.HALT)
class HaltWorkflow:
    """Starting it halts (it needs no worker for that), cancelling it clears. Both are in its history."""

    @workflow.run
    async def run(self, reason: Any = "") -> str:
        """Whatever came as a reason: a halt that cannot read it could not be cleared either."""
        told = plain(reason if isinstance(reason, str) else repr(reason), 300).replace("`", "'")
        workflow.set_current_details(
            f"**Mutations are halted.** Reason: `{told or 'none given'}`. Request cancellation to clear it."
        )
        try:
            await workflow.wait_condition(lambda: False)
        except asyncio.CancelledError:
            return "cleared"
        return "cleared"
