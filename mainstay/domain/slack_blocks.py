"""A message in Slack's Block Kit (https://docs.slack.dev/reference/block-kit), within Slack's limits.

All text passes through ``text.chat`` and is marked ``verbatim``: no mention, no link and no entity of an
alert's text comes to life. Buttons carry what they do as JSON; who pressed one is Slack's signed word.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, assert_never

from pydantic import ValidationError

from mainstay.domain.letter import Block, Bullets, Facts, Letter, Offer, Offers, Paragraph, Verbatim
from mainstay.domain.media import MAX_ITEM, MAX_ITEMS, as_line, lines
from mainstay.domain.message import AnyMessage, Link
from mainstay.domain.model import Record
from mainstay.domain.rendering import letter
from mainstay.domain.text import chat

MAX_BLOCKS = 50
MAX_SECTION = 3000
MAX_LABEL = 75
MAX_VALUE = 2000
MAX_BUTTONS = 25
MAX_CHARS = 9_000
MAX_BUTTON_CHARS = 4_000
"""Of all sections and of all buttons; Slack answers ``msg_blocks_too_long`` somewhat above 13,000."""
_ROOM = 2900
"""Characters of one section that we fill."""
_STYLES = {"acknowledge": "primary", "approve": "primary", "reject": "danger"}


class Pressed(Record):
    """What a button stands for: the fields of a signed link without its person and its end."""

    purpose: str
    workflow_id: str = ""
    incident_key: str = ""
    argument: str = ""


class Posted(Record):
    """``text`` is what notifications and screen readers get; ``blocks`` what is shown."""

    text: str
    blocks: list[dict[str, Any]]


def render(message: AnyMessage, links: tuple[Offer, ...] = ()) -> Posted:
    """``links``: the signed addresses of ``message.links``, in their order, or none."""
    made = letter(message)
    blocks = [_section(f"*{chat(made.subject, 300, newlines=False)}*"), *_bounded(_sections(made))]
    buttons = _buttons(message, links)
    return Posted(text=chat(as_line(made), 400), blocks=[*blocks, *buttons])


def pressed(value: str) -> Pressed | None:
    """The meaning of a button's value, or None for one that is not ours."""
    try:
        return Pressed.model_validate_json(value)
    except ValidationError:
        return None


def _sections(made: Letter) -> Iterable[str]:
    for block in made.blocks:
        yield from filter(None, _texts(block))


def _texts(block: Block) -> list[str]:
    match block:
        case Paragraph():
            return [chat(block.text, _ROOM // 2)]
        case Facts():
            known = [(name, value) for name, value in block.facts if value.strip()]
            return ["\n".join(f"*{name}:* {chat(value, MAX_ITEM // 2, newlines=False)}" for name, value in known)]
        case Bullets():
            items = [f"• {chat(item, MAX_ITEM // 4, newlines=False)}" for item in block.items[:MAX_ITEMS]]
            more = [f"… and {len(block.items) - MAX_ITEMS} more"] if len(block.items) > MAX_ITEMS else []
            return [f"{block.title}\n" + "\n".join([*items, *more])[:_ROOM]] if items else []
        case Verbatim():
            return _code(block)
        case Offers():
            shown = [link for link in map(_link, block.offers) if link]
            return [f"{block.title} " + " · ".join(shown)] if shown else []
        case _:
            assert_never(block)


def _code(block: Verbatim) -> list[str]:
    """Line by line in code fences; what exceeds three sections is cut, and says so."""
    chunks: list[str] = [""]
    for line in lines(block.text):
        body = line.lstrip(" ")
        shown = " " * (len(line) - len(body)) + chat(body, 600, newlines=False)
        if len(chunks[-1]) + len(shown) > _ROOM - 60:
            chunks.append("")
        chunks[-1] += shown + "\n"
    if not chunks[0]:
        return []
    cut = ["… cut here: open the incident for all of it"] if len(chunks) > 3 else []
    return [block.title, *(f"```\n{chunk}```" for chunk in chunks[:3]), *cut]


def _bounded(texts: Iterable[str]) -> list[dict[str, Any]]:
    """As many sections as Slack takes, with room for the buttons."""
    made: list[dict[str, Any]] = []
    left = MAX_CHARS
    for text in texts:
        left -= len(text)
        if left < 0 or len(made) > MAX_BLOCKS - 6:
            return [*made, _section("… more in the incident")]
        made.append(_section(text))
    return made


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text[:MAX_SECTION], "verbatim": True}}


_UNSAFE = re.compile(r"[<>|\s\x00-\x1f\"`]")


def _link(offer: Offer) -> str:
    """``<address|label>`` for web addresses; nothing of either can end the link early."""
    if not offer.url.startswith(("https://", "http://")):
        return ""
    address = _UNSAFE.sub(lambda found: f"%{ord(found[0]):02X}", offer.url).replace("&", "&amp;")
    label = chat(offer.label, 80, newlines=False).replace("|", "/")
    return f"<{address}|{label}>" if len(address) < 1500 else ""


def _buttons(message: AnyMessage, links: tuple[Offer, ...]) -> list[dict[str, Any]]:
    urls = [offer.url for offer in links] or [""] * len(message.links)
    found = [_button(message, link, url, at) for at, (link, url) in enumerate(zip(message.links, urls, strict=False))]
    elements: list[dict[str, Any]] = []
    left = MAX_BUTTON_CHARS
    for button in filter(None, found):
        left -= len(button.get("value", "")) + len(button.get("url", "")) + 200
        if left < 0 or len(elements) == MAX_BUTTONS:
            break
        elements.append(button)
    return [{"type": "actions", "elements": elements}] if elements else []


def _button(message: AnyMessage, link: Link, url: str, at: int) -> dict[str, Any] | None:
    made: dict[str, Any] = {
        "type": "button",
        "action_id": f"mainstay/{link.purpose}/{at}",
        # Escaped by Slack itself: plain_text knows neither markup nor mentions
        "text": {"type": "plain_text", "text": link.label[:MAX_LABEL] or link.purpose, "emoji": False},
    }
    if link.purpose == "view":
        return {**made, "url": url} if url and len(url) <= 3000 else None
    means = Pressed(
        purpose=link.purpose,
        workflow_id=link.workflow_id or message.incident.workflow_id,
        incident_key=message.incident.key,
        argument=link.argument,
    )
    made["value"] = means.model_dump_json(exclude_defaults=True)
    if len(made["value"]) > MAX_VALUE:
        return None
    if link.purpose in _STYLES:
        made["style"] = _STYLES[link.purpose]
    if link.purpose == "approve":
        made["confirm"] = _CONFIRM
    return made


_CONFIRM = {
    "title": {"type": "plain_text", "text": "Approve this change?"},
    "text": {"type": "plain_text", "text": "Your yes counts for exactly the change that is shown above."},
    "confirm": {"type": "plain_text", "text": "Approve"},
    "deny": {"type": "plain_text", "text": "Not yet"},
}
