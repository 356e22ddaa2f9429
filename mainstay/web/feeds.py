"""Calendar feeds over HTTP: ``GET /calendar/SECRET.ics``, with an ETag so that clients may ask often."""

from __future__ import annotations

import hashlib

from starlette.requests import Request
from starlette.responses import Response

from mainstay.desk.desk import Desk
from mainstay.domain.errors import NotFound, Refusal, Unavailable
from mainstay.web import refused


class CalendarFeeds:
    """The secret is the right to read: calendar programs can send nothing else."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def show(self, request: Request) -> Response:
        """200 with the calendar, 304 where the client has it, 404 for an address that does not work (any more)."""
        try:
            text = await self._desk.feeds.read(request.path_params["secret"])
        except NotFound as refusal:
            return refused.as_page(request, refusal, ref="")
        except Refusal:
            return refused.as_page(request, Unavailable("the calendar cannot be read at the moment"), ref="")
        tag = f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'
        headers = {"ETag": tag, "Cache-Control": "private, max-age=300"}
        known = [one.strip().removeprefix("W/") for one in request.headers.get("if-none-match", "").split(",")]
        if tag in known or "*" in known:
            return Response(status_code=304, headers=headers)
        return Response(text, media_type="text/calendar; charset=utf-8", headers=headers)
