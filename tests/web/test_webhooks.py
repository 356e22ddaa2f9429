"""The alert doors over real HTTP: nothing that an authenticated source sends is lost."""

from __future__ import annotations

import asyncio
import json

import httpx2
import pytest

from mainstay.domain.alert import AlertStatus
from mainstay.domain.errors import InvalidArgument, NotFound, Unavailable
from mainstay.web import intake
from mainstay.web.server import WebServer
from tests.web.mutations import mutations
from tests.web.standin import ALICE_TOKEN, SOURCE_TOKEN, WORKFLOW, Door, bearer
from tests.web.test_alertmanager import GOOD, PAYLOAD, expected, with_first
from tests.web.test_events import body as event

URL = "/webhooks/alertmanager"
SOURCE = bearer(SOURCE_TOKEN)


async def test_a_delivery_is_answered_when_the_desk_has_it(door: Door, http: httpx2.AsyncClient) -> None:
    answer = await http.post(URL, content=PAYLOAD, headers=SOURCE)
    assert answer.status_code == 200
    assert answer.json() == {
        "status": "success",
        "accepted": 2,
        "kept_raw": 0,
        "oversized": False,
        "incidents": [WORKFLOW],
    }
    assert [a.labels["service"] for a in door.desk.delivered[0]] == ["payment-service", "search"]
    assert door.sample("mainstay_alerts_total", source="alertmanager", outcome="accepted") == 2


async def test_a_repeated_webhook_is_answered_the_same(door: Door, http: httpx2.AsyncClient) -> None:
    answers = [await http.post(URL, content=PAYLOAD, headers=SOURCE) for _ in range(3)]
    assert {a.status_code for a in answers} == {200}
    assert door.desk.delivered[0] == door.desk.delivered[2], "the same alerts, so the incident takes them once"


@pytest.mark.parametrize(
    ("headers", "status", "kind"),
    [
        ({}, 401, "Unauthenticated"),
        ({"Authorization": "Bearer wrong"}, 401, "Unauthenticated"),
        ({"Authorization": "Basic c291cmNl"}, 401, "Unauthenticated"),
        ({"Authorization": f"Bearer {'x' * 5000}"}, 401, "Unauthenticated"),
        (bearer(ALICE_TOKEN), 403, "NotAllowed"),
    ],
    ids=["none", "wrong", "basic", "long", "not-an-alert-source"],
)
async def test_a_wrong_token_is_refused_and_counted(
    door: Door, http: httpx2.AsyncClient, headers: dict[str, str], status: int, kind: str
) -> None:
    answer = await http.post(URL, content=PAYLOAD, headers=headers)
    assert (answer.status_code, answer.json()["error"]) == (status, kind)
    assert door.desk.delivered == []
    assert door.sample("mainstay_wrong_tokens_total", door="alertmanager") == 1


async def test_one_bad_alert_does_not_spoil_the_good_one(door: Door, http: httpx2.AsyncClient) -> None:
    answer = await http.post(URL, content=with_first(labels="?"), headers=SOURCE)
    assert (answer.status_code, answer.json()["accepted"], answer.json()["kept_raw"]) == (200, 1, 1)
    assert len(door.desk.delivered[0]) == 2
    assert door.sample("mainstay_alerts_total", source="alertmanager", outcome="unparseable") == 1


@pytest.mark.parametrize("body", [b"", b"{", b"null", b"\x80abc", b"[" * 60_000])
async def test_a_malformed_body_opens_the_fallback_incident(door: Door, http: httpx2.AsyncClient, body: bytes) -> None:
    answer = await http.post(URL, content=body, headers=SOURCE)
    assert (answer.status_code, answer.json()["kept_raw"]) == (200, 1)
    (kept,) = door.desk.delivered[0]
    assert kept.status is AlertStatus.FIRING
    assert "Unreadable" in kept.name


async def test_an_oversized_body_is_kept_as_its_beginning(door: Door, http: httpx2.AsyncClient) -> None:
    body = PAYLOAD + b" " * (intake.MAX_BODY_BYTES + 1)
    answer = await http.post(URL, content=body, headers=SOURCE)
    assert (answer.status_code, answer.json()["oversized"]) == (200, True)
    (kept,) = door.desk.delivered[0]
    assert kept.raw.startswith('{\n  "version": "4"')
    assert len(kept.raw.encode()) <= intake.MAX_RAW_BYTES


async def test_a_body_just_within_the_limit_is_parsed(door: Door, http: httpx2.AsyncClient) -> None:
    body = PAYLOAD.ljust(intake.MAX_BODY_BYTES)
    answer = await http.post(URL, content=body, headers=SOURCE)
    assert (answer.status_code, answer.json()["accepted"]) == (200, 2)


