"""The probe ``endpoints_ready``: what a Service sends traffic to."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from activities.cluster.client import Clusters
from activities.cluster.paths import Place
from activities.probes.reading import listed
from activities.probes.seen import Seen
from mainstay.domain.catalogue.probes.capacity import EndpointsReady as Parameters
from mainstay.domain.revision import Raw
from mainstay.domain.verdict import Sample, Verdict, judge


class EndpointsReady:
    name: ClassVar[str] = "endpoints_ready"

    def __init__(self, clusters: Clusters) -> None:
        self._clusters = clusters

    async def look(self, parameters: Parameters, at: datetime) -> Seen:  # noqa: ARG002 - as it is now
        """Raises what the cluster raises, so also for a Service that is not there.

        A Service whose slices are not there yet is INCONCLUSIVE; one that has them and no endpoint is judged.
        """
        cluster = self._clusters[parameters.cluster]
        place = Place(parameters.cluster, "Service", parameters.namespace, parameters.service)
        await cluster.read(place)
        path = f"/apis/discovery.k8s.io/v1/namespaces/{parameters.namespace}/endpointslices"
        slices = await listed(cluster, path, labels=f"kubernetes.io/service-name={parameters.service}")
        entries = [entry for one in slices for entry in one.get("endpoints") or ()]
        ready = sum(1 for entry in entries if _is(entry, "ready", default=True))
        facts: dict[str, Any] = {
            "ready": ready,
            "total": len(entries),
            "serving": sum(1 for entry in entries if _is(entry, "serving", default=_is(entry, "ready", default=True))),
            "terminating": sum(1 for entry in entries if _is(entry, "terminating", default=False)),
        }
        verdict = judge((Sample(value=ready),), parameters.criterion) if slices else Verdict.INCONCLUSIVE
        said = f"{ready} of {len(entries)} endpoints are ready" if slices else "it has no endpoint slices"
        return Seen(verdict=verdict, facts=facts, detail=f"{place}: {said}")


def _is(entry: Raw, condition: str, *, default: bool) -> bool:
    """A condition that is not given has a meaning of its own (discovery/v1)."""
    value = (entry.get("conditions") or {}).get(condition)
    return default if value is None else bool(value)
