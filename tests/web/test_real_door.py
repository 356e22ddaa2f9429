"""The HTTP door on the real workflows: webhook → incident → signed link → status page."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from devstack.processes import eventually
from devstack.temporal import TemporalServer
from mainstay.config.settings import Settings
from mainstay.desk.auth import Authenticator
from mainstay.desk.desk import Desk
from mainstay.domain.access import Assurance
from mainstay.domain.approval import ApprovalPolicy, ApprovalRule
from mainstay.domain.incident import Close, IncidentView, Resolve
from mainstay.domain.runbook.run import RunView
from mainstay.domain.signature import Signer
from mainstay.domain.timeline import Acknowledged, ApprovalAnswered
from mainstay.records import Store
from mainstay.web.app import build_app
from mainstay.web.server import WebServer
from tests.desk.lab import TOKENS, actor, make_config, request_id
from tests.web.fixtures import RealDoor
from tests.web.mutations import mutations

CHANGING = """
name: restart-it
title: Restart the service
start: restart
nodes:
  restart:
    act: rollout_restart
    with: {target: {namespace: shop, name: api}}
    verify: {looks: [{probe: rollout_status, with: {target: {namespace: shop, name: api}}}], within: 5m}
    undo: never
    on: {done: fixed, not_helped: gone, failed: gone, denied: gone}
  fixed: {end: mitigated}
  gone: {end: failed}
