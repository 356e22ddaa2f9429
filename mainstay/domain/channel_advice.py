"""What to do about a receipt: from a provider's answer to the setting that is to be looked at."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from mainstay.domain.catalogue import CHANNELS
from mainstay.domain.work import Receipt

_PLATFORMS = ("pagerduty", "opsgenie")


class _Case(NamedTuple):
    pattern: str
    advice: Callable[[str], str]


def _secrets(kind: str) -> str:
    spec = CHANNELS.get(kind)
    return " and ".join(spec.secrets) if spec and spec.secrets else "the settings"


_CASES = (
    # Twilio's own codes: https://www.twilio.com/docs/api/errors/21610 and …/21211
    _Case(r"code 21610", lambda _: "the person answered STOP: they must send START to your number to get SMS again"),
    _Case(r"code 21211|not a telephone number", lambda _: "correct the number in people.yaml: + and country code"),
    _Case(r"routing.key", lambda _: "check routing_key: the integration key of an Events API v2 integration"),
    _Case(
        r"this worker's configuration",
        lambda _: "the workers read other files than the server: give both the same folder, or wait for the reload",
    ),
    _Case(
        r"cannot be used",
        lambda _: "set the variable, or put the file, where the workers run: they look secrets up, not the server",
    ),
    _Case(
        r"not an ntfy topic|needs a person's address|e-mail address of|the address must begin|none that Apprise",
        lambda _: "correct the person's address on this channel in people.yaml",
    ),
    _Case(r"no room", lambda _: "give the channel a room in mainstay.yaml, or name a person with --person"),
    _Case(
        r"answered 40[13]\b|invalid_auth|not_authed|M_UNKNOWN_TOKEN|M_FORBIDDEN|\b535\b",
        lambda kind: f"the secret is wrong or lacks rights: check {_secrets(kind)} of the channel, then test again",
    ),
    _Case(r"answered (?:30\d|404)\b|not a web address", lambda _: "check the address of the channel in mainstay.yaml"),
    _Case(r"answered 429\b", lambda _: "the provider has had too many requests: wait, or raise the limit there"),
    _Case(r"answered 5\d\d\b", lambda _: "the provider has a fault of its own: see its status page, then test again"),
    _Case(
        r"did not answer|broke off|did not take the mail|no mail server|no answer in time|could not hand it over",
        lambda _: "check that the workers reach the provider: address, firewall, proxy, name resolution, TLS",
    ),
    _Case(r"unencrypted|does not support what", lambda _: "check security and port of the channel"),
)


def advice(kind: str, receipt: Receipt) -> str:
    """One line for the operator. ``kind`` is the channel's type, such as ``twilio_sms``."""
    if receipt.accepted:
        if kind in _PLATFORMS:
            return "a test alert is open there now: look at who was told, and close it there"
        return "ask the person whether it has arrived: accepted by the provider is not yet delivered"
    found = next((case for case in _CASES if re.search(case.pattern, receipt.detail, re.IGNORECASE)), None)
    if found is not None:
        return found.advice(kind)
    return f"compare the channel's settings with mainstay channel list ({kind}), then test again"