@pytest.mark.parametrize("how", ["refused", "fault"])
async def test_when_temporal_is_down_the_sender_is_asked_to_repeat(
    door: Door, http: httpx2.AsyncClient, how: str
) -> None:
    if how == "refused":
        door.desk.refuse = Unavailable("Temporal does not answer")
    else:
        door.desk.fault = RuntimeError("nobody expected this")
    answer = await http.post(URL, content=PAYLOAD, headers=SOURCE)
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert "nobody expected" not in answer.text
    door.desk.refuse = door.desk.fault = None
    assert (await http.post(URL, content=PAYLOAD, headers=SOURCE)).status_code == 200


@pytest.mark.parametrize("refusal", [NotFound("no such service"), InvalidArgument("too long")])
async def test_what_the_desk_refuses_for_good_is_delivered_raw(
    door: Door, http: httpx2.AsyncClient, refusal: Exception
) -> None:
    door.desk.refuse_parsed = refusal  # type: ignore[assignment]
    answer = await http.post(URL, content=PAYLOAD, headers=SOURCE)
    assert answer.status_code == 200
    assert "HighErrorRate" in door.desk.delivered[0][0].raw


async def test_too_many_at_once_are_asked_to_come_back() -> None:
    door = Door(max_in_flight=2)
    door.desk.hold = asyncio.Event()
    async with WebServer(door.app, "127.0.0.1:0") as server, httpx2.AsyncClient(base_url=server.url) as http:
        held = [asyncio.create_task(http.post(URL, content=PAYLOAD, headers=SOURCE)) for _ in range(2)]
        async with asyncio.timeout(5):
            while door.sample("mainstay_requests_in_flight", door="web") < 2:
                await asyncio.sleep(0.01)
            while True:
                answer = await http.post(URL, content=PAYLOAD, headers=SOURCE)
                if answer.status_code == 503:
                    break
        assert answer.headers["Retry-After"]
        door.desk.hold.set()
        assert [(await task).status_code for task in held] == [200, 200]
        assert (await http.post(URL, content=PAYLOAD, headers=SOURCE)).status_code == 200


async def test_senders_that_name_themselves_are_told_apart(door: Door, http: httpx2.AsyncClient) -> None:
    await http.post(f"{URL}?route=eu-1", content=b"{", headers=SOURCE)
    await http.post(f"{URL}?route=%3Cscript%3E", content=b"{", headers=SOURCE)
    assert [batch[0].source for batch in door.desk.delivered] == ["alertmanager/eu-1", "alertmanager"]


@pytest.mark.capability("S-398")
async def test_grafana_delivers_by_webhook(door: Door, http: httpx2.AsyncClient) -> None:
    """Given config (a token with the role alert_source), then Grafana's alerts are received by webhook."""
    body = json.dumps(GOOD | {"version": "1", "title": "[FIRING:1]", "orgId": 1}).encode()
    answer = await http.post("/webhooks/grafana", content=body, headers=SOURCE)
    assert (answer.status_code, answer.json()["accepted"]) == (200, 2)
    assert {alert.source for alert in door.desk.delivered[0]} == {"grafana"}


async def test_an_event_may_carry_its_token_in_the_body(door: Door, http: httpx2.AsyncClient) -> None:
    answer = await http.post("/webhooks/events", content=event(routing_key=SOURCE_TOKEN))
    assert (answer.status_code, answer.json()["accepted"]) == (202, 1)
    assert door.desk.delivered[0][0].labels["service"] == "checkout"
    for wrong in (event(routing_key="wrong"), event(routing_key=None), b"{", event(routing_key=ALICE_TOKEN)):
        assert (await http.post("/webhooks/events", content=wrong)).status_code in (401, 403)
    assert len(door.desk.delivered) == 1


async def test_a_thousand_mutations_are_delivered_or_kept(door: Door, http: httpx2.AsyncClient) -> None:
    """Never a 5xx, never lost: each alert of an authenticated body reaches the desk, parsed or raw."""
    for body in mutations(PAYLOAD, seed=20261121, count=1000):
        before = len(door.desk.delivered)
        answer = await http.post(URL, content=body, headers=SOURCE)
        assert answer.status_code == 200, (answer.text, body)
        taken = sum(len(batch) for batch in door.desk.delivered[before:])
        assert taken == expected(body), body


async def test_only_post_is_taken(http: httpx2.AsyncClient) -> None:
    assert (await http.get(URL, headers=SOURCE)).status_code == 405
