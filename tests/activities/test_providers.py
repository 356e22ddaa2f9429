"""The contract of every provider over HTTP: accepted, later, refused for good, and silent about secrets."""

from __future__ import annotations

import dataclasses
import xml.etree.ElementTree as ET
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any, NamedTuple

import httpx2
import pytest
import pytest_asyncio

from activities.channels.channel import Channel, Later, Outgoing
from activities.channels.ntfy import Ntfy
from activities.channels.opening import IMPLEMENTED
from activities.channels.opsgenie import Opsgenie
from activities.channels.pagerduty import PagerDuty
from activities.channels.provider import Provider
from activities.channels.twilio import Account, TwilioSms, TwilioVoice
from mainstay.domain.catalogue import CHANNELS
from mainstay.domain.letter import Offer
from mainstay.domain.message import AnyMessage, HandledMessage, StatusMessage
from tests.activities.samples import EVERY_KIND, HOSTILE, INCIDENT, NOW, PAGE, hostile
from tests.activities.web_servers import dropping, never, nobody, serving
from tests.standins import providers as standins

LINK = "https://mainstay.example.com/a/"
OFFERS = (
    Offer(label="Acknowledge", url=f"{LINK}ack-token-0123456789abcdef", purpose="acknowledge"),
    Offer(label="Escalate now", url=f"{LINK}esc-token-0123456789abcdef", purpose="escalate"),
    Offer(label="Open", url=f"{LINK}view-token-0123456789abcdef", purpose="view"),
)
Opened = Callable[[str, httpx2.AsyncClient, timedelta], Channel]


class Case(NamedTuple):
    name: str
    standin: type[standins.StandIn]
    secret: str
    address: str
    opened: Opened


def provider(url: str, secret: str, within: timedelta) -> Provider:
    return Provider("chosen", url, secret, within)


def account(url: str, secret: str, within: timedelta) -> Account:
    return Account(provider(url, secret, within), standins.ACCOUNT, "+4930999999")


def case(name: str, standin: type[standins.StandIn], secret: str, address: str) -> Case:
    kinds: dict[str, Callable[[str, httpx2.AsyncClient, timedelta], Channel]] = {
        "ntfy": lambda url, client, within: Ntfy(provider(url, secret, within), client),
        "twilio_sms": lambda url, client, within: TwilioSms(account(url, secret, within), client),
        "twilio_voice": lambda url, client, within: TwilioVoice(account(url, secret, within), client),
        "pagerduty": lambda url, client, within: PagerDuty(provider(url, secret, within), client),
        "opsgenie": lambda url, client, within: Opsgenie(provider(url, secret, within), client),
    }
    return Case(name, standin, secret, address, kinds[name])


CASES = (
    case("ntfy", standins.Ntfy, standins.NTFY_TOKEN, "bob-topic-8f2c71aa09"),
    case("twilio_sms", standins.Twilio, standins.AUTH_TOKEN, "+4930123456"),
    case("twilio_voice", standins.Twilio, standins.AUTH_TOKEN, "+4930123456"),
    case("pagerduty", standins.PagerDuty, standins.ROUTING_KEY, ""),
    case("opsgenie", standins.Opsgenie, standins.GENIE_KEY, ""),
)
EVERY = pytest.mark.parametrize("chosen", CASES, ids=lambda c: str(c.name))


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def client() -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient() as opened:
        yield opened


def outgoing(chosen: Case, message: AnyMessage = PAGE) -> Outgoing:
    links = OFFERS if CHANNELS[chosen.name].supports.links else ()
    return Outgoing(key="k/1/bob", message=message, at=NOW, person="bob", address=chosen.address, links=links)


async def taken(client: httpx2.AsyncClient, chosen: Case, message: AnyMessage = PAGE) -> dict[str, Any]:
    standin = chosen.standin()
    async with serving(standin) as url:
        receipt = await chosen.opened(url, client, timedelta(seconds=4)).send(outgoing(chosen, message))
    assert receipt.accepted, receipt.detail
    assert receipt.provider_id
    (only,) = standin.taken
    return only


def assert_clean(chosen: Case, text: str) -> None:
    for secret in (chosen.secret, chosen.address, "ack-token"):
        assert not secret or secret not in text


def test_the_catalogue_and_the_channels_agree() -> None:
    assert set(IMPLEMENTED) == set(CHANNELS)
    for name, implementation in IMPLEMENTED.items():
        assert implementation.supports == CHANNELS[name].supports


