"""The console: one line a message, for development and as a last resort that needs no network."""

from __future__ import annotations

import sys
from typing import ClassVar, TextIO

from activities.channels.channel import Outgoing
from mainstay.domain.catalogue import CHANNELS
from mainstay.domain.catalogue.spec import Supports
from mainstay.domain.rendering import render_message
from mainstay.domain.text import plain
from mainstay.domain.work import Receipt


class Console:
    """Prints one escaped line. No links: what is printed ends up in a log, and a link is a right to act."""

    supports: ClassVar[Supports] = CHANNELS["console"].supports

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream

    async def send(self, outgoing: Outgoing) -> Receipt:
        line = render_message(outgoing.message, medium="line").body
        to = plain(outgoing.person, 64) or "everybody"
        print(f"[{outgoing.message.kind}] to {to}: {line}", file=self._stream or sys.stderr, flush=True)
        return Receipt(accepted=True)
