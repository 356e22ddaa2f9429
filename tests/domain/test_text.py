"""Hostile text, per medium."""

from __future__ import annotations

import html as stdlib_html
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainstay.domain.text import chat, header, html, markdown, plain
from tests.strategies import hostile_text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("ordinary text: 5% of é, 日本, 👩‍👩‍👧", "ordinary text: 5% of é, 日本, 👩‍👩‍👧"),
        ("\x1b[31;1mred\x1b[0m", "red"),
        ("\x1b]0;title\x07x", "x"),
        ("\x1b]8;;http://evil.example\x1b\\click\x1b]8;;\x1b\\", "click"),
        ("\x9b2Jx", "x"),
        ("a\rb\nc\u2028d", "a b c d"),
        ("abc\u202etxt.exe", "abctxt.exe"),
        ("a\ud800b", "ab"),
        ("a\x00b\x7f", "ab"),
        ("  padded\t", "padded"),
    ],
)
def test_plain(text: str, shown: str) -> None:
    """What a terminal, a log or an eye could be fooled by is gone; the rest stays."""
    assert plain(text) == shown


def test_plain_is_bounded_and_keeps_lines_if_asked() -> None:
    """At most the limit, with an ellipsis; line breaks of all kinds become one kind."""
    assert plain("abcdef", 4) == "abc…"
    assert plain("a\r\nb\u2029c", newlines=True) == "a\nb\nc"
    assert plain("abc", 0) in ("", "…")


@given(hostile_text(), st.integers(1, 40))
def test_plain_of_anything(text: str, limit: int) -> None:
    """Any text becomes one printable, encodable line within the limit, and stays as it is the second time."""
    shown = plain(text, limit)
    assert len(shown) <= limit
    assert "\x1b" not in shown
    assert "\n" not in shown
    shown.encode()
    assert plain(shown, limit) == shown


@given(hostile_text())
def test_html_and_headers_of_anything(text: str) -> None:
    """No tag, no quote and no further header can come out of it."""
    assert not set("<>\"'") & set(html(text))
    assert stdlib_html.unescape(html(text)) == plain(text, 2000)
    message = EmailMessage()
    message["Subject"] = header(text)
    assert len(message.keys()) == 1


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("*b* _i_ `c` ~s~", r"\*b\* \_i\_ \`c\` \~s\~"),
        ("[x](http://e.example)", r"\[x\]\(http\://e.example\)"),
        ("<img src=x>", "&lt;img src=x&gt;"),
        ("| cell", r"\| cell"),
        ("# h\n- a\n1. b", "\\# h\n\\- a\n1\\. b"),
        ("== 5.2% of a-b", r"\== 5.2% of a-b"),
        ("@here", r"\@here"),
        (r"\\", "\\\\\\\\"),
    ],
)
def test_markdown(text: str, shown: str) -> None:
    """Marks are shown, not obeyed; ordinary text stays readable."""
    assert markdown(text, newlines=True) == shown


def test_chat() -> None:
    """A mention of everybody, a link and a code fence lose their effect."""
    shown = chat("<!channel> <http://e.example|bank> @here ```x```")
    assert "<" not in shown
    assert "`" not in shown
    assert "@here" not in shown
