"""An alert as Mainstay knows it, whatever sent it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import Field, model_validator

from mainstay.domain.model import Record

MAX_BATCH_BYTES = 256 * 1024
"""A signal may carry at most this much: the server ends workflows that exceed 2 MiB."""


class AlertStatus(StrEnum):
    FIRING = "firing"
    RESOLVED = "resolved"


class Alert(Record):
    """One alert. Labels identify, annotations describe; all text is hostile until it is escaped.

    ``fingerprint`` identifies the label set; with ``starts_at`` it identifies one occurrence.
    """

    source: str = "unknown"
    status: AlertStatus = AlertStatus.FIRING
    fingerprint: str = ""
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    generator_url: str = ""
    raw: str = ""
    """The undecoded text (bounded to 16 KiB) of an alert that could not be parsed."""

    @property
    def name(self) -> str:
        return self.labels.get("alertname") or self.annotations.get("summary") or "alert"

    @property
    def occurrence(self) -> str:
        """Identity of this firing: the same alert, fired again later, is another occurrence."""
        at = self.starts_at.isoformat() if self.starts_at else ""
        return f"{self.fingerprint}@{at}"


class AlertBatch(Record):
    """What one delivery said about one incident. ``incident_key`` is set when the sender knows it."""

    alerts: tuple[Alert, ...] = ()
    incident_key: str = ""
    delivered_by: str = ""

    @model_validator(mode="before")
    @classmethod
    def _one_alert_is_a_batch(cls, value: Any) -> Any:
        """A bare client may send just an alert: ``{"labels": {...}}``."""
        if isinstance(value, dict) and "labels" in value and "alerts" not in value:
            return {"alerts": [value]}
        return value

    @property
    def firing(self) -> bool:
        return any(alert.status is AlertStatus.FIRING for alert in self.alerts)