@pytest.mark.capability("S-393")
@EVERY
@pytest.mark.parametrize("message", EVERY_KIND, ids=lambda m: str(m.kind))
async def test_every_kind_of_message_is_accepted_however_hostile_its_text(
    client: httpx2.AsyncClient, chosen: Case, message: AnyMessage
) -> None:
    """Given a provider, then the same page goes to it through the same interface: PagerDuty, Opsgenie, others.

    Each stand-in refuses what the vendor's documentation says it refuses, so long or broken fields show here.
    """
    await taken(client, chosen, message)
    body = await taken(client, chosen, hostile(message))
    assert HOSTILE not in str(body)
    assert "\x1b" not in str(body)


@EVERY
async def test_429_waits_as_asked_and_names_no_secret(client: httpx2.AsyncClient, chosen: Case) -> None:
    standin = chosen.standin()
    standin.fault = (429, {"Retry-After": "7"})
    async with serving(standin) as url:
        with pytest.raises(Later, match="429") as later:
            await chosen.opened(url, client, timedelta(seconds=4)).send(outgoing(chosen))
    assert later.value.retry_after == timedelta(seconds=7)
    assert later.value.__suppress_context__ or later.value.__context__ is None
    assert_clean(chosen, str(later.value))


@EVERY
@pytest.mark.parametrize(
    ("status", "final"), [(400, True), (401, True), (403, True), (404, True), (422, True), (500, False), (503, False)]
)
async def test_4xx_is_final_and_5xx_may_pass(
    client: httpx2.AsyncClient, chosen: Case, status: int, final: bool
) -> None:
    standin = chosen.standin()
    standin.fault = (status, {})
    async with serving(standin) as url:
        channel = chosen.opened(url, client, timedelta(seconds=4))
        if final:
            receipt = await channel.send(outgoing(chosen))
            assert (receipt.accepted, receipt.permanent) == (False, True)
            assert str(status) in receipt.detail
            assert_clean(chosen, receipt.detail)
        else:
            with pytest.raises(Later) as later:
                await channel.send(outgoing(chosen))
            assert_clean(chosen, str(later.value))


@EVERY
async def test_silence_a_dropped_connection_and_nobody_there_may_pass(client: httpx2.AsyncClient, chosen: Case) -> None:
    async with serving(never) as url:
        with pytest.raises(Later, match=r"did not answer in 0\.2 s"):
            await chosen.opened(url, client, timedelta(seconds=0.2)).send(outgoing(chosen))
    for broken in (dropping, nobody):
        async with broken() as url:
            with pytest.raises(Later, match="broke off"):
                await chosen.opened(url, client, timedelta(seconds=4)).send(outgoing(chosen))


@EVERY
async def test_a_wrong_secret_is_refused_for_good(client: httpx2.AsyncClient, chosen: Case) -> None:
    wrong = case(chosen.name, chosen.standin, "not-the-secret-at-all-000", chosen.address)
    async with serving(chosen.standin()) as url:
        receipt = await wrong.opened(url, client, timedelta(seconds=4)).send(outgoing(chosen))
    assert receipt.permanent


@pytest.mark.parametrize("chosen", [c for c in CASES if c.address], ids=lambda c: str(c.name))
async def test_an_address_that_is_none_is_refused_for_good(client: httpx2.AsyncClient, chosen: Case) -> None:
    for address in ("", "+49 30 1234", "a/b", "x\r\ny", standins.UNKNOWN_NUMBER + "/"):
        async with serving(chosen.standin()) as url:
            wrong = Outgoing(key="k", message=PAGE, at=NOW, person="bob", address=address)
            receipt = await chosen.opened(url, client, timedelta(seconds=4)).send(wrong)
        assert receipt.permanent
        assert not address or address not in receipt.detail


async def test_twilio_says_no_to_a_number_that_does_not_exist(client: httpx2.AsyncClient) -> None:
    chosen = case("twilio_sms", standins.Twilio, standins.AUTH_TOKEN, standins.UNKNOWN_NUMBER)
    async with serving(standins.Twilio()) as url:
        receipt = await chosen.opened(url, client, timedelta(seconds=4)).send(outgoing(chosen))
    assert receipt.permanent
    assert "21211" in receipt.detail
    assert standins.UNKNOWN_NUMBER not in receipt.detail


async def test_twilio_says_no_to_somebody_who_answered_stop(client: httpx2.AsyncClient) -> None:
    chosen = case("twilio_sms", standins.Twilio, standins.AUTH_TOKEN, standins.STOPPED_NUMBER)
    async with serving(standins.Twilio()) as url:
        receipt = await chosen.opened(url, client, timedelta(seconds=4)).send(outgoing(chosen))
    assert receipt.permanent
    assert "21610" in receipt.detail


