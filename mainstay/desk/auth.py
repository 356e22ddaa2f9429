"""Bearer tokens → actors. Nothing here keeps, shows or logs a token."""

from __future__ import annotations

import hashlib
import hmac

from mainstay.config import Config
from mainstay.config.parts import Token
from mainstay.domain.access import AccessRole, Actor, Assurance
from mainstay.domain.errors import NotAllowed, Unauthenticated

MAX_TOKEN = 4096
_MISSING = "no credentials: send a bearer token in the authorization header"
_WRONG = "unknown token: it may have been revoked, or belong to another installation"


class Authenticator:
    """Finds whose token it is. ``refused`` counts wrong ones, for the metric and its alert rule.

    Making one raises InvalidArgument when a token's reference leads nowhere.
    """

    def __init__(self, config: Config, door: str) -> None:
        self._config = config
        self._known = tuple((bytes.fromhex(sha256), token) for token, sha256 in config.credentials())
        self._door = door
        self.refused = 0

    def authenticate(self, bearer: str | None) -> Actor:
        """``bearer`` is the token, with or without ``Bearer `` before it. Raises Unauthenticated.

        Every known token is compared, each in constant time, so that neither how long it takes nor where a
        token stands in the list says anything about it.
        """
        token = _token(bearer)
        if not token:
            self.refused += 1
            raise Unauthenticated(_MISSING)
        given = hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
        found: Token | None = None
        for known, credential in self._known:
            if hmac.compare_digest(known, given):
                found = credential
        if found is None or len(token) > MAX_TOKEN:
            self.refused += 1
            raise Unauthenticated(_WRONG)
        return Actor(person=found.owner, roles=found.roles, assurance=Assurance.TOKEN, door=self._door)

    def of_certificate(self, common_name: str) -> Actor:
        """The person whose handle is a verified client certificate's common name. Raises Unauthenticated."""
        person = self._config.people.get(common_name)
        if person is None:
            self.refused += 1
            raise Unauthenticated("the client certificate names nobody who is known here")
        return Actor(person=person.handle, roles=person.access_roles, assurance=Assurance.MTLS, door=self._door)


def _token(bearer: str | None) -> str:
    scheme, space, rest = (bearer or "").strip().partition(" ")
    if not space:
        return "" if scheme.casefold() == "bearer" else scheme
    return rest.strip() if scheme.casefold() == "bearer" else ""


def require(caller: Actor, *roles: AccessRole) -> None:
    """Raises NotAllowed, naming them, unless the caller has one of ``roles``. An admin has every role."""
    if set(caller.roles) & {*roles, AccessRole.ADMIN}:
        return
    wanted = " or ".join(role.value for role in roles)
    has = ", ".join(role.value for role in caller.roles) or "none"
    raise NotAllowed(f"{caller.shown} needs the access role {wanted}, and has {has}")
