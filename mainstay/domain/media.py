"""A letter in one medium: mail text, HTML, or a single line. All escaping of messages happens here."""

from __future__ import annotations

from typing import assert_never

from mainstay.domain import text as escape
from mainstay.domain.letter import Block, Bullets, Facts, Letter, Offer, Offers, Paragraph, Verbatim

MAX_PARAGRAPH = 4000
MAX_VERBATIM = 40_000
"""Longest diff or command shown, in characters."""
MAX_ITEM = 500
MAX_ITEMS = 20


def as_text(letter: Letter) -> str:
    """Plain text for mail and terminals: no control character or escape sequence of the input survives."""
    return "\n\n".join(part for part in map(_text, letter.blocks) if part) + "\n"


def as_html(letter: Letter) -> str:
    """An HTML document without scripts, images or anything fetched from elsewhere."""
    body = "\n".join(part for part in map(_html, letter.blocks) if part)
    title = escape.html(letter.subject, 200)
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title></head>\n'
        f'<body style="font:16px/1.5 sans-serif;max-width:44em">\n{body}\n</body></html>\n'
    )


def as_fragment(letter: Letter) -> str:
    """HTML for a chat message: the subject in bold and the blocks, without a document around them."""
    return "\n".join([f"<p><b>{escape.html(letter.subject, 200)}</b></p>", *filter(None, map(_html, letter.blocks))])


def as_line(letter: Letter) -> str:
    """One line, for a console, a log or a short message: subject and brief, without links."""
    return escape.plain(f"{letter.subject} – {letter.brief}" if letter.brief else letter.subject, 400)


def _text(block: Block) -> str:
    match block:
        case Paragraph():
            return escape.plain(block.text, MAX_PARAGRAPH, newlines=True)
        case Facts():
            return "\n".join(f"{name}: {escape.plain(value, MAX_ITEM)}" for name, value in _known(block))
        case Bullets():
            return _titled(block.title, [f"  - {escape.plain(item, MAX_ITEM)}" for item in _few(block.items)])
        case Verbatim():
            return _titled(block.title, [f"    {line}" for line in lines(block.text)])
        case Offers():
            return _titled(block.title, [_offer_text(offer) for offer in block.offers])
        case _:
            assert_never(block)


def _html(block: Block) -> str:
    match block:
        case Paragraph():
            shown = escape.html(block.text, MAX_PARAGRAPH, newlines=True)
            return f"<p>{shown.replace(chr(10), '<br>')}</p>" if shown else ""
        case Facts():
            rows = "".join(
                f"<tr><th align=left>{escape.html(name)}</th><td>{escape.html(value, MAX_ITEM)}</td></tr>"
                for name, value in _known(block)
            )
            return f'<table cellpadding="4">{rows}</table>' if rows else ""
        case Bullets():
            items = "".join(f"<li>{escape.html(item, MAX_ITEM)}</li>" for item in _few(block.items))
            return f"<p>{escape.html(block.title)}</p><ul>{items}</ul>" if items else ""
        case Verbatim():
            shown = "\n".join(escape.html(line, MAX_VERBATIM) for line in lines(block.text))
            title = f"<p>{escape.html(block.title)}</p>"
            return f'{title}<pre style="white-space:pre-wrap">{shown}</pre>' if shown else ""
        case Offers():
            shown = "".join(_offer_html(offer) for offer in block.offers)
            return f"<p>{escape.html(block.title)}</p>{shown}" if shown else ""
        case _:
            assert_never(block)


def _offer_text(offer: Offer) -> str:
    does = f" – {escape.plain(offer.does, MAX_ITEM)}" if offer.does else ""
    return f"  {escape.plain(offer.label, 120)}{does}\n  {escape.plain(offer.url, MAX_PARAGRAPH)}"


def _offer_html(offer: Offer) -> str:
    label, url = escape.html(offer.label, 120), escape.html(_web(offer.url), MAX_PARAGRAPH)
    does = f" – {escape.html(offer.does, MAX_ITEM)}" if offer.does else ""
    return f'<p><a href="{url}" rel="noreferrer"><b>{label}</b></a>{does}</p>'


def _web(url: str) -> str:
    """Only web addresses become clickable: ``javascript:`` and the like never do."""
    return url if url.startswith(("https://", "http://")) else "about:blank"


def _known(block: Facts) -> list[tuple[str, str]]:
    return [(name, value) for name, value in block.facts if value.strip()]


def _few(items: tuple[str, ...]) -> list[str]:
    shown = list(items[:MAX_ITEMS])
    return [*shown, f"… and {len(items) - MAX_ITEMS} more"] if len(items) > MAX_ITEMS else shown


def lines(text: str) -> list[str]:
    """The lines of ``text``, each cleaned, its indentation kept: a diff's first column carries meaning."""
    cut = text if len(text) <= MAX_VERBATIM else text[:MAX_VERBATIM] + "\n… cut here: see the incident for all"
    return [_indented(line) for line in cut.strip("\n").split("\n")] if cut.strip() else []


def _indented(line: str) -> str:
    body = line.lstrip(" ")
    return " " * (len(line) - len(body)) + escape.plain(body, MAX_PARAGRAPH)


def _titled(title: str, lines: list[str]) -> str:
    return "\n".join([title, *lines]) if lines else ""
