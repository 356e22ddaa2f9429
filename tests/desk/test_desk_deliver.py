"""Alerts at the desk: one incident per group, nothing lost, nothing opened by a resolved notice."""

from __future__ import annotations

import asyncio
import time

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowExecutionStatus

from devstack.processes import eventually
from mainstay.desk.answers import Delivered
from mainstay.domain.alert import Alert
from mainstay.domain.errors import NotFound
from mainstay.domain.incident import Declaration
from tests.desk.lab import Lab, actor, alert, request_id


async def signals_of(lab: Lab, workflow_id: str) -> int:
    history = await lab.client.get_workflow_handle(workflow_id).fetch_history()
    wanted = EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED
    return sum(event.event_type == wanted for event in history.events)


async def test_an_alert_opens_an_incident_that_pages_the_person_on_call(lab: Lab) -> None:
    """One alert: an incident of the routed service, and a page to whoever is on call."""
    (delivered,) = await lab.desk.deliver((alert("Opens"),), "test")
    view = await lab.until(delivered.workflow_id, lambda v: v.responders, "somebody is paged")
    assert (view.service, view.title, view.phase) == ("api", "Opens on api-0", "declared")
    assert set(view.responders) <= {"alice", "bob"}


async def test_the_same_delivery_again_changes_nothing(lab: Lab) -> None:
    """A repeated webhook joins the running incident and counts no alert twice."""
    first = await lab.opened("Repeated")
    await lab.desk.deliver((alert("Repeated"),), "test")
    (again,) = await lab.desk.deliver((alert("Repeated"), alert("Repeated", number=1)), "test")
    view = await lab.until(first.key, lambda v: v.alerts_seen == 2, "the second alert has joined")
    assert again.workflow_id == first.workflow_id
    assert view.key == first.key


async def test_a_resolved_notice_opens_nothing(lab: Lab) -> None:
    """Nothing firing and no incident open: ignored, and no workflow exists afterwards."""
    (delivered,) = await lab.desk.deliver((alert("OnlyResolved", firing=False),), "test")
    assert delivered == Delivered(workflow_id=delivered.workflow_id, service="api", alerts=1, ignored=True)
    with pytest.raises(NotFound):
        await lab.desk.find(delivered.workflow_id)


async def test_a_resolved_notice_reaches_the_open_incident(lab: Lab) -> None:
    """… and where one is open, it is told."""
    view = await lab.opened("Resolves")
    (delivered,) = await lab.desk.deliver((alert("Resolves", firing=False),), "test")
    assert not delivered.ignored
    await lab.until(view.key, lambda v: v.firing == 0, "nothing fires any more")


async def test_alerts_of_several_groups_go_to_several_incidents(lab: Lab) -> None:
    """One delivery, three groups, one answer each; the rest is the fallback's, and noise is dropped."""
    former = lab.desk.dropped_alerts
    alerts = (
        alert("GroupOne"),
        alert("GroupTwo"),
        alert("GroupOne", number=1),
        alert("Strange", service="nowhere"),
        alert("Noise", noise="yes"),
    )
    delivered = await lab.desk.deliver(alerts, "test")
    assert [(one.service, one.alerts) for one in delivered] == [("api", 2), ("api", 1), ("unsorted", 1)]
    assert lab.desk.dropped_alerts == former + 1


async def test_a_burst_of_ten_thousand_alerts_loses_none_and_needs_few_signals(lab: Lab) -> None:
    """10,000 deliveries of one alert each into one incident: all counted, a fraction of them as signals."""
    began = time.perf_counter()
    answers = await asyncio.gather(*(lab.desk.deliver((alert("Burst", number=n),), "test") for n in range(10_000)))
    took = time.perf_counter() - began
    workflow_id = answers[0][0].workflow_id
    signals = await signals_of(lab, workflow_id)
    view = await lab.until(workflow_id, lambda v: v.alerts_seen == 10_000, "every alert is counted")
    assert view.alerts_seen == 10_000
    assert signals <= 60
    assert took < 10, f"accepting took {took:.1f} s"


async def test_alerts_are_accepted_without_any_worker(lab: Lab) -> None:
    """Workers down: the alerts are durable all the same, and the incident opens when one is back."""
    async with lab.without_workers():
        (delivered,) = await lab.desk.deliver((alert("NoWorker"),), "test")
        described = await lab.client.get_workflow_handle(delivered.workflow_id).describe()
        assert described.status is WorkflowExecutionStatus.RUNNING
    await lab.until(delivered.workflow_id, lambda v: v.alerts_seen == 1, "the alert was kept")


async def test_a_caller_who_gives_up_does_not_take_its_alerts_back(lab: Lab) -> None:
    """A webhook's client that hangs up has delivered all the same."""
    task = asyncio.create_task(lab.desk.deliver((alert("HungUp"),), "test"))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    (delivered,) = await lab.desk.deliver((alert("HungUp", number=1),), "test")
    await lab.until(delivered.workflow_id, lambda v: v.alerts_seen == 2, "both alerts are there")


@pytest.mark.capability("S-047")
async def test_no_incident_is_without_a_severity(lab: Lab) -> None:
    """Given any incident record, then severity is never null after triage: alerts with facts and without,
    one that could not be read, and declarations with and without a level, in the view and in the record."""
    bare = Alert(fingerprint="bare", labels={"alertname": "NoFacts", "service": "api"})
    unread = Alert(source="someone", raw="{not json")
    refs = [
        one.workflow_id
        for given in ((alert("WithFacts"),), (bare,), (unread,))
        for one in await lab.desk.deliver(given, "test")
    ]
    for number, severity in enumerate(("", "SEV3")):
        given = Declaration(
            title="Told by hand", service="api", severity=severity, request_id=request_id(("S-047", number))
        )
        refs.append((await lab.desk.declare(given, actor("vera"))).workflow_id)
    assert len(refs) == 5
    labels = {level.label for level in lab.config.profile.levels}
    for ref in refs:
        view = await lab.until(ref, lambda v: v.number, "it has its number")
        assert view.severity in labels

        async def recorded(key: str = view.key) -> bool:
            row = await lab.store.find(key)
            return row is not None and row.severity in labels

        await eventually(recorded, 10, "the record has it, too")
