"""Secrets and personal data in free text."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainstay.domain.redaction import redact, redacted

PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIabc\n-----END RSA PRIVATE KEY-----"
CASES = [
    ("mail alice.b+x@shop.example.com now", "mail [e-mail] now"),
    ("card 4111 1111 1111 1111 declined", "card [card number] declined"),
    ("order 4111 1111 1111 1112 lost", "order 4111 1111 1111 1112 lost"),
    ("from 192.0.2.17 and 2001:db8:0:1:1:1:1:1", "from [address] and [address]"),
    ("version 1.2.3.400 of 999.1.1.1", "version 1.2.3.400 of 999.1.1.1"),
    ("call +49 30 901820 please", "call [telephone number] please"),
    ("password=hunter2, next", "password=[secret], next"),
    ('{"api_key": "abc def"}', '{"api_key": [secret]}'),
    ("DB_PASSWORD: s3cr3t", "DB_PASSWORD: [secret]"),
    ("Authorization: Bearer abcdef0123456789", "Authorization: Bearer [token]"),
    ("postgres://app:pa55@db.example/x", "postgres://[login]@db.example/x"),
    ("ghp_" + "a1" * 18 + " leaked", "[token] leaked"),
    ("eyJhbGciOiJI.eyJzdWIiOiIx.c2lnbmF0dXJl", "[token]"),
    ("AKIAIOSFODNN7EXAMPLE", "[token]"),
    (PEM, "[private key]"),
    (
        "5% of requests at 14:05 UTC, INC-2026-0042, deploy/api v2.3.1",
        "5% of requests at 14:05 UTC, INC-2026-0042, deploy/api v2.3.1",
    ),
    ("at 2026-01-02 14:05:09 sha256:" + "ab12" * 16, "at 2026-01-02 14:05:09 sha256:" + "ab12" * 16),
]


@pytest.mark.parametrize(("text", "shown"), CASES)
def test_finds(text: str, shown: str) -> None:
    """What is secret or personal is replaced by its kind; times, versions and numbers of incidents stay."""
    assert redact(text) == shown


def test_finds_are_counted() -> None:
    """Whoever publishes can see that there was something."""
    assert redacted("a@example.com b@example.com 192.0.2.1").found == {"e-mail": 2, "address": 1}


@given(st.lists(st.one_of(st.sampled_from([text for text, _ in CASES]), st.text(max_size=20)), max_size=6))
def test_twice_is_once(parts: list[str]) -> None:
    """Redacted text holds nothing more to redact."""
    once = redact("\n".join(parts))
    assert redact(once) == once


@pytest.mark.parametrize(
    "text",
    [
        "a" * 50_000,
        "1 " * 25_000,
        "a@" * 25_000,
        "://" * 20_000,
        "token" * 10_000,
        "-----BEGIN " * 4_000,
        "ab:" * 20_000,
        "1." * 25_000,
        '"' * 50_000,
    ],
)
def test_hostile_text_takes_no_time(text: str) -> None:
    """Long text made to confuse a rule is worked through in a moment."""
    began = time.perf_counter()
    redact(text)
    assert time.perf_counter() - began < 3
