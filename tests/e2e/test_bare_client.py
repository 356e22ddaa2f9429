"""A client that knows nothing but Temporal and an alert."""

from __future__ import annotations

import asyncio
import json

import pytest

from devstack.binaries import PARTS
from mainstay.domain.names import ACKNOWLEDGE, CANCEL, INCIDENT, INCIDENT_QUEUE
from tests.e2e.world import World, alert


async def test_an_alert_alone_starts_an_incident_that_pages(world: World) -> None:
    """Given only a Temporal client, when it starts the workflow ``incident`` with an alert's labels, then the
    configuration is pinned by the worker, the right person is paged, and bare updates move it to its end."""
    labels = {"alertname": "HighErrors", "service": "bare-client"}
    handle = await world.client.start_workflow(
        INCIDENT, {"labels": labels}, id="incident/bare-client/by-hand", task_queue=INCIDENT_QUEUE
    )
    incident = await world.incident(handle.id)
    await incident.mail(to="alice")
    await handle.execute_update(ACKNOWLEDGE, {"actor": {"person": "alice"}})
    view = await incident.until(lambda view: bool(view.number), "the number")
    assert (view.service, view.acknowledged_by) == ("bare-client", "unverified:alice")
    await handle.execute_update(CANCEL, {"actor": {"person": "alice"}, "reason": "the end of the test"})
    await incident.ended()


async def test_the_temporal_command_line_starts_an_incident(world: World) -> None:
    """Given Temporal's own command line, when it starts the workflow ``incident`` with just an alert, then its
    person is paged."""
    binary = PARTS["temporal"].cached
    if not binary.exists():
        pytest.skip("no temporal command line: python -m devstack.binaries temporal")
    workflow_id = "incident/bare-command/by-hand"
    process = await asyncio.create_subprocess_exec(
        *(binary, "workflow", "start", "--address", world.temporal.address),
        *("--type", INCIDENT, "--task-queue", INCIDENT_QUEUE, "--workflow-id", workflow_id),
        *("--input", json.dumps({"labels": alert("bare-command")["labels"]})),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()
    incident = await world.incident(workflow_id)
    await incident.mail(to="alice")
    assert (await incident.view()).service == "bare-command"
    await incident.acknowledge()
    await incident.finish()
