"""Slack's requests: ``/incident`` commands, pressed buttons, and ``note: …`` messages of a room.

Slack wants an answer within three seconds. What takes longer is answered "working on it" and goes on; its
outcome is posted to the request's ``response_url``. A repeated request is one intent: its ``trigger_id`` (or
``event_id``) is the request id.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from mainstay.config import Config
from mainstay.config.channels import SlackChannel
from mainstay.config.secrets import resolve, value_of
from mainstay.desk.chat import ChatDesk
from mainstay.desk.desk import Desk
from mainstay.desk.press import Presses, intent
from mainstay.domain.chat_command import meant_for_us
from mainstay.domain.errors import InvalidArgument, NotFound, Refusal, Unauthenticated
from mainstay.domain.signature import LinkClaim
from mainstay.domain.slack_blocks import Pressed, pressed
from mainstay.domain.text import chat
from mainstay.telemetry import Metrics
from mainstay.web import body, refused
from mainstay.web.slack_signature import verify

MAX_BODY = 512 * 1024
WITHIN_SECONDS = 2.0
"""Of the three that Slack waits; the rest is the network's."""
ANSWER_SECONDS = 5.0
CLAIM_HOLDS = timedelta(minutes=5)
_OWN_HOST = re.compile(r"(?:[a-z0-9-]+\.)*slack(?:-gov)?\.com")
_SECTION = 2900
_log = structlog.get_logger("mainstay.web")


class SlackDoor:
    """``/chat/slack/{channel}/…``: ``channel`` is the name of a Slack channel of mainstay.yaml."""

    def __init__(self, desk: Desk, config: Callable[[], Config], now: Callable[[], datetime], metrics: Metrics) -> None:
        self._desk = desk
        self._presses = Presses(desk)
        self._config = config
        self._now = now
        self._metrics = metrics
        self._background: set[asyncio.Task[None]] = set()

    async def commands(self, request: Request) -> Response:
        """``POST …/commands``: the request URL of the slash command."""
        try:
            name, _, content = await self._read(request)
            fields = _fields(content)
        except Refusal as refusal:
            return self._refuse(refusal)
        desk = self._desk_of(name, fields.get("command", "") or "/incident")
        request_id = intent("slack", name, fields.get("trigger_id", ""))
        room = _room(name, fields.get("channel_id", ""))
        work = _said(desk.run(fields.get("text", ""), fields.get("user_id", ""), room, request_id))
        task = asyncio.create_task(work)
        done, _ = await asyncio.wait({task}, timeout=WITHIN_SECONDS)
        if done:
            return JSONResponse(_ephemeral(task.result()))
        self._later(self._answer_later(name, task, fields.get("response_url", "")))
        return JSONResponse(_ephemeral("Working on it …"))

    async def actions(self, request: Request) -> Response:
        """``POST …/actions``: the request URL for interactivity. Answered at once; acted on behind it."""
        try:
            name, _, content = await self._read(request)
            payload = _json(_fields(content).get("payload", ""))
        except Refusal as refusal:
            return self._refuse(refusal)
        if payload.get("type") == "block_actions":
            for action in payload.get("actions") or ():
                means = pressed(str(action.get("value", ""))) if isinstance(action, dict) else None
                if means is not None:
                    self._later(self._press(name, payload, means))
        return Response()

    async def events(self, request: Request) -> Response:
        """``POST …/events``: the request URL of the Events API, for messages in incident rooms."""
        try:
            name, channel, content = await self._read(request)
            payload = _json(content.decode(errors="replace"))
        except Refusal as refusal:
            return self._refuse(refusal)
        if payload.get("type") == "url_verification":
            return JSONResponse({"challenge": str(payload.get("challenge", ""))[:500]})
        event = payload.get("event")
        if isinstance(event, dict) and event.get("type") == "message" and not event.get("subtype"):
            command = meant_for_us(str(event.get("text", ""))) if not event.get("bot_id") else None
            if command is not None:
                self._later(self._typed(name, channel, event, _unescaped(command), str(payload.get("event_id", ""))))
        return Response()

    # ---- one request

    async def _read(self, request: Request) -> tuple[str, SlackChannel, bytes]:
        """(channel's name, its settings, body), once the signature has been checked."""
        name = request.path_params["channel"]
        channel = self._config().channels.get(name)
        if not isinstance(channel, SlackChannel) or not channel.signing_secret:
            raise NotFound("there is no Slack channel of this name with a signing secret")
        try:
            got = await body.read(request, MAX_BODY)
        except (TimeoutError, ClientDisconnect):
            raise InvalidArgument("the body did not arrive in time") from None
        if got.oversized:
            raise InvalidArgument(f"the body is longer than {MAX_BODY} bytes")
        stamp = request.headers.get("x-slack-request-timestamp", "")
        given = request.headers.get("x-slack-signature", "")
        verify(resolve(channel.signing_secret), stamp, given, got.content, self._now())
        return name, channel, got.content

    def _desk_of(self, name: str, prefix: str) -> ChatDesk:
        return ChatDesk(self._desk, self._config, name, prefix)

    async def _press(self, name: str, payload: dict[str, Any], means: Pressed) -> None:
        """Do what the button says as the member who pressed it, then show the outcome in its message."""
        user = _part(payload, "user", "id")
        try:
            actor = self._desk_of(name, "/incident").actor(user)
            claim = LinkClaim(**means.model_dump(), person=actor.person, expires_at=self._now() + CLAIM_HOLDS)
            request_id = intent("slack-button", name, user, means.model_dump_json())
            outcome = await self._presses.do(claim, actor, request_id)
        except Refusal as refusal:
            await self._respond(name, payload, {"replace_original": False, **_ephemeral(refusal.message)})
            return
        said = f"{actor.person}: {outcome.message}"
        blocks = [b for b in _blocks(payload) if b.get("type") != "actions"][:48]
        blocks.append({"type": "context", "elements": [{"type": "mrkdwn", "text": chat(said, 300), "verbatim": True}]})
        changed = {"replace_original": True, "text": chat(said, 300), "blocks": blocks}
        await self._respond(name, payload, changed if means.purpose != "escalate" else _ephemeral(outcome.message))

    async def _typed(
        self, name: str, channel: SlackChannel, event: dict[str, Any], command: str, event_id: str
    ) -> None:
        """A message in a room that is a command; only its writer sees the answer."""
        user, place = str(event.get("user", "")), str(event.get("channel", ""))
        thread = str(event.get("thread_ts", ""))
        desk = self._desk_of(name, "!incident")
        said = await _said(desk.run(command, user, _room(name, place, thread), intent("slack", name, event_id)))
        arguments = {"channel": place, "user": user, "text": chat(said, 3000)}
        if thread:
            arguments["thread_ts"] = thread
        headers = {"Authorization": f"Bearer {resolve(channel.token)}"}
        await self._post(f"{value_of(channel.api_url).rstrip('/')}/chat.postEphemeral", arguments, headers)

    async def _answer_later(self, name: str, task: asyncio.Task[str], url: str) -> None:
        await self._respond(name, {"response_url": url}, _ephemeral(await task))

    async def _respond(self, name: str, payload: dict[str, Any], answer: dict[str, Any]) -> None:
        url = str(payload.get("response_url", ""))
        if self._is_slack(name, url):
            await self._post(url, answer, {})

    def _is_slack(self, name: str, url: str) -> bool:
        """Only Slack is ever answered, or the server that ``api_url`` names in its place."""
        try:
            parts = urlsplit(url)
        except ValueError:
            return False
        if parts.scheme == "https" and _OWN_HOST.fullmatch(parts.hostname or ""):
            return True
        channel = self._config().channels.get(name)
        mine = urlsplit(value_of(channel.api_url)) if isinstance(channel, SlackChannel) else None
        return mine is not None and (parts.scheme, parts.netloc) == (mine.scheme, mine.netloc)

    async def _post(self, url: str, answer: dict[str, Any], headers: dict[str, str]) -> None:
        """Best effort: what was done is done, and the incident shows it."""
        try:
            async with httpx2.AsyncClient(timeout=ANSWER_SECONDS, follow_redirects=False) as client:
                response = await client.post(url, json=answer, headers=headers)
            if response.status_code >= 400:
                _log.warning("Slack did not take an answer", status=response.status_code)
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
            _log.warning("Slack did not take an answer", why=type(error).__name__)

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(_logged(work))
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    def _refuse(self, refusal: Refusal) -> Response:
        if isinstance(refusal, Unauthenticated):
            self._metrics.wrong_tokens.labels("slack").inc()
        return refused.as_json(refusal)


