"""The worker is killed (SIGKILL) at the worst moments; another one takes over."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest

from devstack.processes import eventually
from mainstay.domain.timeline import Acknowledged, EscalationStep
from tests.e2e.world import KILLS, SECONDS, World

ON_TIME = timedelta(seconds=5)
"""A timer that has come due is a page within this time, also on a busy machine."""


@pytest.mark.capability("S-118")
async def test_escalation_survives_the_workers_death(world: World) -> None:
    """Given a page nobody has acknowledged, when the worker is killed in the wait and another one starts, then
    the escalation still fires at its original deadline (or, should the start have taken longer than the wait, as
    soon as a worker is there), once, and nobody is paged twice."""
    incident = await world.open("ack-kill")
    await incident.mail(to="alice")
    due = (await incident.until(lambda view: view.next_page == "person bob", "the wait for alice")).next_page_at
    await world.product.worker.kill9()
    await world.revive()
    there = datetime.now(UTC)

    await incident.mail(to="bob")
    second = await incident.until(lambda view: view.next_page == "person alice", "the wait for bob")
    steps = [entry for entry in second.timeline if isinstance(entry, EscalationStep)]
    assert [step.targets for step in steps] == [("person alice",), ("person bob",)]
    assert due is not None
    assert due <= steps[1].at < max(due, there) + ON_TIME
    await incident.acknowledge("bob")
    view = await incident.finish("bob")
    assert [len(await incident.mails(to=person)) for person in ("alice", "bob", "dan")] == [1, 1, 0]
    assert any(isinstance(entry, Acknowledged) for entry in view.timeline)


async def test_rollback_survives_the_workers_death_at_every_point(world: World) -> None:
    """Given three approved rollbacks, when the worker is killed before the call, after the call and after the
    answer, then another worker ends each of them, and by the API server's audit log each template has changed
    exactly once, to the pinned one."""
    # The last point first: a try after a kill finds the change made, so it does not come to the earlier points.
    services = {point: point.replace("apply.", "kill-").replace("_", "-") for point in reversed(KILLS)}
    incidents = {point: await world.open(service) for point, service in services.items()}
    runs = {}
    for point, incident in incidents.items():
        await incident.acknowledge()
        runs[point] = await incident.asked()
        assert incident.tags() == ["v1", "v2"]

    for point, incident in incidents.items():
        world.fail_points.arm(point)
        await incident.approve(runs[point])
        await eventually(_dead(world), SECONDS, f"the worker's death at {point}")
        await world.revive()

    for point, incident in incidents.items():
        view = await incident.mitigated(60)
        assert view.runs[0].ended, point
        incident.assert_rolled_back_once(runs[point])
        assert len(incident.our_writes()) == 1, point
        final = await incident.finish()
        assert len(final.mitigations) == 1, point


def _dead(world: World) -> Callable[[], Awaitable[bool]]:
    async def dead() -> bool:
        return not world.product.worker.running

    return dead
