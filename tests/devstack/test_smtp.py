"""The mail server keeps what it receives, and can be away or refuse."""

from __future__ import annotations

import asyncio
import smtplib
from email.message import EmailMessage
from pathlib import Path

import pytest

from devstack.smtp import Mailbox


def mail(subject: str) -> EmailMessage:
    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = subject, "bot@example.org", "alice@example.org"
    message.set_content("Zahlung gestört ⚠")
    return message


async def send(mailbox: Mailbox, message: EmailMessage, to: list[str]) -> None:
    def deliver() -> None:
        with smtplib.SMTP(mailbox.host, mailbox.port, timeout=5) as client:
            client.send_message(message, to_addrs=to)

    await asyncio.to_thread(deliver)


async def test_mail_is_parsed_kept_as_a_file_and_knows_its_envelope(smtp: Mailbox) -> None:
    await send(smtp, mail("kept"), ["alice@example.org", "bob@example.org"])
    received = await smtp.wait_for(lambda message: message["Subject"] == "kept")
    assert received.get_content() == "Zahlung gestört ⚠\n"
    assert received["X-RcptTo"] == "alice@example.org, bob@example.org"
    assert received["X-MailFrom"] == "bot@example.org"
    assert list(smtp.directory.glob("*.eml"))


async def test_waiting_for_mail_that_does_not_come_tells_what_came(tmp_path: Path) -> None:
    async with Mailbox(tmp_path) as mailbox:
        await send(mailbox, mail("another"), ["a@example.org"])
        with pytest.raises(TimeoutError, match=r"within 0\.2 s; received: \['another'\]"):
            await mailbox.wait_for(lambda message: message["Subject"] == "wanted", 0.2)


async def test_the_server_can_go_away_and_come_back_on_its_port(tmp_path: Path) -> None:
    async with Mailbox(tmp_path) as mailbox:
        await send(mailbox, mail("before"), ["a@example.org"])
        await mailbox.stop()
        with pytest.raises(OSError, match="refused"):
            await send(mailbox, mail("lost"), ["a@example.org"])
        await mailbox.start()
        await send(mailbox, mail("after"), ["a@example.org"])
        assert [message["Subject"] for message in mailbox.messages()] == ["before", "after"]


async def test_a_refusal_reaches_the_sender(tmp_path: Path) -> None:
    async with Mailbox(tmp_path) as mailbox:
        mailbox.refusal = "451 4.3.0 try later"
        with pytest.raises(smtplib.SMTPDataError, match="try later") as caught:
            await send(mailbox, mail("refused"), ["a@example.org"])
        assert caught.value.smtp_code == 451
        assert mailbox.messages() == []
