"""Is a request Slack's? (https://docs.slack.dev/authentication/verifying-requests-from-slack)"""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime

from mainstay.domain.errors import Unauthenticated

MAX_AGE_SECONDS = 300
"""An older or younger request may be a replay."""


def signature(secret: str, stamp: str, content: bytes) -> str:
    """The value of ``X-Slack-Signature`` for the raw body, sent at ``stamp`` (seconds since 1970)."""
    mac = hmac.new(secret.encode(), f"v0:{stamp}:".encode() + content, hashlib.sha256)
    return f"v0={mac.hexdigest()}"


def verify(secret: str, stamp: str, given: str, content: bytes, now: datetime) -> None:
    """Raises Unauthenticated unless the body was signed with ``secret`` within the last five minutes."""
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) < 13):
        raise Unauthenticated("the request carries no time of Slack's")
    if abs(now.timestamp() - int(stamp)) > MAX_AGE_SECONDS:
        raise Unauthenticated("the request is too old or too young: is this machine's clock right?")
    if not hmac.compare_digest(signature(secret, stamp, content).encode(), given.encode()):
        raise Unauthenticated("the signature is not that of this workspace's signing secret")
