"""The same alert again: at once, without firing, after the resolution, and next week."""

from __future__ import annotations

from datetime import UTC, datetime

from mainstay.domain.incident import Phase
from mainstay.domain.timeline import Reopened
from tests.e2e import doors
from tests.e2e.world import World, alert


async def test_one_webhook_five_times_is_one_incident_and_one_page(world: World) -> None:
    """Given a webhook, when it is delivered five times, then there is one incident, and its person is paged once."""
    deliveries = [await world.webhook(alert("repeated")) for _ in range(5)]
    assert [status for status, _ in deliveries] == [200] * 5
    named = {tuple(answer["incidents"]) for _, answer in deliveries}
    assert len(named) == 1
    incident = await world.incident(named.pop()[0])
    await incident.mail(to="alice")
    await incident.acknowledge()
    view = await incident.finish()
    assert view.alerts_seen == 1
    assert view.key == incident.key
    assert len(await incident.mails()) == 1


async def test_resolved_notice_opens_no_incident(world: World) -> None:
    """Given no incident, when a notice says that an alert has resolved, then none is opened; and the next firing
    opens one that knows of no earlier alert."""
    before = datetime.now(UTC)
    status, answer = await world.webhook(alert("platform", firing=False))
    assert (status, answer["incidents"]) == (200, [])
    incident = await world.open("platform", at="2026-03-02T04:00:00Z")
    view = await incident.view()
    assert view.alerts_seen == 1
    first = await incident.handle.describe()
    assert first.start_time > before
    await incident.acknowledge()
    await incident.finish()


async def test_firing_after_the_resolution_reopens_and_pages_anew(world: World) -> None:
    """Given a resolved incident, when its alert fires again, then the same incident is open again and its people
    are paged anew; the link in the first page is for the first round and is called stale."""
    incident = await world.open("fires-again")
    old_link = await incident.link("acknowledge")
    await incident.acknowledge()
    await incident.resolve()
    again = await world.open("fires-again", at="2026-03-02T05:00:00Z")
    assert (again.workflow_id, again.key) == (incident.workflow_id, incident.key)
    view = await incident.until(lambda view: len(view.responders) == 1, "alice being called again")
    assert view.phase is Phase.DECLARED
    assert [entry.round for entry in view.timeline if isinstance(entry, Reopened)] == [2]
    await incident.until(lambda view: view.responders == {"alice": "paged"}, "the second round")
    assert await doors.by_link(old_link) == "Stale"
    await incident.acknowledge()
    await incident.finish()
    assert len(await incident.mails(to="alice")) == 2


async def test_next_weeks_incident_pages_again_and_refuses_last_weeks_link(world: World) -> None:
    """Given a closed incident, when its alert fires in the week after, then a new incident of the same workflow id
    has its own key and its own page, and the link in last week's page is called stale and acknowledges nothing."""
    last_week = await world.open("next-week")
    old_link = await last_week.link("acknowledge")
    await last_week.acknowledge()
    await last_week.finish()

    incident = await world.open("next-week", at="2026-03-09T03:00:00Z")
    assert incident.workflow_id == last_week.workflow_id
    assert incident.key != last_week.key
    await incident.mail(to="alice")
    assert await doors.by_link(old_link) == "Stale"
    assert await doors.by_grpc(world.people["alice"].acknowledge(last_week.key)) == "WrongState"
    assert (await incident.view()).acknowledged_by == ""
    assert await doors.by_link(await incident.link("acknowledge")) == doors.TAKEN
    await incident.until(lambda view: view.acknowledged_by == "alice", "the acknowledgement")
    await incident.finish()
    assert [len(await one.mails()) for one in (last_week, incident)] == [1, 1]


async def test_alert_that_outlives_its_incident_opens_one_linked_incident(world: World) -> None:
    """Given a closed incident whose alert never stopped, when Alertmanager repeats it twice, then one further
    incident is open that names the closed one."""
    closed = await world.open("still-firing")
    await closed.until(lambda view: bool(view.number), "its number")
    await closed.acknowledge()
    final = await closed.finish()
    incident = await world.open("still-firing")
    assert (await world.open("still-firing")).key == incident.key
    view = await incident.until(lambda view: bool(view.linked), "the link to the closed one")
    assert incident.key != closed.key
    assert view.linked == (final.number,)
    await incident.acknowledge()
    await incident.finish()
