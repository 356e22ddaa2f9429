"""The console channel: one line, nothing that a terminal obeys, no link."""

from __future__ import annotations

import io

import pytest

from activities.channels.channel import Outgoing
from activities.channels.console import Console
from mainstay.domain.letter import Offer
from mainstay.domain.message import AnyMessage
from tests.activities.samples import EVERY_KIND, HOSTILE, NOW, PAGE, hostile


async def printed(message: AnyMessage, person: str = "bob") -> str:
    stream = io.StringIO()
    offers = (Offer(label="Acknowledge", url="https://example.com/a/token"),)
    outgoing = Outgoing(key="k", message=message, at=NOW, person=person, address="bob@example.com", links=offers)
    assert (await Console(stream).send(outgoing)).accepted
    return stream.getvalue()


async def test_a_page_is_one_line_that_says_who_what_and_why() -> None:
    line = await printed(PAGE)
    assert line == (
        "[page] to bob: [SEV1] INC-2026-0042 payment-service: HighErrorRate: 5xx over 5% – "
        "step 2 of payments-default: nobody answered for 5 min\n"
    )


@pytest.mark.parametrize("message", EVERY_KIND, ids=lambda m: str(m.kind))
async def test_hostile_text_stays_on_the_line_and_no_link_is_printed(message: AnyMessage) -> None:
    line = await printed(hostile(message), HOSTILE)
    assert line.count("\n") == 1
    assert not any(char in line for char in "\r\x00\x07\x1b\u202e\u2028")
    assert "token" not in line
    assert "bob@example.com" not in line
