"""Parts that the product needs go away in the middle of an incident, and come back."""

from __future__ import annotations

import asyncio

import pytest

from devstack.processes import eventually
from devstack.stack import Stack
from mainstay.domain.incident import CONFIRMATIONS, IncidentView, Phase
from mainstay.domain.timeline import Paged
from tests.e2e import operators
from tests.e2e.world import SECONDS, Incident, World, alert

ATTEMPTS = 6
"""So many tries of a write mean an outage of twelve seconds at least, by its retry policy."""
ON_TIME = 5.0
"""Seconds from the alert to its page, with a part missing, on a busy machine."""


async def test_temporal_is_killed_and_restarted_on_its_files(world: World) -> None:
    """Given an incident whose rollback waits for approval, when the Temporal server is killed and started again on
    its files, then nothing of it is lost: an alert sent meanwhile joins, the vote counts, the rollback happens
    once, and nobody is paged anew."""
    incident = await world.open("temporal-away")
    await incident.acknowledge()
    run = await incident.asked()
    await world.temporal.kill()
    sent = asyncio.create_task(_delivered(world, "temporal-away"))
    await world.temporal.start()
    assert await sent == incident.workflow_id

    await incident.until(lambda view: view.alerts_seen == 2, "the alert of the outage")
    await incident.approve(run)
    await incident.mitigated()
    await incident.finish()
    incident.assert_rolled_back_once(run)
    assert len(await incident.mails()) == 1


async def test_kubernetes_api_is_away_during_the_rollback(world: World) -> None:
    """Given an approved rollback, when the cluster's API does not answer while it is to be applied, then it is
    tried until the API is back, the template changes exactly once, and the rollout is verified."""
    incident = await world.open("cluster-away")
    await incident.acknowledge()
    run = await incident.asked()
    await world.cluster.stop_api()
    try:
        await incident.approve(run)
        handle = world.client.get_workflow_handle(run.workflow_id)

        async def tried() -> bool:
            pending = (await handle.describe()).raw_description.pending_activities
            return any(one.activity_type.name == "apply_change" and one.attempt >= ATTEMPTS for one in pending)

        await eventually(tried, 60, "an outage over several tries")
    finally:
        await world.cluster.start_api()
    await incident.mitigated(60)
    incident.assert_rolled_back_once(run)
    assert len(incident.our_writes()) == 1
    await incident.finish()


@pytest.mark.capability("S-059")
async def test_next_method_follows_a_failed_and_an_unanswered_one(world: World) -> None:
    """Given a person with two contact methods, when the first one fails because the mail server is away, then the
    second is used at once, as is the next person where somebody has mail alone, though the policy would wait ten
    minutes; the journal names each try. When the first method works and she does not answer for the configured
    time, then the second is used after it."""
    await world.smtp.stop()
    try:
        incident = await world.open("mail-away")
        await _called(world, incident)
    finally:
        await world.smtp.start()
    assert await _tried(incident, 3) == [("alice", "email", False), ("erin", "email", False), ("erin", "pager", True)]
    await incident.acknowledge("erin")
    await incident.finish("erin")

    second = await world.open("mail-away", at="2026-03-02T07:00:00Z")
    await second.mail(to="alice")
    await world.people["alice"].page(second.workflow_id, "person:erin")
    await _called(world, second)
    assert await _tried(second, 3) == [("alice", "email", True), ("erin", "email", True), ("erin", "pager", True)]
    mail, call = await second.paged("erin")
    assert (call.at - mail.at).total_seconds() >= operators.UNANSWERED - 0.5  # counted from before the mail went
    await second.acknowledge("erin")
    await second.finish("erin")
    assert sum(page["kind"] == "page" for page in world.pager.pages) == 2


async def _called(world: World, incident: Incident) -> None:
    async def paged() -> bool:
        return any(page["incident"]["key"] == incident.key for page in world.pager.pages)

    await eventually(paged, SECONDS, "the page by the second method")


async def _tried(incident: Incident, count: int) -> list[tuple[str, str, bool]]:
    """(whom, how, taken) of each try, once so many are recorded."""

    def tries(view: IncidentView) -> list[tuple[str, str, bool]]:
        pages = (entry for entry in view.timeline if isinstance(entry, Paged) and entry.reason == "page")
        return [(page.person, page.method, page.delivered) for page in pages]

    return tries(await incident.until(lambda view: len(tries(view)) >= count, f"{count} tries"))


async def test_page_is_sent_when_the_mail_server_is_back(world: World) -> None:
    """Given that the mail server puts every message off and there is no other way to reach anybody, when it takes
    mail again, then the page arrives."""
    world.smtp.refusal = "451 4.3.0 try later"
    try:
        incident = await world.open("mail-back")
        await incident.until(
            lambda view: {entry.person for entry in view.timeline if isinstance(entry, Paged)} >= {"alice", "bob"},
            "everybody being tried in vain",
        )
        assert await incident.mails() == []
    finally:
        world.smtp.refusal = None
    await incident.mail()
    await incident.acknowledge()
    await incident.finish()


async def test_record_store_is_away_for_the_whole_incident(world: World, e2e_stack: Stack) -> None:
    """Given that the record store does not answer from before the alert until after the close, then people are
    paged on time, the next one too, and the rollback happens; when the store is back, the incident gets its
    number, and its journal is complete and its hash chain valid."""
    await e2e_stack.postgres.stop()
    try:
        incident = await world.open("records-away")
        first, second = await incident.mail(to="alice"), await incident.mail(to="bob")
        assert first["To"] != second["To"]
        await incident.acknowledge("bob")
        run = await incident.asked()
        await incident.approve(run)
        view = await incident.mitigated()
        await _assert_on_time(incident)
        incident.assert_rolled_back_once(run)
        await world.people["bob"].resolve(incident.workflow_id, list(CONFIRMATIONS), anyway="a test")
        await world.people["bob"].close_plainly(incident.workflow_id)
        view = await incident.until(lambda view: view.phase is Phase.CLOSED, "the close")
        assert view.number == ""
        assert view.waits_for == "its journal to be recorded"
    finally:
        await e2e_stack.postgres.start()
    final = await incident.ended(90)
    assert final.number.startswith("INC-")
    await incident.assert_journal_complete(final)


async def _assert_on_time(incident: Incident) -> None:
    view = await incident.view()
    assert view.declared_at
    pages = await incident.paged()
    assert (pages[0].at - view.declared_at).total_seconds() < ON_TIME
    wait = (pages[1].at - pages[0].at).total_seconds()
    assert wait < operators.QUICK + ON_TIME


async def _delivered(world: World, service: str) -> str:
    """Deliver an alert as Alertmanager does: again, until it is taken."""
    taken: list[str] = []

    async def ok() -> bool:
        status, answer = await world.webhook(alert(service, at="2026-03-02T06:00:00Z"))
        taken[:] = answer.get("incidents", [])
        return status == 200

    await eventually(ok, 60, "the delivery")
    return taken[0]
