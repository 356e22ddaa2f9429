"""The probe ``prometheus``: one instant query, every sample judged by a criterion."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import ClassVar

import httpx2
from pydantic import JsonValue

from activities.probes.promql import Answer
from activities.probes.seen import Seen
from activities.probes.servers import Servers
from mainstay.config.parts import Prometheus as Server
from mainstay.domain.catalogue import probes as catalogue
from mainstay.domain.verdict import Sample, Verdict, judge

_SHOWN = 10
"""Series that facts and details name; the criterion judges all."""


class Prometheus:
    """Asks one of the Prometheus servers that mainstay.yaml names."""

    name: ClassVar[str] = "prometheus"

    def __init__(
        self,
        client: httpx2.AsyncClient,
        servers: Callable[[], Mapping[str, Server]],
        *,
        within: timedelta = timedelta(seconds=8),
    ) -> None:
        """``servers`` answers those of mainstay.yaml as they are now; ``within`` bounds one query."""
        self._asked = Servers(client, servers, within=within)

    async def look(self, parameters: catalogue.Prometheus, at: datetime) -> Seen:  # noqa: ARG002 - see query
        """Raises what ``promql.query`` raises, NotFound for a server that is not configured, and
        InvalidArgument when a secret of it cannot be read."""
        answer = await self._asked.instant(parameters.server, parameters.query)
        verdict = judge(answer.samples, parameters.criterion)
        if answer.warnings and verdict is Verdict.HELD:
            # A warning says that data may be missing: the sample that would fail could be among it
            verdict = Verdict.INCONCLUSIVE
        return Seen(verdict=verdict, facts=_facts(answer), detail=_detail(answer, verdict, parameters))


def _facts(answer: Answer) -> dict[str, JsonValue]:
    """``value`` is the first number; a number that JSON cannot carry (infinity) is as large as JSON can."""
    numbers = [finite(s.value) for s in answer.samples if s.value is not None]
    return {
        "value": numbers[0] if numbers else 0,
        "values": list(numbers[:_SHOWN]),
        "samples": len(numbers),
    }


def finite(number: float) -> float:
    return math.copysign(1.7e308, number) if math.isinf(number) else number


def _detail(answer: Answer, verdict: Verdict, parameters: catalogue.Prometheus) -> str:
    """``0.153 is not < 0.05 (job=shop)``: what was seen, against what was wanted."""
    wanted = f"{parameters.criterion.op} {parameters.criterion.value:g}"
    if not answer.samples:
        return f"the query answers no samples at all, so {wanted} cannot be judged"
    if answer.warnings and verdict is Verdict.INCONCLUSIVE:
        return f"Prometheus warns that data may be missing: {answer.warnings[0]}"
    seen = ", ".join(_shown(sample) for sample in answer.samples[:3])
    more = f" and {len(answer.samples) - 3} more" if len(answer.samples) > 3 else ""
    match verdict:
        case Verdict.HELD:
            return f"{seen}{more}, as wanted {wanted}"
        case Verdict.FAILED:
            return f"{seen}{more}, wanted {wanted}"
        case Verdict.INCONCLUSIVE | Verdict.ERROR:
            return f"{seen}{more}: too little data to judge {wanted}"


def _shown(sample: Sample) -> str:
    number = "no data" if sample.value is None else f"{sample.value:.6g}"
    return number if sample.name in ("value", "scalar") else f"{number} ({sample.name})"
