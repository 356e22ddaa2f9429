"""A message as the content of a Matrix event, and what our own events say about what they offer.

Text is plain in ``body`` and escaped in ``formatted_body``; ``m.mentions`` is always there, so that no name in
an alert's text notifies anybody (https://spec.matrix.org/latest/client-server-api/#user-and-room-mentions).
"""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from mainstay.domain.letter import Offer
from mainstay.domain.media import as_fragment, as_text
from mainstay.domain.message import AnyMessage
from mainstay.domain.rendering import letter
from mainstay.domain.slack_blocks import Pressed
from mainstay.domain.text import plain

OFFERS = "org.mainstay.offers"
MAX_BODY = 12_000
"""Characters of each form; an event has at most 65,536 bytes in all."""
REACTIONS = {
    "\u2705": ("acknowledge", "approve", "item_done"),
    "\U0001f44d": ("acknowledge", "approve"),
    "\u274c": ("reject",),
    "\U0001f44e": ("reject",),
    "\u23eb": ("escalate",),
}
"""Reaction → which of a message's offers it takes. Variation selectors are ignored."""
_HOW = {
    "acknowledge": "\u2705 or !ack: you have it",
    "escalate": "\u23eb or !escalate: page the next person now",
    "approve": "\u2705: approve exactly this change",
    "reject": "\u274c: reject it",
}


def content(message: AnyMessage, links: tuple[Offer, ...] = (), *, mention: str = "") -> dict[str, Any]:
    """``mention``: the one user who is to be notified."""
    made = letter(
        message, tuple(one for one, link in zip(links, message.links, strict=False) if link.purpose == "view")
    )
    how = [_HOW[link.purpose] for link in message.links if link.purpose in _HOW]
    text = plain(made.subject, 200) + "\n\n" + as_text(made) + ("\nReact with " + "; ".join(how) if how else "")
    found: dict[str, Any] = {
        "msgtype": "m.text",
        "body": text if len(text) <= MAX_BODY else text[:MAX_BODY] + "\n… more in the incident",
        "m.mentions": {"user_ids": [mention]} if mention else {},
    }
    html = as_fragment(made) + (f"<p>React with {'; '.join(how)}</p>" if how else "")
    if len(html) <= MAX_BODY:
        found |= {"format": "org.matrix.custom.html", "formatted_body": html}
    offers = [
        Pressed(
            purpose=link.purpose,
            workflow_id=link.workflow_id or message.incident.workflow_id,
            incident_key=message.incident.key,
            argument=link.argument,
        ).model_dump(exclude_defaults=True)
        for link in message.links
        if link.purpose != "view"
    ]
    about = Pressed(purpose="view", workflow_id=message.incident.workflow_id, incident_key=message.incident.key)
    found[OFFERS] = [about.model_dump(exclude_defaults=True), *offers][:30]
    return found


def offered(event_content: dict[str, Any]) -> tuple[Pressed, ...]:
    """What an event of ours offers, its latest edit's word first; nothing for an event of anybody else."""
    given = event_content.get(OFFERS)
    found = []
    for one in given if isinstance(given, list) else []:
        try:
            found.append(Pressed.model_validate(one))
        except ValidationError:
            continue
    return tuple(found)


def reacted(key: str, offers: tuple[Pressed, ...]) -> Pressed | None:
    """Which of the offers a reaction takes."""
    wanted = REACTIONS.get(key.replace("\ufe0f", ""), ())
    return next((one for one in offers if one.purpose in wanted), None)
