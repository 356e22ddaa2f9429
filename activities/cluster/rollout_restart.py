"""Restart a workload's pods one after the other, as ``kubectl rollout restart`` does.

The time comes from the workflow: a clock read here would restart twice when the activity is retried.
"""

from __future__ import annotations

from typing import Any

from activities.cluster.action import Action, Value
from activities.cluster.client import Body, Style
from activities.cluster.difference import unified
from activities.cluster.envelope import by_hand, not_paused
from activities.cluster.paths import Place
from mainstay.domain.catalogue.workloads import RolloutRestart
from mainstay.domain.change import Change
from mainstay.domain.model import digest
from mainstay.domain.revision import Raw
from mainstay.domain.work import PlanRequest

RESTARTED_AT = "kubectl.kubernetes.io/restartedAt"
_FIELDS = (("spec", "template", "metadata", "annotations"),)


class RestartRollout(Action[RolloutRestart]):
    """Deployment, StatefulSet, DaemonSet. Writes one annotation of the pod template."""

    name = "rollout_restart"

    async def plan(self, request: PlanRequest, parameters: RolloutRestart) -> Change:
        target = parameters.target
        place = Place(target.cluster, target.kind, target.namespace, target.name)
        live = await self.open_target(request, place)
        not_paused(live, place)
        value: Value = {"restartedAt": request.at.isoformat(timespec="seconds")}
        after = await self.rehearse(place, live, value, request)
        return self.change(
            request,
            parameters,
            place,
            live,
            title=f"Restart the pods of {place}, one after the other",
            command=f"kubectl rollout restart {place.kind.lower()}/{place.name} -n {place.namespace}",
            desired=value,
            former={"restartedAt": _restarted_at(live)},
            diff=unified(place, live, after, _FIELDS),
            warnings=by_hand(live),
        )

    def observed(self, live: Raw, _: Value) -> str:
        return digest([live["metadata"]["uid"], _restarted_at(live)])

    def stands_at(self, live: Raw, value: Value) -> bool:
        return _restarted_at(live) == value["restartedAt"]

    def drift(self, live: Raw, change: Change) -> str:
        if live["spec"].get("paused"):
            return "it has been paused since"
        return "it has been restarted since it was planned" if super().drift(live, change) else ""

    def patch(self, live: Raw, value: Value) -> tuple[Body, Style]:
        annotations: dict[str, Any] = {RESTARTED_AT: value["restartedAt"]}
        return {
            "metadata": {"resourceVersion": live["metadata"]["resourceVersion"]},
            "spec": {"template": {"metadata": {"annotations": annotations}}},
        }, "strategic"


def _restarted_at(live: Raw) -> str | None:
    metadata = live["spec"]["template"].get("metadata") or {}
    found = (metadata.get("annotations") or {}).get(RESTARTED_AT)
    return None if found is None else str(found)
