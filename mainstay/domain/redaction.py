"""Taking secrets and personal data out of free text, before journal, postmortem and logs (S-370, S-377).

Each find is replaced by its kind, ``[e-mail]``, so that a reader sees that something stood there. Rules err
on the side of taking out too much, and every repetition in them is bounded: the text is hostile.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from mainstay.domain.model import Record

_PEM = re.compile(r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----[\s\S]{0,20000}?(?:-----END [A-Z ]{0,40}-----|\Z)")
_URL_LOGIN = re.compile(r"(?<=://)[^\s/:@]{0,200}:[^\s/@]{1,200}(?=@)")
_AUTHORIZATION = re.compile(r"\b(Bearer|Basic|Token)\s+[A-Za-z0-9._~+/=-]{8,4000}", re.IGNORECASE)
_ASSIGNED = re.compile(
    r"""((?:pass(?:word|wd|phrase)?|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credentials?)"""
    r"""["']?\s{0,5}(?:=|:|\bis\b)\s{0,5})("[^"\n]{1,500}"|'[^'\n]{1,500}'|[^\s,;"'&]{1,500})""",
    re.IGNORECASE,
)
_KNOWN_TOKENS = re.compile(
    r"\b(?:eyJ[\w-]{8,2000}\.[\w-]{4,4000}\.[\w-]{0,2000}"  # JSON Web Token, RFC 7519
    r"|gh[pousr]_[A-Za-z0-9]{20,255}|github_pat_\w{20,255}"
    r"|glpat-[\w-]{16,100}"
    r"|xox[abposr]-[A-Za-z0-9-]{8,250}"
    r"|(?:AKIA|ASIA)[A-Z0-9]{16}"
    r"|sk_(?:live|test)_[A-Za-z0-9]{10,200}"
    r"|AIza[\w-]{35})"
)
_EMAIL = re.compile(r"[\w.%+'-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")
_CARD = re.compile(r"(?<![\d.])\d(?:[ -]?\d){12,18}(?![\d.])")
_IPV4 = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w.]*\d)")
_IPV6 = re.compile(r"(?<![\w:])(?:[0-9a-f]{1,4}:){3,7}(?::?[0-9a-f]{1,4}){1,2}(?![\w:])", re.IGNORECASE)
_PHONE = re.compile(r"(?<![\w+])\+\d{1,3}[ ./-]?(?:\(\d{1,4}\)[ ./-]?)?\d(?:[ ./-]?\d){5,12}(?!\w)")


class Redacted(Record):
    """The text that may be shown, and what was taken out of it, kind → how often."""

    text: str
    found: dict[str, int]


def redact(text: str) -> str:
    """``text`` without secrets, e-mail addresses, card and telephone numbers and internet addresses."""
    return redacted(text).text


def redacted(text: str) -> Redacted:
    """Like ``redact``, with a count of what was found: a draft with finds is not published as it was."""
    found: dict[str, int] = {}

    def took(kind: str, kept: str = "") -> str:
        found[kind] = found.get(kind, 0) + 1
        return f"{kept}[{kind}]"

    rules: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...] = (
        (_PEM, lambda _: took("private key")),
        (_URL_LOGIN, lambda _: took("login")),
        (_KNOWN_TOKENS, lambda _: took("token")),
        (_AUTHORIZATION, lambda m: took("token", f"{m[1]} ")),
        (_ASSIGNED, lambda m: m[0] if m[2].startswith("[") else took("secret", m[1])),
        (_EMAIL, lambda _: took("e-mail")),
        (_CARD, lambda m: took("card number") if _luhn(m[0]) else m[0]),
        (_PHONE, lambda _: took("telephone number")),
        (_IPV4, lambda m: took("address") if _octets(m[0]) else m[0]),
        (_IPV6, lambda _: took("address")),
    )
    for pattern, replace in rules:
        text = pattern.sub(replace, text)
    return Redacted(text=text, found=found)


def _luhn(text: str) -> bool:
    """The check digit of payment cards (ISO/IEC 7812-1, annex B)."""
    digits = [int(char) for char in reversed(text) if char.isdigit()]
    doubled = (d if n % 2 == 0 else sum(divmod(2 * d, 10)) for n, d in enumerate(digits))
    return sum(doubled) % 10 == 0


def _octets(text: str) -> bool:
    return all(int(part) <= 255 for part in text.split("."))
