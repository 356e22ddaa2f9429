"""The probe ``prometheus_range``: every point of every series, with a tolerance."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, ClassVar

from activities.probes.prometheus import finite
from activities.probes.promql import Answered
from activities.probes.seen import Seen
from activities.probes.servers import Servers
from mainstay.domain.catalogue.probes.metrics import PrometheusRange as Parameters
from mainstay.domain.verdict import Sample, Verdict, judge


class PrometheusRange:
    name: ClassVar[str] = "prometheus_range"

    def __init__(self, servers: Servers) -> None:
        self._servers = servers

    async def look(self, parameters: Parameters, at: datetime) -> Seen:  # noqa: ARG002 - the last points, now
        """Raises what ``Servers`` raises. Points that are missing count neither for nor against."""
        end = datetime.now(UTC)
        series, warnings = await self._servers.range(
            parameters.server, parameters.query, end - parameters.over, end, parameters.step
        )
        verdicts = [_judged(one, parameters) for one in series]
        verdict = Verdict.INCONCLUSIVE
        if Verdict.FAILED in verdicts:
            verdict = Verdict.FAILED
        elif verdicts and all(one is Verdict.HELD for one in verdicts) and not warnings:
            verdict = Verdict.HELD
        facts = _facts(series, parameters)
        said = (
            f"{facts['points']} points of {facts['series']} series between {facts['lowest']:.6g} and "
            f"{facts['highest']:.6g}; at most {facts['worst_share']:.1%} of a series miss "
            f"{parameters.criterion.op} {parameters.criterion.value:g} (tolerated {parameters.tolerance:.1%})"
        )
        if not facts["points"]:
            said = "the query answers no points at all"
        return Seen(verdict=verdict, facts=facts, detail=f"{said}{'; ' + warnings[0] if warnings else ''}")


def _misses(one: Answered, parameters: Parameters) -> int:
    lenient = parameters.criterion.model_copy(update={"at_least_samples": 1})
    return sum(1 for number in one.numbers if judge((Sample(value=number),), lenient) is Verdict.FAILED)


def _judged(one: Answered, parameters: Parameters) -> Verdict:
    numbers = one.numbers
    if len(numbers) < max(parameters.criterion.at_least_samples, 1):
        return Verdict.INCONCLUSIVE
    share = _misses(one, parameters) / len(numbers)
    return Verdict.HELD if share <= parameters.tolerance else Verdict.FAILED


def _facts(series: tuple[Answered, ...], parameters: Parameters) -> dict[str, Any]:
    numbers = [number for one in series for number in one.numbers]
    shares = [_misses(one, parameters) / len(one.numbers) for one in series if one.numbers]
    return {
        "points": len(numbers),
        "missing": sum(_misses(one, parameters) for one in series),
        "series": len(series),
        "worst_share": max(shares, default=0.0),
        "lowest": finite(min(numbers, default=0.0)),
        "highest": finite(max(numbers, default=0.0)),
    }
