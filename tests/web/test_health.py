"""What machines ask: alive, ready, figures."""

from __future__ import annotations

import httpx2
import pytest

from mainstay.desk.answers import PartState
from mainstay.domain.errors import Unavailable
from tests.web.standin import ROW, Door, ago


async def test_alive_needs_nothing(door: Door, http: httpx2.AsyncClient) -> None:
    door.desk.refuse = Unavailable("everything is down")
    answer = await http.get("/healthz")
    assert (answer.status_code, answer.text) == (200, "ok\n")


@pytest.mark.parametrize(
    ("temporal", "records", "status", "word"),
    [
        (True, True, 200, "ready"),
        (True, False, 200, "degraded"),
        (False, True, 503, "unavailable"),
        (False, False, 503, "unavailable"),
    ],
)
async def test_ready_needs_temporal_and_names_what_is_degraded(
    door: Door, http: httpx2.AsyncClient, temporal: bool, records: bool, status: int, word: str
) -> None:
    door.desk.parts = (
        PartState(name="temporal", answers=temporal, detail="" if temporal else "no answer in time"),
        PartState(name="records", answers=records),
    )
    answer = await http.get("/readyz")
    assert (answer.status_code, answer.json()["status"]) == (status, word)
    assert answer.json()["parts"]["records"]["answers"] is records
    assert door.sample("mainstay_part_up", part="temporal") == float(temporal)


@pytest.mark.capability("S-323")
async def test_incidents_are_counted_by_stage_and_severity(door: Door, http: httpx2.AsyncClient) -> None:
    """Given /metrics, then counts and histograms for declared, acked, mitigated and resolved exist with a
    severity label."""
    done = {"acknowledged_at": ago(10), "mitigated_at": ago(6), "resolved_at": ago(2)}
    door.desk.rows = (
        ROW.model_copy(update={"key": "1", "declared_at": ago(12), **done}),
        ROW.model_copy(update={"key": "2", "declared_at": ago(12), "acknowledged_at": ago(11)}),
        ROW.model_copy(update={"key": "3", "severity": "SEV3", "acknowledged_at": None}),
        ROW.model_copy(update={"key": "4", "exercise": True}),
    )
    text = (await http.get("/metrics")).text
    for line in (
        'mainstay_incidents{severity="SEV1",stage="declared"} 2.0',
        'mainstay_incidents{severity="SEV1",stage="acked"} 2.0',
        'mainstay_incidents{severity="SEV1",stage="mitigated"} 1.0',
        'mainstay_incidents{severity="SEV1",stage="resolved"} 1.0',
        'mainstay_incidents{severity="SEV3",stage="declared"} 1.0',
        'mainstay_open_incidents{severity="SEV1"} 1.0',
        'mainstay_incident_stage_seconds_bucket{le="60.0",severity="SEV1",stage="acked"} 1.0',
        'mainstay_incident_stage_seconds_sum{severity="SEV1",stage="resolved"} 600.0',
        'mainstay_incident_stage_seconds_count{severity="SEV1",stage="mitigated"} 1.0',
    ):
        assert line in text, line


async def test_figures_stand_while_the_records_are_down(door: Door, http: httpx2.AsyncClient) -> None:
    await http.get("/metrics")
    door.desk.refuse = Unavailable("no record store")
    answer = await http.get("/metrics")
    assert answer.status_code == 200
    assert 'stage="declared"' in answer.text


async def test_requests_are_counted_by_outcome(door: Door, http: httpx2.AsyncClient) -> None:
    await http.get("/healthz")
    await http.get("/nothing")
    assert door.sample("mainstay_requests_total", door="web", outcome="2xx") == 1
    assert door.sample("mainstay_requests_total", door="web", outcome="4xx") == 1
