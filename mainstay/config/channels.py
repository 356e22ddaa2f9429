"""The ways to reach people, as mainstay.yaml lists them: a union told apart by ``type``."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from mainstay.config.secrets import Reference, is_reference, resolve, value_of
from mainstay.domain.catalogue.channels import Console, Smtp, Webhook
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


class ConsoleChannel(Strict):
    """Prints one line where the worker runs."""

    type: Literal["console"]

    def settings(self) -> Console:
        return Console()


AnyChannel = Annotated[SmtpChannel | WebhookChannel | ConsoleChannel, Field(discriminator="type")]


def _port(reference: str) -> int:
    text = resolve(reference)
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise InvalidArgument(f"{reference} is not a port")
    return int(text)
