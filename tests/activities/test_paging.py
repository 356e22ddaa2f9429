"""Sending, from the workflow's message to the mailbox: addresses, links, refusals, and what stays secret."""

from __future__ import annotations

import logging
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx2
import pytest
import pytest_asyncio
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from temporalio.api.failure.v1 import Failure
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.channels.opening import Channels
from activities.paging import Paging
from mainstay.config.channels import WebhookChannel
from mainstay.domain.errors import Expired
from mainstay.domain.escalation import Target
from mainstay.domain.message import AnyMessage, Link
from mainstay.domain.names import LAST_RESORT
from mainstay.domain.signature import LinkClaim, Signer, read_link
from mainstay.domain.work import Receipt, SendRequest
from tests.activities.mail_servers import Inbox, serving
from tests.activities.samples import ACK, INCIDENT, INVITATION, NOW, PAGE
from tests.activities.shop import holding, shop
from tests.activities.web_servers import fixed, nobody
from tests.activities.web_servers import serving as web_serving

SIGNER = Signer(Ed25519PrivateKey.generate())
SECRETS = ("bob@", "alice@", "example.com/a/", "1234567", "hook-token")


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def client() -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient() as opened:
        yield opened


def request(message: AnyMessage = PAGE, **more: Any) -> SendRequest:
    fields = {"key": "k/1", "person": "bob", "method": "mail", "channel": "mail", **more}
    return SendRequest(message=message, **fields)


async def send(client: httpx2.AsyncClient, asked: SendRequest, **config: Any) -> Receipt:
    paging = Paging(holding(shop(**config)), SIGNER, Channels(client), "http://127.0.0.1:8080", now=lambda: NOW)
    answer = await ActivityEnvironment().run(paging.send, asked)
    assert isinstance(answer, Receipt)
    return answer


async def mailed(client: httpx2.AsyncClient, asked: SendRequest) -> tuple[str, str]:
    """(subject, text) of the one mail that arrives."""
    inbox = Inbox()
    async with serving(inbox) as port:
        assert (await send(client, asked, smtp_port=port)).accepted
    (mail,) = inbox.mails
    body = mail.get_body(("plain",))
    assert body is not None
    return str(mail["Subject"]), str(body.get_content())


def links_in(text: str) -> list[str]:
    return re.findall(r"https://mainstay\.example\.com/a/(\S+)", text)


async def test_a_page_reaches_the_current_address_with_a_link_for_this_person(
    client: httpx2.AsyncClient,
) -> None:
    _, text = await mailed(client, request())
    (token,) = links_in(text)
    claim = read_link(token, (SIGNER.public(),), NOW, purpose="acknowledge")
    assert claim == LinkClaim(
        purpose="acknowledge",
        workflow_id=INCIDENT.workflow_id,
        incident_key=INCIDENT.key,
        person="bob",
        argument="1",
        expires_at=NOW + timedelta(hours=24),
    )
    with pytest.raises(Expired):
        read_link(token, (SIGNER.public(),), NOW + timedelta(hours=24))


async def test_a_link_ends_when_its_message_says_so(client: httpx2.AsyncClient) -> None:
    link = Link(purpose="approve", label="Approve", argument="sha256:1", expires_at=NOW + timedelta(minutes=5))
    _, text = await mailed(client, request(PAGE.model_copy(update={"links": (ACK, link)})))
    claims = [read_link(token, (SIGNER.public(),), NOW) for token in links_in(text)]
    assert [(c.purpose, c.expires_at - NOW) for c in claims] == [
        ("acknowledge", timedelta(hours=24)),
        ("approve", timedelta(minutes=5)),
    ]


async def test_a_number_drawn_after_the_message_was_made_is_shown(client: httpx2.AsyncClient) -> None:
    early = PAGE.model_copy(update={"incident": INCIDENT.model_copy(update={"number": ""})})
    subject, _ = await mailed(client, request(early, number="INC-2026-0043"))
    assert "INC-2026-0043" in subject


@pytest.mark.capability("S-061")
async def test_a_page_holds_the_links_of_its_service(client: httpx2.AsyncClient) -> None:
    """Given an alert for a service with a registered runbook and dashboard, its page holds both links."""
    _, text = await mailed(client, request())
    assert "https://grafana.example.com/d/payments" in text
    assert "https://wiki.example.com/payments" in text


async def test_an_invitation_names_everybody_who_has_an_address(client: httpx2.AsyncClient) -> None:
    inbox = Inbox()
    invitation = INVITATION.model_copy(update={"attendees": ("alice", "bob", "carol-who-left")})
    async with serving(inbox) as port:
        assert (await send(client, request(invitation), smtp_port=port)).accepted
    (mail,) = inbox.mails
    part = next(p for p in mail.walk() if p.get_content_type() == "text/calendar")
    unfolded = part.get_content().replace("\r\n ", "").replace("\n ", "")
    assert sorted(re.findall(r"mailto:(\S+)", unfolded)) == [
        "alice@example.com",
        "bob@example.com",
        "mainstay@example.com",
    ]


@pytest.mark.capability("S-405")
async def test_mail_goes_by_smtp_and_everything_else_by_webhook(client: httpx2.AsyncClient) -> None:
    """Given a list of channels, then e-mail goes over real SMTP and the others (here SMS) by webhook."""
    inbox, posted = Inbox(), []

    async def receive(got: web.Request) -> web.Response:
        posted.append(await got.json())
        return web.json_response({"id": "sms-7"})

    async with serving(inbox) as port, web_serving(receive) as url:
        receipts = [
            await send(client, request(), smtp_port=port, webhook=url),
            await send(client, request(method="sms", channel="sms"), smtp_port=port, webhook=url),
        ]
    assert all(receipt.accepted for receipt in receipts)
    assert inbox.recipients == [["bob@example.com"]]
    assert receipts[1].provider_id == "sms-7"
    assert (posted[0]["to"], posted[0]["person"]) == ("+49 30 1234567", "bob")
    (link,) = posted[0]["links"]
    assert read_link(link["url"].rpartition("/")[2], (SIGNER.public(),), NOW).person == "bob"


