"""What comes back from Twilio: keys pressed in a call and answers to an SMS.

Every request must be signed by Twilio with the channel's auth token
(https://www.twilio.com/docs/usage/webhooks/webhooks-security). A key acts by the signed links that the call
was made with. An SMS is from the person whose number it is, and names the incident by its code; it only ever
acknowledges or escalates, since a sender's number can be forged where Twilio buys from others.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Literal
from uuid import NAMESPACE_URL, uuid5
from xml.sax.saxutils import escape

from starlette.requests import Request
from starlette.responses import Response

from mainstay.config import Config
from mainstay.config.channels import TwilioChannel
from mainstay.config.secrets import value_of
from mainstay.desk.answers import IncidentFilter
from mainstay.desk.desk import Desk
from mainstay.domain import names
from mainstay.domain.access import Actor, Assurance
from mainstay.domain.errors import NotFound, Refusal, Unauthenticated
from mainstay.domain.incident import Acknowledge, Escalate, IncidentView
from mainstay.domain.people import Person
from mainstay.domain.signature import LinkClaim, Signer, read_link
from mainstay.domain.telephone import SEGMENT, code_of, gsm, reply
from mainstay.records.rows import DeliveryReported
from mainstay.telemetry import Metrics, about_incident
from mainstay.web import body, refused

DOOR = "twilio"
_STATES: dict[str, Literal["delivered", "dead"]] = {
    "delivered": "delivered",
    "read": "delivered",
    "undelivered": "dead",
    "failed": "dead",
    "completed": "delivered",
    "busy": "dead",
    "no-answer": "dead",
    "canceled": "dead",
}
"""Of messages and of calls; every other state is on the way to one of these."""
_KEYS = {"1": ("acknowledge", "ack"), "2": ("escalate", "escalate")}


class Twilio:
    """``/twilio/CHANNEL/sms`` and ``/twilio/CHANNEL/voice/…``."""

    def __init__(
        self,
        desk: Desk,
        signer: Signer,
        config: Callable[[], Config],
        public_url: str,
        now: Callable[[], datetime],
        metrics: Metrics,
    ) -> None:
        """``public_url``: by what Twilio reaches this door. Its signature covers the address as it knows it."""
        self._desk = desk
        self._signer = signer
        self._config = config
        self._base = public_url.rstrip("/")
        self._now = now
        self._metrics = metrics

    async def sms(self, request: Request) -> Response:
        """``POST``: an answer such as ``1 6677``. What came of it is said in an SMS back."""
        try:
            fields = await self._signed(request, "twilio_sms")
        except Refusal as refusal:
            return self._unsigned(refusal)
        try:
            said = await self._reply(request.path_params["channel"], fields)
        except Refusal as refusal:
            said = refusal.message
        return _twiml(f"<Message>{escape(gsm(said, SEGMENT))}</Message>" if said else "")

    async def voice(self, request: Request) -> Response:
        """``POST``: a key was pressed in a call."""
        try:
            fields = await self._signed(request, "twilio_voice")
        except Refusal as refusal:
            return self._unsigned(refusal)
        try:
            said = await self._pressed(request, fields)
        except Refusal as refusal:
            said = refusal.message
        return _twiml(f"<Say>{escape(gsm(said, 400))}</Say>")

    async def status(self, request: Request) -> Response:
        """``POST``: what became of an SMS or a call. One that will never arrive is followed by the next method."""
        try:
            fields = await self._signed(request)
            state = _STATES.get(fields.get("MessageStatus") or fields.get("CallStatus", ""))
            if state is not None:
                await self._desk.delivery_reported(self._report(request, fields, state))
        except Refusal as refusal:
            return self._unsigned(refusal)
        return Response(status_code=204)

    def _report(
        self, request: Request, fields: dict[str, str], state: Literal["delivered", "dead"]
    ) -> DeliveryReported:
        code = fields.get("ErrorCode", "")
        told = fields.get("MessageStatus") or fields.get("CallStatus", "")
        return DeliveryReported(
            state=state,
            at=self._now(),
            key=request.query_params.get("key", "")[:1000],
            provider_id=fields.get("MessageSid") or fields.get("CallSid", ""),
            channel=request.path_params["channel"],
            detail=f"Twilio says {told}" + (f" (code {code})" if code.isdecimal() else ""),
        )

    async def _signed(self, request: Request, kind: str = "") -> dict[str, str]:
        """The form, if Twilio signed it. Raises Unauthenticated, NotFound."""
        channel = self._config().channels.get(request.path_params["channel"])
        if not isinstance(channel, TwilioChannel) or (kind and channel.type != kind):
            raise NotFound("there is no such Twilio channel")
        fields = await body.form(request)
        query = f"?{request.url.query}" if request.url.query else ""
        wanted = signature(value_of(channel.auth_token), f"{self._base}{request.url.path}{query}", fields)
        given = request.headers.get("x-twilio-signature", "")
        if not hmac.compare_digest(wanted.encode(), given.encode()):
            raise Unauthenticated("the request is not signed by Twilio for this address")
        return fields

    def _unsigned(self, refusal: Refusal) -> Response:
        if isinstance(refusal, Unauthenticated):
            self._metrics.wrong_tokens.labels(DOOR).inc()
        return refused.as_json(refusal)

    async def _pressed(self, request: Request, fields: dict[str, str]) -> str:
        tokens: dict[str, str] = request.path_params
        if fields.get("Digits") not in _KEYS:
            return "This key does nothing. Goodbye."
        purpose, part = _KEYS[fields["Digits"]]
        keys = (self._signer.public(), *self._config().keys)
        claim = read_link(tokens.get(part, ""), keys, self._now(), purpose=purpose)
        person = self._config().people.get(claim.person)
        if person is None:
            raise NotFound(f"{claim.person} is not known here any more")
        with about_incident(claim.incident_key):
            return await self._act(purpose, claim, person, fields.get("CallSid", ""), Assurance.LINK)

    async def _reply(self, channel: str, fields: dict[str, str]) -> str:
        person = self._sender(channel, fields.get("From", ""))
        if person is None:
            return ""  # a stranger learns nothing, and pays nothing for it either
        purpose, code = reply(fields.get("Body", ""))
        if not purpose:
            return "Not understood. Reply 1 and the code of the message to acknowledge, 2 and the code to escalate."
        view = await self._meant(person.handle, code)
        claim = LinkClaim(
            purpose=purpose,
            workflow_id=view.workflow_id,
            incident_key=view.key,
            person=person.handle,
            expires_at=self._now(),
        )
        with about_incident(view.key):
            return await self._act(purpose, claim, person, fields.get("MessageSid", ""), Assurance.LINK)

    def _sender(self, channel: str, number: str) -> Person | None:
        """Whose number it is; nobody, where several people share one."""
        found = [
            person
            for person in self._config().people.values()
            if any(c.channel == channel and c.address == number for c in person.contacts)
        ]
        return found[0] if len(found) == 1 else None

    async def _meant(self, handle: str, code: str) -> IncidentView:
        """The open incident of this code to which the person was called; without a code, the only one.

        Raises NotFound, with what to answer instead.
        """
        rows = (await self._desk.incidents(IncidentFilter(open_only=True))).rows
        keys = [row.key for row in rows if not code or code_of(row.key) == code]
        views = [view for view in [await self._desk.view(key) for key in keys[:50]] if handle in view.responders]
        if len(views) == 1:
            return views[0]
        if not views:
            raise NotFound("You are not called to any open incident of this code.")
        codes = ", ".join(code_of(view.key) for view in views[:8])
        raise NotFound(f"You are called to several incidents. Reply with the code as well: {codes}")

    async def _act(self, purpose: str, claim: LinkClaim, person: Person, sid: str, assurance: Assurance) -> str:
        """Twilio repeats a request that was not answered: its id makes the repeat the same intent."""
        actor = Actor(person=person.handle, roles=person.access_roles, assurance=assurance, door=DOOR)
        request_id = str(uuid5(NAMESPACE_URL, f"mainstay-twilio:{purpose}:{sid}:{claim.incident_key}"))
        given = claim.argument
        round_ = int(given) if given.isascii() and given.isdigit() and len(given) < 9 else 0
        if purpose == "acknowledge":
            done = await self._update(claim, names.ACKNOWLEDGE, Acknowledge(round=round_), actor, request_id)
            return done or "Acknowledged. It is yours."
        done = await self._update(claim, names.ESCALATE, Escalate(round=round_), actor, request_id)
        return done or "The next person is called."

    async def _update(
        self, claim: LinkClaim, name: str, command: Acknowledge | Escalate, actor: Actor, request_id: str
    ) -> str:
        """By incident key; one that has just begun may not be listed yet, then by its workflow id."""
        try:
            return (await self._desk.update(claim.incident_key, name, command, actor, request_id)).message
        except NotFound:
            view = await self._desk.view(claim.workflow_id)
            if view.key != claim.incident_key:
                raise
            return (await self._desk.update(claim.workflow_id, name, command, actor, request_id)).message


def signature(token: str, url: str, fields: Mapping[str, str]) -> str:
    """The value of ``X-Twilio-Signature``: HMAC-SHA1 of the address and the sorted fields, as Twilio defines it."""
    signed = url + "".join(f"{name}{fields[name]}" for name in sorted(fields))
    return base64.b64encode(hmac.new(token.encode(), signed.encode(), hashlib.sha1).digest()).decode()


def _twiml(inside: str) -> Response:
    return Response(f"<Response>{inside}</Response>", media_type="text/xml")
