"""Signatures of the doors: who did it, and what a link in a message allows.

Workflow code cannot see its caller, and Temporal's own UI can send any payload. So a door signs the person
it has proven, for one update of one incident with one content, and validators check that here, in pure code,
with the public keys of the pinned configuration (architecture section 3). Ed25519 (RFC 8032) throughout.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from pydantic import AwareDatetime, ValidationError

from mainstay.domain.access import Actor, Assurance, SignedActor
from mainstay.domain.errors import Expired, InvalidArgument, NotAllowed, Stale, Unauthenticated
from mainstay.domain.model import Record, canonical
from mainstay.domain.pinned import PublicKey
from mainstay.domain.text import plain

_ACTOR = b"mainstay/actor/1\n"
_LINK = b"mainstay/link/1\n"
"""Prefixes, so that a signature made for one purpose is worth nothing for the other."""
MAX_TOKEN = 4096
"""Longest link token that is read at all, in characters."""
UNVERIFIED_DOOR = "temporal"
"""What is recorded as the door of an actor that no door has signed."""


class LinkClaim(Record):
    """What one signed link allows: one purpose, for one person, on one incident, until ``expires_at``."""

    purpose: str
    workflow_id: str
    incident_key: str = ""
    person: str
    argument: str = ""
    """Digest for a vote, the option for an answer, the round for an acknowledgement."""
    expires_at: AwareDatetime


class Signer:
    """The private side, held by doors and by the activity that writes links into messages."""

    def __init__(self, private: Ed25519PrivateKey, key_id: str = "") -> None:
        """``key_id`` defaults to the first 16 hex digits of the public key's SHA-256."""
        self._private = private
        self._raw = private.public_key().public_bytes_raw()
        self.key_id = key_id or hashlib.sha256(self._raw).hexdigest()[:16]

    @classmethod
    def from_pem(cls, pem: bytes, key_id: str = "") -> Signer:
        """The signer of an unencrypted PKCS#8 file. Raises InvalidArgument when it holds no Ed25519 key."""
        try:
            private = load_pem_private_key(pem, password=None)
        except (ValueError, TypeError) as error:
            raise InvalidArgument("the signing key is not a readable PEM private key") from error
        if not isinstance(private, Ed25519PrivateKey):
            raise InvalidArgument("the signing key must be Ed25519: generate one with openssl genpkey")
        return cls(private, key_id)

    def __repr__(self) -> str:
        return f"Signer(key_id={self.key_id!r})"

    def public(self) -> PublicKey:
        return PublicKey(key_id=self.key_id, key=base64.b64encode(self._raw).decode())

    def sign_actor(
        self, actor: Actor, *, incident_key: str, update_id: str, digest: str, expires_at: datetime
    ) -> SignedActor:
        """The door's word that ``actor`` sends the command of ``digest`` as update ``update_id``."""
        claim = SignedActor(
            person=actor.person,
            roles=actor.roles,
            assurance=actor.assurance,
            door=actor.door,
            incident_key=incident_key,
            update_id=update_id,
            digest=digest,
            expires_at=expires_at.astimezone(UTC),
            key_id=self.key_id,
        )
        signature = self._private.sign(_actor_bytes(claim))
        return claim.model_copy(update={"signature": _encode(signature)})

    def link_token(self, claim: LinkClaim) -> str:
        """``claim`` as text that may stand in a URL's path or query."""
        body = canonical({"key_id": self.key_id, "claim": claim.model_dump(mode="json")}).encode()
        return f"{_encode(body)}.{_encode(self._private.sign(_LINK + body))}"