async def test_an_sms_is_sent_even_where_twilio_cannot_reach_us_with_its_report(client: httpx2.AsyncClient) -> None:
    """A web door with an https address inside of the company: 21609 costs the report, never the page."""
    standin, chosen = standins.Twilio(), CASES[1]
    async with serving(standin) as url:
        message = dataclasses.replace(outgoing(chosen), base="https://mainstay.corp.internal")
        receipt = await chosen.opened(url, client, timedelta(seconds=4)).send(message)
    assert receipt.accepted
    assert [fields.get("StatusCallback") for fields in standin.taken] == [None]


async def test_a_push_with_long_links_and_text_that_json_doubles_fits_into_what_ntfy_reads(
    client: httpx2.AsyncClient,
) -> None:
    chosen = CASES[0]
    long = PAGE.model_copy(update={"alerts": ('"\\' * 2000,) * 5, "commands": ('"' * 4000,)})
    links = tuple(Offer(label=o.label, url=o.url + "x" * 900, purpose=o.purpose) for o in OFFERS)
    standin = standins.Ntfy()
    async with serving(standin) as url:
        sent = dataclasses.replace(outgoing(chosen, long), links=links)
        receipt = await chosen.opened(url, client, timedelta(seconds=4)).send(sent)
    assert receipt.accepted, receipt.detail
    (body,) = standin.taken
    assert len(body["actions"]) == 3
    assert len(body["message"]) > 1000


async def test_a_refusal_says_which_field_was_wrong(client: httpx2.AsyncClient) -> None:
    wrong = case("pagerduty", standins.PagerDuty, "x" * 32, "")
    async with serving(standins.PagerDuty()) as url:
        receipt = await wrong.opened(url, client, timedelta(seconds=4)).send(outgoing(wrong))
    assert receipt.detail == "channel chosen answered 400: Event object is invalid 'routing_key' is invalid"


async def test_an_sms_says_what_it_is_and_what_to_answer(client: httpx2.AsyncClient) -> None:
    body = (await taken(client, CASES[1]))["Body"]
    assert body == (
        "SEV1 payment-service INC-2026-0042: HighErrorRate: 5xx over 5%. "
        "Reply 1 ecde to acknowledge, 2 ecde to escalate"
    )


@pytest.mark.parametrize("chosen", CASES[1:3], ids=lambda c: str(c.name))
async def test_twilio_is_told_where_to_report_where_it_can_reach_us(client: httpx2.AsyncClient, chosen: Case) -> None:
    standin = standins.Twilio()
    async with serving(standin) as url:
        for base in ("https://mainstay.example.com", "http://127.0.0.1:8080"):
            message = dataclasses.replace(outgoing(chosen), base=base)
            assert (await chosen.opened(url, client, timedelta(seconds=4)).send(message)).accepted
    told = [fields.get("StatusCallback") for fields in standin.taken]
    assert told == ["https://mainstay.example.com/twilio/chosen/status?key=k%2F1%2Fbob", None]


async def test_a_call_reads_the_page_and_takes_a_key(client: httpx2.AsyncClient) -> None:
    said = ET.fromstring((await taken(client, CASES[2]))["Twiml"])
    gather = said.find("Gather")
    assert gather is not None
    assert gather.attrib["action"] == (
        "https://mainstay.example.com/twilio/chosen/voice/ack-token-0123456789abcdef/esc-token-0123456789abcdef"
    )
    words = "".join(gather.itertext())
    assert "SEV1 on payment-service" in words
    assert "Press 1 to acknowledge. Press 2 to call the next person." in words


async def test_a_push_has_buttons_that_act_and_one_that_opens(client: httpx2.AsyncClient) -> None:
    body = await taken(client, CASES[0])
    assert body["priority"] == 5
    assert [(a["action"], a["label"]) for a in body["actions"]] == [
        ("http", "Acknowledge"),
        ("http", "Escalate now"),
        ("view", "Open"),
    ]
    assert body["click"] == body["actions"][2]["url"]
    assert "ack-token" not in body["message"]


async def test_a_platform_has_one_alert_an_incident_which_ends_with_it(client: httpx2.AsyncClient) -> None:
    handled = HandledMessage(incident=INCIDENT, by="bob")
    over = StatusMessage(incident=INCIDENT, state="Resolved", text="all is well")
    said = [await taken(client, CASES[3], message) for message in (PAGE, handled, over)]
    assert [s["event_action"] for s in said] == ["trigger", "acknowledge", "resolve"]
    assert {s["dedup_key"] for s in said} == {INCIDENT.key}
    told = [await taken(client, CASES[4], message) for message in (PAGE, handled, over)]
    assert told[0]["alias"] == INCIDENT.key
    assert [t["path"] for t in told[1:]] == [f"/v2/alerts/{INCIDENT.key}/{what}" for what in ("acknowledge", "close")]
