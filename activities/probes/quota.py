"""The probe ``quota``: how much of what the namespace may use is used."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, ClassVar

from activities.cluster.client import Clusters
from activities.probes.reading import listed
from activities.probes.seen import Seen
from mainstay.domain.catalogue.probes.capacity import Quota as Parameters
from mainstay.domain.quantity import quantity
from mainstay.domain.revision import Raw
from mainstay.domain.verdict import Sample, Verdict, judge


class Quota:
    name: ClassVar[str] = "quota"

    def __init__(self, clusters: Clusters) -> None:
        self._clusters = clusters

    async def look(self, parameters: Parameters, at: datetime) -> Seen:  # noqa: ARG002 - as it is now
        """Raises what the cluster raises. Without a quota, or before it was counted, it is INCONCLUSIVE."""
        path = f"/api/v1/namespaces/{parameters.namespace}/resourcequotas"
        quotas = await listed(self._clusters[parameters.cluster], path)
        samples = tuple(
            sample
            for entry in quotas
            for sample in _shares(entry)
            if not parameters.resources or sample.name.partition(":")[2] in parameters.resources
        )
        verdict = judge(samples, parameters.criterion)
        known = [sample for sample in samples if sample.value is not None]
        fullest = max(known, key=lambda sample: sample.value or 0, default=Sample())
        over = [s.name for s in known if judge((s,), parameters.criterion) is Verdict.FAILED]
        facts: dict[str, Any] = {
            "fullest": fullest.name,
            "share": round(fullest.value or 0.0, 4),
            "quotas": len(quotas),
            "over": over[:50],
        }
        said = f"{fullest.name} is used to {fullest.value:.0%}" if fullest.value is not None else "no quota to judge"
        return Seen(verdict=verdict, facts=facts, detail=f"{parameters.namespace}: {said}")


def _shares(entry: Raw) -> Iterator[Sample]:
    """Used by hard, per resource. A limit of nothing is full as soon as it is there."""
    status = entry.get("status") or {}
    used = status.get("used") or {}
    for resource, limit in ((entry["spec"].get("hard")) or {}).items():
        name = f"{entry['metadata']['name']}:{resource}"
        hard = quantity(str(limit))
        if resource not in used:
            yield Sample(name=name, value=None)
        else:
            yield Sample(name=name, value=float(quantity(str(used[resource])) / hard) if hard else 1.0)
