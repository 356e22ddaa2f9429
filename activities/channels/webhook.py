"""A signed webhook: one POST of JSON to an address of the operator's (SMS, voice, push, chat, anything).

The receiver checks ``Mainstay-Signature: t=UNIX,v1=HEX`` by computing HMAC-SHA256 over ``UNIX.BODY`` with the
shared secret, refuses old timestamps, and de-duplicates by ``Idempotency-Key``.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import ClassVar

import httpx2
from pydantic import JsonValue

from activities.channels.channel import Later, Outgoing, refused, scrubbed
from mainstay.domain.catalogue import CHANNELS
from mainstay.domain.catalogue.spec import Supports
from mainstay.domain.rendering import render_message
from mainstay.domain.text import plain
from mainstay.domain.work import Receipt

TRANSIENT = frozenset({408, 409, 425, 429})
"""Client errors that another try may mend; 409 is how providers say that the first try is still running."""
MOST_WAIT = timedelta(minutes=1)
_MOST_ANSWER = 64 * 1024


@dataclass(frozen=True, slots=True)
class Receiver:
    """Where to post. Both parts are secrets: many providers put a token into the address."""

    name: str
    url: str = field(repr=False)
    secret: str = field(default="", repr=False)


class Webhook:
    """Posts one message. Never follows a redirect: it would carry the message to another place."""

    supports: ClassVar[Supports] = CHANNELS["webhook"].supports

    def __init__(
        self, receiver: Receiver, client: httpx2.AsyncClient, *, within: timedelta = timedelta(seconds=4.5)
    ) -> None:
        self._receiver = receiver
        self._client = client
        self._within = within.total_seconds()

    async def send(self, outgoing: Outgoing) -> Receipt:
        """Raises Later for 5xx, 429 (with the wait that was asked for), silence and broken connections."""
        body = json.dumps(_body(outgoing), ensure_ascii=False, separators=(",", ":")).encode()
        # Nothing of the cause is kept: it names the address, and causes end up in workflow histories
        try:
            async with asyncio.timeout(self._within):
                return await self._post(body, outgoing)
        except (TimeoutError, httpx2.TimeoutException):
            raise Later(f"webhook {self._receiver.name} did not answer in {self._within:g} s") from None
        except (httpx2.InvalidURL, httpx2.UnsupportedProtocol):
            return refused(f"the address of webhook {self._receiver.name} is not a web address")
        except (httpx2.HTTPError, OSError) as error:
            raise Later(f"webhook {self._receiver.name} broke off: {type(error).__name__}") from None

    async def _post(self, body: bytes, outgoing: Outgoing) -> Receipt:
        headers = _headers(body, outgoing, self._receiver.secret)
        async with self._client.stream(
            "POST", self._receiver.url, content=body, headers=headers, follow_redirects=False
        ) as response:
            answer = await bounded_answer(response)
        return self._receipt(response, answer, outgoing)

    def _receipt(self, response: httpx2.Response, answer: bytes, outgoing: Outgoing) -> Receipt:
        status = response.status_code
        if 200 <= status < 300:
            return Receipt(accepted=True, provider_id=_provider_id(answer), detail=str(status))
        words = scrubbed(answer[:400].decode(errors="replace"), outgoing.address, self._receiver.url)
        said = f"webhook {self._receiver.name} answered {status}" + (f": {words}" if words else "")
        if status >= 500 or status in TRANSIENT:
            raise Later(said, retry_after=retry_after(response.headers.get("Retry-After", ""), outgoing.at))
        return refused(said)


def signature(secret: str, body: bytes, at: datetime) -> str:
    """The value of ``Mainstay-Signature``; the time inside it is signed, so that a replay shows its age."""
    seconds = str(int(at.timestamp()))
    mac = hmac.new(secret.encode(), seconds.encode() + b"." + body, hashlib.sha256)
    return f"t={seconds},v1={mac.hexdigest()}"


def retry_after(value: str, now: datetime) -> timedelta | None:
    """Seconds or a date (RFC 9110, 10.2.3), at most a minute: a page is never put off for hours."""
    try:
        asked = timedelta(seconds=int(value)) if value.strip().isdigit() else _until(value, now)
    except (ValueError, OverflowError):
        return None
    return min(max(asked, timedelta(0)), MOST_WAIT)


def _until(value: str, now: datetime) -> timedelta:
    at = parsedate_to_datetime(value)
    return (at if at.tzinfo else at.replace(tzinfo=UTC)) - now


def _headers(body: bytes, outgoing: Outgoing, secret: str) -> dict[str, str]:
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "mainstay",
        # The key holds workflow ids, which may hold anything: a header wants plain ASCII
        "Idempotency-Key": hashlib.sha256(outgoing.key.encode()).hexdigest(),
    }
    if secret:
        headers["Mainstay-Signature"] = signature(secret, body, outgoing.at)
    return headers


def _body(outgoing: Outgoing) -> JsonValue:
    """Ready-made words, and the facts behind them: whoever shows those escapes for their own medium."""
    message = outgoing.message
    text = render_message(message, medium="text")
    return {
        "version": 1,
        "kind": message.kind,
        "person": outgoing.person,
        "to": outgoing.address,
        "subject": text.subject,
        "text": text.body,
        "short": render_message(message, medium="line").body,
        "incident": message.incident.model_dump(mode="json"),
        "message": message.model_dump(mode="json", exclude={"incident", "links", "kind"}),
        "links": [{"label": link.label, "url": link.url, "does": link.does} for link in outgoing.links],
    }


async def bounded_answer(response: httpx2.Response) -> bytes:
    """The answer, but never more than we would read of it."""
    got = bytearray()
    async for chunk in response.aiter_bytes():
        got += chunk
        if len(got) >= _MOST_ANSWER:
            break
    return bytes(got[:_MOST_ANSWER])


def _provider_id(answer: bytes) -> str:
    """The receiver's own name for the message, if it answers ``{"id": …}``."""
    try:
        said = json.loads(answer)
    except (ValueError, RecursionError):
        return ""
    found = said.get("id") if isinstance(said, dict) else None
    return plain(str(found), 64) if isinstance(found, str | int) else ""
