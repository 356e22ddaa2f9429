"""Every notification channel, as data. The implementations are in ``activities/channels``."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Literal

from pydantic import Field

from mainstay.domain.catalogue.spec import ChannelSpec, Parameters
from mainstay.domain.duration import Duration


class Smtp(Parameters):
    """Mail by SMTP (RFC 5321). ``password`` is a reference: ``env:NAME`` or ``file:PATH``."""

    host: str
    port: int = Field(587, ge=1, le=65535)
    sender: str
    security: Literal["tls", "starttls", "none"] = "starttls"
    user: str = ""
    password: str = Field("", pattern=r"^$|^(env|file):.+")
    timeout: Duration = timedelta(seconds=5)


class Webhook(Parameters):
    """A JSON POST, signed with HMAC-SHA256 when ``secret`` is given. Also the way to any paging provider."""

    url: str = Field(pattern=r"^(https?://|env:|file:)")
    secret: str = Field("", pattern=r"^$|^(env|file):.+")
    timeout: Duration = timedelta(seconds=5)


class Console(Parameters):
    """Prints to the worker's standard output, for the embedded stack and drills."""


CHANNELS: Mapping[str, ChannelSpec] = {
    spec.name: spec
    for spec in (
        ChannelSpec("smtp", "E-mail", Smtp, secrets=("password",)),
        ChannelSpec("webhook", "Signed HTTP POST", Webhook, secrets=("url", "secret")),
        ChannelSpec("console", "The worker's console", Console),
    )
}
"""Channel type → its description."""
