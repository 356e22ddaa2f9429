"""Forwarding to Opsgenie (https://docs.opsgenie.com/docs/alert-api); the incident's key is the alias.

Every valid request is answered 202 and carried out later: acknowledging an alert that does not exist is no error here.
Jira Service Management takes the same requests at ``https://api.atlassian.com/jsm/ops/integration``
(https://jira.atlassian.com/browse/JSDCLOUD-14179).
"""

from __future__ import annotations

from typing import Any, ClassVar
from urllib.parse import quote

import httpx2

from activities.channels.channel import Outgoing
from activities.channels.provider import Provider, post
from mainstay.domain.catalogue import CHANNELS
from mainstay.domain.catalogue.spec import Supports
from mainstay.domain.forwarding import act_of
from mainstay.domain.rendering import render_message
from mainstay.domain.text import plain
from mainstay.domain.work import Receipt

MOST_MESSAGE, MOST_DESCRIPTION, MOST_ALIAS = 130, 15_000, 512


class Opsgenie:
    """Creates, acknowledges and closes one alert an incident."""

    supports: ClassVar[Supports] = CHANNELS["opsgenie"].supports

    def __init__(self, provider: Provider, client: httpx2.AsyncClient) -> None:
        self._provider = provider
        self._client = client

    async def send(self, outgoing: Outgoing) -> Receipt:
        """Raises Later for 429, 5xx, silence and broken connections."""
        alias = (outgoing.message.incident.key or outgoing.thread or outgoing.key)[:MOST_ALIAS]
        act = act_of(outgoing.message)
        at = f"/v2/alerts/{quote(alias, safe='')}"
        path = {
            "trigger": "/v2/alerts",
            "acknowledge": f"{at}/acknowledge?identifierType=alias",
            "resolve": f"{at}/close?identifierType=alias",
        }[act]
        body = _alert(outgoing, alias) if act == "trigger" else {"source": "Mainstay"}
        headers = {"Authorization": f"GenieKey {self._provider.secret}"}
        return await post(
            self._client, self._provider, path, outgoing, identity="requestId", json=body, headers=headers
        )


def _alert(outgoing: Outgoing, alias: str) -> dict[str, Any]:
    said = render_message(outgoing.message, medium="text")
    incident = outgoing.message.incident
    return {
        "message": plain(said.subject, MOST_MESSAGE),
        "alias": alias,
        "description": said.body[:MOST_DESCRIPTION],
        "entity": plain(incident.service, 512),
        "source": "Mainstay",
        "priority": "P1" if outgoing.message.kind == "page" else "P3",
        "details": {"incident": incident.shown, "severity": plain(incident.severity, 50)},
    }
