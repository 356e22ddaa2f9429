"""A stand-in for Slack, built from its public API description; refuses what Slack refuses.

https://docs.slack.dev/reference/methods, …/block-kit and …/authentication/verifying-requests-from-slack.
"""

from __future__ import annotations

import hashlib
import hmac
import itertools
import json
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlencode

import httpx2
from aiohttp import web

TOKEN = "xoxb-1-made-up-token-of-the-tests"
SIGNING_SECRET = "made-up-signing-secret-of-the-tests"
MEMBERS = {"alice": "U0ALICE001", "bob": "U0BOB00001", "carol": "U0CAROL001", "vera": "U0VERA0001"}
ROOM = "C0GENERAL1"
BOT = "U0MAINSTAY"


class SlackStandIn:
    """``messages`` by (conversation, ts). ``answer_next`` makes the next calls answer something else."""

    def __init__(self) -> None:
        self.messages: dict[tuple[str, str], dict[str, Any]] = {}
        self.posted: list[dict[str, Any]] = []
        self.responses: list[dict[str, Any]] = []
        self.ephemeral: list[dict[str, Any]] = []
        self.calls: list[str] = []
        self.rooms: dict[str, dict[str, Any]] = {ROOM: {"id": ROOM, "name": "general", "is_member": True}}
        self.answer_next: list[web.Response] = []
        self.broken: set[str] = set()
        """Members whose direct messages are refused with ``channel_not_found``."""
        self.url = ""
        self._ts = itertools.count(1)

    def refuse_next(self, *codes: str) -> None:
        self.answer_next += [web.json_response({"ok": False, "error": code}) for code in codes]

    def limit_next(self, seconds: int) -> None:
        self.answer_next.append(web.json_response({"ok": False}, status=429, headers={"Retry-After": str(seconds)}))

    def to(self, member: str) -> list[dict[str, Any]]:
        """Messages as they are now in the direct conversation with a member, oldest first."""
        return [m for (place, _), m in self.messages.items() if place == _direct(MEMBERS[member])]

    async def handle(self, request: web.Request) -> web.Response:
        if request.path.startswith("/respond/"):
            self.responses.append(await request.json())
            return web.Response()
        method = request.path.rpartition("/")[2]
        self.calls.append(method)
        if self.answer_next:
            return self.answer_next.pop(0)
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return web.json_response({"ok": False, "error": "invalid_auth"})
        try:
            answer = getattr(self, "_" + method.replace(".", "_"))(await request.json())
        except _No as no:
            return web.json_response({"ok": False, "error": str(no)})
        return web.json_response({"ok": True, **answer})

    def _place(self, arguments: dict[str, Any]) -> str:
        place = arguments["channel"]
        if place in self.broken:
            raise _No("channel_not_found")
        if place in MEMBERS.values():
            return _direct(place)
        if place in [_direct(member) for member in MEMBERS.values()]:
            return str(place)
        if place not in self.rooms:
            raise _No("channel_not_found")
        if self.rooms[place].get("is_archived"):
            raise _No("is_archived")
        if not self.rooms[place].get("is_member"):
            raise _No("not_in_channel")
        return str(place)

    def _chat_postMessage(self, arguments: dict[str, Any]) -> dict[str, Any]:
        place = self._place(arguments)
        check_message(arguments)
        thread = arguments.get("thread_ts")
        if thread and (place, thread) not in self.messages:
            raise _No("thread_not_found")
        ts = f"17000000{next(self._ts):02d}.000100"
        message = {**arguments, "channel": place, "ts": ts}
        self.messages[place, ts] = message
        self.posted.append(message)
        return {"channel": place, "ts": ts, "message": {"text": arguments.get("text", "")}}

    def _chat_update(self, arguments: dict[str, Any]) -> dict[str, Any]:
        place = self._place(arguments)
        check_message(arguments)
        if (place, arguments["ts"]) not in self.messages:
            raise _No("message_not_found")
        self.messages[place, arguments["ts"]].update(arguments, channel=place)
        return {"channel": place, "ts": arguments["ts"], "text": arguments.get("text", "")}

    def _chat_postEphemeral(self, arguments: dict[str, Any]) -> dict[str, Any]:
        self._place(arguments)
        self.ephemeral.append(arguments)
        return {"message_ts": "1700000000.000200"}

    def _conversations_create(self, arguments: dict[str, Any]) -> dict[str, Any]:
        name = arguments["name"]
        if not re.fullmatch(r"[a-z0-9_-]{1,80}", name):
            raise _No("invalid_name_specials")
        if any(room["name"] == name for room in self.rooms.values()):
            raise _No("name_taken")
        room = {"id": f"C0MADE{len(self.rooms):04d}", "name": name, "is_member": True, "creator": BOT}
        self.rooms[room["id"]] = {**room, "invited": [], "topic": {"value": ""}, "purpose": {"value": ""}}
        return {"channel": room}

    def _conversations_list(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Two a page: a client has to follow the cursor."""
        rooms, at = list(self.rooms.values()), int(arguments.get("cursor") or 0)
        more = str(at + 2) if at + 2 < len(rooms) else ""
        return {"channels": rooms[at : at + 2], "response_metadata": {"next_cursor": more}}

    def _conversations_setTopic(self, arguments: dict[str, Any]) -> dict[str, Any]:
        return self._set("topic", arguments)

    def _conversations_setPurpose(self, arguments: dict[str, Any]) -> dict[str, Any]:
        return self._set("purpose", arguments)

    def _set(self, what: str, arguments: dict[str, Any]) -> dict[str, Any]:
        if len(arguments[what]) > 250:
            raise _No("too_long")
        self.rooms[self._place(arguments)][what] = {"value": arguments[what]}
        return {"channel": {}}

    def _conversations_invite(self, arguments: dict[str, Any]) -> dict[str, Any]:
        invited, wanted = self.rooms[self._place(arguments)]["invited"], arguments["users"].split(",")
        if any(member not in MEMBERS.values() for member in wanted):
            raise _No("user_not_found")
        if all(member in invited for member in wanted):
            raise _No("already_in_channel")
        invited += wanted
        return {"channel": {}}

    # ---- what Slack sends to an app

    def button(self, message: dict[str, Any], purpose: str, member: str) -> tuple[str, bytes]:
        """(path, body) of the request that pressing this button makes."""
        elements = [e for block in message["blocks"] if block["type"] == "actions" for e in block["elements"]]
        (pressed,) = [e for e in elements if e["action_id"].split("/")[1] == purpose]
        payload = {
            "type": "block_actions",
            "user": {"id": MEMBERS.get(member, member)},
            "trigger_id": "1.2.made-up",
            "message": {"ts": message["ts"], "text": message["text"], "blocks": message["blocks"]},
            "channel": {"id": message["channel"]},
            "response_url": f"{self.url}/respond/1",
            "actions": [{**pressed, "type": "button"}],
        }
        return "actions", urlencode({"payload": json.dumps(payload)}).encode()

    def command(self, text: str, member: str, *, room: str = ROOM, trigger: str = "1.1") -> tuple[str, bytes]:
        """(path, body) of a slash command."""
        fields = {
            "command": "/incident",
            "text": text,
            "user_id": MEMBERS.get(member, member),
            "channel_id": room,
            "trigger_id": trigger,
            "response_url": f"{self.url}/respond/2",
        }
        return "commands", urlencode(fields).encode()

    def said(self, text: str, member: str, room: str, event_id: str = "Ev1") -> tuple[str, bytes]:
        """(path, body) of the event of an ordinary message."""
        event = {"type": "message", "user": MEMBERS[member], "text": text, "channel": room, "ts": "1.1"}
        return "events", json.dumps({"type": "event_callback", "event_id": event_id, "event": event}).encode()


def headers(content: bytes, *, secret: str = SIGNING_SECRET, age: int = 0) -> dict[str, str]:
    """As Slack signs ``content``."""
    stamp = str(int(time.time()) - age)
    mac = hmac.new(secret.encode(), b"v0:" + stamp.encode() + b":" + content, hashlib.sha256).hexdigest()
    kind = "application/json" if content.startswith(b"{") else "application/x-www-form-urlencoded"
    return {"X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": f"v0={mac}", "Content-Type": kind}


async def deliver(
    client: httpx2.AsyncClient, url: str, sent: tuple[str, bytes], channel: str = "slack"
) -> httpx2.Response:
    """Hand a request of Slack's to a door."""
    path, content = sent
    return await client.post(f"{url}/chat/slack/{channel}/{path}", content=content, headers=headers(content))


class _No(Exception):
    """Slack's word for why not."""


def check_message(arguments: dict[str, Any]) -> None:
    """Block Kit's documented limits."""
    blocks = arguments.get("blocks") or []
    if not blocks and not arguments.get("text"):
        raise _No("no_text")
    if len(arguments.get("text", "")) > 40_000:
        raise _No("msg_too_long")
    if len(json.dumps(blocks, ensure_ascii=False)) > 16_000 or sum(_length(b) for b in blocks) > 13_000:
        raise _No("msg_blocks_too_long")
    if len(blocks) > 50 or not all(map(_fits, blocks)):
        raise _No("invalid_blocks")


def _length(block: dict[str, Any]) -> int:
    return len(block.get("text", {}).get("text", ""))


def _fits(block: dict[str, Any]) -> bool:
    match block["type"]:
        case "section":
            return block["text"]["type"] == "mrkdwn" and 0 < len(block["text"]["text"]) <= 3000
        case "context":
            return 0 < len(block["elements"]) <= 10
        case "actions":
            ids = [element["action_id"] for element in block["elements"]]
            return 0 < len(ids) <= 25 and len(set(ids)) == len(ids) and all(map(_fits_button, block["elements"]))
        case _:
            return False


def _fits_button(button: dict[str, Any]) -> bool:
    return (
        button["type"] == "button"
        and button["text"]["type"] == "plain_text"
        and 0 < len(button["text"]["text"]) <= 75
        and len(button.get("value", "")) <= 2000
        and len(button.get("url", "")) <= 3000
        and len(button["action_id"]) <= 255
        and button.get("style") in (None, "primary", "danger")
    )


def _direct(member: str) -> str:
    return "D" + member[1:]


@asynccontextmanager
async def slack_server() -> AsyncIterator[SlackStandIn]:
    standin = SlackStandIn()
    app = web.Application()
    app.router.add_route("POST", "/{path:.*}", standin.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    standin.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield standin
    finally:
        await runner.cleanup()
