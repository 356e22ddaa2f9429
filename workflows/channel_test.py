"""A test message by one channel: the same worker, secrets and network as a page, and its receipt as the answer."""

from __future__ import annotations

from temporalio import workflow
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from mainstay.domain import names
    from mainstay.domain.work import Receipt, SendRequest

from workflows import calls


@workflow.defn(name=names.CHANNEL_TEST)
class ChannelTestWorkflow:
    """Sends once and says what came of it. That a channel does not work is an answer, not a failure."""

    @workflow.run
    async def run(self, request: SendRequest) -> Receipt:
        """A fault that may pass is a receipt that is not ``permanent``."""
        try:
            return await calls.send_once(request, f"Test of channel {request.channel}")
        except ActivityError as error:
            return Receipt(accepted=False, detail=calls.why(error)[1])
