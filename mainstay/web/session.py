"""Who looks at a page: a bearer token, a session cookie after login, or a signed ``view`` link.

Cookies are link tokens of the same signer, with purposes of their own: a cookie opens no link and a link no
session. Nothing is stored, so every server of an installation knows every session.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from starlette.requests import Request
from starlette.responses import Response

from mainstay.desk.auth import Authenticator, require
from mainstay.domain.access import AccessRole, Actor, Assurance
from mainstay.domain.errors import NotAllowed, Refusal, Unauthenticated
from mainstay.domain.signature import LinkClaim, Signer, read_link

SESSION_COOKIE = "mainstay_session"
SESSION_LENGTH = timedelta(hours=8)
"""A shift. Roles are those of the token at login, so a revoked token ends its sessions at most this late."""
SESSION = "web-session"
VIEW = "web-view"
DOOR = "web"
READERS = (AccessRole.VIEWER, AccessRole.RESPONDER, AccessRole.APPROVER, AccessRole.COMMANDER)


class Sessions:
    """Reads and writes the cookies. ``secure``: only ever over https."""

    def __init__(
        self, authenticator: Authenticator, signer: Signer, now: Callable[[], datetime], *, secure: bool
    ) -> None:
        self._authenticator = authenticator
        self._signer = signer
        self._now = now
        self._secure = secure

    def login(self, token: str) -> Actor:
        """Whose token it is. Raises Unauthenticated, and NotAllowed for a token that may not read."""
        actor = self._authenticator.authenticate(f"Bearer {token}")
        require(actor, *READERS)
        return actor

    def remember(self, response: Response, actor: Actor) -> None:
        """Set the session cookie of ``actor``."""
        roles = ",".join(role.value for role in actor.roles)
        self._set(response, SESSION_COOKIE, self._claim(SESSION, actor.person, "", roles, SESSION_LENGTH))

    def remember_view(self, response: Response, claim: LinkClaim) -> None:
        """Let the holder of a signed link read its one incident until the link expires, a shift at most."""
        left = min(claim.expires_at - self._now(), SESSION_LENGTH)
        made = self._claim(VIEW, claim.person, claim.incident_key, "", left)
        self._set(response, view_cookie(claim.incident_key), made)

    def forget(self, response: Response) -> None:
        response.delete_cookie(SESSION_COOKIE, path="/", httponly=True, samesite="strict")

    def session(self, request: Request) -> Actor | None:
        """Who logged in, from the cookie alone."""
        claim = self._read(request, SESSION_COOKIE, SESSION)
        if claim is None:
            return None
        roles = tuple(AccessRole(role) for role in claim.argument.split(",") if role)
        return Actor(person=claim.person, roles=roles, assurance=Assurance.TOKEN, door=DOOR)

    def reader(self, request: Request, incident_key: str = "") -> Actor:
        """Who may read ``incident_key`` (empty: everything). Raises Unauthenticated or NotAllowed."""
        if header := request.headers.get("authorization"):
            actor = self._authenticator.authenticate(header)
            require(actor, *READERS)
        else:
            found = self.session(request) or self._viewer(request, incident_key)
            if found is None:
                raise Unauthenticated("log in, or open the incident from the link in your message")
            actor = found
        request.state.person = actor.person
        return actor

    def _viewer(self, request: Request, incident_key: str) -> Actor | None:
        claim = self._read(request, view_cookie(incident_key), VIEW) if incident_key else None
        if claim is None or claim.incident_key != incident_key:
            return None
        return Actor(person=claim.person, assurance=Assurance.LINK, door=DOOR)

    def _read(self, request: Request, cookie: str, purpose: str) -> LinkClaim | None:
        token = request.cookies.get(cookie)
        try:
            keys = (self._signer.public(),)
            return read_link(token, keys, self._now(), purpose=purpose) if token else None
        except Refusal:
            return None

    def _claim(self, purpose: str, person: str, key: str, argument: str, length: timedelta) -> LinkClaim:
        return LinkClaim(
            purpose=purpose,
            workflow_id="",
            incident_key=key,
            person=person,
            argument=argument,
            expires_at=self._now().astimezone(UTC) + length,
        )

    def _set(self, response: Response, name: str, claim: LinkClaim) -> None:
        response.set_cookie(
            name,
            self._signer.link_token(claim),
            max_age=max(int((claim.expires_at - self._now()).total_seconds()), 0),
            path="/",
            secure=self._secure,
            httponly=True,
            samesite="strict",
        )


def view_cookie(incident_key: str) -> str:
    """One cookie per incident, so that two open incidents do not push each other out."""
    return "mainstay_view_" + hashlib.sha256(incident_key.encode()).hexdigest()[:12]


def same_site(request: Request) -> None:
    """Raises NotAllowed for a form that another site's page has sent.

    The cookies are SameSite=Strict and every acting form carries a signed token; this is the third lock.
    Browsers send ``Origin: null`` under ``Referrer-Policy: no-referrer``, so that says nothing here.
    """
    fetch = request.headers.get("sec-fetch-site")
    if fetch is not None and fetch not in ("same-origin", "none"):
        raise NotAllowed("this form was sent from another site's page: open the link again and confirm there")
    origin = request.headers.get("origin")
    if fetch is None and origin not in (None, "null"):
        host = request.headers.get("host", "")
        if origin.partition("://")[2] != host:
            raise NotAllowed("this form was sent from another site's page: open the link again")
