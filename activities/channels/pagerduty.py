"""Forwarding to PagerDuty (https://developer.pagerduty.com/docs/events-api-v2/overview/).

The incident's key is the ``dedup_key``: however many people are paged here, it is one alert there. 202 is yes, 400 is
no for good, and 429, 5xx and network errors are tried again ("Response Codes & Retry Logic" of that page).
"""

from __future__ import annotations

from typing import Any, ClassVar

import httpx2

from activities.channels.channel import Outgoing
from activities.channels.provider import Provider, post
from mainstay.domain.catalogue import CHANNELS
from mainstay.domain.catalogue.spec import Supports
from mainstay.domain.forwarding import act_of
from mainstay.domain.rendering import render_message
from mainstay.domain.text import plain
from mainstay.domain.work import Receipt

MOST_SUMMARY = 1024
MOST_KEY = 255


class PagerDuty:
    """Triggers, acknowledges and resolves one alert an incident."""

    supports: ClassVar[Supports] = CHANNELS["pagerduty"].supports

    def __init__(self, provider: Provider, client: httpx2.AsyncClient) -> None:
        self._provider = provider
        self._client = client

    async def send(self, outgoing: Outgoing) -> Receipt:
        """Raises Later for 429, 5xx, silence and broken connections."""
        event = _event(outgoing, self._provider.secret)
        return await post(self._client, self._provider, "/v2/enqueue", outgoing, identity="dedup_key", json=event)


def _event(outgoing: Outgoing, routing_key: str) -> dict[str, Any]:
    message, act = outgoing.message, act_of(outgoing.message)
    event: dict[str, Any] = {
        "routing_key": routing_key,
        "event_action": act,
        "dedup_key": (message.incident.key or outgoing.thread or outgoing.key)[:MOST_KEY],
    }
    if act != "trigger":
        return event
    said = render_message(message, medium="text")
    event["client"] = "Mainstay"
    event["payload"] = {
        "summary": plain(said.subject, MOST_SUMMARY),
        "source": plain(message.incident.service, 200) or "mainstay",
        "severity": "critical" if message.kind == "page" else "info",
        "timestamp": outgoing.at.isoformat(),
        "component": plain(message.incident.service, 200),
        "custom_details": {"text": said.body, "incident": message.incident.shown},
    }
    return event
