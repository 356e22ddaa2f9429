"""Words for telephones: one segment, plain letters, and answers that people really type."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainstay.domain.message import IncidentRef, PageMessage
from mainstay.domain.telephone import SEGMENT, code_of, gsm, is_number, reply, sms, spoken

KEY = "0190f3a4-1111-7222-8333-944455566677"


@given(st.text(max_size=2000), st.text(max_size=200))
def test_whatever_the_title_an_sms_is_one_segment_that_says_what_to_press(title: str, service: str) -> None:
    message = PageMessage(incident=IncidentRef(key=KEY, title=title, service=service, severity="SEV1"))
    text = sms(message)
    assert len(text) <= SEGMENT
    assert text.endswith(" Reply 1 6677 to acknowledge, 2 6677 to escalate")
    assert gsm(text, SEGMENT) == text
    assert not set("\x1b\r\n") & set(spoken(message))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("1", ("acknowledge", "")),
        (" 1 6677\n", ("acknowledge", "6677")),
        ("ACK 6677", ("acknowledge", "6677")),
        ("Ack: 66A7", ("acknowledge", "66a7")),
        ("2 6677", ("escalate", "6677")),
        ("escalate", ("escalate", "")),
        ("12", ("", "")),
        ("I am on my way", ("", "")),
        ("1 6677 and more", ("", "")),
        ("", ("", "")),
        ("1" * 5000, ("", "")),
    ],
)
def test_replies(text: str, wanted: tuple[str, str]) -> None:
    assert reply(text) == wanted


@pytest.mark.parametrize(
    ("text", "wanted"), [("São Paulo [x]", "Sao Paulo (x)"), ("Ω über €", "Ω über ?"), ("日本", "??")]
)
def test_letters_that_a_telephone_lacks_are_replaced(text: str, wanted: str) -> None:
    assert gsm(text, 50) == wanted


def test_numbers_are_international_and_codes_come_from_the_key() -> None:
    assert is_number("+4930123456")
    assert not any(map(is_number, ("030123456", "+0123456789", "+49 30 12", "+1", "")))
    assert code_of(KEY) == "6677"
    assert code_of("") == "0000"
