"""The probes ``slo_burn_rate`` and ``slo_budget``: the arithmetic is ``mainstay.domain.slo``'s."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any, ClassVar

from activities.probes.prometheus import finite
from activities.probes.seen import Seen
from activities.probes.servers import Servers
from mainstay.domain.catalogue.probes.metrics import WINDOW, BurnPair, SloBudget, SloBurnRate
from mainstay.domain.duration import show
from mainstay.domain.errors import InvalidArgument
from mainstay.domain.slo import Objective, band, burn_rate, burns, deploy_refused, experiments_refused
from mainstay.domain.verdict import Sample, Verdict, judge


class BurnRate:
    name: ClassVar[str] = "slo_burn_rate"

    def __init__(self, servers: Servers) -> None:
        self._servers = servers

    async def look(self, parameters: SloBurnRate, at: datetime) -> Seen:  # noqa: ARG002 - by Prometheus' clock
        """Raises what ``Servers`` raises. A window without data leaves its pair, and so all, INCONCLUSIVE."""
        windows = sorted({w for pair in parameters.pairs for w in (pair.long, pair.short)})
        asked = (_share(self._servers, parameters.server, parameters.error_ratio, w) for w in windows)
        shares = dict(zip(windows, await asyncio.gather(*asked), strict=True))
        objective = Objective(name="slo", objective=parameters.objective)
        rates = {w: None if s is None else burn_rate(s, objective) for w, s in shares.items()}
        burning = [burns(rates[p.long], rates[p.short], p.factor) for p in parameters.pairs]
        verdict = Verdict.HELD
        if True in burning:
            verdict = Verdict.FAILED
        elif None in burning:
            verdict = Verdict.INCONCLUSIVE
        facts: dict[str, Any] = {
            "burning": True in burning,
            "fastest": finite(max((rate for rate in rates.values() if rate is not None), default=0.0)),
            "rates": [{"window": show(w), "rate": 0.0 if r is None else finite(r)} for w, r in rates.items()],
        }
        told = "; ".join(_told(pair, rates) for pair in parameters.pairs)
        return Seen(verdict=verdict, facts=facts, detail=told)


class Budget:
    name: ClassVar[str] = "slo_budget"

    def __init__(self, servers: Servers) -> None:
        self._servers = servers

    async def look(self, parameters: SloBudget, at: datetime) -> Seen:  # noqa: ARG002 - by Prometheus' clock
        """Raises what ``Servers`` raises. Without data nothing is known to be left: INCONCLUSIVE."""
        objective = Objective(name="slo", objective=parameters.objective, window=parameters.window)
        share = await _share(self._servers, parameters.server, parameters.error_ratio, parameters.window)
        if share is None:
            nothing = dict.fromkeys(("remaining", "consumed", "remaining_minutes"), 0.0)
            facts = {**nothing, "band": "", "may_deploy": False, "may_experiment": False}
            return Seen(verdict=Verdict.INCONCLUSIVE, facts=dict(facts), detail="no data over the window")
        used = burn_rate(share, objective)
        # Rounded, because a band's edge must not be missed by the last bit of a binary fraction
        left = round(1 - used, 9)
        verdict = judge((Sample(value=left),), parameters.criterion)
        budget = objective.budget
        facts = {
            "remaining": finite(left),
            "consumed": finite(round(used, 9)),
            "remaining_minutes": finite(left * (budget / timedelta(minutes=1))),
            "band": band(left).value,
            "may_deploy": not deploy_refused(left),
            "may_experiment": not experiments_refused(left),
        }
        said = f"{left:.1%} of {budget / timedelta(minutes=1):.4g} min over {show(parameters.window)} is left"
        return Seen(verdict=verdict, facts=dict(facts), detail=f"{said} ({band(left).value})")


async def _share(servers: Servers, server: str, ratio: str, window: timedelta) -> float | None:
    """The one number of a ratio over a window; None without data or with a doubt about it."""
    answer = await servers.instant(server, ratio.replace(WINDOW, f"{int(window.total_seconds())}s"))
    if len(answer.samples) > 1:
        raise InvalidArgument("the ratio answers several series: sum it to one number", field="error_ratio")
    value = answer.samples[0].value if answer.samples else None
    if value is not None and not 0 <= value <= 1:
        raise InvalidArgument(f"the ratio is {value:g}, no share between 0 and 1", field="error_ratio")
    return None if answer.warnings else value


def _told(pair: BurnPair, rates: dict[timedelta, float | None]) -> str:
    def rate(window: timedelta) -> str:
        found = rates[window]
        return f"{show(window)}: " + ("no data" if found is None else f"{found:.3g}x")

    return f"{rate(pair.long)}, {rate(pair.short)} (limit {pair.factor:g}x)"
