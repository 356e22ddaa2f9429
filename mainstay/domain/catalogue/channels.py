"""Every notification channel, as data. The implementations are in ``activities/channels``."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Literal

from pydantic import Field

from mainstay.domain.catalogue.spec import ChannelSpec, Parameters, Supports
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


class Ntfy(Parameters):
    """Push by ntfy (https://docs.ntfy.sh/publish/); a person's address is a topic that nobody can guess."""

    url: str = Field("https://ntfy.sh", pattern=r"^(https?://|env:|file:)")
    token: str = Field("", pattern=r"^$|^(env|file):.+")
    timeout: Duration = timedelta(seconds=5)


class Twilio(Parameters):
    """An account of Twilio's; a person's address is a telephone number such as ``+4930123456`` (E.164).

    ``auth_token`` also proves Twilio's requests to us: set the number's webhook to ``/twilio/CHANNEL/sms``.
    """

    account: str = Field(pattern=r"^(AC[0-9a-fA-F]{32}|env:.+|file:.+)$")
    auth_token: str = Field(pattern=r"^(env|file):.+")
    sender: str = Field(pattern=r"^(\+[1-9]\d{6,14}|MG[0-9a-fA-F]{32}|env:.+|file:.+)$")
    """Our own number, or for SMS a messaging service (``MG…``)."""
    url: str = Field("https://api.twilio.com", pattern=r"^(https?://|env:|file:)")
    timeout: Duration = timedelta(seconds=5)


class PagerDuty(Parameters):
    """PagerDuty's Events API v2: one alert there an incident here. ``signing_secret`` is that of a V3 webhook
    to ``/pagerduty/CHANNEL``, by which an acknowledgement made there counts here."""

    routing_key: str = Field(pattern=r"^(env|file):.+")
    signing_secret: str = Field("", pattern=r"^$|^(env|file):.+")
    url: str = Field("https://events.pagerduty.com", pattern=r"^(https?://|env:|file:)")
    timeout: Duration = timedelta(seconds=5)


class Opsgenie(Parameters):
    """Opsgenie's Alert API: one alert there an incident here, by its alias."""

    api_key: str = Field(pattern=r"^(env|file):.+")
    url: str = Field("https://api.opsgenie.com", pattern=r"^(https?://|env:|file:)")
    timeout: Duration = timedelta(seconds=5)


class Slack(Parameters):
    """Slack's Web API: direct messages (the address is a member id such as ``U0123456789``) and rooms.

    ``token`` is a bot token (``xoxb-…``), ``signing_secret`` that by which the door knows Slack's requests.
    ``room`` takes what is said to nobody in particular; ``api_url`` is another address than Slack's own.
    """

    token: str = Field(pattern=r"^(env|file):.+")
    signing_secret: str = Field("", pattern=r"^$|^(env|file):.+")
    room: str = ""
    api_url: str = "https://slack.com/api"
    timeout: Duration = timedelta(seconds=5)


class Apprise(Parameters):
    """The long tail, by Apprise: Microsoft Teams, Mattermost, Discord, Telegram, Pushover, Gotify, Amazon SNS and
    what else https://appriseit.com/services/ lists. ``{address}`` in ``url`` stands for the person's address."""

    url: str = Field(pattern=r"^(env|file):.+")
    timeout: Duration = timedelta(seconds=5)


class Matrix(Parameters):
    """The Matrix client-server API. ``user`` is Mainstay's own (``@mainstay:example.org``), ``token`` its access
    token. An address is a user, a room's id (``!…``) or an alias (``#…``); ``listen`` takes commands and reactions.
    """

    homeserver: str
    user: str = Field(pattern=r"^@[^:\s]+:\S+$")
    token: str = Field(pattern=r"^(env|file):.+")
    room: str = ""
    listen: bool = True
    timeout: Duration = timedelta(seconds=5)


class Console(Parameters):
    """Prints to the worker's standard output, for the embedded stack and drills."""


CHANNELS: Mapping[str, ChannelSpec] = {
    spec.name: spec
    for spec in (
        ChannelSpec(
            "smtp",
            "E-mail",
            Smtp,
            ("password",),
            Supports(address=True, links=True, html=True, calendar=True, threads=True, idempotent=True),
        ),
        ChannelSpec(
            "webhook",
            "Signed HTTP POST",
            Webhook,
            ("url", "secret"),
            Supports(address=False, links=True, idempotent=True),
        ),
        ChannelSpec("ntfy", "Push by ntfy", Ntfy, ("token",), Supports(address=True, links=True, acknowledge=True)),
        ChannelSpec(
            "twilio_sms",
            "SMS by Twilio",
            Twilio,
            ("auth_token",),
            Supports(address=True, links=False, acknowledge=True),
        ),
        ChannelSpec(
            "twilio_voice",
            "Voice call by Twilio",
            Twilio,
            ("auth_token",),
            Supports(address=True, links=True, acknowledge=True),
        ),
        ChannelSpec(
            "pagerduty",
            "Forwarding to PagerDuty",
            PagerDuty,
            ("routing_key", "signing_secret"),
            Supports(address=False, links=False, acknowledge=True, updates=True, idempotent=True),
        ),
        ChannelSpec(
            "opsgenie",
            "Forwarding to Opsgenie",
            Opsgenie,
            ("api_key",),
            Supports(address=False, links=False, updates=True, idempotent=True),
        ),
        ChannelSpec(
            "slack",
            "Slack: message, thread, buttons",
            Slack,
            ("token", "signing_secret"),
            Supports(address=False, links=True, threads=True, updates=True, acknowledge=True),
        ),
        ChannelSpec(
            "apprise",
            "Teams, Mattermost, Discord, Telegram, Pushover, Gotify, SNS and others, through Apprise",
            Apprise,
            ("url",),
            Supports(address=False, links=True),
        ),
        ChannelSpec(
            "matrix",
            "Matrix: message, thread, reactions",
            Matrix,
            ("token",),
            Supports(
                address=False,
                links=True,
                html=True,
                threads=True,
                updates=True,
                acknowledge=True,
                idempotent=True,
            ),
        ),
        ChannelSpec("console", "The worker's console", Console),
    )
}
"""Channel type → its description."""
