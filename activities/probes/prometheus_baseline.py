"""The probe ``prometheus_baseline``: now against before."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, ClassVar

from activities.probes.prometheus import finite
from activities.probes.seen import Seen
from activities.probes.servers import Servers
from mainstay.domain.catalogue.probes.metrics import PrometheusBaseline as Parameters
from mainstay.domain.verdict import Sample, Verdict, judge


class PrometheusBaseline:
    name: ClassVar[str] = "prometheus_baseline"

    def __init__(self, servers: Servers) -> None:
        self._servers = servers

    async def look(self, parameters: Parameters, at: datetime) -> Seen:  # noqa: ARG002 - now against before
        """Raises what ``Servers`` raises. A series without a before, or a before of nothing, is no ratio."""
        now = datetime.now(UTC)
        present = await self._servers.instant(parameters.server, parameters.query, now)
        past = await self._servers.instant(parameters.server, parameters.query, now - parameters.before)
        former = {sample.name: sample.value for sample in past.samples}
        pairs = [(sample.name, sample.value, former.get(sample.name)) for sample in present.samples]
        gone = former.keys() - {sample.name for sample in present.samples}
        ratios = tuple(_ratio(name, value, before, parameters) for name, value, before in pairs)
        verdict = judge((*ratios, *(Sample(name=name) for name in gone)), parameters.criterion)
        warned = (*present.warnings, *past.warnings)
        if warned and verdict is Verdict.HELD:
            verdict = Verdict.INCONCLUSIVE
        _, value, before = next(iter(pairs), ("", None, None))
        facts: dict[str, Any] = {
            "now": finite(value or 0.0),
            "before": finite(before or 0.0),
            "ratio": finite(ratios[0].value or 0.0) if ratios else 0.0,
            "series": len(pairs),
        }
        wanted = f"wanted {parameters.criterion.op} {parameters.criterion.value:g} times"
        said = f"{facts['now']:.6g} now, {facts['before']:.6g} before, {wanted}"
        if verdict is Verdict.INCONCLUSIVE:
            said = warned[0] if warned else f"{said}: too little data to compare"
        return Seen(verdict=verdict, facts=facts, detail=said)


def _ratio(name: str, value: float | None, before: float | None, parameters: Parameters) -> Sample:
    if value is None or before is None:
        return Sample(name=name)
    if parameters.least and value <= parameters.least:
        # Whatever it was before; only a criterion that wants a growth would be told wrongly, and none can be
        # wanted of what is negligible
        held = judge((Sample(value=1.0),), parameters.criterion) is Verdict.HELD
        return Sample(name=name, value=1.0 if held else parameters.criterion.value)
    return Sample(name=name, value=value / before if before else None)
