"""The whole story on real parts: Prometheus and Alertmanager find out, people and Mainstay do the rest."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, time, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import pytest_asyncio
from icalendar import Calendar
from temporalio.testing import TimeSkipper, TimeSkippingConfig

from devstack.alertmanager import Alertmanager
from devstack.processes import eventually
from devstack.prometheus import Prometheus
from devstack.shop import BAD_TAG, FIRST_TAG, GOOD_TAG, Shop, alert_rules
from mainstay.domain.incident import CONFIRMATIONS, IncidentView, Phase
from mainstay.domain.names import action_item_workflow_id
from tests.e2e import doors
from tests.e2e.world import SECONDS, Incident, World

SERVICE = "payment-service"
BERLIN = ZoneInfo("Europe/Berlin")
OPENS, SHUTS = time(8), time(18)
"""Business hours of the operators' folder, every day of the week."""
ITEM = "Block images without a passed canary"


@pytest_asyncio.fixture(loop_scope="session")
async def shop(world: World, tmp_path: Path, prometheus_port: int) -> AsyncIterator[Shop]:
    """The demo shop with its traffic, watched by a real Prometheus whose Alertmanager knows the product."""
    shop = Shop(tmp_path / "shop", world.cluster)
    alertmanager = Alertmanager(
        tmp_path / "alertmanager",
        webhook_url=f"{world.product.url}/webhooks/alertmanager",
        webhook_token=world.product.tokens["alertmanager"],
    )
    prometheus = Prometheus(
        tmp_path / "prometheus",
        targets={"shop": shop.address},
        rules=[alert_rules()],
        alertmanager=alertmanager.address,
        port=prometheus_port,
    )
    parts = (shop, alertmanager, prometheus)
    try:
        await asyncio.gather(*(part.start() for part in parts))
        yield shop
    finally:
        await asyncio.gather(*(part.stop() for part in parts))


@pytest.mark.capability("S-063", "S-197", "S-263", "S-273", "S-302")
async def test_bad_image_becomes_a_chased_action_item(world: World, shop: Shop) -> None:
    """Given a shop in good health, when a bad image is rolled out, then Prometheus' rule fires and Alertmanager's
    webhook declares the incident. The first person stays silent, so the next one is paged and the time line says
    that there was no acknowledgement; he acknowledges by the link in his mail and calls a third. One click on the
    link of the approval performs the rollback end to end: made once, and verified by the error rate. Resolved with
    every point confirmed, it has a postmortem on file with its date, author and responders, and all three are
    invited to a meeting 48 to 72 hours later in business hours. It is closed with an action item, whose owner is
    reminded in the weeks after, before its date and when it is overdue by a day; after seven days his manager is
    told, and the reminders go on."""
    await shop.release(BAD_TAG)
    incident = await _declared(world)
    await _acknowledged(incident)
    await world.people["bob"].page(incident.workflow_id, "person:carol")
    await incident.mail(to="carol")
    run = await incident.asked()
    assert run.change
    assert f"+      - image: registry.example/{SERVICE}:{GOOD_TAG}" in run.change.diff
    assert await doors.by_link(await incident.link("approve", kind="approval")) == doors.TAKEN
    view = await incident.mitigated()
    assert {entry.kind for entry in view.timeline} >= {"declared", "paged", "approval_answered", "mitigated"}
    assert incident.tags() == [FIRST_TAG, GOOD_TAG, BAD_TAG, GOOD_TAG]

    view = await _resolved(incident)
    draft = await _drafted(incident, view)
    told = (
        view.number,
        "**Authors:** bob",
        "**Responders:** alice, bob, carol",
        f"Roll back deployment/{SERVICE}",
        "alice answered approve",
    )
    assert [text for text in told if text not in draft] == []
    await _assert_invited(incident, view)
    due = datetime.now(UTC) + timedelta(days=14)
    await world.people["bob"].close_incident(incident.workflow_id, ITEM, "bob", due)
    final = await incident.ended()
    assert final.phase is Phase.CLOSED
    await incident.assert_journal_complete(final)
    await _assert_chased(incident, f"{final.number}-1")


