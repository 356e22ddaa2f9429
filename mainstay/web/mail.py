"""Bounces: a mail that came back is a notification that never arrived.

Whatever receives mail for the sender's address hands it in as it is, in one POST, with the channel's secret. A
delivery status notification (RFC 3464) that says ``failed`` makes the person's next method follow at once; every
other mail is taken and left alone.
"""

from __future__ import annotations

import email
import hmac
import re
from collections.abc import Callable, Iterator
from datetime import datetime
from email import policy
from email.message import Message

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from mainstay.config import Config
from mainstay.config.channels import SmtpChannel
from mainstay.config.secrets import value_of
from mainstay.desk.desk import Desk
from mainstay.domain.errors import Refusal, Unauthenticated, Unavailable
from mainstay.records.rows import DeliveryReported
from mainstay.telemetry import Metrics
from mainstay.web import body, refused

DOOR = "mail"
MAX_BYTES = 1024 * 1024
_STATUS = re.compile(r"5\.\d{1,3}\.\d{1,3}")
_MESSAGE_ID = re.compile(r"<[^<>\s]{3,250}>")


class Mail:
    """``/mail/CHANNEL``."""

    def __init__(self, desk: Desk, config: Callable[[], Config], now: Callable[[], datetime], metrics: Metrics) -> None:
        self._desk = desk
        self._config = config
        self._now = now
        self._metrics = metrics

    async def receive(self, request: Request) -> Response:
        """``POST``: one mail (RFC 5322) as the body. 503 asks the sender to hand it in again."""
        try:
            content = await self._authenticated(request)
            bounced = False
            for message_id, status in bounces(content):
                bounced = True
                await self._desk.delivery_reported(self._report(request.path_params["channel"], message_id, status))
            return JSONResponse({"status": "success", "bounce": bounced})
        except Refusal as refusal:
            if isinstance(refusal, Unauthenticated):
                self._metrics.wrong_tokens.labels(DOOR).inc()
            return refused.as_json(refusal)

    def _report(self, channel: str, message_id: str, status: str) -> DeliveryReported:
        detail = f"the mail came back: {status}" if status else "the mail came back"
        return DeliveryReported(state="dead", at=self._now(), provider_id=message_id, channel=channel, detail=detail)

    async def _authenticated(self, request: Request) -> bytes:
        channel = self._config().channels.get(request.path_params["channel"])
        if not isinstance(channel, SmtpChannel) or channel.inbound_secret is None:
            raise Unauthenticated("there is no mail channel of this name with an inbound_secret")
        kind, _, given = request.headers.get("authorization", "").partition(" ")
        wanted = value_of(channel.inbound_secret)
        if kind.lower() != "bearer" or not hmac.compare_digest(given.strip().encode(), wanted.encode()):
            raise Unauthenticated("hand mail in with the channel's inbound_secret as bearer token")
        try:
            return (await body.read(request, MAX_BYTES)).content
        except (TimeoutError, ClientDisconnect):
            raise Unavailable("the mail did not arrive in time: hand it in again") from None


def bounces(content: bytes) -> Iterator[tuple[str, str]]:
    """(Message-ID of the mail that came back, enhanced status code or nothing); none for any other mail.

    ``delayed`` and ``relayed`` are no failure (RFC 3464, 2.3.3). Without the original's headers a bounce
    cannot be told to whom it belongs, and is left alone.
    """
    mail = email.message_from_bytes(content, policy=policy.compat32)
    if mail.get_content_type() != "multipart/report" or not mail.is_multipart():
        return
    failed = [status for part in mail.walk() for status in _failures(part)]
    original = next(filter(None, map(_original, mail.walk())), "")
    if failed and original:
        yield original, failed[0]


def _failures(part: Message) -> Iterator[str]:
    """Of a message/delivery-status part: the status of each recipient to whom it failed."""
    if part.get_content_type() != "message/delivery-status" or not part.is_multipart():
        return
    for group in part.get_payload():
        if isinstance(group, Message) and str(group.get("Action", "")).strip().lower() == "failed":
            found = _STATUS.search(str(group.get("Status", "")))
            yield found[0] if found else ""


def _original(part: Message) -> str:
    """The Message-ID in the returned mail, or in its returned headers (RFC 3462, section 2)."""
    kind = part.get_content_type()
    given: object = ""
    if kind == "message/rfc822" and part.is_multipart():
        inner = part.get_payload(0)
        given = inner.get("Message-ID", "") if isinstance(inner, Message) else ""
    elif kind == "text/rfc822-headers":
        raw = part.get_payload(decode=True)
        given = email.message_from_bytes(raw).get("Message-ID", "") if isinstance(raw, bytes) else ""
    found = _MESSAGE_ID.search(str(given))
    return found[0] if found else ""
