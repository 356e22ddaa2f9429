"""Set the bounds of a HorizontalPodAutoscaler."""

from __future__ import annotations

from pydantic import JsonValue
from typing_extensions import override

from activities.cluster.fields import FieldAction, Wish
from activities.cluster.paths import Place
from mainstay.domain.catalogue.autoscaling import AutoscalerBounds
from mainstay.domain.errors import WrongState
from mainstay.domain.revision import Raw
from mainstay.domain.work import PlanRequest


class BoundAutoscaler(FieldAction[AutoscalerBounds]):
    """Writes ``minReplicas`` and ``maxReplicas``; a lower maximum is bounded as a scale-down is."""

    name = "autoscaler_bounds"

    @override
    def wish(self, request: PlanRequest, live: Raw, parameters: AutoscalerBounds, place: Place) -> Wish:
        least = parameters.min_replicas or int(live["spec"].get("minReplicas") or 1)
        most = parameters.max_replicas or int(live["spec"]["maxReplicas"])
        if least > most:
            raise WrongState(f"{place} would have at least {least} and at most {most} replicas")
        running = int((live.get("status") or {}).get("currentReplicas", 0))
        if most < running:
            self._envelope.check_cut(place, running, most)
        fields: dict[str, JsonValue] = {"/spec/minReplicas": least, "/spec/maxReplicas": most}
        return Wish(f"Let replicas be {least} to {most} by", fields)
