"""What another paging platform is told to do with its alert of an incident."""

from __future__ import annotations

from typing import Literal

from mainstay.domain.message import AnyMessage, HandledMessage, StatusMessage

Act = Literal["trigger", "acknowledge", "resolve"]
_OVER = frozenset({"resolved", "closed", "cancelled"})


def act_of(message: AnyMessage) -> Act:
    """``handled`` acknowledges, a status of resolved or closed resolves; everything else calls somebody."""
    if isinstance(message, HandledMessage):
        return "acknowledge"
    if isinstance(message, StatusMessage) and message.state.strip().lower() in _OVER:
        return "resolve"
    return "trigger"
