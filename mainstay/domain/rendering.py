"""Messages in words: what a person reads when they are paged, asked, told or chased.

``letter`` chooses the words for each kind of message; ``media`` escapes them for one medium. Both are pure.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal, assert_never

from mainstay.domain.letter import Block, Bullets, Facts, Letter, Offer, Offers, Paragraph, Verbatim
from mainstay.domain.media import as_html, as_line, as_text
from mainstay.domain.message import (
    AnyMessage,
    ApprovalMessage,
    HandledMessage,
    IncidentRef,
    InvitationMessage,
    ItemMessage,
    Link,
    NoticeMessage,
    PageMessage,
    QuestionMessage,
    StatusMessage,
)
from mainstay.domain.model import Record
from mainstay.domain.postmortem import GROUND_RULES
from mainstay.domain.text import header, plain

Medium = Literal["text", "html", "line"]


class Rendered(Record):
    """A message in one medium. ``subject`` is a single clean line in each."""

    subject: str
    body: str


_DOES: dict[str, str] = {
    "acknowledge": "stops the paging; you take it from here",
    "escalate": "pages the next person now",
    "approve": "lets Mainstay make exactly the change shown above",
    "reject": "nothing is changed by this step",
    "answer": "continues the runbook with this answer",
    "item_done": "closes the action item",
    "view": "shows the incident; changes nothing",
}
_EXERCISE = "This is an exercise. No real incident is behind it."


def offers(links: tuple[Link, ...], urls: tuple[str, ...]) -> tuple[Offer, ...]:
    """Links with their signed addresses, and what following each does."""
    return tuple(
        Offer(label=link.label, url=url, does=_DOES[link.purpose], purpose=link.purpose)
        for link, url in zip(links, urls, strict=True)
    )


def render_message(message: AnyMessage, links: tuple[tuple[str, str] | Offer, ...] = (), *, medium: Medium) -> Rendered:
    """``message`` as a person reads it. ``links``: (label, address), in the order they are offered."""
    made = letter(message, tuple(_offer(link) for link in links))
    subject = header(made.subject)
    match medium:
        case "text":
            return Rendered(subject=subject, body=as_text(made))
        case "html":
            return Rendered(subject=subject, body=as_html(made))
        case "line":
            return Rendered(subject=subject, body=as_line(made))
        case _:
            assert_never(medium)


def letter(message: AnyMessage, links: tuple[Offer, ...] = ()) -> Letter:
    """The words of each kind of message, with the incident's heading and the links at the end."""
    about, brief, blocks = _words(message)
    exercise = (Paragraph(text=_EXERCISE),) if message.incident.exercise else ()
    offered = (Offers(title=_press(message), offers=links),) if links else ()
    return Letter(
        subject=_subject(message.incident, about),
        brief=plain(brief, 300),
        blocks=(*exercise, *blocks, *offered),
    )


def _words(message: AnyMessage) -> tuple[str, str, tuple[Block, ...]]:
    """(subject without the incident's prefix, one line, blocks)."""
    match message:
        case PageMessage():
            return message.incident.title or "you are needed", message.reason, _page(message)
        case HandledMessage():
            text = f"{message.by} has taken {message.incident.shown}. You need not do anything."
            return f"handled by {message.by}", text, (Paragraph(text=text), _incident(message.incident))
        case ApprovalMessage():
            ask = "Still waiting for your approval" if message.reminder else "Approval needed"
            return f"{ask}: {message.what}", f"before {_when(message.expires_at)}", _approval(message)
        case QuestionMessage():
            return f"Question: {message.question}", " / ".join(message.options), _question(message)
        case StatusMessage():
            return f"{message.state}: {message.incident.title}", message.text, _status(message)
        case InvitationMessage():
            return f"Invitation: {message.what}", _span(message), _invitation(message)
        case ItemMessage():
            text = _item_sentence(message)
            return _item_subject(message), text, _item(message, text)
        case NoticeMessage():
            return message.subject, message.text, (Paragraph(text=message.text), _incident(message.incident))
        case _:
            assert_never(message)


def _subject(incident: IncidentRef, about: str) -> str:
    """``[SEV1] INC-2026-0042 payment-service: …``, so that it can be judged on a lock screen."""
    marks = ("EXERCISE" if incident.exercise else "", incident.severity)
    prefix = "".join(f"[{mark}] " for mark in marks if mark)
    named = incident.shown if incident.number or incident.key else ""
    about_whom = " ".join(part for part in (named, incident.service) if part)
    return f"{prefix}{about_whom}: {about}" if about_whom else f"{prefix}{about}"


def _incident(incident: IncidentRef) -> Facts:
    return Facts(
        facts=(
            ("Incident", incident.shown if incident.number or incident.key else ""),
            ("Title", incident.title),
            ("Severity", incident.severity),
            ("Service", incident.service),
        )
    )


