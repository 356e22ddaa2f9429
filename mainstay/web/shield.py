"""Around every request: security headers, counting, a trace, and an answer for what nobody expected."""

from __future__ import annotations

import time
from collections.abc import MutableMapping
from typing import Any

import structlog
from opentelemetry import propagate
from opentelemetry.trace import SpanKind
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mainstay.telemetry import Metrics, tracer

DOOR = "web"
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Robots-Tag": "noindex",
}
_UNEXPECTED = b'{"error":"Internal","message":"an unexpected fault; it has been logged"}'
_log = structlog.get_logger("mainstay.web")


class Shield:
    """ASGI middleware. ``https``: tell browsers to stay with it."""

    def __init__(self, app: ASGIApp, metrics: Metrics, *, https: bool) -> None:
        self._app = app
        self._metrics = metrics
        self._headers = _HEADERS | ({"Strict-Transport-Security": "max-age=31536000"} if https else {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 0

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                self._harden(message)
            await send(message)

        begun = time.perf_counter()
        carrier = {k.decode("latin-1"): v.decode("latin-1") for k, v in scope["headers"]}
        with (
            self._metrics.in_flight.labels(DOOR).track_inprogress(),
            tracer().start_as_current_span(
                f"{scope['method']} {_place(scope['path'])}",
                context=propagate.extract(carrier),
                kind=SpanKind.SERVER,
            ) as current,
        ):
            try:
                await self._app(scope, receive, sending)
            except Exception:
                _log.exception("request failed", path=_place(scope["path"]))
                if status == 0:
                    await _answer_fault(sending)
            current.set_attribute("http.response.status_code", status)
            self._metrics.requests.labels(DOOR, _outcome(status)).inc()
            if status >= 500:
                _log.warning("answered", status=status, path=_place(scope["path"]), ms=_ms(begun))

    def _harden(self, message: MutableMapping[str, Any]) -> None:
        headers = MutableHeaders(scope=message)
        for name, value in self._headers.items():
            headers.setdefault(name, value)
        headers.setdefault("Cache-Control", "no-store")


async def _answer_fault(send: Send) -> None:
    headers = [(b"content-type", b"application/json"), (b"retry-after", b"5")]
    await send({"type": "http.response.start", "status": 503, "headers": headers})
    await send({"type": "http.response.body", "body": _UNEXPECTED})


def _place(path: str) -> str:
    """Which door was used, without what follows: paths hold signed links and names."""
    first, _, rest = path.strip("/").partition("/")
    return f"/{first[:20]}" + (f"/{rest[:20]}" if first == "webhooks" else "/…" if rest else "")


def _outcome(status: int) -> str:
    return "aborted" if status == 0 else f"{status // 100}xx" if status != 503 else "503"


def _ms(begun: float) -> int:
    return round((time.perf_counter() - begun) * 1000)
