"""Which incidents need a postmortem."""

from __future__ import annotations

from datetime import timedelta

import pytest

from mainstay.domain.postmortem_policy import PostmortemFacts, PostmortemPolicy, postmortem_reasons


@pytest.mark.capability("S-261", "S-354")
@pytest.mark.parametrize(
    ("fields", "required"),
    [
        ({"rank": 2, "duration": timedelta(minutes=61)}, True),
        ({"rank": 2, "duration": timedelta(minutes=59)}, False),
        ({"rank": 2, "duration": timedelta(minutes=60)}, False),
        ({"rank": 0}, True),
        ({"rank": 1}, True),
        ({"near_miss": True}, True),
        ({"data_exposure": True}, True),
        ({"security_breach": True}, True),
        ({"budget_remaining": 0.099, "budget_used": True}, True),
        ({"budget_remaining": 0.10, "budget_used": True}, False),
        ({"budget_remaining": 0.05}, False),
        ({"rank": 0, "cancelled": True}, False),
    ],
)
def test_reasons(fields: dict[str, object], required: bool) -> None:
    """T-9: severity, exposure, more than an hour, near-miss, the last tenth of the budget."""
    facts = PostmortemFacts.model_validate({"rank": 3, "duration": timedelta(minutes=5), **fields})
    assert bool(postmortem_reasons(facts)) == required


def test_a_policy_may_want_one_for_every_incident() -> None:
    """Guide 001 does."""
    facts = PostmortemFacts(rank=3, duration=timedelta(0))
    assert postmortem_reasons(facts, PostmortemPolicy(every_incident=True)) == ("every incident has one",)
