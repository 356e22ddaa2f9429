"""Major or not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from mainstay.domain.major import Spread, major_due, major_reasons

T0 = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("fields", "minutes", "major"),
    [
        ({"rank": 0}, 60, False),
        ({"rank": 0}, 61, True),
        ({"rank": 0, "resolved": True}, 61, False),
        ({"rank": 1}, 600, False),
        ({"critical_services": ("payments", "payments")}, 0, False),
        ({"critical_services": ("payments", "checkout")}, 0, True),
        ({"teams": ("a", "b", "c")}, 0, False),
        ({"teams": ("a", "b", "c", "d")}, 0, True),
        ({"external_visibility": True}, 0, True),
    ],
)
def test_triggers(fields: dict[str, object], minutes: int, major: bool) -> None:
    """T-8: top severity for more than an hour, several critical services, more than three teams, press."""
    spread = Spread.model_validate({"rank": 1, "declared_at": T0, **fields})
    assert bool(major_reasons(spread, T0 + timedelta(minutes=minutes))) == major


def test_all_reasons_are_named_and_time_is_known_ahead() -> None:
    """Not the first reason but all; and a timer knows when time alone will do it."""
    spread = Spread(rank=0, declared_at=T0, external_visibility=True)
    assert len(major_reasons(spread, T0 + timedelta(hours=2))) == 2
    assert major_due(spread) == T0 + timedelta(hours=1)
    assert major_due(spread.model_copy(update={"rank": 1})) is None
