"""The probe ``disruption_budget``: would pods be let go?"""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from activities.cluster.client import Clusters
from activities.probes.reading import listed
from activities.probes.seen import Seen
from mainstay.domain.catalogue.probes.capacity import DisruptionBudgets as Parameters
from mainstay.domain.errors import NotFound
from mainstay.domain.revision import Raw
from mainstay.domain.verdict import Verdict


class DisruptionBudget:
    name: ClassVar[str] = "disruption_budget"

    def __init__(self, clusters: Clusters) -> None:
        self._clusters = clusters

    async def look(self, parameters: Parameters, at: datetime) -> Seen:  # noqa: ARG002 - as it is now
        """Raises what the cluster raises, and NotFound for a named budget that is not there.

        Without any budget, or with one whose controller has not looked at it yet, it is INCONCLUSIVE.
        """
        path = f"/apis/policy/v1/namespaces/{parameters.namespace}/poddisruptionbudgets"
        budgets = await listed(self._clusters[parameters.cluster], path)
        budgets = [b for b in budgets if parameters.name in ("", b["metadata"]["name"])]
        if parameters.name and not budgets:
            raise NotFound(f"no disruption budget {parameters.name!r} in {parameters.namespace}", field="name")
        allowed = {b["metadata"]["name"]: int((b.get("status") or {}).get("disruptionsAllowed", 0)) for b in budgets}
        blocking = sorted(name for name, count in allowed.items() if count < parameters.allowed)
        facts: dict[str, Any] = {
            "budgets": len(budgets),
            "blocking": blocking[:50],
            "least_allowed": min(allowed.values(), default=0),
            "healthy": sum(int((b.get("status") or {}).get("currentHealthy", 0)) for b in budgets),
        }
        if not budgets or not all(map(_observed, budgets)):
            why = "no disruption budget is there" if not budgets else "a budget's status is not up to date"
            return Seen(verdict=Verdict.INCONCLUSIVE, facts=facts, detail=f"{parameters.namespace}: {why}")
        said = ", ".join(f"{name} allows {allowed[name]}" for name in (blocking or sorted(allowed))[:5])
        verdict = Verdict.FAILED if blocking else Verdict.HELD
        return Seen(verdict=verdict, facts=facts, detail=f"{parameters.namespace}: {said}")


def _observed(budget: Raw) -> bool:
    observed: int = (budget.get("status") or {}).get("observedGeneration", 0)
    return bool(observed >= budget["metadata"].get("generation", 0))
