"""Matrix, inbound: commands and reactions, by a long poll that goes on where the last one ended.

Where it ended is kept in the user's own account data at the homeserver, after what came was acted upon: what a
killed process had begun is done again, with the same request ids, so nothing is lost and nothing is done twice.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import structlog

from mainstay.config import Config
from mainstay.config.channels import MatrixChannel
from mainstay.desk.chat import ChatDesk
from mainstay.desk.desk import Desk
from mainstay.desk.press import Presses, intent
from mainstay.domain.chat_command import meant_for_us
from mainstay.domain.errors import Refusal
from mainstay.domain.matrix_content import offered, reacted
from mainstay.domain.signature import LinkClaim
from mainstay.domain.text import html, plain
from mainstay.matrix import Matrix, MatrixError, MatrixLater

POLL_SECONDS = 30
AGAIN_FIRST, AGAIN_MOST = 1.0, 30.0
CLAIM_HOLDS = timedelta(minutes=5)
SINCE = "org.mainstay.since"
PAGES = 20
"""Of a gap that is read back, a hundred events each."""
_EVENTS = {"types": ["m.room.message", "m.reaction"], "limit": 100}
_NOTHING = {"not_types": ["*"]}
_FILTER = {
    "presence": _NOTHING,
    "account_data": _NOTHING,
    "room": {"timeline": _EVENTS, "state": _NOTHING, "ephemeral": _NOTHING, "account_data": _NOTHING},
}
_log = structlog.get_logger("mainstay.web")


def listeners(desk: Desk, config: Callable[[], Config], client: httpx2.AsyncClient) -> list[MatrixListener]:
    """One for each Matrix channel that listens. Raises InvalidArgument when a token's reference leads nowhere."""
    found = []
    for name, channel in config().channels.items():
        if isinstance(channel, MatrixChannel) and channel.listen:
            set_ = channel.settings()
            api = Matrix(name, set_.homeserver, set_.user, channel.access_token(), client)
            found.append(MatrixListener(api, desk, config))
    return found


