"""The Slack channel against a server that keeps to Slack's public API description."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any, Literal

import httpx2
import pytest
import pytest_asyncio
from aiohttp import web

from activities.channels.channel import Later, Outgoing
from activities.channels.slack import Slack
from activities.channels.slack_api import SlackApi
from mainstay.domain.letter import Offer
from mainstay.domain.message import AnyMessage, ApprovalMessage, HandledMessage, Link
from mainstay.domain.slack_blocks import Pressed, pressed
from mainstay.domain.work import Receipt
from tests.activities.samples import APPROVAL, EVERY_KIND, INCIDENT, NOW, PAGE, hostile
from tests.activities.web_servers import nobody
from tests.slack_standin import MEMBERS, ROOM, TOKEN, SlackStandIn, slack_server

BOB = MEMBERS["bob"]
VOTES: tuple[Literal["approve", "reject"], ...] = ("approve", "reject")
HOSTILE = "<!channel> <@U0ALICE001> <https://evil.example.org|click me> `rm` & @here"


@pytest_asyncio.fixture(loop_scope="session")
async def slack() -> AsyncIterator[SlackStandIn]:
    async with slack_server() as standin:
        yield standin


async def send(url: str, message: AnyMessage = PAGE, *, token: str = TOKEN, to: str = BOB, **more: Any) -> Receipt:
    offers = tuple(Offer(label=link.label, url="https://mainstay.example.com/a/TOKEN") for link in message.links)
    fields: dict[str, Any] = {"key": "k/1", "at": NOW, "person": "bob", "address": to, "links": offers, **more}
    async with httpx2.AsyncClient() as client:
        channel = Slack(SlackApi("chat", url, token, client), room=ROOM, within=timedelta(seconds=2))
        return await channel.send(Outgoing(message=message, **fields))


def shown(message: dict[str, Any]) -> str:
    return json.dumps(message, ensure_ascii=False)


def buttons(message: dict[str, Any]) -> dict[str, dict[str, Any]]:
    found = [e for block in message["blocks"] if block["type"] == "actions" for e in block["elements"]]
    return {button["action_id"].split("/")[1]: button for button in found}


async def test_a_page_reaches_the_member_with_buttons_that_say_what_they_do(slack: SlackStandIn) -> None:
    receipt = await send(slack.url)
    (message,) = slack.to("bob")
    assert (receipt.accepted, receipt.provider_id) == (True, f"{message['channel']}:{message['ts']}")
    assert message["text"].startswith("[SEV1] INC-2026-0042 payment-service:")
    assert "nobody answered for 5 min" in shown(message)
    means = pressed(buttons(message)["acknowledge"]["value"])
    wanted = {"workflow_id": INCIDENT.workflow_id, "incident_key": INCIDENT.key, "argument": "1"}
    assert means == Pressed(purpose="acknowledge", **wanted)
    assert "TOKEN" not in buttons(message)["acknowledge"]["value"]


async def test_an_approval_carries_its_digest_and_shows_the_change(slack: SlackStandIn) -> None:
    links = tuple(
        Link(purpose=p, label=p, workflow_id="run/1", argument=APPROVAL.digest) for p in ("approve", "reject")
    )
    await send(slack.url, APPROVAL.model_copy(update={"links": links}))
    (message,) = slack.to("bob")
    means = pressed(buttons(message)["approve"]["value"])
    assert means
    assert (means.workflow_id, means.argument) == ("run/1", APPROVAL.digest)
    assert buttons(message)["reject"]["style"] == "danger"
    assert "+  image: shop:v1" in "".join(b["text"]["text"] for b in message["blocks"] if b["type"] == "section")


@pytest.mark.parametrize("message", EVERY_KIND, ids=lambda m: str(m.kind))
async def test_hostile_text_stays_text(slack: SlackStandIn, message: AnyMessage) -> None:
    evil = INCIDENT.model_copy(update={"title": HOSTILE, "service": HOSTILE})
    assert (await send(slack.url, hostile(message))).accepted
    assert (await send(slack.url, message.model_copy(update={"incident": evil}))).accepted
    for said in slack.to("bob"):
        texts = [said["text"], *(b["text"]["text"] for b in said["blocks"] if b["type"] == "section")]
        for text in texts:
            assert not any(mark in text for mark in ("<!", "<@", "<https://evil", "@here")), text
        assert all(b["text"]["verbatim"] for b in said["blocks"] if b["type"] == "section")


async def test_the_longest_change_fits_into_slacks_limits(slack: SlackStandIn) -> None:
    long = APPROVAL.model_copy(update={"diff": "+ line & more <x>\n" * 5000, "warnings": ("w" * 900,) * 60})
    links = tuple(Link(purpose="answer", label="x" * 200, argument=f"{n}" * 400) for n in range(40))
    assert (await send(slack.url, long.model_copy(update={"links": links}))).accepted
    assert "chat.postMessage" in slack.calls
    assert len(slack.calls) == 1, "the first try was refused"
    assert "… more in the incident" in shown(slack.to("bob")[0])
    assert isinstance(long, ApprovalMessage)


async def test_words_alone_go_out_where_slack_does_not_like_the_blocks(slack: SlackStandIn) -> None:
    slack.refuse_next("invalid_blocks")
    assert (await send(slack.url)).accepted
    (message,) = slack.to("bob")
    assert "blocks" not in message
    assert "INC-2026-0042" in message["text"]


async def test_what_follows_is_said_in_the_thread_and_the_first_message_is_changed(slack: SlackStandIn) -> None:
    first = await send(slack.url)
    handled = HandledMessage(incident=INCIDENT, by="alice")
    await send(slack.url, handled, follows=first.provider_id, replaces=first.provider_id)
    page, reply = slack.to("bob")
    assert "handled by alice" in page["text"]
    assert not buttons(page)
    assert (reply["thread_ts"], reply["reply_broadcast"]) == (page["ts"], False)
    await send(slack.url, PAGE, follows=first.provider_id)
    assert slack.to("bob")[-1]["reply_broadcast"] is True


async def test_a_thread_that_is_gone_does_not_keep_a_page_back(slack: SlackStandIn) -> None:
    receipt = await send(slack.url, follows="D0BOB00001:1.1", replaces="D0BOB00001:1.1")
    (message,) = slack.to("bob")
    assert receipt.accepted
    assert "thread_ts" not in message


async def test_what_is_for_nobody_in_particular_goes_to_the_room(slack: SlackStandIn) -> None:
    assert (await send(slack.url, to="", person="", links=())).accepted
    assert slack.posted[0]["channel"] == ROOM


@pytest.mark.parametrize(
    "code", ["invalid_auth", "account_inactive", "channel_not_found", "not_in_channel", "is_archived", "who_knows"]
)
async def test_these_refuse_for_good(slack: SlackStandIn, code: str) -> None:
    slack.refuse_next(code)
    receipt = await send(slack.url)
    assert (receipt.accepted, receipt.permanent) == (False, True)
    assert code in receipt.detail
    assert TOKEN not in receipt.detail
    assert BOB not in receipt.detail


async def test_a_wrong_token_and_a_stranger_are_refused_by_the_server_itself(slack: SlackStandIn) -> None:
    assert "the bot token is not valid" in (await send(slack.url, token="xoxb-wrong")).detail
    assert "no such channel or member" in (await send(slack.url, to="U0NOBODY01")).detail


@pytest.mark.parametrize("code", ["ratelimited", "internal_error", "service_unavailable"])
async def test_these_ask_for_another_try(slack: SlackStandIn, code: str) -> None:
    slack.refuse_next(code)
    with pytest.raises(Later, match=code):
        await send(slack.url)


async def test_a_rate_limit_says_when_to_come_back(slack: SlackStandIn) -> None:
    slack.limit_next(7)
    with pytest.raises(Later) as later:
        await send(slack.url)
    assert later.value.retry_after == timedelta(seconds=7)


async def test_faults_and_silence_ask_for_another_try(slack: SlackStandIn) -> None:
    slack.answer_next.append(web.Response(status=502, text="<html>"))
    with pytest.raises(Later, match="502"):
        await send(slack.url)
    async with nobody() as url:
        with pytest.raises(Later, match="broke off") as later:
            await send(url)
    assert TOKEN not in str(later.value)
