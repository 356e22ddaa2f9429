"""Following one incident's history by long-poll, over continue-as-new, without asking a worker anything."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.workflowservice.v1 import GetWorkflowExecutionHistoryRequest
from temporalio.client import Client

from mainstay.desk.address import Address, AddressBook
from mainstay.desk.failure import answering

LONG_POLL = timedelta(seconds=60)
"""The server answers a long-poll after 20 s at the latest, changed or not."""

_ENDS = (
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_FAILED,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TIMED_OUT,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED,
)
_STEP = EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED
"""State changes with a completed workflow task and not otherwise."""


class History:
    def __init__(self, client: Client, book: AddressBook) -> None:
        self._client = client
        self._book = book

    async def changes(self, address: Address) -> AsyncIterator[bool]:
        """True each time the state may have changed; ends after the incident's last event.

        Raises NotFound past the retention, Unavailable when Temporal is away.
        """
        run = (await self._book.of_key(address)).last_run or address.key
        token = b""
        while True:
            answer = await self._page(address.workflow_id, run, token)
            events, token = answer
            if any(event.event_type == _STEP for event in events):
                yield True
            following = _continued(events)
            if following:
                run, token = following, b""
            elif not token or any(event.event_type in _ENDS for event in events):
                return

    async def _page(self, workflow_id: str, run: str, token: bytes) -> tuple[list[HistoryEvent], bytes]:
        request = GetWorkflowExecutionHistoryRequest(
            namespace=self._client.namespace,
            execution=WorkflowExecution(workflow_id=workflow_id, run_id=run),
            wait_new_event=True,
            next_page_token=token,
        )
        async with answering(f"following {workflow_id}", LONG_POLL):
            answer = await self._client.workflow_service.get_workflow_execution_history(
                request, retry=True, timeout=LONG_POLL
            )
        return list(answer.history.events), answer.next_page_token


def _continued(events: list[HistoryEvent]) -> str:
    for event in events:
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW:
            return event.workflow_execution_continued_as_new_event_attributes.new_execution_run_id
    return ""
