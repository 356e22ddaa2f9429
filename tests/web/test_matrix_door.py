"""Matrix on a real Synapse: what is sent, and what people do with it, on the real workflows."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
import pytest_asyncio

from activities.channels.channel import Later, Outgoing
from activities.channels.matrix import MatrixChannel
from devstack.processes import eventually
from devstack.synapse import Synapse
from mainstay.config.channels import MatrixChannel as Settings
from mainstay.domain.access import Assurance
from mainstay.domain.incident import IncidentView
from mainstay.domain.message import AnyMessage, HandledMessage, IncidentRef, Link, PageMessage
from mainstay.domain.people import ContactMethod
from mainstay.domain.timeline import Acknowledged, Noted
from mainstay.domain.work import Receipt
from mainstay.matrix import Matrix, MatrixError
from mainstay.web.matrix import listeners
from tests.activities.samples import EVERY_KIND, NOW, PAGE, hostile
from tests.activities.web_servers import fixed, nobody, serving
from tests.desk.lab import Lab

PEOPLE = ("alice", "bob", "vera", "carol")


@dataclass
class Chat:
    """``bot`` is Mainstay's user; ``people`` are clients of the persons, in no way ours."""

    lab: Lab
    synapse: Synapse
    http: httpx2.AsyncClient
    bot: Matrix
    people: dict[str, Matrix]
    config: Any

    async def send(self, message: AnyMessage, to: str, key: str, **more: Any) -> Receipt:
        outgoing = Outgoing(key=key, message=message, at=NOW, person="bob", address=to, **more)
        return await MatrixChannel(self.bot).send(outgoing)

    async def page(self, view: IncidentView, person: str) -> tuple[str, str]:
        """Page somebody about an incident; (room, event), the person having joined."""
        ref = IncidentRef(key=view.key, workflow_id=view.workflow_id, number=view.number, title=view.title)
        links = (Link(purpose="acknowledge", label="Acknowledge", argument="1"),)
        receipt = await self.send(PageMessage(incident=ref, links=links), self.synapse.user(person), f"p/{view.key}")
        assert receipt.accepted, receipt
        room, _, event = receipt.provider_id.partition(" ")
        await self.people[person].post("join", room, body={})
        return room, event

    async def write(self, person: str, room: str, text: str, **more: Any) -> str:
        return await self.people[person].send(room, f"{text}{more}"[:50], {"msgtype": "m.text", "body": text, **more})

    async def events(self, room: str) -> list[dict[str, Any]]:
        page = await self.bot.get("rooms", room, "messages", query={"dir": "f", "limit": "200"})
        return [event for event in page["chunk"] if event["type"] == "m.room.message"]

    async def answered(self, room: str, words: str) -> None:
        """Wait until Mainstay has said these words in the room."""

        async def ok() -> bool:
            said = [e["content"].get("body", "") for e in await self.events(room) if e["sender"] == self.bot.user]
            return any(words in body for body in said)

        await eventually(ok, 20, f"the answer {words!r}")

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        (listener,) = listeners(self.lab.desk, lambda: self.config, self.http)
        task = asyncio.create_task(listener.listen())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def chat(lab: Lab, synapse: Synapse, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Chat]:
    token_file: Path = tmp_path_factory.mktemp("matrix") / "token"
    token_file.write_text(await synapse.login("mainstay"))
    bot = synapse.user("mainstay")
    async with httpx2.AsyncClient() as http:
        people = {
            name: Matrix(name, synapse.url, synapse.user(name), await synapse.login(name), http)
            for name in (*PEOPLE, "stranger")
        }
        known = {
            handle: person.model_copy(
                update={"contacts": (ContactMethod(name="chat", channel="matrix", address=synapse.user(handle)),)}
            )
            for handle, person in lab.config.people.items()
        }
        settings = Settings(type="matrix", homeserver=synapse.url, user=bot, token=f"file:{token_file}")
        config = lab.config.model_copy(update={"channels": {"matrix": settings}, "people": known})
        yield Chat(lab, synapse, http, Matrix("matrix", synapse.url, bot, token_file.read_text(), http), people, config)


