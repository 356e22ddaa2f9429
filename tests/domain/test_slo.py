"""Error budgets."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pydantic import ValidationError

from mainstay.domain.slo import (
    Objective,
    ServiceObjectives,
    band,
    burn_rate,
    consumed,
    deploy_refused,
    experiments_refused,
)

SAMPLE = {
    "service": "payment-api",
    "team": "payments",
    "tier": 1,
    "slos": (
        {
            "name": "Availability",
            "sli": "non-5xx share",
            "objective": 99.95,
            "window": "30d",
            "error_budget": "21.6m",
        },
        {
            "name": "Latency",
            "sli": "share within 500 ms",
            "objective": 99.0,
            "window": "30d",
            "error_budget": "432m",
        },
        {"name": "Data freshness", "sli": "propagated within 30 s", "objective": 99.9, "window": "30d"},
    ),
}


@pytest.mark.capability("S-345", "S-346", "S-347", "S-348")
def test_the_sample() -> None:
    """Given the sample M-9, then it loads with budgets of 21.6, 432 and (computed) 43.2 minutes."""
    loaded = ServiceObjectives.model_validate(SAMPLE)
    assert [slo.budget / timedelta(minutes=1) for slo in loaded.slos] == pytest.approx([21.6, 432, 43.2])
    with pytest.raises(ValidationError, match="colour"):
        ServiceObjectives.model_validate({**SAMPLE, "colour": "red"})
    with pytest.raises(ValidationError, match=r"43\.2 min, not 40 min"):
        Objective.model_validate({"name": "x", "objective": 99.9, "error_budget": "40m"})


@pytest.mark.parametrize(
    ("left", "expected"),
    [
        (0.501, "normal"),
        (0.50, "cautious"),
        (0.251, "cautious"),
        (0.25, "freeze"),
        (0.10, "freeze"),
        (0.099, "emergency"),
        (-0.5, "emergency"),
    ],
)
def test_bands(left: float, expected: str) -> None:
    """50.1% left is normal, 50 cautious, 25 the stricter of its two bands, 10 freeze, 9.9 emergency."""
    assert band(left) == expected


@pytest.mark.capability("S-326")
def test_a_budget_can_be_overdrawn() -> None:
    """Given 22 bad minutes of a 21.6-minute budget, then 102% is consumed."""
    assert f"{consumed(timedelta(minutes=22), timedelta(minutes=21.6)):.0%}" == "102%"


def test_what_a_band_forbids() -> None:
    """Experiments need more than half of the budget, features more than a quarter."""
    assert not experiments_refused(0.6)
    assert "cautious" in experiments_refused(0.4)
    assert not deploy_refused(0.4)
    assert "freeze" in deploy_refused(0.2)


def test_burn_rate() -> None:
    """At 99.9%, one per cent of errors burns ten times faster than allowed."""
    assert burn_rate(0.01, Objective(name="x", objective=99.9)) == pytest.approx(10)