async def test_a_message_to_nobody_in_particular_carries_no_right_to_act(client: httpx2.AsyncClient) -> None:
    posted = []

    async def receive(got: web.Request) -> web.Response:
        posted.append(await got.json())
        return web.Response()

    async with web_serving(receive) as url:
        assert (await send(client, request(person="", method="", channel="sms"), webhook=url)).accepted
    assert posted[0]["links"] == []
    assert "/a/" not in posted[0]["text"]


async def test_the_console_prints_no_link(client: httpx2.AsyncClient, capsys: pytest.CaptureFixture[str]) -> None:
    assert (await send(client, request(person="", method="", channel="console"))).accepted
    printed = capsys.readouterr().err
    assert "INC-2026-0042" in printed
    assert "/a/" not in printed


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (request(person="mallory"), "mallory is not among the people"),
        (request(method="fax"), "bob has no contact method 'fax'"),
        (request(method="pager"), "there is no channel 'gone'"),
        (request(person="", channel="gone"), "there is no channel 'gone'"),
        (request(person="", channel="mail"), "channel mail needs a person's address"),
    ],
)
async def test_what_can_never_work_is_an_answer_and_not_a_failure(
    client: httpx2.AsyncClient, asked: SendRequest, said: str
) -> None:
    receipt = await send(client, asked)
    assert (receipt.accepted, receipt.permanent) == (False, True)
    assert said in receipt.detail


async def test_a_missing_secret_is_a_refusal_that_names_its_reference(client: httpx2.AsyncClient) -> None:
    channels = {"sms": WebhookChannel(type="webhook", url="env:NO_SUCH_VARIABLE_HERE")}
    receipt = await send(client, request(method="sms"), channels=channels)
    assert receipt.permanent
    assert "NO_SUCH_VARIABLE_HERE" in receipt.detail


async def test_a_5xx_falls_through_at_once(client: httpx2.AsyncClient) -> None:
    async with serving(Inbox(rcpt="550 5.1.1 <bob@example.com> unknown")) as port:
        receipt = await send(client, request(), smtp_port=port)
    assert (receipt.accepted, receipt.permanent) == (False, True)
    assert not any(secret in receipt.model_dump_json() for secret in SECRETS)


async def test_a_provider_that_asks_for_patience_gets_it(client: httpx2.AsyncClient) -> None:
    async with web_serving(fixed(429, "+49 30 1234567", **{"Retry-After": "3"})) as url:
        with pytest.raises(ApplicationError) as failure:
            await send(client, request(method="sms"), webhook=f"{url}/hook-token")
    assert (failure.value.type, failure.value.next_retry_delay) == ("Unavailable", timedelta(seconds=3))


async def test_no_failure_carries_an_address_a_link_or_a_token(
    client: httpx2.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    """Looked for in what Temporal would store: message, details, stack trace and all causes."""
    caplog.set_level(logging.DEBUG)
    async with (
        nobody() as gone,
        web_serving(fixed(503, "no +49 30 1234567 https://mainstay.example.com/a/t")) as busy,
        serving(Inbox(data="451 <bob@example.com> later")) as port,
    ):
        for asked, config in (
            (request(), {"smtp_port": port}),
            (request(), {"smtp_port": int(gone.rpartition(":")[2])}),
            (request(method="sms"), {"webhook": f"{busy}/hook-token"}),
            (request(method="sms"), {"webhook": f"{gone}/hook-token"}),
        ):
            with pytest.raises(ApplicationError) as failure:
                await send(client, asked, **config)
            assert not failure.value.non_retryable
            stored = Failure()
            pydantic_data_converter.failure_converter.to_failure(
                failure.value, pydantic_data_converter.payload_converter, stored
            )
            assert not any(secret in str(stored) for secret in SECRETS), str(stored)
    ours = [r.getMessage() for r in caplog.records if r.name.startswith(("activities", "mainstay"))]
    assert not any(secret in line for line in ours for secret in SECRETS)


async def test_a_changed_address_is_used_from_the_next_message_on(client: httpx2.AsyncClient) -> None:
    inbox = Inbox()
    async with serving(inbox) as port:
        config = shop(smtp_port=port)
        bob = config.people["bob"]
        moved = bob.contacts[0].model_copy(update={"address": "bob@example.org"})
        await send(client, request(), smtp_port=port)
        await send(
            client,
            request(),
            smtp_port=port,
            people={"bob": bob.model_copy(update={"contacts": (moved,)})},
        )
    assert inbox.recipients == [["bob@example.com"], ["bob@example.org"]]


async def test_the_last_resort_is_whoever_the_fallback_routes_policy_names(client: httpx2.AsyncClient) -> None:
    """A sweep's or an unopened incident's page names nobody: it goes to the fallback service's last resort."""
    inbox = Inbox()
    policy = (
        shop().policies["payments-default"].model_copy(update={"last_resort": (Target(kind="person", name="alice"),)})
    )
    asked = request(key="orphan/1", person="", method="", channel=LAST_RESORT)
    async with serving(inbox) as port:
        receipt = await send(client, asked, smtp_port=port, policies={"payments-default": policy})
    assert receipt.accepted
    assert inbox.recipients == [["alice@example.com"]]