# ---- what is sent


async def test_a_page_opens_a_direct_room_and_a_retry_is_the_same_message(chat: Chat) -> None:
    to = chat.synapse.user("bob")
    first = await chat.send(PAGE, to, "k/1")
    again = await chat.send(PAGE, to, "k/1")
    other = await chat.send(PAGE, to, "k/2")
    assert first.accepted
    assert first.provider_id == again.provider_id != other.provider_id
    room = first.provider_id.split()[0]
    assert other.provider_id.split()[0] == room
    event = (await chat.events(room))[0]
    assert "nobody answered for 5 min" in event["content"]["body"]
    assert event["content"]["m.mentions"] == {"user_ids": [to]}
    assert "https://mainstay" not in json.dumps(event["content"])


@pytest.mark.parametrize("message", EVERY_KIND, ids=lambda m: str(m.kind))
async def test_hostile_text_stays_text(chat: Chat, message: AnyMessage) -> None:
    receipt = await chat.send(hostile(message), chat.synapse.user("vera"), f"hostile/{message.kind}")
    room, _, event = receipt.provider_id.partition(" ")
    content = (await chat.bot.event(room, event))["content"]
    assert "<script>" not in content["formatted_body"]
    assert not any(char in content["body"] for char in "\x00\x07\x1b\u202e")
    assert set(content["m.mentions"].get("user_ids", ())) <= {chat.synapse.user("vera")}


async def test_what_follows_is_in_the_thread_and_the_page_is_changed(chat: Chat) -> None:
    first = await chat.send(PAGE, chat.synapse.user("carol"), "t/1")
    handled = HandledMessage(incident=PAGE.incident, by="alice")
    await chat.send(handled, chat.synapse.user("carol"), "t/2", follows=first.provider_id, replaces=first.provider_id)
    room, _, root = first.provider_id.partition(" ")
    relations = [e["content"].get("m.relates_to", {}) for e in await chat.events(room)]
    found = [(r.get("rel_type"), r.get("event_id")) for r in relations if r]
    assert ("m.replace", root) in found
    assert ("m.thread", root) in found


@pytest.mark.parametrize("to", ["@nobody:chat.test", "!norr:chat.test", "#nowhere:chat.test", "bob"])
async def test_an_address_that_leads_nowhere_is_refused(chat: Chat, to: str) -> None:
    receipt = await chat.send(PAGE, to, f"nowhere/{to}")
    assert (receipt.accepted, receipt.permanent) == (False, True)


async def test_a_wrong_token_is_refused_without_being_told(chat: Chat) -> None:
    wrong = Matrix("matrix", chat.synapse.url, chat.bot.user, "syt_made_up_token", chat.http)
    outgoing = Outgoing(key="w", message=PAGE, at=NOW, address=chat.synapse.user("bob"))
    receipt = await MatrixChannel(wrong).send(outgoing)
    assert "M_UNKNOWN_TOKEN" in receipt.detail
    assert "syt_" not in receipt.detail


async def test_limits_and_faults_ask_for_another_try(chat: Chat) -> None:
    limited = fixed(429, '{"errcode": "M_LIMIT_EXCEEDED", "retry_after_ms": 2500}')
    outgoing = Outgoing(key="l", message=PAGE, at=NOW, address="!room:chat.test")
    async with serving(limited) as url:
        with pytest.raises(Later) as later:
            await MatrixChannel(Matrix("matrix", url, chat.bot.user, "t", chat.http)).send(outgoing)
    assert later.value.retry_after == timedelta(seconds=2.5)
    async with nobody() as url:
        with pytest.raises(Later, match="broke off"):
            await MatrixChannel(Matrix("matrix", url, chat.bot.user, "t", chat.http)).send(outgoing)


# ---- what people do