"""


def payload(name: str, *, status: str = "firing", starts: str = "2026-03-02T03:00:00Z", **labels: str) -> bytes:
    alert = {
        "status": status,
        "labels": {"alertname": name, "service": "api", **labels},
        "annotations": {"summary": f"{name} on api", "error_rate": "0.3"},
        "startsAt": starts,
        "endsAt": "0001-01-01T00:00:00Z",
    }
    return json.dumps({"version": "4", "status": status, "alerts": [alert]}).encode()


async def opened(real: RealDoor, name: str) -> IncidentView:
    answer = await real.send(payload(name))
    assert answer.status_code == 200, answer.text
    (workflow_id,) = answer.json()["incidents"]
    return await real.lab.until(workflow_id, lambda v: v.number, f"{name} has its number")


async def runs_of(real: RealDoor, workflow_id: str) -> int:
    count = 0
    async for _ in real.lab.client.list_workflows(f"WorkflowId = '{workflow_id}'"):
        count += 1
    return count


@pytest.mark.capability("S-065")
async def test_one_webhook_is_one_incident_however_often_it_is_delivered(real: RealDoor) -> None:
    """Given one Alertmanager webhook (firing), then exactly one incident workflow is running; a repeated
    delivery does not start another."""
    view = await opened(real, "WebOnce")
    for _ in range(3):
        again = await real.send(payload("WebOnce"))
        assert (again.status_code, again.json()["incidents"]) == (200, [view.workflow_id])
    after = await real.lab.desk.view(view.workflow_id)
    assert (after.key, after.alerts_seen) == (view.key, 1)
    assert await runs_of(real, view.workflow_id) == 1


async def test_a_resolved_notice_opens_nothing(real: RealDoor) -> None:
    answer = await real.send(payload("WebQuiet", status="resolved"))
    assert (answer.status_code, answer.json()["incidents"]) == (200, [])


async def test_an_unreadable_delivery_opens_the_fallback_incident_with_what_was_sent(real: RealDoor) -> None:
    answer = await real.send(b'{"alerts": oops')
    assert answer.status_code == 200
    (workflow_id,) = answer.json()["incidents"]
    view = await real.lab.until(workflow_id, lambda v: v.number, "the fallback incident is there")
    assert "could not be read" in view.title
    history = await real.lab.client.get_workflow_handle(workflow_id).fetch_history()
    assert any(b"oops" in event.SerializeToString() for event in history.events)


async def test_mutations_are_all_taken_by_temporal(real: RealDoor) -> None:
    for body in mutations(payload("WebMutated"), seed=7, count=150):
        answer = await real.send(body)
        assert answer.status_code == 200, (answer.text, body)


async def test_a_signed_link_acknowledges_once_and_an_old_one_never(real: RealDoor) -> None:
    """GET shows, POST acts as alice with the assurance of a link; after the incident is over and the same
    alert fires again next week, the old link does nothing to the new incident."""
    view = await opened(real, "WebAcked")
    url = real.link(view, "acknowledge", "1")
    shown = await real.http.get(url)
    assert (shown.status_code, view.number in shown.text) == (200, True)
    assert (await real.lab.desk.view(view.key)).acknowledged_by == ""
    answers = [await real.http.post(url) for _ in range(2)]
    assert [a.status_code for a in answers] == [200, 200], answers[1].text
    acked = await real.lab.until(view.key, lambda v: v.acknowledged_by == "alice", "alice has it")
    entries = [e for e in acked.timeline if isinstance(e, Acknowledged)]
    assert [(e.actor.shown, e.actor.assurance) for e in entries] == [("alice", Assurance.LINK)]
    other = await real.http.post(real.link(view, "acknowledge", "1", person="bob"))
    assert (other.status_code, "AlreadyDone" in other.text) == (409, True)

    await finish(real, view)
    late = await real.http.post(real.link(view, "acknowledge", "1", person="bob"))
    assert (late.status_code, "WrongState" in late.text) == (409, True)
    answer = await real.send(payload("WebAcked", starts="2026-03-09T03:00:00Z"))
    (workflow_id,) = answer.json()["incidents"]
    assert workflow_id == view.workflow_id
    new = await real.lab.until(workflow_id, lambda v: v.key != view.key and v.number, "a new incident")
    for method in ("GET", "POST"):
        stale = await real.http.request(method, real.link(view, "acknowledge", "1", person="bob"))
        assert stale.status_code == 409, stale.text
    assert (await real.lab.desk.view(new.key)).acknowledged_by == ""


async def test_a_link_pages_the_next_step_at_once(real: RealDoor) -> None:
    view = await opened(real, "WebEscalated")
    before = len(real.lab.recorder.people_paged())
    done = await real.http.post(real.link(view, "escalate", "1"))
    assert (done.status_code, "is being paged" in done.text) == (200, True), done.text

    async def paged() -> bool:
        return len(real.lab.recorder.people_paged()) > before

    await eventually(paged, 20, "somebody more is paged")


async def finish(real: RealDoor, view: IncidentView) -> None:
    who = actor("carol")
    await real.send(payload("WebAcked", status="resolved"))
    await real.lab.desk.update(
        view.key, "resolve", Resolve(anyway="it is a test"), who, request_id((view.key, "resolve"))
    )
    await real.lab.desk.update(view.key, "close", Close(reason="test"), who, request_id((view.key, "close")))
    await real.lab.client.get_workflow_handle(view.workflow_id, run_id=view.key).result()


async def test_the_status_page_shows_what_the_incident_tells(real: RealDoor) -> None:
    await opened(real, "WebPublic")

    async def told() -> bool:
        text = (await real.http.get("/status")).text
        return "API - Service Disruption" in text and "WebPublic" not in text

    await eventually(told, 20, "the status page tells")


async def test_pages_read_the_real_incident(real: RealDoor) -> None:
    view = await opened(real, "WebPage")
    headers = {"Authorization": f"Bearer {TOKENS['vera']}"}
    page = await real.http.get(f"/incidents/{view.number}", headers=headers)
    assert (page.status_code, "WebPage" in page.text) == (200, True)
    assert (await real.http.get("/incidents/INC-2026-999999", headers=headers)).status_code == 404
    ready = await real.http.get("/readyz")
    assert (ready.status_code, ready.json()["status"]) == (200, "ready")
    metrics = (await real.http.get("/metrics")).text
    assert 'mainstay_incidents{severity="' in metrics


async def test_a_change_is_approved_by_link_as_it_was_shown(real: RealDoor) -> None:
    view = await opened(real, "WebApproved")
    run = await waiting_run(real, view)
    assert run.question is not None
    url = real.link(view, "approve", run.question.digest, workflow_id=run.workflow_id)
    shown = await real.http.get(url)
    assert run.change is not None
    assert (shown.status_code, run.question.digest[7:19] in shown.text) == (200, True)
    stale = await real.http.post(real.link(view, "approve", "sha256:" + "0" * 64, workflow_id=run.workflow_id))
    assert (stale.status_code, "Stale" in stale.text) == (409, True)
    done = await real.http.post(url, data={"comment": "looks right"})
    assert done.status_code == 200, done.text
    after = await real.lab.until_run(
        run.workflow_id,
        lambda v: any(isinstance(e, ApprovalAnswered) for e in v.timeline),
        "the vote is counted",
    )
    answered = next(e for e in after.timeline if isinstance(e, ApprovalAnswered))
    assert (answered.actor.shown, answered.comment) == ("alice", "looks right")
    again = await real.http.get(url)
    assert again.status_code == 409


async def waiting_run(real: RealDoor, view: IncidentView) -> RunView:
    rule = ApprovalRule(by=("person:alice",))
    config = make_config(runbooks={"restart-it": CHANGING}, approvals=ApprovalPolicy(medium=rule))
    desk = Desk(real.lab.client, config, real.lab.store, real.lab.signer)
    started = await desk.run_runbook("restart-it", {}, actor("bob"), request_id((view.key, "run")), service="api")
    return await real.lab.until_run(started.run, lambda v: v.question is not None, "a change waits")


async def test_while_temporal_is_away_the_sender_is_asked_to_repeat(tmp_path: Path) -> None:
    """503 while Temporal is down, and the redelivery opens the incident: nothing is lost."""
    path = "/webhooks/alertmanager"
    config, signer = make_config(), Signer(Ed25519PrivateKey.generate())
    headers = {"Authorization": f"Bearer {TOKENS['alertmanager']}"}
    async with (
        TemporalServer(tmp_path / "temporal", synchronous="1") as temporal,
        await Store.connect(f"sqlite+aiosqlite:///{tmp_path / 'records.db'}") as store,
    ):
        client = await Client.connect(temporal.address, data_converter=pydantic_data_converter)
        desk = Desk(client, config, store, signer)
        app = build_app(
            desk,
            Authenticator(config, "http"),
            lambda: config,
            signer,
            Settings(),
            delivery_timeout=timedelta(seconds=2),
        )
        async with (
            WebServer(app, "127.0.0.1:0") as server,
            httpx2.AsyncClient(base_url=server.url, timeout=30, headers=headers) as http,
        ):
            await temporal.kill()
            down = await http.post(path, content=payload("WebDown"))
            assert down.status_code == 503, down.text
            assert down.headers["Retry-After"]
            assert (await http.get("/healthz")).status_code == 200
            assert (await http.get("/readyz")).status_code == 503
            await temporal.start()
            answers: list[httpx2.Response] = []

            async def taken() -> bool:
                answers.append(await http.post(path, content=payload("WebDown")))
                return answers[-1].status_code == 200

            await eventually(taken, 40, "the redelivery is taken")
            (workflow_id,) = answers[-1].json()["incidents"]
            described = await client.get_workflow_handle(workflow_id).describe()
            assert described.workflow_type == "incident"
        await desk.close()