def _page(message: PageMessage) -> tuple[Block, ...]:
    why = f"You are paged because of {message.reason}." if message.reason else "You are paged."
    return (
        Paragraph(text=why),
        _incident(message.incident),
        Bullets(title="Firing alerts:", items=message.alerts),
        _commands(message.commands),
        Offers(title="Where to look:", offers=tuple(Offer(label=n, url=u) for n, u in message.references)),
    )


def _approval(message: ApprovalMessage) -> tuple[Block, ...]:
    return (
        Paragraph(text=f"The runbook {message.run} wants to make this change and waits for a yes or a no."),
        Facts(
            facts=(
                ("Change", message.what),
                ("Risk", message.risk),
                ("Answer before", _when(message.expires_at)),
                ("Fingerprint of the plan", _short(message.digest)),
            )
        ),
        Bullets(title="Warnings:", items=message.warnings),
        Verbatim(title="What will change:", text=message.diff),
        Verbatim(title="The same by hand:", text=message.command),
        _incident(message.incident),
        Paragraph(
            text="A yes counts for exactly this plan. If the target changes first, you are asked again. "
            "Without an answer in time nothing is changed."
        ),
    )


def _question(message: QuestionMessage) -> tuple[Block, ...]:
    return (
        Paragraph(text=f"The runbook {message.run} asks:\n{message.question}"),
        Bullets(title="Possible answers:", items=message.options),
        _commands(message.commands),
        _incident(message.incident),
    )


def _status(message: StatusMessage) -> tuple[Block, ...]:
    due = message.next_update_at
    return (
        Facts(facts=(("Status", message.state), *_incident(message.incident).facts)),
        Paragraph(text=message.text),
        Facts(facts=(("Next update", _when(due) if due else ""), ("Posted by", message.by))),
    )


def _invitation(message: InvitationMessage) -> tuple[Block, ...]:
    return (
        Paragraph(text=f"You are invited: {message.what}"),
        Facts(
            facts=(
                ("When", _span(message)),
                ("Who", ", ".join(message.attendees)),
                ("Document", message.document),
            )
        ),
        Bullets(title="Ground rules:", items=GROUND_RULES),
        _incident(message.incident),
    )


def _item(message: ItemMessage, sentence: str) -> tuple[Block, ...]:
    return (
        Paragraph(text=sentence),
        Facts(
            facts=(
                ("Action item", message.item),
                ("To do", message.what),
                ("Owner", message.owner),
                ("Due", _day(message.due)),
            )
        ),
        _incident(message.incident),
    )


def _item_subject(message: ItemMessage) -> str:
    match message.event:
        case "assigned":
            return f"Action item for {message.owner}: {message.what}"
        case "reminder":
            return f"Action item due {_day(message.due)}: {message.what}"
        case "overdue":
            return f"Action item overdue by {_days(message.days_overdue)}: {message.what}"
        case "escalated":
            return f"Action item of {message.owner} overdue by {_days(message.days_overdue)}: {message.what}"
        case "done":
            return f"Action item done: {message.what}"
        case _:
            assert_never(message.event)


def _item_sentence(message: ItemMessage) -> str:
    due = _day(message.due)
    match message.event:
        case "assigned":
            return f"This action item is {message.owner}'s, to be done by {due}."
        case "reminder":
            return f"This action item is due on {due}."
        case "overdue":
            return f"This action item was due on {due} and is {_days(message.days_overdue)} overdue."
        case "escalated":
            return (
                f"{message.owner}'s action item was due on {due}, {_days(message.days_overdue)} ago. "
                f"You are told as {message.owner}'s manager: agree on a date, or on somebody else."
            )
        case "done":
            return f"{message.owner}'s action item is done."
        case _:
            assert_never(message.event)


def _press(message: AnyMessage) -> str:
    """The heading above the links: what to press."""
    match message:
        case PageMessage():
            return "What to press:"
        case ApprovalMessage():
            return "Your vote (each link shows a page first and acts when you confirm there):"
        case QuestionMessage():
            return "Your answer:"
        case HandledMessage() | StatusMessage() | InvitationMessage() | ItemMessage() | NoticeMessage():
            return "Links:"
        case _:
            assert_never(message)


def _commands(commands: tuple[str, ...]) -> Verbatim:
    return Verbatim(title="To do by hand:", text="\n".join(commands))


def _offer(link: tuple[str, str] | Offer) -> Offer:
    return link if isinstance(link, Offer) else Offer(label=link[0], url=link[1])


def _short(digest: str) -> str:
    """Twelve characters are enough for two people to see that they look at the same plan."""
    return digest.removeprefix("sha256:")[:12]


def _when(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def _day(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d")


def _days(count: int) -> str:
    return "1 day" if count == 1 else f"{count} days"


def _span(message: InvitationMessage) -> str:
    return f"{_when(message.starts_at)} to {_when(message.ends_at)}"
