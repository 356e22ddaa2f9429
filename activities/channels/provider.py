"""What the HTTP providers have in common: one bounded POST, and which answers are final."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import httpx2

from activities.channels.channel import Later, Outgoing, refused, scrubbed
from activities.channels.webhook import MOST_WAIT, TRANSIENT, bounded_answer, retry_after
from mainstay.domain.text import plain
from mainstay.domain.work import Receipt

_MOST = timedelta(seconds=4.5)
"""Less than the activity's own five seconds: so a silent provider is named, and not just a timeout."""


@dataclass(frozen=True, slots=True)
class Provider:
    """One account at one provider. ``name`` is the channel's in mainstay.yaml, ``base`` the API's address."""

    name: str
    base: str = field(repr=False)
    secret: str = field(default="", repr=False)
    within: timedelta = _MOST

    def url(self, path: str) -> str:
        return self.base.rstrip("/") + path


async def post(
    client: httpx2.AsyncClient, provider: Provider, path: str, outgoing: Outgoing, *, identity: str, **request: Any
) -> Receipt:
    """One POST: a receipt for 2xx and for final refusals; Later for the rest.

    ``identity`` names the field of the answer that holds the provider's id; ``request`` is what the HTTP client
    takes (json, data, headers, auth). No redirect is followed: it would carry the secret to another place.
    """
    seconds = min(provider.within, _MOST).total_seconds()
    # Nothing of the cause is kept: it names addresses, and causes end up in workflow histories
    try:
        async with (
            asyncio.timeout(seconds),
            client.stream("POST", provider.url(path), follow_redirects=False, **request) as response,
        ):
            answer = await bounded_answer(response)
    except (TimeoutError, httpx2.TimeoutException):
        raise Later(f"channel {provider.name} did not answer in {seconds:g} s") from None
    except (httpx2.InvalidURL, httpx2.UnsupportedProtocol):
        return refused(f"the address of channel {provider.name} is not a web address")
    except (httpx2.HTTPError, OSError) as error:
        raise Later(f"channel {provider.name} broke off: {type(error).__name__}") from None
    said = _object(answer)
    if 200 <= response.status_code < 300:
        return Receipt(accepted=True, provider_id=plain(str(said.get(identity, "")), 64), detail=response.reason_phrase)
    return _refusal(provider, response, said, answer, outgoing)


def _refusal(
    provider: Provider, response: httpx2.Response, said: dict[str, Any], answer: bytes, outgoing: Outgoing
) -> Receipt:
    """429, 5xx and the like may pass; what else a provider refuses, it will refuse again."""
    words = said.get("message") or said.get("error") or answer[:300].decode(errors="replace")
    words = " ".join((str(words), *_errors(said.get("errors"))))
    code = f" (code {said['code']})" if isinstance(said.get("code"), int) else ""
    clean = scrubbed(words, outgoing.address, provider.secret)
    text = f"channel {provider.name} answered {response.status_code}{code}" + (f": {clean}" if clean else "")
    if response.status_code >= 500 or response.status_code in TRANSIENT:
        wait = retry_after(response.headers.get("Retry-After", ""), outgoing.at)
        raise Later(text, retry_after=min(wait, MOST_WAIT) if wait is not None else None)
    return refused(text)


def _errors(told: object) -> list[str]:
    """What is wrong with which field: a list at PagerDuty, by field at Opsgenie."""
    each = told.values() if isinstance(told, dict) else told if isinstance(told, list) else ()
    return [one for one in each if isinstance(one, str)]


def _object(answer: bytes) -> dict[str, Any]:
    try:
        found = json.loads(answer)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
