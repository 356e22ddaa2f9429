"""Signed action links: GET shows what would happen, POST does it (architecture section 8).

Mail scanners and chat previews follow every link, so a GET never acts. A link is a bearer credential for one
purpose, one person and one incident; pressing the button twice is one intent, because the request id is
derived from the link.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from mainstay.config import Config
from mainstay.desk.desk import Desk
from mainstay.desk.press import MAX_COMMENT, Presses, intent
from mainstay.domain.access import Actor, Assurance
from mainstay.domain.errors import (
    NotAllowed,
    Refusal,
    Unauthenticated,
)
from mainstay.domain.incident import Outcome
from mainstay.domain.signature import LinkClaim, Signer, read_link
from mainstay.telemetry import Metrics, about_incident
from mainstay.web import body, refused
from mainstay.web.offer import Offers
from mainstay.web.render import page, segment
from mainstay.web.session import DOOR, Sessions, same_site


class Links:
    """``/a/{token}``."""

    def __init__(
        self,
        desk: Desk,
        signer: Signer,
        sessions: Sessions,
        config: Callable[[], Config],
        now: Callable[[], datetime],
        metrics: Metrics,
    ) -> None:
        self._desk = desk
        self._offers = Offers(desk)
        self._presses = Presses(desk)
        self._signer = signer
        self._sessions = sessions
        self._config = config
        self._now = now
        self._metrics = metrics

    async def show(self, request: Request) -> Response:
        """``GET``: what would happen, on which incident, as whom. Acts on nothing."""
        claim: LinkClaim | None = None
        try:
            claim = self._claim(request)
            actor = self._actor(request, claim)
            offer = await self._offers.of(claim)
        except Refusal as refusal:
            return self._refuse(request, refusal, claim)
        return page("confirm.html", request, offer=offer, actor=actor, claim=claim, person=actor.person)

    async def act(self, request: Request) -> Response:
        """``POST``: do it, as the person that the link names."""
        claim: LinkClaim | None = None
        try:
            same_site(request)
            claim = self._claim(request)
            fields = await body.form(request)
            actor = self._actor(request, claim)
            with about_incident(claim.incident_key):
                if claim.purpose == "view":
                    return await self._open(claim)
                outcome = await self._do(claim, actor, fields, request.path_params["token"])
        except Refusal as refusal:
            return self._refuse(request, refusal, claim)
        response = page("done.html", request, outcome=outcome, ref=claim.incident_key, person=actor.person)
        if claim.incident_key:
            self._sessions.remember_view(response, claim)
        return response

    def _claim(self, request: Request) -> LinkClaim:
        keys = (self._signer.public(), *self._config().keys)
        return read_link(request.path_params["token"], keys, self._now())

    def _actor(self, request: Request, claim: LinkClaim) -> Actor:
        """The person of the link; with the assurance of a login, if the same person has one here."""
        logged_in = self._sessions.session(request)
        if logged_in is not None and logged_in.person == claim.person:
            return logged_in
        if logged_in is not None:
            raise NotAllowed(
                f"this link was sent to {claim.person}, and you are logged in as {logged_in.person}: use the "
                "link in your own message"
            )
        person = self._config().people.get(claim.person)
        if person is None:
            raise NotAllowed(f"{claim.person} is not known here any more")
        return Actor(person=claim.person, roles=person.access_roles, assurance=Assurance.LINK, door=DOOR)

    async def _open(self, claim: LinkClaim) -> Response:
        view = await self._offers.incident(claim)
        response = RedirectResponse(f"/incidents/{segment(view.number or view.key)}", 303)
        self._sessions.remember_view(response, claim)
        return response

    async def _do(self, claim: LinkClaim, actor: Actor, fields: dict[str, str], token: str) -> Outcome:
        comment = fields.get("comment", "")[:MAX_COMMENT]
        alone = fields.get("break_glass") == "yes"
        request_id = _request_id(token, "break_glass" if alone else "")
        return await self._presses.do(claim, actor, request_id, comment=comment, alone=alone)

    def _refuse(self, request: Request, refusal: Refusal, claim: LinkClaim | None) -> Response:
        heading = ""
        if isinstance(refusal, Unauthenticated):
            self._metrics.wrong_tokens.labels("link").inc()
            heading = "This link does not work"
        ref = claim.incident_key if claim is not None else ""
        return refused.as_page(request, refusal, heading=heading, ref=ref)


def _request_id(token: str, more: str) -> str:
    return intent("mainstay-link", more, token)
