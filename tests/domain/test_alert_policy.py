"""Page or ticket."""

from __future__ import annotations

import pytest

from mainstay.domain.alert import Alert
from mainstay.domain.alert_policy import page_or_ticket


@pytest.mark.parametrize(
    ("labels", "mode"),
    [
        ({"alertname": "HighErrorRate"}, "page"),
        ({}, "page"),
        ({"alertname": "HighErrorRate", "actionable": "false"}, "ticket"),
        ({"alertname": "HighErrorRate", "actionable": "perhaps"}, "page"),
        ({"alertname": "CpuHigh", "kind": "cause"}, "ticket"),
        ({"alertname": "CpuHigh", "kind": "cause", "team": "infrastructure"}, "page"),
        ({"alertname": "DiskAlmostFull", "team": "infrastructure"}, "page"),
        ({"alertname": "DiskAlmostFull", "team": "shop"}, "ticket"),
    ],
)
def test_page_or_ticket(labels: dict[str, str], mode: str) -> None:
    """T-6: actionable symptoms page, causes page their owner only, and what is not said pages."""
    found = page_or_ticket(Alert(labels=labels))
    assert found.mode == mode
    assert found.reason
