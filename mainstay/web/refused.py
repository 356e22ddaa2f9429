"""Refusals → HTTP: one status and one heading for each kind, at every page and hook."""

from __future__ import annotations

from typing import Any, NamedTuple

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from mainstay.domain.errors import Refusal
from mainstay.domain.text import plain
from mainstay.web.render import page

RETRY_AFTER_SECONDS = 5


class Answer(NamedTuple):
    status: int
    heading: str


_ANSWERS: dict[str, Answer] = {
    "InvalidArgument": Answer(400, "Something in the request is wrong"),
    "Unauthenticated": Answer(401, "Please show who you are"),
    "NotAllowed": Answer(403, "You may not do this"),
    "NotFound": Answer(404, "Not found"),
    "WrongState": Answer(409, "This cannot happen now"),
    "AlreadyDone": Answer(409, "Already done"),
    "Stale": Answer(409, "This has changed since"),
    "Expired": Answer(410, "Too late"),
    "Halted": Answer(423, "All changes are halted"),
    "Unavailable": Answer(503, "Mainstay cannot reach a part it needs"),
}
"""RFC 9110 section 15; 423 is RFC 4918's Locked."""


def answer_for(refusal: Refusal) -> Answer:
    return _ANSWERS[refusal.kind]


def headers_for(refusal: Refusal) -> dict[str, str]:
    match refusal.kind:
        case "Unauthenticated":
            return {"WWW-Authenticate": 'Bearer realm="mainstay"'}
        case "Unavailable":
            later = getattr(refusal, "retry_after", None)
            seconds = max(int(later.total_seconds()), 1) if later is not None else RETRY_AFTER_SECONDS
            return {"Retry-After": str(seconds)}
        case _:
            return {}


def as_json(refusal: Refusal, **more: Any) -> JSONResponse:
    body = {"error": refusal.kind, "message": plain(refusal.message, 1000), "field": refusal.field, **more}
    return JSONResponse(body, answer_for(refusal).status, headers_for(refusal))


def as_page(request: Request, refusal: Refusal, *, heading: str = "", **more: Any) -> Response:
    """For people, or as JSON for a program that asks for it and not for HTML."""
    accept = request.headers.get("accept", "")
    if "application/json" in accept and "text/html" not in accept:
        return as_json(refusal)
    answer = answer_for(refusal)
    return page(
        "refused.html",
        request,
        status=answer.status,
        headers=headers_for(refusal),
        heading=heading or answer.heading,
        kind=refusal.kind,
        message=refusal.message,
        **more,
    )
