"""Escaping of hostile text, one function per medium.

Alert text, notes and names come from outside: they may hold terminal escapes, bidirectional overrides,
mail header breaks, HTML, Markdown or chat mentions (architecture section 8). Everything that shows such
text passes it through the function of its medium. Lengths are in characters.
"""

from __future__ import annotations

import html as _html
import re
import unicodedata

_ESCAPES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor movement
    r"|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?"  # OSC, DCS, SOS, PM, APC: titles, links, clipboard
    r"|\x1b[ -/]*[0-~]?"
    r"|\x9b[0-?]*[ -/]*[@-~]"
)
_BREAKS = re.compile("\r\n|[\r\n\x0b\x0c\x85\u2028\u2029]")
_JOINERS = "\u200c\u200d"
"""Invisible, but Persian words and emoji families need them."""
_MARKDOWN = re.compile(r"[\\`*_{}\[\]()#|~@]|:(?=//)")
_BLOCK = re.compile(r"^(\s*(?:\d{1,9}(?=\.))?)([-+=.])", re.MULTILINE)
"""Marks that begin a list or a heading at the start of a line."""


def plain(text: str, limit: int = 500, *, newlines: bool = False) -> str:
    """``text`` without anything that a terminal, a log or a reader's eye could be fooled by.

    Terminal escapes, control characters, bidirectional and other invisible format characters and lone
    surrogates go; line breaks become spaces, or ``\\n`` with ``newlines``. At most ``limit`` characters, the
    last one ``…`` if something was cut.
    """
    if not (text.isascii() and text.isprintable()):
        text = _BREAKS.sub("\n" if newlines else " ", _ESCAPES.sub("", text)).replace("\t", " ")
        text = "".join(c for c in text if _visible(c))
    text = text.strip()
    return text if len(text) <= limit else text[: max(limit - 1, 0)].rstrip() + "…"


def _visible(char: str) -> bool:
    return char == "\n" or char in _JOINERS or unicodedata.category(char) not in ("Cc", "Cf", "Cs")


def markdown(text: str, limit: int = 500, *, newlines: bool = False) -> str:
    """``text`` as Markdown that shows exactly these characters: no markup, no HTML, no link, no mention."""
    shown = _MARKDOWN.sub(r"\\\g<0>", _html.escape(plain(text, limit, newlines=newlines), quote=False))
    return _BLOCK.sub(r"\1\\\2", shown)


def html(text: str, limit: int = 2000, *, newlines: bool = False) -> str:
    """``text`` for an HTML element or a quoted attribute."""
    return _html.escape(plain(text, limit, newlines=newlines), quote=True)


def header(text: str, limit: int = 200) -> str:
    """``text`` for one e-mail or HTTP header: a single line, so that no further header can be smuggled in."""
    return plain(text, limit)


def chat(text: str, limit: int = 500, *, newlines: bool = True) -> str:
    """``text`` for Slack-like chat: ``& < >`` become entities, and ``@`` and back quotes lose their effect.

    https://api.slack.com/reference/surfaces/formatting names the three entities; the zero-width joiner after
    ``@`` keeps chats that link bare mentions (``@here``) from ringing everybody.
    """
    shown = _html.escape(plain(text, limit, newlines=newlines), quote=False)
    return shown.replace("@", "@\u200d").replace("`", "'")
