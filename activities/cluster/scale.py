"""Set the number of replicas: absolute, so that a retry cannot add twice."""

from __future__ import annotations

from kubernetes.aio.client.exceptions import ApiException

from activities.cluster.action import Action, Value
from activities.cluster.client import Body, Style
from activities.cluster.difference import unified
from activities.cluster.paths import Place, collection
from mainstay.domain.catalogue.autoscaling import Scale
from mainstay.domain.change import Change
from mainstay.domain.errors import WrongState
from mainstay.domain.model import digest
from mainstay.domain.revision import Raw
from mainstay.domain.work import PlanRequest

_FIELDS = (("spec", "replicas"),)


class ScaleReplicas(Action[Scale]):
    """Deployment, StatefulSet. Writes ``spec.replicas`` and, as a trace, annotations of its own."""

    name = "scale"

    async def plan(self, request: PlanRequest, parameters: Scale) -> Change:
        target = parameters.target
        place = Place(target.cluster, target.kind, target.namespace, target.name)
        live = await self.open_target(request, place)
        now = _replicas(live)
        if parameters.expected_current not in (None, now):
            raise WrongState(
                f"{place} has {now} replicas, not {parameters.expected_current} as the runbook expects: "
                "somebody has scaled it meanwhile"
            )
        self._envelope.check_cut(place, now, parameters.replicas)
        value: Value = {"replicas": parameters.replicas}
        already = parameters.replicas == now
        after = live if already else await self.rehearse(place, live, value, request)
        return self.change(
            request,
            parameters,
            place,
            live,
            title=f"Scale {place} from {now} to {parameters.replicas} replicas",
            command=f"kubectl scale {place.kind.lower()}/{place.name} -n {place.namespace}"
            f" --current-replicas={now} --replicas={parameters.replicas}",
            desired=value,
            former={"replicas": now},
            diff=unified(place, live, after, _FIELDS),
            already=already,
            warnings=await self._autoscalers(place),
        )

    def observed(self, live: Raw, _: Value) -> str:
        return digest([live["metadata"]["uid"], _replicas(live)])

    def stands_at(self, live: Raw, value: Value) -> bool:
        return _replicas(live) == value["replicas"]

    def drift(self, live: Raw, change: Change) -> str:
        return f"it has {_replicas(live)} replicas now" if super().drift(live, change) else ""

    def patch(self, live: Raw, value: Value) -> tuple[Body, Style]:
        return {
            "metadata": {"resourceVersion": live["metadata"]["resourceVersion"]},
            "spec": {"replicas": value["replicas"]},
        }, "strategic"

    async def _autoscalers(self, place: Place) -> tuple[str, ...]:
        try:
            found = await self._clusters[place.cluster].list(collection("HorizontalPodAutoscaler", place.namespace))
        except ApiException as refused:
            lacking = "grant the verb list on horizontalpodautoscalers"
            return (f"whether an autoscaler owns the replicas could not be seen ({refused.status}: {lacking})",)
        return tuple(
            f"horizontalpodautoscaler/{entry['metadata']['name']} will set the replicas again"
            for entry in found
            if _targets(entry, place)
        )


def _replicas(live: Raw) -> int:
    replicas = live["spec"].get("replicas")
    return 1 if replicas is None else int(replicas)


def _targets(autoscaler: Raw, place: Place) -> bool:
    reference = autoscaler["spec"]["scaleTargetRef"]
    return bool(reference["kind"] == place.kind and reference["name"] == place.name)
