"""Push by ntfy: JSON publishing with buttons (https://docs.ntfy.sh/publish/#publish-as-json).

ntfy reads a JSON body of at most twice its message limit (``transformBodyJSON`` in its ``server/server.go``) and
refuses a larger one with 413 (code 41303). Signed links and escaped text count there as well, so the text gives way.
"""

from __future__ import annotations

import json
import re
from typing import Any, ClassVar

import httpx2

from activities.channels.channel import Outgoing, refused
from activities.channels.provider import Provider, post
from mainstay.domain.catalogue import CHANNELS
from mainstay.domain.catalogue.spec import Supports
from mainstay.domain.letter import Offer
from mainstay.domain.rendering import render_message
from mainstay.domain.work import Receipt

MOST_BYTES = 4096
"""Of a message; ntfy turns a longer one into an attachment, which a lock screen does not show."""
MOST_JSON = 2 * MOST_BYTES
"""Of the whole body, with title and buttons."""
MOST_ACTIONS = 3
_TOPIC = re.compile(r"[-_A-Za-z0-9]{1,64}")
_AT_ONCE = ("acknowledge", "escalate")
"""Buttons that act where they are pressed. The others open a page that shows what would be done first."""
_PRIORITY = {"page": 5, "approval": 4, "question": 4, "handled": 2, "invitation": 2, "item": 3}


class Ntfy:
    """Publishes to the person's topic. ntfy has no idempotency key."""

    supports: ClassVar[Supports] = CHANNELS["ntfy"].supports

    def __init__(self, provider: Provider, client: httpx2.AsyncClient) -> None:
        self._provider = provider
        self._client = client

    async def send(self, outgoing: Outgoing) -> Receipt:
        """Raises Later for 429, 5xx, silence and broken connections."""
        if not _TOPIC.fullmatch(outgoing.address):
            return refused(f"the address of {outgoing.person or 'nobody'} is not an ntfy topic")
        token = self._provider.secret
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return await post(
            self._client, self._provider, "/", outgoing, identity="id", json=_published(outgoing), headers=headers
        )


def _published(outgoing: Outgoing) -> dict[str, Any]:
    said = render_message(outgoing.message, medium="text")
    view = next((offer.url for offer in outgoing.links if offer.purpose == "view"), "")
    actions = [_action(offer) for offer in outgoing.links[:MOST_ACTIONS]]
    published: dict[str, Any] = {
        "topic": outgoing.address,
        "title": said.subject,
        "message": "",
        "priority": _PRIORITY.get(outgoing.message.kind, 3),
        **({"click": view} if view else {}),
        **({"actions": actions} if actions else {}),
    }
    published["message"] = _fitting(said.body, MOST_JSON - _written(published))
    return published


def _fitting(text: str, room: int) -> str:
    """As much of ``text`` as is one ntfy message and, written as JSON, no more than ``room`` bytes."""
    cut = text.encode()[:MOST_BYTES].decode(errors="ignore")
    while cut and (over := _written(cut) - 2 - room) > 0:
        # A character takes at most six bytes (such as \u001b), so this never cuts too much by far
        cut = cut[: -max(over // 6, 1)]
    return cut


def _written(value: object) -> int:
    """Bytes of it as JSON, in the form that the HTTP client writes."""
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())


def _action(offer: Offer) -> dict[str, Any]:
    if offer.purpose in _AT_ONCE:
        return {"action": "http", "label": offer.label, "url": offer.url, "method": "POST", "clear": True}
    return {"action": "view", "label": offer.label, "url": offer.url}
