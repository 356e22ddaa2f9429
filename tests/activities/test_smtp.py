"""E-mail, handed to real SMTP servers."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from email.message import EmailMessage
from typing import Any

import pytest
from icalendar import Calendar, Event

from activities.channels.channel import Attendee, Later, Outgoing
from activities.channels.smtp import Server, Smtp
from mainstay.domain.letter import Offer
from mainstay.domain.message import AnyMessage
from tests.activities.mail_servers import Inbox, scripted, serving
from tests.activities.samples import (
    EVERY_KIND,
    HOSTILE,
    INVITATION,
    ITEM,
    NOW,
    PAGE,
    hostile,
)

BOB = "bob@example.com"
LINK = "https://mainstay.example.com/a/very-secret-token-0123456789"


def channel(port: int, within: float = 4.5, **more: Any) -> Smtp:
    server = Server(host="127.0.0.1", port=port, sender="mainstay@example.com", security="none", **more)
    return Smtp(server, within=timedelta(seconds=within))


def outgoing(message: AnyMessage = PAGE, key: str = "k/1/bob", **more: Any) -> Outgoing:
    offers = (Offer(label="Acknowledge", url=LINK, does="stops the paging"),)
    return Outgoing(key=key, message=message, at=NOW, person="bob", address=BOB, links=offers, **more)


async def delivered(message: Outgoing) -> EmailMessage:
    inbox = Inbox()
    async with serving(inbox) as port:
        receipt = await channel(port).send(message)
    assert receipt.accepted
    assert inbox.recipients == [[BOB]]
    return inbox.mails[0]


def part(mail: EmailMessage, kind: str) -> str:
    body = mail.get_body((kind,))
    assert body is not None
    return str(body.get_content())


async def test_a_page_arrives_as_text_and_html_with_its_link() -> None:
    mail = await delivered(outgoing())
    assert mail["Subject"] == "[SEV1] INC-2026-0042 payment-service: HighErrorRate: 5xx over 5%"
    assert mail["From"].addresses[0].addr_spec == "mainstay@example.com"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Importance"] == "high"
    for kind in ("plain", "html"):
        text = part(mail, kind)
        assert "nobody answered for 5 min" in text
        assert "15% of requests fail" in text
        assert LINK in text


async def test_a_retry_is_the_same_mail_and_another_page_is_not() -> None:
    first, again = await delivered(outgoing()), await delivered(outgoing())
    other = await delivered(outgoing(key="k/2/bob"))
    assert first["Message-ID"] == again["Message-ID"]
    assert first["Message-ID"] != other["Message-ID"]
    assert first["Message-ID"].endswith("@example.com>")


async def test_all_mails_of_one_incident_are_one_thread() -> None:
    page, item = await delivered(outgoing()), await delivered(outgoing(ITEM, key="k/item"))
    assert page["References"] == item["References"] == page["In-Reply-To"]
    assert page["References"] != page["Message-ID"]


@pytest.mark.parametrize("message", EVERY_KIND, ids=lambda m: str(m.kind))
async def test_hostile_text_adds_no_header_no_script_and_no_escape(message: AnyMessage) -> None:
    mail = await delivered(outgoing(hostile(message)))
    assert mail["Bcc"] is None
    assert [to.addr_spec for to in mail["To"].addresses] == [BOB]
    assert not any(char in mail["Subject"] for char in "\r\n\x00\x1b\u202e\u2028")
    text, page = part(mail, "plain"), part(mail, "html")
    assert not any(char in text + page for char in "\x00\x07\x1b\u202e\u2028")
    assert "<script" not in page
    assert "&lt;script" in page
    assert HOSTILE not in text


async def test_an_invitation_is_a_calendar_request_that_parses() -> None:
    """Calendars act on the text/calendar alternative with method REQUEST; others find a file."""
    people = (Attendee("alice", "alice@example.com"), Attendee('bob"\r\nX:', BOB))
    mail = await delivered(outgoing(INVITATION, attendees=people))
    calendar = next(p for p in mail.walk() if p.get_content_type() == "text/calendar")
    assert calendar.get_param("method") == "REQUEST"
    ics = calendar.get_payload(decode=True)
    assert isinstance(ics, bytes)
    parsed = Calendar.from_ical(ics)
    assert parsed["METHOD"] == "REQUEST"
    (event,) = parsed.walk("VEVENT")
    assert isinstance(event, Event)
    assert event["UID"] == "postmortem-0198@example.com"
    assert event.decoded("dtstart") == INVITATION.starts_at
    assert event.decoded("dtend") == INVITATION.ends_at
    assert [str(a) for a in event.attendees] == ["mailto:alice@example.com", "mailto:bob@example.com"]
    assert str(event["ORGANIZER"]) == "mailto:mainstay@example.com"
    assert [a.get_filename() for a in mail.iter_attachments()] == ["invitation.ics"]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("550 5.1.1 <bob@example.com>: no such user", "550 5.1.1"),
        ("552 5.2.2 mailbox full", "552 5.2.2 mailbox full"),
    ],
)
async def test_a_5xx_refuses_for_good_without_naming_the_address(answer: str, said: str) -> None:
    async with serving(Inbox(rcpt=answer)) as port:
        receipt = await channel(port).send(outgoing())
    assert (receipt.accepted, receipt.permanent) == (False, True)
    assert said in receipt.detail
    assert "bob@" not in receipt.detail


@pytest.mark.parametrize("where", ["rcpt", "data"])
async def test_a_4xx_asks_for_another_try_without_naming_the_address(where: str) -> None:
    said = "451 4.7.1 <bob@example.com> greylisted"
    inbox = Inbox(rcpt=said) if where == "rcpt" else Inbox(data=said)
    async with serving(inbox) as port:
        with pytest.raises(Later, match=r"451 4\.7\.1") as later:
            await channel(port).send(outgoing())
    assert_keeps_secrets(later.value)


async def test_a_refusal_after_the_data_is_final() -> None:
    async with serving(Inbox(data="554 5.7.1 looks like spam")) as port:
        receipt = await channel(port).send(outgoing())
    assert receipt.permanent
    assert "554 5.7.1 looks like spam" in receipt.detail


async def test_a_silent_server_is_given_up_in_time() -> None:
    hold = asyncio.Event()
    async with serving(Inbox(hold=hold)) as port:
        with pytest.raises(Later, match=r"did not take the mail in 0\.3 s") as later:
            await channel(port, within=0.3).send(outgoing())
        hold.set()
    assert_keeps_secrets(later.value)


async def test_a_connection_dropped_before_the_answer_is_tried_again() -> None:
    async with scripted(after_data=b"") as port:
        with pytest.raises(Later, match="no mail server at") as later:
            await channel(port).send(outgoing())
    assert_keeps_secrets(later.value)


async def test_a_server_that_dies_after_accepting_gets_the_mail_once() -> None:
    """Otherwise the missing goodbye would page the person again."""
    async with scripted(after_data=b"250 queued\r\n") as port:
        assert (await channel(port).send(outgoing())).accepted


async def test_nobody_listening_is_tried_again() -> None:
    async with scripted(after_data=b"") as port:
        pass
    with pytest.raises(Later, match="no mail server at"):
        await channel(port).send(outgoing())


async def test_a_server_that_turns_everybody_away_for_now_is_tried_again() -> None:
    async with scripted(after_data=b"", greeting=b"421 too busy\r\n") as port:
        with pytest.raises(Later):
            await channel(port).send(outgoing())


@pytest.mark.parametrize("address", ["nobody", "a@b\r\nRCPT TO:<c@d>", "", "a b@example.com", "<a@b> x"])
async def test_an_address_that_is_none_is_refused_for_good(address: str) -> None:
    message = Outgoing(key="k", message=PAGE, at=NOW, person="bob", address=address)
    inbox = Inbox()
    async with serving(inbox) as port:
        receipt = await channel(port).send(message)
    assert receipt.permanent
    assert inbox.mails == []


async def test_a_password_is_never_sent_in_the_clear_to_another_machine() -> None:
    server = Server(host="mx.example.com", port=25, sender="m@example.com", username="m", password="p", security="none")
    receipt = await Smtp(server).send(outgoing())
    assert receipt.permanent
    assert "unencrypted" in receipt.detail
    assert "'p'" not in repr(server)


def assert_keeps_secrets(failure: BaseException) -> None:
    """What Temporal would record: the message, and every cause that is not suppressed."""
    assert failure.__cause__ is None
    assert failure.__suppress_context__
    for secret in (BOB, "bob@", LINK, "very-secret-token"):
        assert secret not in str(failure)
    assert BOB not in repr(outgoing())
    assert LINK not in repr(outgoing())
