"""An acknowledgement made in PagerDuty counts here: its V3 webhooks
(https://developer.pagerduty.com/docs/webhooks/v3-overview/)."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from mainstay.config import Config
from mainstay.config.channels import PagerDutyChannel
from mainstay.config.secrets import value_of
from mainstay.desk.desk import Desk
from mainstay.domain import names
from mainstay.domain.access import Actor, Assurance
from mainstay.domain.errors import InvalidArgument, NotFound, Refusal, Unauthenticated, Unavailable
from mainstay.domain.incident import Acknowledge
from mainstay.telemetry import Metrics, about_incident
from mainstay.web import body, refused

DOOR = "pagerduty"
MAX_BYTES = 256 * 1024


class PagerDuty:
    """``/pagerduty/CHANNEL``."""

    def __init__(self, desk: Desk, config: Callable[[], Config], metrics: Metrics) -> None:
        self._desk = desk
        self._config = config
        self._metrics = metrics

    async def event(self, request: Request) -> Response:
        """``POST``: ``incident.acknowledged`` acknowledges here; every other event is taken and left alone.

        A refusal that a repeat cannot mend is answered 200, as PagerDuty switches off a webhook that fails.
        """
        try:
            content = await self._signed(request)
            return JSONResponse({"status": "success", "message": await self._take(request, content)})
        except (Unauthenticated, Unavailable) as refusal:
            if isinstance(refusal, Unauthenticated):
                self._metrics.wrong_tokens.labels(DOOR).inc()
            return refused.as_json(refusal)
        except Refusal as refusal:
            return JSONResponse({"status": "ignored", "message": refusal.message})

    async def _signed(self, request: Request) -> bytes:
        channel = self._config().channels.get(request.path_params["channel"])
        if not isinstance(channel, PagerDutyChannel) or channel.signing_secret is None:
            raise Unauthenticated("there is no PagerDuty channel of this name with a signing secret")
        try:
            content, oversized = await body.read(request, MAX_BYTES)
        except (TimeoutError, ClientDisconnect):
            raise Unavailable("the body did not arrive in time: send it again") from None
        wanted = signature(value_of(channel.signing_secret), content)
        given = request.headers.get("x-pagerduty-signature", "").split(",")
        if oversized or not any(hmac.compare_digest(wanted.encode(), one.strip().encode()) for one in given):
            raise Unauthenticated("the request is not signed with this channel's secret")
        return content

    async def _take(self, request: Request, content: bytes) -> str:
        event = _event(content)
        if event.get("event_type") != "incident.acknowledged":
            return "nothing to do"
        key = str(event.get("data", {}).get("incident_key") or "")[:255]
        actor = self._actor(request.path_params["channel"], event.get("agent"))
        request_id = str(uuid5(NAMESPACE_URL, f"mainstay-pagerduty:{event.get('id')}:{key}"))
        with about_incident(key):
            return (await self._desk.update(key, names.ACKNOWLEDGE, Acknowledge(), actor, request_id)).message

    def _actor(self, channel: str, agent: Any) -> Actor:
        """The person whose contact on this channel has PagerDuty's user id as its address. Raises NotFound."""
        user = str(agent.get("id", "")) if isinstance(agent, dict) else ""
        for person in self._config().people.values():
            if user and any(c.channel == channel and c.address == user for c in person.contacts):
                return Actor(person=person.handle, roles=person.access_roles, assurance=Assurance.CHAT, door=DOOR)
        raise NotFound("nobody here has this PagerDuty user's id as the address of the channel")


def signature(secret: str, content: bytes) -> str:
    """``v1=HEX``, one of those in ``X-PagerDuty-Signature``: there are several while a secret is exchanged
    (https://github.com/PagerDuty/developer-docs/blob/main/docs/webhooks/04-Signatures.md)."""
    return "v1=" + hmac.new(secret.encode(), content, hashlib.sha256).hexdigest()


def _event(content: bytes) -> dict[str, Any]:
    try:
        event = json.loads(content)["event"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise InvalidArgument("the body is not a PagerDuty V3 event") from None
    if not isinstance(event, dict) or not isinstance(event.get("data", {}), dict):
        raise InvalidArgument("the body is not a PagerDuty V3 event")
    return event
