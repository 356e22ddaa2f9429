"""Every probe, as data. The implementations are in ``activities/probes``; a test holds both equal."""

from __future__ import annotations

from collections.abc import Mapping

from mainstay.domain.catalogue.probes.capacity import CAPACITY
from mainstay.domain.catalogue.probes.context import CONTEXT
from mainstay.domain.catalogue.probes.metrics import METRICS, Prometheus
from mainstay.domain.catalogue.probes.network import NETWORK, Http
from mainstay.domain.catalogue.probes.pods import PODS
from mainstay.domain.catalogue.probes.rollouts import (
    MIGRATION,
    ROLLBACK_SAFE,
    ROLLOUTS,
    SAFE_MIGRATIONS,
    RecentRollout,
    RolloutStatus,
)
from mainstay.domain.catalogue.probes.shape import NoParameters
from mainstay.domain.catalogue.spec import ProbeSpec

__all__ = [
    "MIGRATION",
    "PROBES",
    "ROLLBACK_SAFE",
    "SAFE_MIGRATIONS",
    "Http",
    "NoParameters",
    "Prometheus",
    "RecentRollout",
    "RolloutStatus",
]

PROBES: Mapping[str, ProbeSpec] = {
    spec.name: spec for spec in (*METRICS, *NETWORK, *ROLLOUTS, *PODS, *CAPACITY, *CONTEXT)
}
"""Probe name → its description."""