async def _declared(world: World) -> Incident:
    found: list[str] = []

    async def opened() -> bool:
        incidents = await world.people["bob"].open_incidents()
        found[:] = [one.workflow_id for one in incidents if one.service == SERVICE]
        return bool(found)

    await eventually(opened, SECONDS, "an incident by Alertmanager's webhook")
    return await world.incident(found[0])


async def _acknowledged(incident: Incident) -> None:
    await incident.mail(to="alice")
    link = await incident.link("acknowledge", to="bob")
    assert await doors.by_link(link) == doors.TAKEN
    view = await incident.until(lambda view: bool(view.acknowledged_by), "the acknowledgement")
    assert (view.acknowledged_by, view.commander) == ("bob", "bob")
    steps = [entry for entry in view.timeline if entry.kind == "escalation_step"]
    assert [step.targets for step in steps] == [("person alice",), ("person bob",)]
    assert "no acknowledgement" in steps[1].why


async def _resolved(incident: Incident) -> IncidentView:
    await incident.until(lambda view: not view.firing and "confirm" in view.waits_for, "the end of the hold")
    await incident.world.people["bob"].resolve(incident.workflow_id, list(CONFIRMATIONS))
    return await incident.until(lambda view: view.phase is Phase.RESOLVED, "the resolution")


async def _drafted(incident: Incident, view: IncidentView) -> str:
    file = incident.world.product.data_dir / "postmortems" / f"{view.number}.md"

    async def there() -> bool:
        return file.exists()

    await eventually(there, SECONDS, f"the postmortem {file.name}")
    return file.read_text()


async def _assert_invited(incident: Incident, view: IncidentView) -> None:
    """Everybody who was called gets an .ics of a meeting at a civil hour, two to three days later."""
    assert set(view.responders) == {"alice", "bob", "carol"}
    for person in sorted(view.responders):
        meeting = _meeting(await incident.mail("invitation", to=person))
        starts, ends = meeting["DTSTART"].dt, meeting["DTEND"].dt
        assert view.resolved_at
        assert timedelta(hours=48) <= starts - view.resolved_at
        assert ends - view.resolved_at <= timedelta(hours=72)
        assert OPENS <= starts.astimezone(BERLIN).time() <= ends.astimezone(BERLIN).time() <= SHUTS
        invited = meeting["ATTENDEE"] if isinstance(meeting["ATTENDEE"], list) else [meeting["ATTENDEE"]]
        assert {f"mailto:{name}@example.org" for name in view.responders} <= {str(one).lower() for one in invited}


def _meeting(mail: EmailMessage) -> Any:
    part = next(part for part in mail.walk() if part.get_content_type() == "text/calendar")
    return Calendar.from_ical(part.get_content()).walk("VEVENT")[0]


async def _assert_chased(incident: Incident, item: str) -> None:
    """Its weeks on virtual time: (days on, whom, what about)."""
    clock = TimeSkipper(incident.world.client, config=TimeSkippingConfig(enabled=False))
    handle = incident.world.client.get_workflow_handle(action_item_workflow_id(item))
    await _item_mail(incident, "bob", "action item for bob")
    # An hour more than a whole number of days: what falls due while the test runs is not waited for.
    for days, person, words in (
        (13, "bob", "due"),
        (2, "bob", "overdue by 1 day"),
        (6, "dan", "overdue"),
        (1, "bob", "overdue by 8 days"),
    ):
        await clock.fast_forward(handle, timedelta(days=days, hours=1))
        await _item_mail(incident, person, words)


async def _item_mail(incident: Incident, person: str, words: str) -> None:
    async def came() -> bool:
        return any(words in str(mail["Subject"]).lower() for mail in await incident.mails("item", person))

    try:
        await eventually(came, SECONDS, f"{words!r} to {person}")
    except TimeoutError as late:
        subjects = [(str(mail["To"]), str(mail["Subject"])) for mail in await incident.mails("item")]
        raise TimeoutError(f"{late}; there were {subjects}") from None
