"""SMS and voice by Twilio's REST API (https://www.twilio.com/docs/messaging/api/message-resource and
…/docs/voice/api/call-resource).

Twilio has no idempotency key: a double is possible only where a worker dies between Twilio's acceptance and
its record. Error codes come with HTTP statuses that say which are final: 400 for 21211 (a number that is none,
https://www.twilio.com/docs/api/errors/21211) and 21610 (the person answered STOP, …/errors/21610).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar
from urllib.parse import quote
from xml.sax.saxutils import escape, quoteattr

import httpx2

from activities.channels.channel import Outgoing, refused
from activities.channels.provider import Provider, post
from mainstay.domain.catalogue import CHANNELS
from mainstay.domain.catalogue.spec import Supports
from mainstay.domain.telephone import is_number, sms, spoken
from mainstay.domain.work import Receipt

_BAD_CALLBACK = "(code 21609)"
"""Twilio's word for a ``StatusCallback`` that it cannot reach (https://www.twilio.com/docs/api/errors/21609)."""
_KEYS = {"acknowledge": "Press 1 to acknowledge.", "escalate": "Press 2 to call the next person."}


@dataclass(frozen=True, slots=True)
class Account:
    """Whose account, and from which number; the provider's secret is the auth token."""

    provider: Provider
    account: str
    sender: str


class TwilioSms:
    """Sends one short message; the answer to it comes to ``/twilio/CHANNEL/sms``."""

    supports: ClassVar[Supports] = CHANNELS["twilio_sms"].supports

    def __init__(self, account: Account, client: httpx2.AsyncClient) -> None:
        self._account = account
        self._client = client

    async def send(self, outgoing: Outgoing) -> Receipt:
        """Raises Later for 429, 5xx, silence and broken connections."""
        sender = self._account.sender
        whose = "MessagingServiceSid" if sender.startswith("MG") else "From"
        return await _create(
            self._client, self._account, "Messages", outgoing, {whose: sender, "Body": sms(outgoing.message)}
        )


class TwilioVoice:
    """Calls, reads the page aloud and takes a key; keys come to ``/twilio/CHANNEL/voice/…``."""

    supports: ClassVar[Supports] = CHANNELS["twilio_voice"].supports

    def __init__(self, account: Account, client: httpx2.AsyncClient) -> None:
        self._account = account
        self._client = client

    async def send(self, outgoing: Outgoing) -> Receipt:
        """Raises Later for 429, 5xx, silence and broken connections."""
        said = twiml(outgoing, self._account.provider.name)
        fields = {"From": self._account.sender, "Twiml": said, "Timeout": "30"}
        return await _create(self._client, self._account, "Calls", outgoing, fields)


def twiml(outgoing: Outgoing, channel: str) -> str:
    """What Twilio's voice does (https://www.twilio.com/docs/voice/twiml/gather), hostile text escaped."""
    text = spoken(outgoing.message)
    tokens = {o.purpose: o.url.rpartition("/a/") for o in outgoing.links if o.purpose in _KEYS}
    if "acknowledge" not in tokens:
        return f"<Response><Say>{escape(text)}</Say></Response>"
    base = tokens["acknowledge"][0]
    path = "/".join(tokens[purpose][2] for purpose in _KEYS if purpose in tokens)
    keys = " ".join(_KEYS[purpose] for purpose in _KEYS if purpose in tokens)
    action = quoteattr(f"{base}/twilio/{channel}/voice/{path}")
    return (
        f'<Response><Gather numDigits="1" timeout="10" method="POST" action={action}>'
        f'<Say loop="2">{escape(text)} {keys}</Say></Gather>'
        "<Say>No key was pressed. Goodbye.</Say></Response>"
    )


async def _create(
    client: httpx2.AsyncClient, account: Account, what: str, outgoing: Outgoing, fields: dict[str, str]
) -> Receipt:
    if not is_number(outgoing.address):
        return refused(f"the address of {outgoing.person or 'nobody'} is not a telephone number such as +4930123456")
    form = {"To": outgoing.address, **fields}
    callback = _callback(outgoing, account.provider.name)

    async def ask(**more: str) -> Receipt:
        return await post(
            client,
            account.provider,
            f"/2010-04-01/Accounts/{account.account}/{what}.json",
            outgoing,
            identity="sid",
            data={**form, **more},
            auth=(account.account, account.provider.secret),
        )

    receipt = await ask(**callback)
    # Nobody goes unpaged because a report of it could not come back
    return await ask() if callback and receipt.permanent and _BAD_CALLBACK in receipt.detail else receipt


def _callback(outgoing: Outgoing, channel: str) -> dict[str, str]:
    """Where Twilio says what became of it, if the web door has an address that the world can reach safely."""
    if not outgoing.base.startswith("https://"):
        return {}
    return {"StatusCallback": f"{outgoing.base}/twilio/{channel}/status?key={quote(outgoing.key, safe='')}"}
