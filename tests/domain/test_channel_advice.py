"""From a provider's answer to what an operator does about it."""

from __future__ import annotations

import pytest

from mainstay.domain.catalogue import CHANNELS
from mainstay.domain.channel_advice import advice
from mainstay.domain.work import Receipt


@pytest.mark.parametrize(
    ("kind", "detail", "expected"),
    [
        ("twilio_voice", "channel c answered 400 (code 21211): The 'To' number is not valid", "correct the number"),
        ("ntfy", "the address of bob is not an ntfy topic", "correct the person's address"),
        ("ntfy", "channel c answered 403 (code 40301): forbidden", "check token"),
        ("pagerduty", "channel c answered 400: Event object is invalid 'routing_key' is invalid", "routing_key"),
        ("opsgenie", "channel c answered 403: Key format is not valid!", "check api_key"),
        ("opsgenie", "channel c answered 429", "wait"),
        ("webhook", "webhook c did not answer in 4.5 s", "firewall"),
        ("smtp", "no mail server at mail.example.com:25: ConnectionRefusedError", "reach the provider"),
        ("slack", "Slack channel c has no room for messages to nobody in particular", "--person"),
        ("smtp", "something new", "channel list (smtp)"),
    ],
)
def test_each_fault_has_its_advice(kind: str, detail: str, expected: str) -> None:
    assert expected in advice(kind, Receipt(accepted=False, permanent=True, detail=detail))


@pytest.mark.parametrize("kind", CHANNELS)
def test_accepted_is_not_delivered(kind: str) -> None:
    """And what a platform opened is closed there."""
    said = advice(kind, Receipt(accepted=True))
    assert ("close it there" if kind in ("pagerduty", "opsgenie") else "not yet delivered") in said