class MatrixListener:
    """Reads what people write to Mainstay's user and does it."""

    def __init__(self, api: Matrix, desk: Desk, config: Callable[[], Config]) -> None:
        self._api = api
        self._chat = ChatDesk(desk, config, api.name, "!incident")
        self._presses = Presses(desk)

    async def listen(self) -> None:
        """For ever; a homeserver that is away is asked again, more and more slowly."""
        pause = AGAIN_FIRST
        since: str | None = None
        while True:
            try:
                since = await self._once(since)
                pause = AGAIN_FIRST
            except (MatrixError, MatrixLater) as fault:
                asked = fault.retry_after.total_seconds() if isinstance(fault, MatrixLater) and fault.retry_after else 0
                _log.warning("Matrix is not heard", channel=self._api.name, why=str(fault))
                await asyncio.sleep(max(pause, asked))
                pause = min(pause * 2, AGAIN_MOST)

    async def _once(self, since: str | None) -> str:
        """One poll. The first ever only finds out where "now" is: what was written before is not for us."""
        if since is None:
            since = str((await self._api.account_data(SINCE)).get("next_batch", ""))
        first = not since
        query = {"filter": json.dumps(_FILTER), "timeout": "0" if first else str(POLL_SECONDS * 1000)}
        answer = await self._api.get(
            "sync", query=query if first else {**query, "since": since}, within=POLL_SECONDS + 15.0
        )
        rooms = answer.get("rooms") or {}
        for room, invitation in (rooms.get("invite") or {}).items():
            await self._accept(room, invitation)
        acted = False
        if not first:
            for room, joined in (rooms.get("join") or {}).items():
                acted = await self._read_room(room, joined, since) or acted
        following = str(answer.get("next_batch", since))
        if first or acted:
            await self._api.keep(SINCE, {"next_batch": following})
        return following

    async def _read_room(self, room: str, joined: dict[str, Any], since: str) -> bool:
        timeline = joined.get("timeline") or {}
        events = list(timeline.get("events") or ())
        if timeline.get("limited") and timeline.get("prev_batch"):
            events = [*await self._gap(room, str(timeline["prev_batch"]), since), *events]
        for event in events:
            await self._take(room, event)
        return bool(events)

    async def _gap(self, room: str, back_from: str, since: str) -> list[dict[str, Any]]:
        """What came between ``since`` and the oldest event of the answer, oldest first."""
        found: list[dict[str, Any]] = []
        for _ in range(PAGES):
            query = {"dir": "b", "from": back_from, "to": since, "limit": "100", "filter": json.dumps(_EVENTS)}
            page = await self._api.get("rooms", room, "messages", query=query)
            found += page.get("chunk") or ()
            if not page.get("chunk") or not page.get("end"):
                break
            back_from = str(page["end"])
        return found[::-1]

    async def _accept(self, room: str, invitation: dict[str, Any]) -> None:
        """Join where one of our people asks us to; leave others waiting."""
        events = (invitation.get("invite_state") or {}).get("events") or ()
        by = next((e.get("sender", "") for e in events if e.get("state_key") == self._api.user), "")
        try:
            self._chat.actor(str(by))
            await self._api.post("join", room, body={})
        except (Refusal, MatrixError) as no:
            _log.warning("a Matrix invitation is not taken", channel=self._api.name, why=str(no))

    async def _take(self, room: str, event: dict[str, Any]) -> None:
        """One event. What goes wrong is answered in the room, and never stops the listening."""
        content, sender = event.get("content"), str(event.get("sender", ""))
        if not isinstance(content, dict) or sender == self._api.user:
            return
        relation = content.get("m.relates_to")
        relation = relation if isinstance(relation, dict) else {}
        if relation.get("rel_type") == "m.replace":
            return
        try:
            if event.get("type") == "m.reaction":
                said = await self._react(room, event, relation, sender)
            else:
                said = await self._command(room, event, content, relation, sender)
        except Refusal as refusal:
            said = refusal.message
        except (MatrixError, MatrixLater):
            raise
        except Exception as fault:
            _log.exception("a Matrix command failed")
            said = f"an unexpected fault ({type(fault).__name__}); it has been logged"
        if said:
            await self._answer(room, event, relation, said)

    async def _react(self, room: str, event: dict[str, Any], relation: dict[str, Any], sender: str) -> str:
        """A reaction to a message of ours takes one of its offers."""
        about = await self._ours(room, str(relation.get("event_id", "")))
        means = reacted(str(relation.get("key", "")), offered(about))
        if means is None:
            return ""
        actor = self._chat.actor(sender)
        until = datetime.now(UTC) + CLAIM_HOLDS
        claim = LinkClaim(**means.model_dump(), person=actor.person, expires_at=until)
        outcome = await self._presses.do(claim, actor, intent("matrix", str(event.get("event_id"))))
        return f"{actor.person}: {outcome.message}"

    async def _command(
        self, room: str, event: dict[str, Any], content: dict[str, Any], relation: dict[str, Any], sender: str
    ) -> str:
        command = meant_for_us(_without_quote(str(content.get("body", ""))))
        if content.get("msgtype") != "m.text" or command is None:
            return ""
        about = ""
        reply = relation.get("m.in_reply_to")
        replied = str(reply.get("event_id", "")) if isinstance(reply, dict) else ""
        for earlier in dict.fromkeys((str(relation.get("event_id", "")), replied)):
            about = about or next((o.incident_key for o in offered(await self._ours(room, earlier))), "")
        thread = str(relation.get("event_id", "")) if relation.get("rel_type") == "m.thread" else ""
        place = f"{self._api.name} {room}" + (f" {thread}" if thread else "")
        return await self._chat.run(command, sender, place, intent("matrix", str(event.get("event_id"))), about=about)

    async def _ours(self, room: str, event: str) -> dict[str, Any]:
        """The content of a message that Mainstay itself has sent; empty for any other."""
        found = await self._api.event(room, event) if event else {}
        content = found.get("content")
        return content if found.get("sender") == self._api.user and isinstance(content, dict) else {}

    async def _answer(self, room: str, event: dict[str, Any], relation: dict[str, Any], said: str) -> None:
        """A notice in the same thread; its transaction comes from the event, so it is said once."""
        to = str(event.get("event_id", ""))
        content: dict[str, Any] = {
            "msgtype": "m.notice",
            "body": plain(said, 4000, newlines=True),
            "format": "org.matrix.custom.html",
            "formatted_body": html(said, 4000, newlines=True).replace("\n", "<br>"),
            "m.mentions": {},
        }
        if relation.get("rel_type") == "m.thread":
            content["m.relates_to"] = {
                "rel_type": "m.thread",
                "event_id": relation.get("event_id"),
                "is_falling_back": True,
                "m.in_reply_to": {"event_id": to},
            }
        elif event.get("type") != "m.reaction":
            content["m.relates_to"] = {"m.in_reply_to": {"event_id": to}}
        try:
            await self._api.send(room, intent("matrix-answer", to), content)
        except MatrixError as no:
            _log.warning("an answer in Matrix was refused", channel=self._api.name, why=str(no))


def _without_quote(body: str) -> str:
    """Older clients put what is replied to before the reply, in lines that begin with ``>``."""
    lines = body.split("\n")
    while lines and lines[0].startswith(">"):
        lines.pop(0)
    return "\n".join(lines).strip()