async def _said(work: Coroutine[Any, Any, str]) -> str:
    """The answer for a person, whatever came of it."""
    try:
        return await work
    except Refusal as refusal:
        return refusal.message
    except Exception as fault:
        _log.exception("chat command failed")
        return f"an unexpected fault ({type(fault).__name__}); it has been logged"


async def _logged(work: Coroutine[Any, Any, None]) -> None:
    try:
        await work
    except Exception:
        _log.exception("answering Slack failed")


def _ephemeral(text: str) -> dict[str, Any]:
    return {"response_type": "ephemeral", "text": chat(text, _SECTION)}


def _room(name: str, conversation: str, thread: str = "") -> str:
    return f"{name} {conversation}" + (f" {thread}" if thread else "") if conversation else ""


def _fields(content: bytes) -> dict[str, str]:
    try:
        found = parse_qs(content.decode(), keep_blank_values=True, max_num_fields=100)
    except ValueError:
        raise InvalidArgument("the form could not be read") from None
    return {name: values[-1] for name, values in found.items()}


def _json(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise InvalidArgument("the payload is not JSON") from None
    if not isinstance(found, dict):
        raise InvalidArgument("the payload is not an object")
    return found


def _part(payload: dict[str, Any], *path: str) -> str:
    found: Any = payload
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    return found if isinstance(found, str) else ""


def _blocks(payload: dict[str, Any]) -> list[dict[str, Any]]:
    message = payload.get("message")
    blocks = message.get("blocks") if isinstance(message, dict) else None
    return [block for block in blocks if isinstance(block, dict)] if isinstance(blocks, list) else []


def _unescaped(text: str) -> str:
    """Slack sends ``&amp; &lt; &gt;`` for these three characters."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
