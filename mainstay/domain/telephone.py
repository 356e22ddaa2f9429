"""Messages for telephones: one SMS segment, and a sentence that a voice can read."""

from __future__ import annotations

import re
import unicodedata

from mainstay.domain.message import AnyMessage, PageMessage
from mainstay.domain.rendering import render_message
from mainstay.domain.text import plain

SEGMENT = 160
"""Characters of one SMS in the GSM 7 bit default alphabet (3GPP TS 23.038, 6.2.1)."""
CODE_LENGTH = 4
_GSM = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
_INSTEAD = {ord(old): new for old, new in zip("[]{}|\\~^`–—“”„‘’", "()()//-''--\"\"\"''", strict=True)} | {
    ord("…"): ".."
}
"""The extension table costs two septets a character, so it is not used."""
_E164 = re.compile(r"\+[1-9]\d{6,14}")
_REPLY = re.compile(r"\s*(1|2|ack(?:nowledge)?|esc(?:alate)?)\b[\s:.,-]*([0-9a-f]{4})?\s*", re.IGNORECASE)


def is_number(text: str) -> bool:
    """Is it a telephone number in international form (ITU-T E.164)?"""
    return _E164.fullmatch(text) is not None


def code_of(key: str) -> str:
    """What a reply by SMS names an incident by: the last four letters or digits of its key."""
    return "".join(c for c in key.lower() if c in "0123456789abcdef")[-CODE_LENGTH:].rjust(CODE_LENGTH, "0")


def sms(message: AnyMessage) -> str:
    """One segment: severity, service, incident, what it is about, and what to answer."""
    if not isinstance(message, PageMessage):
        return gsm(render_message(message, medium="line").body, SEGMENT)
    about = message.incident
    code = code_of(about.key)
    press = f" Reply 1 {code} to acknowledge, 2 {code} to escalate"
    head = " ".join(part for part in (about.severity, about.service, about.shown) if part)
    exercise = "EXERCISE " if about.exercise else ""
    return gsm(f"{exercise}{head}: {about.title or message.reason}.", SEGMENT - len(press)) + press


def spoken(message: AnyMessage) -> str:
    """What a voice says before it names the keys. No letters that only eyes understand."""
    about = message.incident
    if not isinstance(message, PageMessage):
        return gsm(render_message(message, medium="line").body, 300)
    exercise = "This is an exercise. " if about.exercise else ""
    return gsm(f"{exercise}Mainstay. {about.severity} on {about.service}. {about.shown}. {about.title}.", 400)


def reply(text: str) -> tuple[str, str]:
    """(``acknowledge``, ``escalate`` or nothing, the code or nothing) of an answer by SMS."""
    found = _REPLY.fullmatch(text[:80])
    if found is None:
        return "", ""
    word = found[1].lower()
    return ("acknowledge" if word in ("1", "ack", "acknowledge") else "escalate"), (found[2] or "").lower()


def gsm(text: str, limit: int) -> str:
    """``text`` in characters that need one septet each; accents that the alphabet lacks are dropped."""
    clean = plain(text, 4 * SEGMENT).translate(_INSTEAD)
    shown = "".join(_nearest(char) for char in clean)
    return shown if len(shown) <= limit else shown[: max(limit - 2, 0)].rstrip() + ".."


def _nearest(char: str) -> str:
    if char in _GSM:
        return char
    base = "".join(c for c in unicodedata.normalize("NFKD", char) if c in _GSM)
    return base or "?"
