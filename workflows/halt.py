"""The kill switch: while an execution of this workflow runs, no worker changes anything."""

from __future__ import annotations

import asyncio

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from mainstay.domain import names


@workflow.defn(name=names.HALT)
class HaltWorkflow:
    """Starting it halts (it needs no worker for that), cancelling it clears. Both are in its history."""

    @workflow.run
    async def run(self, reason: str = "") -> str:
        workflow.set_current_details(
            f"**Mutations are halted.** Reason: `{reason or 'none given'}`. Request cancellation to clear it."
        )
        try:
            await workflow.wait_condition(lambda: False)
        except asyncio.CancelledError:
            return "cleared"
        return "cleared"
