"""Reading what a client sends, bounded in size and time."""

from __future__ import annotations

import asyncio
from typing import NamedTuple
from urllib.parse import parse_qs

from starlette.requests import ClientDisconnect, Request

from mainstay.domain.errors import InvalidArgument

READ_SECONDS = 15.0
MAX_FORM_BYTES = 64 * 1024
DRAIN_BYTES = 64 * 1024 * 1024
"""How much of an oversized body is read and thrown away, so that its sender hears the answer."""


class Body(NamedTuple):
    """``content`` is at most the limit; ``oversized`` says that there was more."""

    content: bytes
    oversized: bool


async def read(request: Request, limit: int) -> Body:
    """The body. Raises TimeoutError for a sender that trickles, ClientDisconnect for one that hangs up."""
    kept = bytearray()
    size = 0
    async with asyncio.timeout(READ_SECONDS):
        async for chunk in request.stream():
            size += len(chunk)
            kept += chunk[: max(limit - len(kept), 0)]
            if size > DRAIN_BYTES:
                break
    return Body(bytes(kept), size > limit)


async def form(request: Request) -> dict[str, str]:
    """The fields of an urlencoded form, the last value of each. Raises InvalidArgument."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    try:
        body = await read(request, MAX_FORM_BYTES)
        if body.oversized:
            raise InvalidArgument(f"the form is longer than {MAX_FORM_BYTES} bytes")
        if body.content and kind != "application/x-www-form-urlencoded":
            raise InvalidArgument("send the form as application/x-www-form-urlencoded")
        fields = parse_qs(body.content.decode(), keep_blank_values=True, max_num_fields=100)
    except (ValueError, TimeoutError, ClientDisconnect):
        raise InvalidArgument("the form could not be read") from None
    return {name: values[-1] for name, values in fields.items()}
