"""Pinning the configuration for a client that brings nothing but an alert."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.library import Library
from mainstay.config import Config
from mainstay.domain.alert import Alert
from mainstay.domain.incident import Declaration
from mainstay.domain.signature import Signer
from mainstay.domain.work import Pinned, PinRequest
from tests.activities.samples import NOW
from tests.activities.shop import holding, shop

SIGNER = Signer(Ed25519PrivateKey.generate())
FIRING = Alert(labels={"alertname": "HighErrorRate", "app": "payments"}, annotations={"summary": "5xx over 5%"})


async def pin(config: Config | None = None, **request: Any) -> Pinned:
    library = Library(holding(config or shop()), SIGNER)
    asked = PinRequest.model_validate({"at": NOW, **request})
    found = await ActivityEnvironment().run(library.pin_config, asked)
    assert isinstance(found, Pinned)
    return found


async def test_an_alert_is_routed_pinned_and_its_first_page_resolved() -> None:
    found = await pin(alerts=(FIRING,))
    assert (found.route, found.severity) == ("payments", "SEV1")
    assert found.pinned.service.name == "payment-service"
    assert found.title == "HighErrorRate: 5xx over 5%"
    assert [target.person for target in found.first_targets] == ["alice"]
    assert SIGNER.public() in found.pinned.keys
    text = found.model_dump_json()
    assert "@example.com" not in text
    assert "1234567" not in text


async def test_a_declaration_says_its_service_title_and_severity() -> None:
    declaration = Declaration(title="Checkout is slow", service="payment-service", severity="SEV2")
    found = await pin(declaration=declaration)
    assert (found.title, found.severity, found.route) == ("Checkout is slow", "SEV2", "declared")
    assert found.pinned.service.name == "payment-service"


@pytest.mark.parametrize(
    "request_",
    [
        {"alerts": (Alert(labels={"alertname": "Odd"}),)},
        {"alerts": (Alert(raw="{broken", source="alertmanager"),)},
        {"alerts": ()},
        {"declaration": Declaration(title="What is this?", service="no-such-service")},
    ],
)
async def test_what_belongs_nowhere_gets_the_fallback_service(request_: dict[str, Any]) -> None:
    found = await pin(**request_)
    assert found.route == "rest"
    assert found.pinned.service.name == "catch-all"
    assert found.first_targets


async def test_without_a_fallback_it_fails_for_good_and_says_why() -> None:
    with pytest.raises(ApplicationError, match="no service is called 'unrouted'") as failure:
        await pin(shop(routes=()), alerts=(FIRING,))
    assert (failure.value.type, failure.value.non_retryable) == ("NotFound", True)
