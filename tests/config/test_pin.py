"""What is pinned into an incident: enough to decide everything, and not a single address."""

from __future__ import annotations

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from mainstay.config import load
from mainstay.domain.pinned import PinnedConfig
from mainstay.domain.signature import Signer
from tests.config.conftest import SHOP


def test_no_address_is_pinned() -> None:
    """No e-mail address, no secret's reference and no channel setting is in the pinned slice."""
    text = load(SHOP).pin("payment-service").model_dump_json()
    assert "@shop.example" not in text
    assert "env:" not in text
    assert "MAINSTAY_" not in text


def test_methods_are_pinned() -> None:
    """Methods and their channels stay, because the pinned slice decides how somebody is called."""
    pinned = load(SHOP).pin("payment-service")
    assert [(c.name, c.channel, c.address) for c in pinned.people["alice"].contacts] == [
        ("email", "email", ""),
        ("pager", "pager", ""),
    ]
    assert load(SHOP).address("alice", "pager") == ("pager", "alice")


def test_slice() -> None:
    """A service's slice holds what it reaches, through managers and called runbooks, and no more."""
    config = load(SHOP)
    payments, search = config.pin("checkout"), config.pin("search")
    assert set(payments.people) == {"alice", "bob", "carol", "dan"}
    assert set(payments.schedules) == {"payments-primary", "payments-secondary"}
    assert set(payments.runbooks) == {"checkout-slow", "mitigate-bad-deployment", "restart"}
    assert "akira" in search.people
    assert "alice" not in search.people
    assert search.policy.name == "platform-default"
    assert set(search.runbooks) == {"restart"}
    assert payments.allowed_namespaces == ("payments", "shop")
    assert config.pin("platform").allowed_namespaces == ()
    assert payments.stakeholders == ("dan",)
    assert payments.holidays[0] == "2026-12-24"


def test_keys() -> None:
    """The doors' public keys are pinned with it, and do not change the folder's digest."""
    config, signer = load(SHOP), Signer(Ed25519PrivateKey.generate())
    trusting = config.with_keys(signer.public())
    assert trusting.pin("search").keys == (signer.public(),)
    assert trusting.digest == config.digest


def test_survives_the_history() -> None:
    """The slice reads back from its JSON as what it was, and is small."""
    pinned = load(SHOP).pin("payment-service")
    text = pinned.model_dump_json()
    assert PinnedConfig.model_validate_json(text) == pinned
    assert len(text) < 32 * 1024


def test_editing_the_folder_moves_the_next_pin_only(shop: Path) -> None:
    """A pin is a value: a later edit of a policy is in the next pin alone."""
    before = load(shop).pin("payment-service")
    path = shop / "policies/payments-default.yaml"
    path.write_text(path.read_text().replace("wait: 10m", "wait: 99m"))
    after = load(shop).pin("payment-service")
    assert before.policy != after.policy
    assert before.digest != after.digest
    assert before.service == after.service


def test_own_runbook_takes_the_place_of_a_built_in(shop: Path) -> None:
    """A runbook of the organisation with the name of a built-in one is used instead of it."""
    built_in = load(shop).runbooks["restart"]
    (shop / "runbooks/restart.yaml").write_text(
        built_in.replace("title: ", "title: Our own: ", 1).replace("Our own: ", "Ours - ")
    )
    assert "Ours - " in load(shop).pin("search").runbooks["restart"]
