"""The probe ``volume_fill``: how full persistent volumes are, by the kubelet's figures."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from activities.probes.prometheus import finite
from activities.probes.seen import Seen
from activities.probes.servers import Servers
from mainstay.domain.catalogue.probes.metrics import VolumeFill as Parameters
from mainstay.domain.verdict import Sample, Verdict, judge


class VolumeFill:
    name: ClassVar[str] = "volume_fill"

    def __init__(self, servers: Servers) -> None:
        self._servers = servers

    async def look(self, parameters: Parameters, at: datetime) -> Seen:  # noqa: ARG002 - by Prometheus' clock
        """Raises what ``Servers`` raises. A volume that nobody measures is INCONCLUSIVE."""
        answer = await self._servers.instant(parameters.server, _query(parameters))
        verdict = judge(answer.samples, parameters.criterion)
        if answer.warnings and verdict is Verdict.HELD:
            verdict = Verdict.INCONCLUSIVE
        known = [sample for sample in answer.samples if sample.value is not None]
        fullest = max(known, key=lambda sample: sample.value or 0.0, default=Sample())
        name = fullest.name.removeprefix("persistentvolumeclaim=")
        facts: dict[str, Any] = {"fullest": name, "share": finite(fullest.value or 0.0), "volumes": len(known)}
        said = f"{name} is full to {fullest.value:.1%}" if fullest.value is not None else "nobody measures a volume"
        return Seen(verdict=verdict, facts=facts, detail=f"{parameters.namespace}: {said}")


def _query(parameters: Parameters) -> str:
    """Names are checked, so that nothing in them can end the quotes."""
    claim = f',persistentvolumeclaim="{parameters.claim}"' if parameters.claim else ""
    where = f'{{namespace="{parameters.namespace}"{claim}}}'
    used, capacity = (f"kubelet_volume_stats_{kind}_bytes{where}" for kind in ("used", "capacity"))
    return f"max by (persistentvolumeclaim) ({used} / {capacity})"
