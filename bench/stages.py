"""Where the time went, read from a workflow's history: the server stamps every event."""

from __future__ import annotations

from temporalio.api.enums.v1 import EventType
from temporalio.client import Client

Events = dict[str, list[int]]
"""Event name → its instants in nanoseconds since 1970, in order."""

FIRST = {
    "dispatch (started → first workflow task begun)": ("WORKFLOW_EXECUTION_STARTED", "WORKFLOW_TASK_STARTED"),
    "workflow task (begun → commands durable)": ("WORKFLOW_TASK_STARTED", "WORKFLOW_TASK_COMPLETED"),
    "activity begins": ("WORKFLOW_TASK_COMPLETED", "ACTIVITY_TASK_STARTED"),
}


async def events(client: Client, workflow_id: str, run_id: str | None = None) -> Events:
    """The instants of every event of the latest run."""
    found: Events = {}
    handle = client.get_workflow_handle(workflow_id, run_id=run_id)
    async for event in handle.fetch_history_events():
        name = EventType.Name(event.event_type).removeprefix("EVENT_TYPE_")
        found.setdefault(name, []).append(event.event_time.ToNanoseconds())
    return found


def first_stages(found: Events) -> dict[str, float]:
    """Milliseconds of each stage up to the first activity."""
    return {
        name: (found[end][0] - found[begin][0]) / 1e6
        for name, (begin, end) in FIRST.items()
        if begin in found and end in found
    }
