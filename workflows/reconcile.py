"""Every minute: what stands though its owner is closed. Terminate and reset run no code, this does."""

from __future__ import annotations

from temporalio import workflow
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from mainstay.domain import names
    from mainstay.domain.message import NoticeMessage
    from mainstay.domain.model import Record, digest
    from mainstay.domain.work import Orphan, OrphansRequest, SendRequest

from workflows import calls


class Reconciled(Record):
    """What one sweep found; the next one reads it, as a Temporal Schedule hands it on."""

    found: int = 0
    told: tuple[str, ...] = ()
    """Keys of the orphans that somebody has been paged about and that still stand."""


@workflow.defn(name=names.RECONCILE)
class ReconcileWorkflow:
    """Started by a Temporal Schedule; pages about each orphan once, with the undo offered."""

    @workflow.run
    async def run(self) -> Reconciled:
        before = workflow.get_last_completion_result(Reconciled) or Reconciled()
        found = await calls.find_orphans(OrphansRequest(at=workflow.now()))
        told = [orphan for orphan in found.found if _key(orphan) in before.told or await self._page(orphan)]
        return Reconciled(found=len(found.found), told=tuple(_key(orphan) for orphan in told))

    async def _page(self, orphan: Orphan) -> bool:
        """To whoever the last resort is; False leaves it to the next sweep, with the same key."""
        undo = f" To take it back: {orphan.undo}" if orphan.undo else ""
        message = NoticeMessage(
            subject=f"A {orphan.kind} stands without its owner",
            text=f"{orphan.text}. Its workflow {orphan.owner} is closed and will not look after it.{undo}",
        )
        request = SendRequest(key=_key(orphan), channel=names.LAST_RESORT, message=message)
        try:
            receipt = await calls.start_send(request, f"Page about {orphan.kind} {orphan.id}"[:390])
        except ActivityError as error:
            workflow.logger.warning("orphan %s: %s", orphan.id, calls.why(error)[1])
            return False
        return receipt.accepted


def _key(orphan: Orphan) -> str:
    return f"orphan/{digest([orphan.kind, orphan.id])[7:23]}"
