"""A real SMTP server on loopback that keeps what it receives as .eml files."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default as default_policy
from pathlib import Path
from types import TracebackType
from typing import Self

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from devstack.processes import free_ports

POLL_SECONDS = 0.05


class Mailbox:
    """The server and the mail it took; mail stays in ``directory`` over stop and start.

    Set ``refusal`` (such as ``"451 4.3.0 try later"`` or ``"550 5.1.1 no such user"``) to have every
    message refused with it. The envelope is kept in the headers ``X-MailFrom`` and ``X-RcptTo``.
    """

    def __init__(self, directory: Path, *, port: int | None = None) -> None:
        self.directory = directory.absolute()
        self.host = "127.0.0.1"
        self.port = port or free_ports(1)[0]
        self.refusal: str | None = None
        self._numbers = itertools.count(1)
        self._controller: Controller | None = None

    @property
    def address(self) -> str:
        """``host:port``."""
        return f"{self.host}:{self.port}"

    async def start(self) -> None:
        """Listen, on a thread of its own; raises `OSError` when the port is taken."""
        self.directory.mkdir(parents=True, exist_ok=True)
        controller = Controller(self, hostname=self.host, port=self.port)
        # Takes milliseconds; without an await in between it is either running or was never started.
        controller.start()
        self._controller = controller

    async def stop(self) -> None:
        """Stop listening; connections are refused from now on."""
        controller, self._controller = self._controller, None
        if controller is not None:
            await asyncio.to_thread(controller.stop)

    def messages(self) -> list[EmailMessage]:
        """All mail received so far, oldest first."""
        return [_parse(path) for path in sorted(self.directory.glob("*.eml"))]

    async def wait_for(
        self, predicate: Callable[[EmailMessage], bool] = lambda _: True, deadline_seconds: float = 10
    ) -> EmailMessage:
        """The first mail for which ``predicate`` is true; raises `TimeoutError` listing what there was."""
        until = time.monotonic() + deadline_seconds
        while True:
            mail = self.messages()
            for message in mail:
                if predicate(message):
                    return message
            if time.monotonic() >= until:
                subjects = [message["Subject"] for message in mail]
                raise TimeoutError(f"no such mail within {deadline_seconds:g} s; received: {subjects}")
            await asyncio.sleep(POLL_SECONDS)

    def clear(self) -> None:
        """Forget all mail."""
        for path in self.directory.glob("*.eml"):
            path.unlink()

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: ARG002, N802
        """Called by the SMTP server for each message (the name is its)."""
        if self.refusal is not None:
            return self.refusal
        head = f"X-MailFrom: {envelope.mail_from}\r\nX-RcptTo: {', '.join(envelope.rcpt_tos)}\r\n"
        content = envelope.original_content or b""
        path = self.directory / f"{time.time_ns():020}-{next(self._numbers):06}.eml"
        partial = path.with_suffix(".partial")
        partial.write_bytes(head.encode() + content)
        partial.rename(path)
        return "250 2.0.0 kept"

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()


def _parse(path: Path) -> EmailMessage:
    # On the wire lines end in CRLF; parsed text is expected to have the ends that Python's has.
    return message_from_bytes(path.read_bytes().replace(b"\r\n", b"\n"), policy=default_policy)
