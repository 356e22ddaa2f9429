"""Record that a revision serves well, so that a later rollback finds the last known good one (D-42)."""

from __future__ import annotations

from typing_extensions import override

from activities.cluster.envelope import settled
from activities.cluster.fields import FieldAction, Wish, pointer
from activities.cluster.history import history
from activities.cluster.paths import Place
from mainstay.domain.catalogue import workloads
from mainstay.domain.errors import WrongState
from mainstay.domain.revision import VERIFIED, Raw, revision_hash, same_template
from mainstay.domain.rollout import RolloutState, rollout
from mainstay.domain.work import PlanRequest


class MarkVerified(FieldAction[workloads.MarkVerified]):
    """Annotates the ReplicaSet or ControllerRevision that runs now. Refuses while its rollout is not done."""

    name = "mark_verified"

    @override
    async def written(self, request: PlanRequest, parameters: workloads.MarkVerified, target: Place) -> Place:
        self._envelope.check_namespace(target, request.allowed_namespaces)
        live = await self._clusters[target.cluster].read(target)
        settled(live, target)
        state = rollout(live)
        if state.state is not RolloutState.DONE:
            raise WrongState(f"{target} is not rolled out, so it cannot count as good: {state.detail}")
        for entry in await history(self._clusters[target.cluster], live):
            if same_template(entry.template, live["spec"]["template"]):
                kind = "ReplicaSet" if target.kind == "Deployment" else "ControllerRevision"
                return Place(target.cluster, kind, target.namespace, entry.name)
        raise WrongState(f"{target} keeps no revision of the template that runs now")

    @override
    def wish(self, request: PlanRequest, live: Raw, parameters: workloads.MarkVerified, place: Place) -> Wish:
        number = revision_hash(live)
        return Wish(
            "Record good verification of",
            {pointer("metadata", "annotations", VERIFIED): number},
            command=f"annotate {place.kind.lower()}/{place.name} --overwrite {VERIFIED}={number}",
        )