async def test_a_reaction_acknowledges_as_its_member(chat: Chat) -> None:
    view = await chat.lab.opened("MatrixReaction")
    async with chat.listening():
        room, event = await chat.page(view, "alice")
        relation = {"rel_type": "m.annotation", "event_id": event, "key": "\u2705\ufe0f"}
        await chat.people["alice"].put("rooms", room, "send", "m.reaction", "r1", body={"m.relates_to": relation})
        acked = await chat.lab.until(view.key, lambda v: v.acknowledged_by == "alice", "alice has it")
        (entry,) = [e for e in acked.timeline if isinstance(e, Acknowledged)]
        assert (entry.actor.assurance, entry.actor.door) == (Assurance.CHAT, "matrix")
        await chat.answered(room, "alice: acknowledged")


async def test_a_reply_means_the_incident_of_the_message(chat: Chat) -> None:
    """Several incidents are open; ``!note`` in a reply to a page goes to the page's."""
    await chat.lab.opened("MatrixOther")
    view = await chat.lab.opened("MatrixReply")
    async with chat.listening():
        room, event = await chat.page(view, "bob")
        await chat.write(
            "bob", room, "note: the disk is full", **{"m.relates_to": {"m.in_reply_to": {"event_id": event}}}
        )
        await chat.answered(room, f"{view.number}: noted")
    notes = [e for e in (await chat.lab.desk.view(view.key)).timeline if isinstance(e, Noted)]
    assert "the disk is full" in [e.text for e in notes]


async def test_what_was_written_while_nobody_listened_is_done_once(chat: Chat) -> None:
    """The listener goes on where it ended; what it may have done already, it does not do twice."""
    view = await chat.lab.opened("MatrixAway")
    async with chat.listening():
        room, _ = await chat.page(view, "alice")
        await chat.write("alice", room, f"!note {view.number} before")
        await chat.answered(room, f"{view.number}: noted")
    for number in range(120):  # more than one answer of the server holds
        await chat.write("alice", room, f"talk {number}")
    await chat.write("alice", room, f"!note {view.number} while away")
    async with chat.listening():

        async def noted() -> bool:
            found = (await chat.lab.desk.view(view.key)).timeline
            return "while away" in [e.text for e in found if isinstance(e, Noted)]

        await eventually(noted, 20, "the note")
    texts = [e.text for e in (await chat.lab.desk.view(view.key)).timeline if isinstance(e, Noted)]
    assert (texts.count("before"), texts.count("while away")) == (1, 1)


async def test_somebody_unknown_is_told_so_and_does_nothing(chat: Chat) -> None:
    view = await chat.lab.opened("MatrixStranger")
    async with chat.listening():
        room, _ = await chat.page(view, "alice")
        await chat.people["alice"].post("rooms", room, "invite", body={"user_id": chat.synapse.user("stranger")})
        await chat.people["stranger"].post("join", room, body={})
        await chat.write("stranger", room, f"!ack {view.number}")
        await chat.answered(room, "people.yaml")
    assert not (await chat.lab.desk.view(view.key)).acknowledged_by


async def test_only_our_people_can_bring_mainstay_into_a_room(chat: Chat) -> None:
    async with chat.listening():
        rooms = {}
        for name in ("stranger", "alice"):
            made = await chat.people[name].post("createRoom", body={"invite": [chat.bot.user]})
            rooms[name] = made["room_id"]

        async def joined() -> bool:
            return rooms["alice"] in (await chat.bot.get("joined_rooms"))["joined_rooms"]

        await eventually(joined, 20, "alice's invitation being taken")
        await chat.write("alice", rooms["alice"], "!incident help")
        await chat.answered(rooms["alice"], "!incident declare SERVICE")
    assert rooms["stranger"] not in (await chat.bot.get("joined_rooms"))["joined_rooms"]
    with pytest.raises(MatrixError):
        await chat.bot.send(rooms["stranger"], "x", {"msgtype": "m.text", "body": "x"})
