"""The kill switch on a pending rollback."""

from __future__ import annotations

import time

from devstack.processes import eventually
from mainstay.domain.names import HALT, HALT_WORKFLOW_ID, INCIDENT_QUEUE
from mainstay.domain.timeline import Noted
from tests.e2e import operators
from tests.e2e.world import SECONDS, World

TAKES_HOLD = 2.0
"""Seconds after which no change leaves any worker (architecture section 6, rule 6)."""


async def test_halt_stops_a_pending_rollback_and_its_end_lets_it_go_on(world: World) -> None:
    """Given a rollback that waits for approval, when the workflow mainstay-halt is started and the rollback is
    approved two seconds later, then nothing is written and the run says what it waits for; when the halt is
    cancelled, then the approved change is made, once. Paging goes on meanwhile."""
    incident = await world.open("halted")
    await incident.acknowledge()
    run = await incident.asked()
    halt = await world.client.start_workflow(HALT, "a test", id=HALT_WORKFLOW_ID, task_queue=INCIDENT_QUEUE)
    acknowledged = time.monotonic()
    try:

        async def in_force() -> bool:
            return time.monotonic() - acknowledged >= TAKES_HOLD

        await eventually(in_force, SECONDS, "the two seconds that a halt has to take hold")
        await incident.approve(run)
        view = await incident.until(lambda view: view.runs[0].status == "halted", "the run being halted")
        assert view.runs[0].waits_for == "the kill switch to be cleared"
        assert incident.our_writes() == []
        assert incident.tags() == [operators.GOOD, operators.BAD]
        await world.people["alice"].page(incident.workflow_id, "person:bob")
        await incident.mail(to="bob")
    finally:
        await halt.cancel()

    view = await incident.mitigated()
    incident.assert_rolled_back_once(run)
    notes = [entry.text for entry in view.timeline if isinstance(entry, Noted)]
    assert sum("kill switch" in text for text in notes) == 1, notes
    await incident.finish()
