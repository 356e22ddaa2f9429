"""What a door's signature proves, and what nothing else does."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st

from mainstay.domain.access import AccessRole, Actor, Assurance, SignedActor
from mainstay.domain.errors import Expired, InvalidArgument, NotAllowed, Refusal, Stale, Unauthenticated
from mainstay.domain.incident import Acknowledge
from mainstay.domain.model import digest
from mainstay.domain.pinned import PublicKey
from mainstay.domain.signature import MAX_TOKEN, LinkClaim, Signer, read_link, verify_actor

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
SOON = NOW + timedelta(minutes=1)
DOOR = Signer(Ed25519PrivateKey.from_private_bytes(b"d" * 32))
STRANGER = Signer(Ed25519PrivateKey.from_private_bytes(b"s" * 32))
KEYS = (STRANGER.public().model_copy(update={"key_id": "other"}), DOOR.public())
ALICE = Actor(person="alice", roles=(AccessRole.RESPONDER,), assurance=Assurance.TOKEN, door="api")
CONTENT = digest(Acknowledge(round=2))


def signed(by: Signer = DOOR, expires_at: datetime = SOON) -> SignedActor:
    return by.sign_actor(ALICE, incident_key="k", update_id="u", digest=CONTENT, expires_at=expires_at)


def verify(actor: SignedActor, **changed: str) -> Actor:
    said = {"key": "k", "update_id": "u", "digest": CONTENT, **changed}
    return verify_actor(actor, KEYS, now=NOW, **said)


def test_a_signed_actor_is_who_the_door_proved() -> None:
    """The signature survives the way through JSON, and gives back person, roles, assurance and door."""
    assert verify(SignedActor.model_validate_json(signed().model_dump_json())) == ALICE


def test_the_signature_is_on_the_command_without_its_actor() -> None:
    """A command that carries its signed actor has the digest that was signed."""
    command = Acknowledge(round=2, actor=signed())
    assert digest(command.model_copy(update={"actor": SignedActor()})) == CONTENT


def test_without_a_signature_a_person_is_unverified() -> None:
    """Temporal's own UI may act, and what it says about itself is shown as unverified."""
    actor = verify(SignedActor(person="alice\x1b[31m", door="api"))
    assert (actor.shown, actor.door, actor.roles) == ("unverified:alice", "temporal", ())


@pytest.mark.parametrize(
    ("claim", "refusal", "says"),
    [
        (SignedActor(person="eve", assurance=Assurance.TOKEN), NotAllowed, "without a door's signature"),
        (SignedActor(person="eve", roles=(AccessRole.ADMIN,)), NotAllowed, "without a door's signature"),
        (signed(STRANGER), NotAllowed, "does not know"),
        (signed(STRANGER).model_copy(update={"key_id": DOOR.key_id}), NotAllowed, "not valid"),
        (signed().model_copy(update={"person": "eve"}), NotAllowed, "not valid"),
        (signed().model_copy(update={"roles": (AccessRole.ADMIN,)}), NotAllowed, "not valid"),
        (signed().model_copy(update={"assurance": Assurance.MTLS}), NotAllowed, "not valid"),
        (signed().model_copy(update={"incident_key": "other"}), NotAllowed, "not valid"),
        (signed().model_copy(update={"expires_at": None}), NotAllowed, "not valid"),
        (signed().model_copy(update={"expires_at": SOON + timedelta(days=1)}), NotAllowed, "not valid"),
        (signed().model_copy(update={"signature": "AAAA"}), NotAllowed, "not valid"),
        (signed().model_copy(update={"signature": "é"}), NotAllowed, "not valid"),
        (signed(expires_at=NOW), Expired, "expired"),
    ],
)
def test_false_claims_are_refused(claim: SignedActor, refusal: type[Refusal], says: str) -> None:
    """Every field is covered by the signature; the message says what is wrong."""
    with pytest.raises(refusal, match=says):
        verify(claim)


@pytest.mark.parametrize(("name", "says"), [("key", "incident"), ("update_id", "update"), ("digest", "content")])
def test_a_signature_is_good_for_one_thing_only(name: str, says: str) -> None:
    """It cannot be carried over to another incident, update or content."""
    with pytest.raises(Stale, match=f"another {says}"):
        verify(signed(), **{name: "sha256:else"})


