"""Signed webhooks, posted to real HTTP servers."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx2
import pytest
import pytest_asyncio
from aiohttp import web

from activities.channels.channel import Later, Outgoing
from activities.channels.webhook import Receiver, Webhook, retry_after
from mainstay.domain.letter import Offer
from mainstay.domain.message import AnyMessage
from mainstay.domain.work import Receipt
from tests.activities.samples import EVERY_KIND, NOW, PAGE, hostile
from tests.activities.web_servers import dropping, fixed, never, nobody, serving

SECRET = "the shared secret"
PHONE = "+49 30 1234567"
LINK = "https://mainstay.example.com/a/very-secret-token-0123456789"


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def client() -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient() as opened:
        yield opened


def outgoing(message: AnyMessage = PAGE, key: str = "k/1/bob/ä") -> Outgoing:
    offers = (Offer(label="Acknowledge", url=LINK, does="stops the paging"),)
    return Outgoing(key=key, message=message, at=NOW, person="bob", address=PHONE, links=offers)


async def post(client: httpx2.AsyncClient, url: str, message: Outgoing, within: float = 4.5) -> Receipt:
    receiver = Receiver(name="sms", url=f"{url}/hook/token-in-the-path", secret=SECRET)
    return await Webhook(receiver, client, within=timedelta(seconds=within)).send(message)


class Recorder:
    """A receiver that checks what it gets as the documentation tells it to."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.keys: list[str] = []

    async def __call__(self, request: web.Request) -> web.Response:
        body = await request.read()
        stamp, mac = (p.split("=", 1)[1] for p in request.headers["Mainstay-Signature"].split(","))
        wanted = hmac.new(SECRET.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
        assert hmac.compare_digest(mac, wanted)
        assert int(stamp) == int(NOW.timestamp())
        self.bodies.append(json.loads(body))
        self.keys.append(request.headers["Idempotency-Key"])
        return web.json_response({"id": "provider-7"})


async def test_a_page_is_posted_with_its_words_facts_and_links(client: httpx2.AsyncClient) -> None:
    recorder = Recorder()
    async with serving(recorder) as url:
        receipt = await post(client, url, outgoing())
    assert receipt == Receipt(accepted=True, provider_id="provider-7", detail="200")
    (body,) = recorder.bodies
    assert body["kind"] == "page"
    assert (body["person"], body["to"]) == ("bob", PHONE)
    assert body["subject"].startswith("[SEV1] INC-2026-0042 payment-service:")
    assert "nobody answered for 5 min" in body["text"]
    assert body["incident"]["number"] == "INC-2026-0042"
    assert body["message"]["alerts"] == ["HighErrorRate: 15% of requests fail"]
    assert body["links"] == [{"label": "Acknowledge", "url": LINK, "does": "stops the paging"}]


async def test_a_retry_carries_the_same_idempotency_key(client: httpx2.AsyncClient) -> None:
    recorder = Recorder()
    async with serving(recorder) as url:
        for key in ("k/1", "k/1", "k/2"):
            await post(client, url, outgoing(key=key))
    assert recorder.keys[0] == recorder.keys[1] != recorder.keys[2]


@pytest.mark.parametrize("message", EVERY_KIND, ids=lambda m: str(m.kind))
async def test_hostile_text_stays_text(client: httpx2.AsyncClient, message: AnyMessage) -> None:
    """The ready-made words are clean; the facts are the raw data, as JSON."""
    recorder = Recorder()
    async with serving(recorder) as url:
        assert (await post(client, url, outgoing(hostile(message)))).accepted
    for words in ("subject", "text", "short"):
        assert not any(char in recorder.bodies[0][words] for char in "\x00\x07\x1b\u202e\u2028\r")
    assert "\n" not in recorder.bodies[0]["subject"] + recorder.bodies[0]["short"]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 422, 301, 308])
async def test_these_answers_refuse_for_good(client: httpx2.AsyncClient, status: int) -> None:
    answer = fixed(status, f"no {PHONE} {LINK}", Location="http://elsewhere.example.org/")
    async with serving(answer) as url:
        receipt = await post(client, url, outgoing())
    assert (receipt.accepted, receipt.permanent) == (False, True)
    assert f"webhook sms answered {status}" in receipt.detail
    assert_clean(receipt.detail)


@pytest.mark.parametrize("status", [408, 409, 425, 429, 500, 502, 503, 504])
async def test_these_answers_ask_for_another_try(client: httpx2.AsyncClient, status: int) -> None:
    async with serving(fixed(status, f"{PHONE} {LINK}", **{"Retry-After": "7"})) as url:
        with pytest.raises(Later, match=f"webhook sms answered {status}") as later:
            await post(client, url, outgoing())
    assert later.value.retry_after == timedelta(seconds=7)
    assert_clean(str(later.value))


@pytest.mark.parametrize(
    ("value", "wait"),
    [
        ("5", 5),
        ("86400", 60),
        ("Wed, 08 Apr 2026 14:05:20 GMT", 20),
        ("Wed, 08 Apr 2026 14:00:00 GMT", 0),
        ("", None),
        ("soon", None),
        ("-3", None),
        ("9" * 400, None),
    ],
)
def test_retry_after_is_seconds_or_a_date_and_never_long(value: str, wait: int | None) -> None:
    assert retry_after(value, NOW) == (None if wait is None else timedelta(seconds=wait))


async def test_a_receiver_that_hangs_is_given_up_in_time(client: httpx2.AsyncClient) -> None:
    async with serving(never) as url:
        with pytest.raises(Later, match=r"did not answer in 0\.2 s") as later:
            await post(client, url, outgoing(), within=0.2)
    assert later.value.__suppress_context__


async def test_a_receiver_that_hangs_up_is_tried_again(client: httpx2.AsyncClient) -> None:
    async with dropping() as url:
        with pytest.raises(Later, match="broke off") as later:
            await post(client, url, outgoing())
    assert_clean(str(later.value))
    assert later.value.__suppress_context__


async def test_a_receiver_that_is_not_there_is_tried_again(client: httpx2.AsyncClient) -> None:
    async with nobody() as url:
        with pytest.raises(Later, match="broke off"):
            await post(client, url, outgoing())


@pytest.mark.parametrize("url", ["ftp://example.com", "no address", "http://", "javascript:alert(1)"])
async def test_an_address_that_is_none_is_refused_for_good(client: httpx2.AsyncClient, url: str) -> None:
    receipt = await Webhook(Receiver(name="sms", url=url), client).send(outgoing())
    assert receipt.permanent
    assert url not in receipt.detail


async def test_an_endless_answer_is_not_read_to_its_end(client: httpx2.AsyncClient) -> None:
    async def flood(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while not request.transport or not request.transport.is_closing():
            await response.write(b"x" * 65536)
        return response

    async with serving(flood) as url:
        assert (await post(client, url, outgoing())).accepted


def assert_clean(text: str) -> None:
    for secret in (PHONE, "1234567", LINK, "very-secret-token", "token-in-the-path", SECRET):
        assert secret not in text
