"""The ways to reach people, as mainstay.yaml lists them: a union told apart by ``type``."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from mainstay.config.secrets import Reference, is_reference, resolve, value_of
from mainstay.domain.catalogue.channels import (
    Apprise,
    Console,
    Matrix,
    Ntfy,
    Opsgenie,
    PagerDuty,
    Slack,
    Smtp,
    Twilio,
    Webhook,
)
from mainstay.domain.duration import Duration
from mainstay.domain.errors import InvalidArgument
from mainstay.domain.model import Strict


def _address(text: str) -> str:
    if not text.startswith(("http://", "https://")) and not is_reference(text):
        raise ValueError("an http(s) address, or a reference such as env:NAME")
    return text


Url = Annotated[str, AfterValidator(_address)]
"""An address, or a reference to one: many providers put a token into the address."""


class SmtpChannel(Strict):
    """Mail. ``host`` and ``port`` may be references too, where each installation has its own."""

    type: Literal["smtp"]
    host: str
    port: Annotated[int, Field(ge=1, le=65535)] | Reference = 587
    sender: str
    security: Literal["tls", "starttls", "none"] = "starttls"
    user: str = ""
    password: Reference | None = None
    inbound_secret: Reference | None = None
    """With it ``/mail/CHANNEL`` takes mail that came back (RFC 3464)."""
    timeout: Duration = timedelta(seconds=5)

    def settings(self) -> Smtp:
        """With host, port and user looked up; the password stays a reference. Raises InvalidArgument."""
        port = self.port if isinstance(self.port, int) else _port(self.port)
        return Smtp(
            host=value_of(self.host),
            port=port,
            sender=value_of(self.sender),
            security=self.security,
            user=value_of(self.user) if self.user else "",
            password=self.password or "",
            timeout=self.timeout,
        )


class WebhookChannel(Strict):
    """A JSON POST, signed with HMAC-SHA256 when ``secret`` is given."""

    type: Literal["webhook"]
    url: Url
    secret: Reference | None = None
    timeout: Duration = timedelta(seconds=5)

    def settings(self) -> Webhook:
        """As the catalogue describes it; both secrets stay references."""
        return Webhook(url=self.url, secret=self.secret or "", timeout=self.timeout)


class NtfyChannel(Strict):
    """Push to a phone by ntfy."""

    type: Literal["ntfy"]
    url: Url = "https://ntfy.sh"
    token: Reference | None = None
    timeout: Duration = timedelta(seconds=5)

    def settings(self) -> Ntfy:
        return Ntfy(url=self.url, token=self.token or "", timeout=self.timeout)


class TwilioChannel(Strict):
    """SMS or voice by Twilio; a person's address is a number such as ``+4930123456``."""

    type: Literal["twilio_sms", "twilio_voice"]
    account: str
    auth_token: Reference
    sender: str
    url: Url = "https://api.twilio.com"
    timeout: Duration = timedelta(seconds=5)

    @model_validator(mode="after")
    def _as_the_catalogue_says(self) -> TwilioChannel:
        if not re.fullmatch(r"AC[0-9a-fA-F]{32}", self.account) and not is_reference(self.account):
            raise ValueError("account is an account SID (AC and 32 hex digits), or a reference such as env:NAME")
        number = re.fullmatch(r"\+[1-9]\d{6,14}", self.sender) or is_reference(self.sender)
        service = self.type == "twilio_sms" and re.fullmatch(r"MG[0-9a-fA-F]{32}", self.sender)
        if not number and not service:
            raise ValueError("sender is our number in E.164 form such as +4930123456, or a reference to it")
        return self

    def settings(self) -> Twilio:
        return Twilio.model_validate(self.model_dump(exclude={"type"}))


class PagerDutyChannel(Strict):
    """Forwards to PagerDuty."""

    type: Literal["pagerduty"]
    routing_key: Reference
    signing_secret: Reference | None = None
    url: Url = "https://events.pagerduty.com"
    timeout: Duration = timedelta(seconds=5)

    def settings(self) -> PagerDuty:
        secret = self.signing_secret or ""
        return PagerDuty(routing_key=self.routing_key, signing_secret=secret, url=self.url, timeout=self.timeout)


class OpsgenieChannel(Strict):
    """Forwards to Opsgenie. ``url`` is ``https://api.eu.opsgenie.com`` for an account in the EU."""

    type: Literal["opsgenie"]
    api_key: Reference
    url: Url = "https://api.opsgenie.com"
    timeout: Duration = timedelta(seconds=5)

    def settings(self) -> Opsgenie:
        return Opsgenie(api_key=self.api_key, url=self.url, timeout=self.timeout)


class SlackChannel(Strict):
    """Slack, by a bot token. ``signing_secret`` opens the door for buttons and ``/incident``."""

    type: Literal["slack"]
    token: Reference
    signing_secret: Reference | None = None
    room: str = ""
    """Where what is said to nobody in particular goes: a channel's id, such as ``C0123456789``."""
    api_url: Url = "https://slack.com/api"
    timeout: Duration = timedelta(seconds=5)

    def settings(self) -> Slack:
        """As the catalogue describes it; both secrets stay references. Raises InvalidArgument."""
        return Slack(
            token=self.token,
            signing_secret=self.signing_secret or "",
            room=self.room,
            api_url=value_of(self.api_url),
            timeout=self.timeout,
        )


class AppriseChannel(Strict):
    """Any service that Apprise speaks, by its address, such as ``tgram://TOKEN/{address}``."""

    type: Literal["apprise"]
    url: Reference
    timeout: Duration = timedelta(seconds=5)

    def settings(self) -> Apprise:
        return Apprise(url=self.url, timeout=self.timeout)


class MatrixChannel(Strict):
    """Matrix, as one user of a homeserver. Rooms are not encrypted."""

    type: Literal["matrix"]
    homeserver: Url
    user: str
    """Mainstay's own user, such as ``@mainstay:example.org``."""
    token: Reference
    room: str = ""
    """Where what is said to nobody in particular goes: a room's id (``!…``) or alias (``#…``)."""
    listen: bool = True
    """Take commands and reactions of the people in people.yaml."""
    timeout: Duration = timedelta(seconds=5)

    def settings(self) -> Matrix:
        """As the catalogue describes it; the token stays a reference. Raises InvalidArgument."""
        given = self.model_dump(exclude={"type"})
        return Matrix.model_validate({**given, "homeserver": value_of(self.homeserver)})

    def access_token(self) -> str:
        """Looked up now. Raises InvalidArgument naming the reference."""
        return resolve(self.token)


class ConsoleChannel(Strict):
    """Prints one line where the worker runs."""

    type: Literal["console"]

    def settings(self) -> Console:
        return Console()


AnyChannel = Annotated[
    SmtpChannel
    | WebhookChannel
    | NtfyChannel
    | TwilioChannel
    | PagerDutyChannel
    | OpsgenieChannel
    | SlackChannel
    | AppriseChannel
    | MatrixChannel
    | ConsoleChannel,
    Field(discriminator="type"),
]


def _port(reference: str) -> int:
    text = resolve(reference)
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise InvalidArgument(f"{reference} is not a port")
    return int(text)
