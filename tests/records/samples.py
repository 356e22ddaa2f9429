"""Made-up incidents and entries for the tests of the record store."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from mainstay.domain.timeline import Noted
from mainstay.domain.work import AppendRequest, IncidentRow

NOW = datetime(2026, 3, 1, 2, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def row(key: str = "k1", **fields: Any) -> IncidentRow:
    values: dict[str, Any] = {
        "key": key,
        "workflow_id": f"incident/payment-service/{key}",
        "title": "Payments fail",
        "service": "payment-service",
        "team": "payments",
        "severity": "P1",
        "phase": "investigating",
        "declared_at": NOW,
    }
    return IncidentRow(**(values | fields))


def note(seq: int, text: str = "", source: str = "incident") -> Noted:
    return Noted(seq=seq, at=NOW + seq * MINUTE, text=text or f"note {seq}", source=source)


def append(key: str, *seqs: int, source: str = "incident", **fields: Any) -> AppendRequest:
    return AppendRequest(row=row(key, **fields), entries=tuple(note(seq, source=source) for seq in seqs))