def test_every_field_is_signed() -> None:
    """A field that is added to the record later is covered without anybody thinking of it."""
    full = signed()
    for name in set(SignedActor.model_fields) - {"signature", "key_id"}:
        other = {"roles": (), "assurance": Assurance.LINK, "expires_at": SOON + timedelta(1)}.get(name, "else")
        with pytest.raises(Refusal):
            verify(full.model_copy(update={name: other}))


CLAIM = LinkClaim(
    purpose="acknowledge",
    workflow_id="incident/a/b-1",
    incident_key="k",
    person="alice",
    argument="1",
    expires_at=SOON,
)


def test_a_link_is_read_back() -> None:
    """A token holds its claim, in characters that need no escaping in a URL."""
    token = DOOR.link_token(CLAIM)
    assert read_link(token, KEYS, NOW, purpose="acknowledge") == CLAIM
    assert set(token) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")


def test_links_expire_and_serve_one_purpose() -> None:
    """A link is refused after its time, and an acknowledge link does not approve."""
    token = DOOR.link_token(CLAIM)
    with pytest.raises(Expired):
        read_link(token, KEYS, SOON)
    with pytest.raises(NotAllowed, match="is for acknowledge"):
        read_link(token, KEYS, NOW, purpose="approve")


def test_an_actor_s_signature_is_no_link() -> None:
    """Signatures of one kind are worth nothing as the other."""
    body = base64.urlsafe_b64encode(b'{"claim":{},"key_id":"' + DOOR.key_id.encode() + b'"}').decode().rstrip("=")
    with pytest.raises(Unauthenticated):
        read_link(f"{body}.{signed().signature}", KEYS, NOW)


@given(
    st.one_of(
        st.text(max_size=60),
        st.binary(max_size=60).map(lambda b: base64.urlsafe_b64encode(b).decode() + ".AA"),
    )
)
def test_garbage_is_no_link(token: str) -> None:
    """Whatever arrives, the answer is that it is not ours."""
    with pytest.raises(Unauthenticated):
        read_link(token, KEYS, NOW)


@given(st.integers(0, 10_000), st.sampled_from("Aa0-_.é"))
def test_a_changed_link_is_no_link(place: int, char: str) -> None:
    """Changing any character of a token makes it worthless."""
    token = DOOR.link_token(CLAIM)
    place %= len(token)
    changed = token[:place] + char + token[place + 1 :]
    if changed != token:
        with pytest.raises(Unauthenticated):
            read_link(changed, KEYS, NOW)


def test_a_link_has_one_spelling() -> None:
    """Unused bits at the end of the base64 text must not give further tokens that are as good."""
    token = DOOR.link_token(CLAIM)
    for last in set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=") - {token[-1]}:
        with pytest.raises(Unauthenticated):
            read_link(token[:-1] + last, KEYS, NOW)


def test_overlong_and_deep_links_are_refused() -> None:
    """A token is bounded before it is read, and nesting does not exhaust the stack."""
    deep = base64.urlsafe_b64encode(b"[" * 3000).decode().rstrip("=")
    for token in ("A" * (MAX_TOKEN + 1) + ".A", f"{deep}.AA"):
        with pytest.raises(Unauthenticated):
            read_link(token, KEYS, NOW)


def test_the_signer_reads_pem_and_shows_no_secret() -> None:
    """A PKCS#8 file gives the signer; another kind of key, or garbage, is refused by name."""
    private = Ed25519PrivateKey.from_private_bytes(b"d" * 32)
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    assert Signer.from_pem(pem).public() == DOOR.public()
    assert repr(Signer.from_pem(pem)) == f"Signer(key_id={DOOR.key_id!r})"
    wrong = generate_private_key(SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    for bad in (wrong, b"nothing"):
        with pytest.raises(InvalidArgument, match="signing key"):
            Signer.from_pem(bad)


def test_a_broken_public_key_proves_nothing() -> None:
    """A key of the configuration that cannot be read is as if it were not there."""
    keys = (PublicKey(key_id=DOOR.key_id, key="!!"),)
    with pytest.raises(NotAllowed):
        verify_actor(signed(), keys, key="k", update_id="u", digest=CONTENT, now=NOW)
