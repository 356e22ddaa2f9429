"""E-mail over SMTP (RFC 5321)."""

from __future__ import annotations

import asyncio
import contextlib
import re
from dataclasses import dataclass, field
from datetime import timedelta
from email.message import EmailMessage
from typing import ClassVar, Literal

import aiosmtplib

from activities.channels.channel import Later, Outgoing, refused, scrubbed
from activities.channels.mail import compose
from mainstay.domain.catalogue import CHANNELS
from mainstay.domain.catalogue.spec import Supports
from mainstay.domain.work import Receipt

Security = Literal["none", "starttls", "tls"]


@dataclass(frozen=True, slots=True)
class Server:
    """Where mail is handed in. ``security``: plain, upgraded (RFC 3207) or TLS from the start (RFC 8314)."""

    host: str
    port: int
    sender: str
    username: str = ""
    password: str = field(default="", repr=False)
    security: Security = "starttls"


class Smtp:
    """Hands one mail to one server over a connection of its own."""

    supports: ClassVar[Supports] = CHANNELS["smtp"].supports

    def __init__(self, server: Server, *, within: timedelta = timedelta(seconds=4.5)) -> None:
        """``within`` is the time for connecting and sending: a person waits, and has other methods."""
        self._server = server
        self._within = within.total_seconds()

    async def send(self, outgoing: Outgoing) -> Receipt:
        """Raises Later for 4xx answers, silence and broken connections."""
        if self._would_tell_its_password:
            return refused(f"mail server {self._named} would get its password unencrypted: use starttls or tls")
        try:
            mail = compose(outgoing, self._server.sender)
        except ValueError:
            return refused(f"the e-mail address of {outgoing.person or 'the channel'} is not a valid one")
        try:
            async with asyncio.timeout(self._within):
                said = await self._hand_in(mail, outgoing.address)
        except aiosmtplib.SMTPRecipientsRefused as error:
            return self._answer(error.recipients[0], outgoing)
        except aiosmtplib.SMTPResponseException as error:
            return self._answer(error, outgoing)
        except aiosmtplib.SMTPNotSupported:
            return refused(f"the mail server {self._named} does not support what this mail or its login needs")
        # Nothing of the cause is kept: libraries quote addresses, and causes end up in workflow histories
        except TimeoutError:
            raise Later(f"the mail server {self._named} did not take the mail in {self._within:g} s") from None
        except (OSError, aiosmtplib.SMTPException) as error:
            raise Later(f"no mail server at {self._named}: {type(error).__name__}") from None
        return Receipt(accepted=True, provider_id=mail["Message-ID"], detail=scrubbed(said, outgoing.address))

    async def _hand_in(self, mail: EmailMessage, address: str) -> str:
        client = self._client()
        try:
            await client.connect()
            _, said = await client.send_message(mail, sender=self._server.sender, recipients=[address])
        except BaseException:
            client.close()
            raise
        # The mail is accepted. A server that dies before its goodbye must not make us send it again.
        with contextlib.suppress(aiosmtplib.SMTPException, OSError, TimeoutError):
            await client.quit(timeout=0.5)
        return said

    def _client(self) -> aiosmtplib.SMTP:
        server = self._server
        return aiosmtplib.SMTP(
            hostname=server.host,
            port=server.port,
            username=server.username or None,
            password=server.password or None,
            use_tls=server.security == "tls",
            start_tls=server.security == "starttls",
            timeout=self._within,
            local_hostname="mainstay",
        )

    def _answer(self, error: aiosmtplib.SMTPResponseException, outgoing: Outgoing) -> Receipt:
        """4xx asks for another try, 5xx refuses for good (RFC 5321, 4.2.1)."""
        said = f"the mail server {self._named} answered {error.code} {_reason(error.message, outgoing)}"
        if 400 <= error.code < 500 or error.code < 0:
            raise Later(said) from None
        return refused(said)

    @property
    def _would_tell_its_password(self) -> bool:
        loopback = self._server.host in ("localhost", "127.0.0.1", "::1")
        return bool(self._server.username) and self._server.security == "none" and not loopback

    @property
    def _named(self) -> str:
        return f"{self._server.host}:{self._server.port}"


_STATUS = re.compile(r"^(\d\.\d{1,3}\.\d{1,3})\b")


def _reason(message: str, outgoing: Outgoing) -> str:
    """The server's words, without the address that they often repeat; its enhanced status code stays."""
    status = _STATUS.match(message)
    words = scrubbed(message[status.end() :] if status else message, outgoing.address)
    return f"{status[1]} {words}".strip() if status else words
