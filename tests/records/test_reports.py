"""Figures: each mean from the instants that are stored, nothing typed by hand."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from mainstay.domain.errors import InvalidArgument
from mainstay.records import Store
from mainstay.records.rows import DeliveryReport, DeliveryRow, LevelReport
from tests.records.samples import MINUTE, NOW, append

DAY = timedelta(days=1)


async def _incident(store: Store, key: str, ack: int | None, fix: int | None, done: int | None, **more: Any) -> None:
    at = more.pop("declared_at", NOW)
    times = {"acknowledged_at": ack, "mitigated_at": fix, "resolved_at": done}
    instants = {name: at + minutes * MINUTE for name, minutes in times.items() if minutes is not None}
    await store.append(append(key, 1, declared_at=at, **instants, **more))


async def test_report(store: Store) -> None:
    """Means run over what has happened; exercises, false alarms, duplicates and other times do not count."""
    await _incident(store, "a", 2, 22, 30, phase="closed", closed_at=NOW + 75 * MINUTE)
    await _incident(store, "b", 4, None, None)
    await _incident(store, "c", 10, 40, 60, phase="resolved", severity="P2", rank=1, service="search")
    await _incident(store, "drill", 100, 100, 100, exercise=True)
    await _incident(store, "false", 100, 100, 100, phase="cancelled")
    await _incident(store, "double", 100, 100, 100, phase="merged")
    await _incident(store, "before", 100, 100, 100, declared_at=NOW - DAY)
    await _incident(store, "after", 100, 100, 100, declared_at=NOW + DAY)
    for number, state in enumerate(("accepted", "accepted", "dead")):
        await store.save_delivery(
            DeliveryRow.model_validate({"id": f"d{number}", "channel": "email", "state": state, "at": NOW})
        )
    report = await store.report(NOW - MINUTE, NOW + DAY)
    assert (report.incidents, report.mtta, report.mttm, report.mttr) == (
        3,
        timedelta(minutes=16) / 3,
        31 * MINUTE,
        45 * MINUTE,
    )
    assert report.levels == (
        LevelReport(severity="P1", rank=0, incidents=2, open=1, mtta=3 * MINUTE, mttm=22 * MINUTE, mttr=30 * MINUTE),
        LevelReport(severity="P2", rank=1, incidents=1, open=1, mtta=10 * MINUTE, mttm=40 * MINUTE, mttr=60 * MINUTE),
    )
    assert report.services == (("payment-service", 2), ("search", 1))
    assert report.deliveries == (DeliveryReport(channel="email", accepted=2, failed=1),)


async def test_nothing_is_not_zero(store: Store) -> None:
    """Without an incident there is no mean: none, never a proud zero."""
    report = await store.report(NOW, NOW + DAY)
    assert (report.incidents, report.mtta, report.mttm, report.mttr) == (0, None, None, None)


async def test_a_span_that_is_none(store: Store) -> None:
    """A report needs a start before its end."""
    with pytest.raises(InvalidArgument):
        await store.report(NOW, NOW)


@pytest.mark.capability("S-330")
async def test_mtta(store: Store) -> None:
    """Given alert 14:05, ack 14:07, then the time to acknowledge is 2 min."""
    await _incident(store, "a", 2, None, None)
    assert (await store.report(NOW, NOW + DAY)).mtta == 2 * MINUTE


@pytest.mark.capability("S-257")
async def test_resolution_is_not_closure(store: Store) -> None:
    """Given resolved at 15:15 and closed at 16:00, then both are stored and MTTR goes by the resolution."""
    await _incident(store, "a", None, None, 75, phase="closed", closed_at=NOW + 120 * MINUTE)
    found = await store.find("a")
    assert found is not None
    assert (found.resolved_at, found.closed_at) == (NOW + 75 * MINUTE, NOW + 120 * MINUTE)
    assert (await store.report(NOW, NOW + DAY)).mttr == 75 * MINUTE
