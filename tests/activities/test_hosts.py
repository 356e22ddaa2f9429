"""The hosts that the HTTP probe may ask."""

from __future__ import annotations

from activities.probes.hosts import named_hosts
from mainstay.domain.service import Service
from tests.activities.shop import shop


def test_hosts_are_those_that_the_operators_wrote_down() -> None:
    inputs = {
        "health": "http://shop.example.com:8080/health",
        "gateway": "https://status.example.org/",
        "query": 'rate(http_requests_total{job="shop"}[1m])',
        "broken": "http://[::1",
    }
    service = Service(name="s", team="payments", runbook_inputs=inputs)
    assert named_hosts(shop(services={"s": service})) == ("shop.example.com:8080", "status.example.org:443")
