"""Freeze windows: who needs a higher approval, and who does not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from mainstay.domain.change import Change, Risk, TargetRef
from mainstay.domain.freeze import Freeze, under_freeze

START = datetime(2026, 12, 20, tzinfo=UTC)
END = datetime(2027, 1, 4, tzinfo=UTC)
FREEZES = {"default": (Freeze(start=START, end=END, reason="Christmas trade"),)}


def change(action: str, risk: Risk, cluster: str = "default", **parameters: Any) -> Change:
    target = TargetRef(cluster=cluster, namespace="shop", kind="Deployment", name="checkout")
    return Change(action=action, parameters=parameters, target=target, title="t", risk=risk)


@pytest.mark.parametrize(
    ("planned", "risk"),
    [
        (change("scale", Risk.LOW), Risk.MEDIUM),
        (change("set_image", Risk.MEDIUM), Risk.HIGH),
        (change("custom_patch", Risk.HIGH), Risk.HIGH),
        (change("unknown", Risk.LOW), Risk.MEDIUM),
        (change("feature_flag", Risk.LOW, state="ENABLED", variant=None), Risk.MEDIUM),
        (change("feature_flag", Risk.LOW, state="DISABLED", variant="on"), Risk.MEDIUM),
    ],
)
def test_a_forward_change_needs_the_next_higher_approval(planned: Change, risk: Risk) -> None:
    """The plan says why, and until when; the digest that votes bind to stays the same."""
    found = under_freeze(planned, START, FREEZES)
    assert found.risk is risk
    assert found.warnings == (
        "freeze until 2027-01-04 00:00 UTC (Christmas trade): approval is needed as for a higher risk",
    )
    assert found.digest == planned.digest


@pytest.mark.parametrize(
    "planned",
    [
        change("rollout_undo", Risk.MEDIUM),
        change("feature_flag", Risk.LOW, state="DISABLED", variant=None),
        change("scale", Risk.LOW, cluster="staging"),
        change("scale", Risk.LOW).model_copy(update={"already": True}),
    ],
)
def test_what_takes_back_is_never_hindered(planned: Change) -> None:
    """A rollback, a flag switched off, another cluster, and what changes nothing."""
    assert under_freeze(planned, START, FREEZES) == planned


@pytest.mark.parametrize("at", [START - timedelta(seconds=1), END])
def test_a_freeze_ends(at: datetime) -> None:
    """Its start belongs to it, its end does not."""
    planned = change("scale", Risk.LOW)
    assert under_freeze(planned, at, FREEZES) == planned


def test_a_freeze_without_zone_or_order_is_refused() -> None:
    """A time without a zone would be another hour at each worker."""
    with pytest.raises(ValidationError, match="timezone"):
        Freeze.model_validate({"start": "2026-12-20T00:00:00", "end": END, "reason": "x"})
    with pytest.raises(ValidationError, match="not after"):
        Freeze(start=END, end=START, reason="x")