def verify_actor(
    signed: SignedActor, keys: tuple[PublicKey, ...], *, key: str, update_id: str, digest: str, now: datetime
) -> Actor:
    """Who sent this command: proven, or unverified when nothing is claimed.

    ``key`` is the incident's key, ``digest`` that of the command without its actor. Raises NotAllowed for a
    claim of assurance or roles that no known key has signed, Expired after ``expires_at`` and Stale when the
    signature was made for another incident, update or content.
    """
    if not signed.signature:
        return _unverified(signed)
    _require_signature(signed, keys)
    if signed.expires_at is None or now >= signed.expires_at:
        raise Expired(
            f"the signature of {plain(signed.person, 64)}'s request has expired: send it again", field="actor"
        )
    for name, told, real in (
        ("incident", signed.incident_key, key),
        ("update", signed.update_id, update_id),
        ("content", signed.digest, digest),
    ):
        if not hmac.compare_digest(told.encode(), real.encode()):
            raise Stale(
                f"the request was signed for another {name}: open the incident again and repeat it",
                field="actor",
            )
    return Actor(person=signed.person, roles=signed.roles, assurance=signed.assurance, door=signed.door)


def _unverified(signed: SignedActor) -> Actor:
    if signed.roles or signed.assurance is not Assurance.UNVERIFIED:
        raise NotAllowed(
            "the request claims a proven identity without a door's signature: send it through Mainstay's "
            "API, chat or web page, or leave roles and assurance out to act as unverified",
            field="actor",
        )
    return Actor(person=plain(signed.person, 64), door=UNVERIFIED_DOOR)


def _require_signature(signed: SignedActor, keys: tuple[PublicKey, ...]) -> None:
    known = tuple(key for key in keys if key.key_id == signed.key_id)
    if not known:
        raise NotAllowed(
            f"the request is signed with key {plain(signed.key_id, 32)!r}, which this incident does not "
            "know: was the door's key exchanged after the incident began?",
            field="actor",
        )
    if not any(_holds(key, signed.signature, _actor_bytes(signed)) for key in known):
        raise NotAllowed(
            f"the signature of {plain(signed.person, 64)}'s request is not valid: something changed it on "
            "its way, or it was not made by a door",
            field="actor",
        )


def read_link(token: str, keys: tuple[PublicKey, ...], now: datetime, *, purpose: str = "") -> LinkClaim:
    """What a link allows. Raises Unauthenticated when it is not ours, Expired when it is too old.

    With ``purpose``, a link made for something else is refused as NotAllowed: an acknowledge link approves
    nothing.
    """
    claim = _read(token, keys)
    if now >= claim.expires_at:
        raise Expired("this link has expired: open the incident itself, or ask for a new message")
    if purpose and claim.purpose != purpose:
        raise NotAllowed(f"this link is for {claim.purpose}, not for {purpose}")
    return claim


def _read(token: str, keys: tuple[PublicKey, ...]) -> LinkClaim:
    wrong = Unauthenticated("this link was not made by this installation, or was cut or changed on its way")
    body_text, dot, signature = token.partition(".")
    if not dot or len(token) > MAX_TOKEN or not token.isascii():
        raise wrong
    try:
        body = _decode(body_text)
        wrapped = json.loads(body)
        key_id = wrapped["key_id"]
        if not any(key.key_id == key_id and _holds(key, signature, _LINK + body) for key in keys):
            raise wrong
        return LinkClaim.model_validate(wrapped["claim"])
    except (ValueError, KeyError, TypeError, RecursionError, ValidationError):
        raise wrong from None


def _actor_bytes(signed: SignedActor) -> bytes:
    """Every field but the signature. Defaults are left out: a field that a newer version adds does not void
    the signatures of older ones, and a value in it that an older version cannot see does."""
    return _ACTOR + canonical(signed.model_dump(mode="json", exclude={"signature"}, exclude_defaults=True)).encode()


def _holds(key: PublicKey, signature: str, body: bytes) -> bool:
    try:
        public = Ed25519PublicKey.from_public_bytes(base64.b64decode(key.key, validate=True))
        public.verify(_decode(signature), body)
    except (InvalidSignature, ValueError):
        return False
    return True


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _decode(text: str) -> bytes:
    """Strict: the one spelling that ``_encode`` gives. Raises ValueError for any other."""
    raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if _encode(raw) != text:
        raise ValueError("not canonical base64url")
    return raw
