"""Every minute: what stands though its owner is closed. Terminate and reset run no code, this does."""

from __future__ import annotations

from temporalio import workflow
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from mainstay.domain import names
    from mainstay.domain.message import NoticeMessage
    from mainstay.domain.model import digest
    from mainstay.domain.work import Orphan, OrphansRequest, SendRequest

from workflows import calls


@workflow.defn(name=names.RECONCILE)
class ReconcileWorkflow:
    """Started by a Temporal Schedule; pages about each orphan once, with the undo offered."""

    @workflow.run
    async def run(self) -> int:
        found = await calls.find_orphans(OrphansRequest(at=workflow.now()))
        for orphan in found.found:
            await self._page(orphan)
        return len(found.found)

    async def _page(self, orphan: Orphan) -> None:
        """To whoever the last resort is: the channel ``last_resort`` resolves it from the configuration."""
        undo = f" To take it back: {orphan.undo}" if orphan.undo else ""
        message = NoticeMessage(
            subject=f"A {orphan.kind} stands without its owner",
            text=f"{orphan.text}. Its workflow {orphan.owner} is closed and will not look after it.{undo}",
        )
        request = SendRequest(
            key=f"orphan/{digest([orphan.kind, orphan.id])[7:23]}",
            channel="last_resort",
            message=message,
        )
        try:
            await calls.start_send(request, f"Page about {orphan.kind} {orphan.id}"[:390])
        except ActivityError as error:
            workflow.logger.warning("orphan %s: %s", orphan.id, calls.why(error)[1])
