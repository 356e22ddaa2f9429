"""Servers built from the vendors' public descriptions. They refuse what the vendor refuses, and in its words."""

from __future__ import annotations

import base64
import json
import xml.etree.ElementTree as ET
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web

ACCOUNT, AUTH_TOKEN = "AC" + "0" * 32, "twilio-auth-token-for-tests"
NTFY_TOKEN, ROUTING_KEY, GENIE_KEY = (
    "tk_for_tests_0123456789abcd",
    "R0UT1NGKEYFORTESTS0123456789ABCD",
    "genie-key-for-tests",
)
UNKNOWN_NUMBER = "+15005550001"
"""Twilio's own magic number for "invalid" (https://www.twilio.com/docs/iam/test-credentials)."""
STOPPED_NUMBER = "+15005550010"
"""Of somebody who answered STOP (https://www.twilio.com/docs/api/errors/21610). Not one of Twilio's magic numbers."""


class StandIn:
    """Remembers what it took. ``fault`` answers the next requests instead: (status, headers)."""

    def __init__(self) -> None:
        self.taken: list[dict[str, Any]] = []
        self.seen: list[dict[str, Any]] = []
        self.fault: tuple[int, dict[str, str]] | None = None

    async def __call__(self, request: web.Request) -> web.Response:
        if self.fault is not None:
            body = await request.text()
            self.seen.append({"body": body, "key": request.headers.get("Idempotency-Key", "")})
            status, headers = self.fault
            return web.json_response({"code": status, "message": f"no: {body}"}, status=status, headers=headers)
        return await self.answer(request)

    async def answer(self, request: web.Request) -> web.Response:
        raise NotImplementedError


class Twilio(StandIn):
    """Messages and Calls of the 2010-04-01 API."""

    async def answer(self, request: web.Request) -> web.Response:
        wanted = "Basic " + base64.b64encode(f"{ACCOUNT}:{AUTH_TOKEN}".encode()).decode()
        if request.headers.get("Authorization") != wanted:
            return _twilio(401, 20003, "Authenticate")
        kind = request.path.removeprefix(f"/2010-04-01/Accounts/{ACCOUNT}/")
        if kind not in ("Messages.json", "Calls.json") or request.content_type != "application/x-www-form-urlencoded":
            return _twilio(404, 20404, f"The requested resource {request.path} was not found")
        fields = {name: str(value) for name, value in (await request.post()).items()}
        to = fields.get("To", "")
        if not to.startswith("+") or not to[1:].isdigit() or to == UNKNOWN_NUMBER:
            return _twilio(400, 21211, f"The 'To' number {to} is not a valid phone number.")
        if kind == "Messages.json":
            if to == STOPPED_NUMBER:
                return _twilio(400, 21610, "Attempt to send to unsubscribed recipient")
            if not _public(fields.get("StatusCallback", "")):
                return _twilio(400, 21609, "The 'StatusCallback' URL is not a valid URL.")
            if not fields.get("Body"):
                return _twilio(400, 21602, "Message body is required.")
            if len(fields["Body"]) > 1600:
                return _twilio(400, 21617, "The concatenated message body exceeds the 1600 character limit.")
            if not fields.get("From") and not fields.get("MessagingServiceSid"):
                return _twilio(400, 21603, "A 'From' phone number is required.")
        else:
            said = fields.get("Twiml", "")
            if len(said) > 4000 or ET.fromstring(said).tag != "Response":
                return _twilio(400, 21218, "Invalid TwiML")
        self.taken.append(fields)
        return web.json_response({"sid": f"SM{len(self.taken):032x}", "status": "queued"}, status=201)


