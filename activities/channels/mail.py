"""One message as an e-mail (RFC 5322), with HTML beside the text and the meeting, if it is an invitation."""

from __future__ import annotations

import hashlib
from datetime import UTC
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from activities.channels import calendar_invite
from activities.channels.channel import Outgoing
from mainstay.domain.message import AnyMessage, InvitationMessage
from mainstay.domain.rendering import render_message
from mainstay.domain.text import header


def compose(outgoing: Outgoing, sender: str) -> EmailMessage:
    """The mail. ``sender`` is a bare address.

    The Message-ID comes from the idempotency key: a retry is the same mail, which mailboxes that de-duplicate
    show once. Raises ValueError for an address that is none.
    """
    text = render_message(outgoing.message, outgoing.links, medium="text")
    page = render_message(outgoing.message, outgoing.links, medium="html")
    # max_line_length stays at 78, so that a hostile subject is folded and never exceeds SMTP's 998 octets
    mail = EmailMessage(policy=SMTP)
    mail["From"] = Address("Mainstay", addr_spec=sender)
    mail["To"] = _mailbox(outgoing.address)
    mail["Subject"] = header(text.subject)
    mail["Date"] = format_datetime(outgoing.at.astimezone(UTC))
    _thread(mail, outgoing, sender)
    _tell_robots(mail, outgoing.message)
    mail.set_content(text.body, cte="quoted-printable")
    mail.add_alternative(page.body, subtype="html", cte="quoted-printable")
    if isinstance(outgoing.message, InvitationMessage):
        _invite(mail, outgoing, outgoing.message, sender)
    return mail


def _mailbox(address: str) -> Address:
    """Raises ValueError without the address: the parser's own errors quote it, or are an IndexError."""
    try:
        return Address(addr_spec=address)
    except (ValueError, IndexError, MessageError):
        raise ValueError("not an e-mail address") from None


def message_id(key: str, sender: str) -> str:
    """The identity of a mail: the same key gives the same identity in every process."""
    return f"<{hashlib.sha256(key.encode()).hexdigest()[:40]}@{sender.rpartition('@')[2]}>"


def _thread(mail: EmailMessage, outgoing: Outgoing, sender: str) -> None:
    """All mails of one incident answer one root that nobody ever sent: any of them may arrive first."""
    mail["Message-ID"] = message_id(outgoing.key, sender)
    if outgoing.thread:
        root = message_id(outgoing.thread, sender)
        mail["In-Reply-To"] = root
        mail["References"] = root


def _tell_robots(mail: EmailMessage, message: AnyMessage) -> None:
    """No out-of-office answers (RFC 3834); a page and an approval come before other mail."""
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Mainstay-Message"] = message.kind
    if message.kind in ("page", "approval", "question"):
        mail["Importance"] = "high"
        mail["X-Priority"] = "1"


def _invite(mail: EmailMessage, outgoing: Outgoing, message: InvitationMessage, sender: str) -> None:
    """Twice: as an alternative, which calendars act on, and as a file for programs that look for one."""
    ics = calendar_invite.request(message, outgoing.attendees, organizer=sender, at=outgoing.at)
    mail.add_alternative(ics.decode(), subtype="calendar", params={"method": "REQUEST"}, cte="base64", charset="utf-8")
    mail.add_attachment(ics, maintype="application", subtype="ics", filename="invitation.ics")
