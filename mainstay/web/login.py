"""Logging in: a token once, then a cookie for a shift."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from mainstay.domain.errors import NotAllowed, Refusal, Unauthenticated
from mainstay.telemetry import Metrics
from mainstay.web import body, refused
from mainstay.web.render import page
from mainstay.web.session import Sessions, same_site

MAX_TOKEN = 4096
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


class Login:
    """``/login`` and ``/logout``."""

    def __init__(self, sessions: Sessions, public_url: str, metrics: Metrics) -> None:
        self._sessions = sessions
        self._public = urlsplit(public_url)
        self._metrics = metrics

    async def form(self, request: Request) -> Response:
        """``?token=`` fills the form in, for the address that ``make run`` prints; it logs nobody in."""
        token = request.query_params.get("token", "")[:MAX_TOKEN]
        return page("login.html", request, token=token, problem="")

    async def login(self, request: Request) -> Response:
        try:
            same_site(request)
            self._require_private_line()
            actor = self._sessions.login((await body.form(request)).get("token", "").strip())
        except Refusal as refusal:
            if isinstance(refusal, Unauthenticated):
                self._metrics.wrong_tokens.labels("login").inc()
            status = refused.answer_for(refusal).status
            return page("login.html", request, status=status, token="", problem=refusal.message)
        response = RedirectResponse("/", 303)
        self._sessions.remember(response, actor)
        return response

    async def logout(self, request: Request) -> Response:
        try:
            same_site(request)
        except Refusal as refusal:
            return refused.as_page(request, refusal, ref="")
        response = RedirectResponse("/login", 303)
        self._sessions.forget(response)
        return response

    def _require_private_line(self) -> None:
        if self._public.scheme != "https" and self._public.hostname not in _LOOPBACK:
            raise NotAllowed("tokens are taken over https or on this machine only: set public_url to https://…")
