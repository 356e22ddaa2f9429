"""The alert doors: authenticate, parse, hand over, and only then say yes.

What an authenticated source sends is never lost: it is delivered, or kept raw in the fallback incident, or
answered 503, which every sender repeats (architecture section 7, "At the doors").
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from datetime import timedelta

import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from mainstay.desk.answers import Delivered
from mainstay.desk.auth import Authenticator, require
from mainstay.desk.desk import Desk
from mainstay.domain.access import AccessRole, Actor
from mainstay.domain.alert import Alert
from mainstay.domain.errors import NotAllowed, Refusal, Unauthenticated, Unavailable
from mainstay.telemetry import Metrics
from mainstay.web import alertmanager, body, events, intake, refused
from mainstay.web.intake import Parsed

MAX_IN_FLIGHT = 32
"""Deliveries under way at once: with bodies of 4 MiB at most, 128 MiB."""
DELIVERY_TIMEOUT = timedelta(seconds=9)
"""Below the 10 s after which common senders hang up, so that they hear the 503."""
IN_LOOP_BYTES = 64 * 1024
Parser = Callable[[bytes, str], Parsed]
_ROUTE = re.compile(r"[\w.-]{1,64}")
_log = structlog.get_logger("mainstay.web")


class Webhooks:
    """One method per door; each answers only when Temporal has the alerts."""

    def __init__(
        self,
        desk: Desk,
        authenticator: Authenticator,
        metrics: Metrics,
        *,
        max_in_flight: int = MAX_IN_FLIGHT,
        timeout: timedelta = DELIVERY_TIMEOUT,
    ) -> None:
        self._desk = desk
        self._authenticator = authenticator
        self._metrics = metrics
        self._free = max_in_flight
        self._timeout = timeout

    async def alertmanager(self, request: Request) -> Response:
        """``POST /webhooks/alertmanager``: payload version 4. ``?route=`` names the sender more closely."""
        return await self._door(request, "alertmanager", alertmanager.parse)

    async def grafana(self, request: Request) -> Response:
        """``POST /webhooks/grafana``: Grafana's alerting webhook, the same shape."""
        return await self._door(request, "grafana", alertmanager.parse)

    async def events(self, request: Request) -> Response:
        """``POST /webhooks/events``: PagerDuty's Events v2 shape. Answers 202 as the original does."""
        return await self._door(request, events.SOURCE, lambda content, _: events.parse(content))

    async def _door(self, request: Request, source: str, parse: Parser) -> Response:
        try:
            if source != events.SOURCE or "authorization" in request.headers:
                self._source(request.headers.get("authorization"))
        except Refusal as refusal:
            return self._refuse(refusal, source)
        if self._free <= 0:
            return self._refuse(Unavailable("too many deliveries at once: send it again"), source)
        self._free -= 1
        try:
            return await self._take(request, source, parse)
        except Refusal as refusal:
            return self._refuse(refusal, source)
        finally:
            self._free += 1

    async def _take(self, request: Request, source: str, parse: Parser) -> Response:
        begun = time.perf_counter()
        content, oversized = await self._read(request)
        if source == events.SOURCE and "authorization" not in request.headers:
            self._source(events.routing_key(content))
        named = _named(source, request.query_params.get("route", ""))
        parsed = _beginning(content, named) if oversized else await _parse(parse, content, named)
        delivered = await self._deliver(parsed, content, named)
        self._count(parsed, source, time.perf_counter() - begun)
        return _accepted(parsed, delivered, oversized, status=202 if source == events.SOURCE else 200)

    async def _read(self, request: Request) -> body.Body:
        try:
            return await body.read(request, intake.MAX_BODY_BYTES)
        except (TimeoutError, ClientDisconnect):
            raise Unavailable("the body did not arrive in time: send it again") from None

    async def _deliver(self, parsed: Parsed, content: bytes, source: str) -> tuple[Delivered, ...]:
        """Hand over; what the desk refuses for good goes once more, as a raw alert nobody can misread."""
        if not parsed.all:
            return ()
        try:
            return await self._once(parsed.all, source)
        except Unavailable:
            raise
        except Refusal as refusal:
            _log.warning("alerts refused, kept raw", source=source, kind=refusal.kind, why=refusal.message)
        kept = intake.raw_alert(content, source, "it could not be delivered as it is")
        try:
            return await self._once((kept,), source)
        except Unavailable:
            raise
        except Refusal as refusal:
            raise Unavailable(f"alerts could not be handed over: {refusal.message}") from refusal

    async def _once(self, alerts: tuple[Alert, ...], source: str) -> tuple[Delivered, ...]:
        """One try, bounded in time. A fault nobody expected is a 503 too: the sender tries again."""
        try:
            async with asyncio.timeout(self._timeout.total_seconds()):
                return await self._desk.deliver(alerts, source)
        except Refusal:
            raise
        except TimeoutError:
            raise Unavailable("Temporal has not accepted the alerts in time: send them again") from None
        except Exception as fault:
            _log.exception("delivery failed", source=source)
            raise Unavailable("the alerts could not be handed over: send them again") from fault

    def _source(self, bearer: str | None) -> Actor:
        actor = self._authenticator.authenticate(bearer)
        require(actor, AccessRole.ALERT_SOURCE)
        return actor

    def _refuse(self, refusal: Refusal, source: str) -> Response:
        if isinstance(refusal, Unauthenticated | NotAllowed):
            self._metrics.wrong_tokens.labels(source).inc()
        self._metrics.alerts.labels(source, "rejected").inc()
        return refused.as_json(refusal)

    def _count(self, parsed: Parsed, source: str, seconds: float) -> None:
        self._metrics.alerts.labels(source, "accepted").inc(len(parsed.alerts))
        self._metrics.alerts.labels(source, "unparseable").inc(len(parsed.unreadable))
        self._metrics.delivery.labels(source).observe(seconds)
        if parsed.unreadable or parsed.truncated:
            reasons = [alert.annotations["summary"] for alert in parsed.unreadable[:5]]
            _log.warning("alerts not readable", source=source, reasons=reasons, truncated=parsed.truncated)


async def _parse(parse: Parser, content: bytes, source: str) -> Parsed:
    """A large body is parsed beside the loop, so that it does not delay other deliveries."""
    if len(content) <= IN_LOOP_BYTES:
        return parse(content, source)
    return await asyncio.to_thread(parse, content, source)


def _named(source: str, route: str) -> str:
    """``alertmanager/eu-1``: senders told apart, each with a fallback incident of its own."""
    return f"{source}/{route}" if _ROUTE.fullmatch(route) else source


def _beginning(content: bytes, source: str) -> Parsed:
    """Of a body over the limit, its beginning. 413 would lose it: Alertmanager repeats no 4xx."""
    reason = f"it is longer than {intake.MAX_BODY_BYTES} bytes; set max_alerts in the sender"
    return Parsed(unreadable=(intake.raw_alert(content, source, reason),))


def _accepted(parsed: Parsed, delivered: tuple[Delivered, ...], oversized: bool, *, status: int) -> JSONResponse:
    return JSONResponse(
        {
            "status": "success",
            "accepted": len(parsed.alerts),
            "kept_raw": len(parsed.unreadable),
            "oversized": oversized,
            "incidents": [d.workflow_id for d in delivered if not d.ignored],
        },
        status,
    )