class Ntfy(StandIn):
    """JSON publishing with a token, as server and limits of ntfy 2 are described."""

    async def answer(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != f"Bearer {NTFY_TOKEN}":
            return _ntfy(401, 40101, "unauthorized")
        content = await request.read()
        if len(content) > 2 * 4096:
            return _ntfy(413, 41303, "JSON body too large")
        body = json.loads(content)
        actions = body.get("actions", [])
        if not body.get("topic") or request.path != "/":
            return _ntfy(400, 40009, "invalid request: topic invalid")
        if body.get("priority", 3) not in range(1, 6):
            return _ntfy(400, 40007, "invalid priority parameter")
        if len(actions) > 3 or any(a["action"] not in ("view", "http", "broadcast") or not a["label"] for a in actions):
            return _ntfy(400, 40018, "invalid request: actions invalid")
        if len(body.get("message", "").encode()) > 4096:  # becomes an attachment, which this server has not on
            return _ntfy(400, 40014, "invalid request: attachments not allowed")
        self.taken.append(body)
        return web.json_response({"id": f"m{len(self.taken)}", "event": "message", "topic": body["topic"]})


class PagerDuty(StandIn):
    """Events API v2: one open alert for each dedup_key."""

    async def answer(self, request: web.Request) -> web.Response:
        event = json.loads(await request.read())
        errors = []
        if event.get("routing_key") != ROUTING_KEY or len(ROUTING_KEY) != 32:
            errors.append("'routing_key' is invalid")
        if event.get("event_action") not in ("trigger", "acknowledge", "resolve"):
            errors.append("'event_action' is invalid")
        if len(event.get("dedup_key", "")) > 255:
            errors.append("'dedup_key' is too long")
        payload = event.get("payload", {})
        if event.get("event_action") == "trigger":
            errors += [
                f"'payload.{n}' is missing or blank" for n in ("summary", "source", "severity") if not payload.get(n)
            ]
            if payload.get("severity") not in ("critical", "error", "warning", "info"):
                errors.append("'payload.severity' is invalid")
            if len(payload.get("summary", "")) > 1024:
                errors.append("'payload.summary' is too long")
        if errors or request.path != "/v2/enqueue":
            refusal = {"status": "invalid event", "message": "Event object is invalid", "errors": errors}
            return web.json_response(refusal, status=400)
        self.taken.append(event)
        answer = {"status": "success", "message": "Event processed", "dedup_key": event["dedup_key"]}
        return web.json_response(answer, status=202)


class Opsgenie(StandIn):
    """The Alert API: create by alias, acknowledge, close."""

    async def answer(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != f"GenieKey {GENIE_KEY}":
            return web.json_response({"message": "Key format is not valid!", "took": 0.0}, status=403)
        body = json.loads(await request.read())
        if request.path == "/v2/alerts":
            if not body.get("message") or len(body["message"]) > 130:
                errors = {"message": "Message can not be empty or longer than 130 characters."}
                refusal = {"message": "Request body is not processable.", "errors": errors}
                return web.json_response(refusal, status=422)
            if len(body.get("alias", "")) > 512 or len(body.get("description", "")) > 15000:
                return web.json_response({"message": "Request body is not processable."}, status=422)
            if body.get("priority") not in ("P1", "P2", "P3", "P4", "P5"):
                return web.json_response({"message": "Request body is not processable."}, status=422)
        elif request.query.get("identifierType") != "alias" or not request.path.endswith(("/acknowledge", "/close")):
            return web.json_response({"message": "Alert does not exist"}, status=404)
        self.taken.append({"path": request.path, **body})
        return web.json_response({"result": "Request will be processed", "requestId": "r1"}, status=202)


def _public(callback: str) -> bool:
    """No address at all, or one that the public internet reaches: 21609 names what is refused."""
    host = urlsplit(callback).hostname or ""
    whole = callback.startswith(("http://", "https://")) and "." in host and "_" not in host
    return not callback or (whole and len(callback) <= 4000 and not host.endswith(".internal"))


def _twilio(status: int, code: int, message: str) -> web.Response:
    return web.json_response({"code": code, "message": message, "status": status}, status=status)


def _ntfy(http: int, code: int, error: str) -> web.Response:
    return web.json_response({"code": code, "http": http, "error": error}, status=http)
