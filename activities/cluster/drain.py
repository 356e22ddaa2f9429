"""Drain a node: close it, then evict what ``kubectl drain`` would, and say what blocks.

Closing is the pinned write; the pods are chosen again when it has been made, because the controllers go on
meanwhile. A retry finds the node closed by this very step and goes on with the pods that are left.
"""

from __future__ import annotations

from typing import Any

from activities.cluster.action import applied, drifted, mark_of
from activities.cluster.client import bears
from activities.cluster.nodes import Schedulable
from activities.cluster.paths import Place, collection
from activities.cluster.removal import Removal, Way
from activities.failures import permanent
from mainstay.domain.catalogue.nodes import Drain
from mainstay.domain.change import Applied, ApplyRequest, Change
from mainstay.domain.errors import NotAllowed, WrongState
from mainstay.domain.eviction import Consent, Sorted, budget_line, budgets_of, label, sort_pods
from mainstay.domain.work import PlanRequest


class DrainNode(Schedulable[Drain]):
    """The undo opens the node again; evicted pods stay where their controllers have put them."""

    name = "drain"
    closes = True

    def words(self, parameters: Drain) -> tuple[str, str]:
        name = parameters.target.name
        flags = "--ignore-daemonsets " * parameters.ignore_daemon_sets
        flags += "--delete-emptydir-data " * parameters.empty_dir_data + "--force " * parameters.unmanaged
        return f"Drain node/{name}", f"kubectl drain {name} {flags}--timeout={parameters.timeout_seconds}s"

    async def plan(self, request: PlanRequest, parameters: Drain) -> Change:
        """Raises WrongState with every reason why kubectl's filters would stop the drain."""
        change = await super().plan(request, parameters)
        place = Place.of(change.target)
        pods = await self._pods(place)
        found = self._sorted(place, pods, parameters)
        going = [pod for pod in pods if pod["metadata"]["uid"] in found.evict]
        return change.model_copy(
            update={
                "title": f"Drain {place}: close it and evict {len(going)} pods",
                "already": change.already and not going,
                "patience": parameters.timeout_seconds,
                "diff": "\n".join([change.diff, *(f"- pod/{label(pod)}" for pod in going)]).strip(),
                "warnings": (*change.warnings, *found.warnings[:20], *await self._tight(place, going)),
            }
        )

    async def apply(self, request: ApplyRequest) -> Applied:
        """Raises a permanent Unavailable when the time is over, with what blocks; the tree then takes it back."""
        if request.undo:
            return await super().apply(request)
        place, mark = Place.of(request.change.target), mark_of(request)
        parameters = Drain.model_validate(request.change.parameters)
        live = await self._clusters[place.cluster].read(place)
        closed = await super().apply(request)
        if closed.outcome == "drifted":
            return closed
        if closed.outcome == "already" and bears(live, mark) and not self.value(live, {})["unschedulable"]:
            return drifted(live, "somebody has opened it since")
        pods = await self._pods(place)
        try:
            found = self._sorted(place, pods, parameters)
        except (WrongState, NotAllowed) as refused:
            raise permanent("Unavailable", f"closed, but not drained: {refused.message}") from refused
        going = [pod for pod in pods if pod["metadata"]["uid"] in found.evict]
        if not going and closed.outcome == "already":
            return closed
        way = Way(place.cluster, mark, parameters.timeout_seconds, grace=parameters.grace_seconds)
        gone = await Removal(self._clusters, self._mutations).remove(going, way)
        now = await self._clusters[place.cluster].read(place)
        return applied("changed", now, f"{len(gone)} pods evicted", evicted=[*gone[:50]], count=len(gone))

    async def _pods(self, place: Place) -> list[dict[str, Any]]:
        path = collection("Pod", "")
        return await self._clusters[place.cluster].list(path, fields=f"spec.nodeName={place.name}")

    def _sorted(self, place: Place, pods: list[dict[str, Any]], parameters: Drain) -> Sorted:
        consent = Consent(
            ignore_daemon_sets=parameters.ignore_daemon_sets,
            empty_dir_data=parameters.empty_dir_data,
            unmanaged=parameters.unmanaged,
        )
        found = sort_pods(pods, consent)
        if found.blocked:
            more = f" (and {len(found.blocked) - 8} more)" if len(found.blocked) > 8 else ""
            raise WrongState(f"{place} cannot be drained: {'; '.join(found.blocked[:8])}{more}")
        if len(found.evict) > parameters.at_most:
            raise NotAllowed(
                f"{place} has {len(found.evict)} pods to evict; this step may evict at most {parameters.at_most}",
                field="at_most",
            )
        return found

    async def _tight(self, place: Place, pods: list[dict[str, Any]]) -> list[str]:
        """Budgets that allow nothing now, and pods with several, which no eviction can take."""
        budgets = await self._clusters[place.cluster].list(collection("PodDisruptionBudget", ""))
        counted = [(pod, budgets_of(pod, budgets)) for pod in pods]
        several = [
            f"pod/{label(pod)}: {len(own)} budgets count it, so it cannot be evicted"
            for pod, own in counted
            if len(own) > 1
        ]
        tight = {
            budget_line(b) for _, own in counted for b in own if not (b.get("status") or {}).get("disruptionsAllowed")
        }
        return [*several, *sorted(tight)]
