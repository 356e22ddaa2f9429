"""The product's worker, with a cluster that says yes to everything: for incidents parked at an approval.

``python -m bench.worker``; the environment is the product's.
"""

from __future__ import annotations

import os
from typing import Any

from temporalio import activity

import worker
from mainstay.domain.change import Applied, ApplyRequest, Change, Risk, TargetRef
from mainstay.domain.names import CLUSTER_QUEUE
from mainstay.domain.work import PlanRequest

CACHED = "MAINSTAY_BENCH_CACHED"
"""Workflows to cache, where it is not the shipped number."""


@activity.defn(name="plan_change")
async def plan_change(request: PlanRequest) -> Change:
    """A restart of a deployment that no other run wants."""
    name = f"parked-{request.run_id}"
    return Change(
        action=request.action,
        target=TargetRef(namespace="shop", kind="Deployment", name=name, uid=request.run_id),
        title=f"Restart deployment/{name} in shop",
        risk=Risk.MEDIUM,
        diff=f"--- {name}\n+++ {name}\n+    kubectl.kubernetes.io/restartedAt: now\n",
        command=f"kubectl -n shop rollout restart deployment/{name}",
        observed=request.run_id,
    )


@activity.defn(name="apply_change")
async def apply_change(_request: ApplyRequest) -> Applied:
    """Its start, as the server stamps it, is when the approval was acted upon."""
    return Applied(outcome="changed")


def main() -> None:
    shipped = worker.activities

    def activities(*given: Any) -> dict[str, Any]:
        return {**shipped(*given), CLUSTER_QUEUE: [plan_change, apply_change]}

    worker.activities = activities  # type: ignore[assignment]  # the same, for whatever it is given
    worker.CACHED = int(os.environ.get(CACHED, worker.CACHED))
    worker.main([])


if __name__ == "__main__":
    main()
