"""Push by ntfy: JSON publishing with buttons (https://docs.ntfy.sh/publish/#publish-as-json)."""

from __future__ import annotations

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
    return {
        "topic": outgoing.address,
        "title": said.subject,
        "message": said.body.encode()[:MOST_BYTES].decode(errors="ignore"),
        "priority": _PRIORITY.get(outgoing.message.kind, 3),
        **({"click": view} if view else {}),
        **({"actions": actions} if actions else {}),
    }


def _action(offer: Offer) -> dict[str, Any]:
    if offer.purpose in _AT_ONCE:
        return {"action": "http", "label": offer.label, "url": offer.url, "method": "POST", "clear": True}
    return {"action": "view", "label": offer.label, "url": offer.url}
