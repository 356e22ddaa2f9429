"""The HTTP door's table of addresses."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from mainstay.config import Config
from mainstay.config.settings import Settings
from mainstay.desk.auth import Authenticator
from mainstay.desk.desk import Desk
from mainstay.domain.errors import InvalidArgument, NotFound
from mainstay.domain.signature import Signer
from mainstay.telemetry import Metrics
from mainstay.web import refused
from mainstay.web.feeds import CalendarFeeds
from mainstay.web.health import Health
from mainstay.web.links import Links
from mainstay.web.login import Login
from mainstay.web.mail import Mail
from mainstay.web.pagerduty import PagerDuty
from mainstay.web.pages import Pages
from mainstay.web.render import style
from mainstay.web.session import Sessions
from mainstay.web.shield import Shield
from mainstay.web.slack import SlackDoor
from mainstay.web.status import StatusPage
from mainstay.web.twilio import Twilio
from mainstay.web.webhooks import DELIVERY_TIMEOUT, MAX_IN_FLIGHT, Webhooks


def _now() -> datetime:
    return datetime.now(UTC)


def build_app(
    desk: Desk,
    authenticator: Authenticator,
    config: Callable[[], Config],
    signer: Signer,
    settings: Settings,
    metrics: Metrics | None = None,
    *,
    now: Callable[[], datetime] = _now,
    max_in_flight: int = MAX_IN_FLIGHT,
    delivery_timeout: timedelta = DELIVERY_TIMEOUT,
) -> Starlette:
    """Every address of the HTTP door. ``config`` answers the configuration that is loaded now.

    Open to everybody: ``/status``, ``/healthz``, ``/readyz``, ``/metrics`` (figures only), ``/login``, and
    the confirm pages of signed links. Everything else wants a token, a session, a link or Slack's signature.
    """
    metrics = metrics or Metrics()
    public_url = config().public_url or settings.public_url
    https = public_url.startswith("https://")
    sessions = Sessions(authenticator, signer, now, secure=https)
    hooks = Webhooks(desk, authenticator, metrics, max_in_flight=max_in_flight, timeout=delivery_timeout)
    links = Links(desk, signer, sessions, config, now, metrics)
    pages = Pages(desk, signer, sessions, config, settings, now, metrics)
    health = Health(desk, metrics, now)
    public = StatusPage(desk, config, now)
    login = Login(sessions, public_url, metrics)
    twilio = Twilio(desk, signer, config, public_url, now, metrics)
    mail = Mail(desk, config, now, metrics)
    pagerduty = PagerDuty(desk, config, metrics)
    slack = SlackDoor(desk, config, now, metrics)
    get, post = ["GET"], ["POST"]
    return Starlette(
        routes=[
            Route("/webhooks/alertmanager", hooks.alertmanager, methods=post),
            Route("/webhooks/grafana", hooks.grafana, methods=post),
            Route("/webhooks/events", hooks.events, methods=post),
            Route("/twilio/{channel}/status", twilio.status, methods=post),
            Route("/twilio/{channel}/sms", twilio.sms, methods=post),
            Route("/twilio/{channel}/voice/{ack}/{escalate}", twilio.voice, methods=post),
            Route("/mail/{channel}", mail.receive, methods=post),
            Route("/pagerduty/{channel}", pagerduty.event, methods=post),
            Route("/chat/slack/{channel}/commands", slack.commands, methods=post),
            Route("/chat/slack/{channel}/actions", slack.actions, methods=post),
            Route("/chat/slack/{channel}/events", slack.events, methods=post),
            Route("/a/{token}", links.show, methods=get),
            Route("/a/{token}", links.act, methods=post),
            Route("/", pages.index, methods=get),
            Route("/oncall/{schedule:path}", pages.schedule, methods=get),
            Route("/incidents/{ref:path}", pages.incident, methods=get),
            Route("/runs/{run:path}", pages.run, methods=get),
            Route("/login", login.form, methods=get),
            Route("/login", login.login, methods=post),
            Route("/logout", login.logout, methods=post),
            Route("/calendar/{secret}.ics", CalendarFeeds(desk).show, methods=get),
            Route("/status", public.show, methods=get),
            Route("/healthz", health.alive, methods=get),
            Route("/readyz", health.ready, methods=get),
            Route("/metrics", health.metrics, methods=get),
            Route("/style.css", _style, methods=get),
        ],
        middleware=[Middleware(Shield, metrics=metrics, https=https)],
        exception_handlers={404: _unknown, 405: _wrong_method},
    )


async def _style(_request: Request) -> Response:
    headers = {"Cache-Control": "public, max-age=86400"}
    return Response(style(), media_type="text/css", headers=headers)


async def _unknown(request: Request, _error: Exception) -> Response:
    return refused.as_page(request, NotFound("there is no such page"), ref="")


async def _wrong_method(request: Request, _error: Exception) -> Response:
    response = refused.as_page(request, InvalidArgument("this address does not take this method"), ref="")
    response.status_code = 405
    return response
