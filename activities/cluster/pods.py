"""Take pods of a workload away, so that its controller makes new ones.

What is pinned are UIDs: a pod that came back under its name is another one, so a retry finds its own done.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar

from activities.cluster.action import Action, Value, applied, mark_of
from activities.cluster.client import Body, Style
from activities.cluster.paths import Place, collection, selector_text
from activities.cluster.removal import Removal, Way
from mainstay.domain.catalogue.pods import PodDelete, PodsDelete, StuckPodsDelete
from mainstay.domain.catalogue.spec import Parameters
from mainstay.domain.change import Applied, ApplyRequest, Change, Risk
from mainstay.domain.errors import NotAllowed, WrongState
from mainstay.domain.model import digest
from mainstay.domain.revision import Raw
from mainstay.domain.work import PlanRequest

P = TypeVar("P", bound=Parameters)


class PodsAction(Action[P]):
    """``desired`` names the pods to be gone, by name and UID; the target itself is not written."""

    def pinned(
        self, request: PlanRequest, parameters: P, place: Place, live: Raw, pods: Sequence[Raw], **told: Any
    ) -> Change:
        """The change that takes these pods away."""
        named = [{"name": p["metadata"]["name"], "uid": p["metadata"]["uid"]} for p in pods]
        how, grace = told.pop("how"), told.pop("grace", None)
        flags = "" if grace is None else f" --grace-period={grace}" + " --force" * (grace == 0)
        command = f"kubectl delete pod {' '.join(n['name'] for n in named)} -n {place.namespace}{flags}"
        change = self.change(
            request,
            parameters,
            place,
            live,
            command=command,
            desired={"pods": named, "how": how, "grace": grace},
            former={},
            diff="\n".join(f"- pod/{n['name']} ({n['uid']})" for n in named),
            already=not named,
            **{k: v for k, v in told.items() if k not in ("patience", "risk")},
        )
        return change.model_copy(update={k: v for k, v in told.items() if k in ("patience", "risk")})

    async def apply(self, request: ApplyRequest) -> Applied:
        """Raises WrongState for an undo, a permanent Unavailable where pods are left when the time is over."""
        change = request.change
        if request.undo:
            raise WrongState(f"{change.action} cannot be undone: {change.title}")
        place, desired = Place.of(change.target), change.desired
        assert isinstance(desired, dict), "a change is pinned with its values"
        pods: Any = desired["pods"]
        there = [pod for pod in [await self._pod(place, one) for one in pods] if pod is not None]
        live = {"metadata": {"name": place.name, "resourceVersion": ""}, "kind": place.kind}
        if not there:
            return applied("already", live, "the pods are gone")
        grace: Any = desired["grace"]
        evict = desired["how"] == "evict"
        way = Way(place.cluster, mark_of(request), change.patience, evict=evict, grace=grace)
        gone = await Removal(self._clusters, self._mutations).remove(there, way)
        return applied("changed", live, f"{len(gone)} pods gone", gone=[*gone[:50]], count=len(gone))

    async def of_workload(self, place: Place, live: Raw, labels: dict[str, str]) -> list[dict[str, Any]]:
        """The pods that the workload's selector selects."""
        selector = {**live["spec"]["selector"]}
        selector["matchLabels"] = {**(selector.get("matchLabels") or {}), **labels}
        return await self._clusters[place.cluster].list(collection("Pod", place.namespace), selector_text(selector))

    def bounded(self, place: Place, pods: Sequence[Raw], at_most: int) -> Sequence[Raw]:
        """Raises NotAllowed for more pods than the step may take."""
        if len(pods) > at_most:
            raise NotAllowed(
                f"{len(pods)} pods of {place} are meant; this step may take at most {at_most}", field="at_most"
            )
        return pods

    async def _pod(self, place: Place, one: Any) -> Raw | None:
        pod = Place(place.cluster, "Pod", place.namespace, one["name"])
        found = await self._clusters[place.cluster].find(pod)
        return found if found is not None and found["metadata"]["uid"] == one["uid"] else None

    def observed(self, live: Raw, _: Value) -> str:
        return digest([live["metadata"]["uid"]])

    def stands_at(self, _: Raw, __: Value) -> bool:
        raise AssertionError("pods are not written to")

    def patch(self, _: Raw, __: Value) -> tuple[Body, Style]:
        raise AssertionError("pods are not written to")


class DeletePod(PodsAction[PodDelete]):
    name = "pod_delete"

    async def plan(self, request: PlanRequest, parameters: PodDelete) -> Change:
        target = parameters.target
        place = Place(target.cluster, "Pod", target.namespace, target.name)
        live = await self.open_target(request, place)
        if parameters.uid not in ("", live["metadata"]["uid"]):
            raise WrongState(f"{place} is another pod by now than {parameters.uid}: it has been made anew already")
        bare = not any(owner.get("controller") for owner in live["metadata"].get("ownerReferences") or ())
        return self.pinned(
            request,
            parameters,
            place,
            live,
            [live],
            title=f"{parameters.how.title()} {place}",
            how=parameters.how,
            grace=parameters.grace_seconds,
            patience=parameters.timeout_seconds,
            warnings=("it has no controller and will not come back",) if bare else (),
            risk=Risk.HIGH if bare or parameters.grace_seconds == 0 else self.spec.risk,
        )


class DeletePods(PodsAction[PodsDelete]):
    name = "pods_delete"

    async def plan(self, request: PlanRequest, parameters: PodsDelete) -> Change:
        """Never more than the envelope's share of the workload's pods, unless they are not ready anyway."""
        target = parameters.target
        place = Place(target.cluster, target.kind, target.namespace, target.name)
        live = await self.open_target(request, place)
        pods = await self.of_workload(place, live, parameters.labels)
        meant = [p for p in pods if parameters.which == "all" or not _ready(p)]
        meant = [p for p in meant if not p["metadata"].get("deletionTimestamp")]
        everyone = await self.of_workload(place, live, {})
        ready, lost = sum(map(_ready, everyone)), sum(map(_ready, meant))
        if parameters.how == "delete" and lost:
            self._envelope.check_cut(place, ready, ready - lost)
        return self.pinned(
            request,
            parameters,
            place,
            live,
            self.bounded(place, meant, parameters.at_most),
            title=f"{parameters.how.title()} {len(meant)} pods of {place} ({lost} of them ready)",
            how=parameters.how,
            patience=parameters.timeout_seconds,
        )


class DeleteStuckPods(PodsAction[StuckPodsDelete]):
    name = "stuck_pods_delete"

    async def plan(self, request: PlanRequest, parameters: StuckPodsDelete) -> Change:
        target = parameters.target
        place = Place(target.cluster, target.kind, target.namespace, target.name)
        live = await self.open_target(request, place)
        nodes = await self._clusters[place.cluster].list(collection("Node", ""))
        known = {n["metadata"]["name"] for n in nodes}
        silent = {n["metadata"]["name"] for n in nodes if _unknown(n)}
        beyond = timedelta(seconds=parameters.beyond_seconds)
        pods = await self.of_workload(place, live, {})
        stuck = [p for p in pods if _stuck(p, request.at, beyond) or _lost(p, known, silent)]
        told = "forced: a process may still run on the node, and a StatefulSet's pod may run twice"
        return self.pinned(
            request,
            parameters,
            place,
            live,
            self.bounded(place, stuck, parameters.at_most),
            title=f"Delete {len(stuck)} stuck pods of {place}" + ", forced" * parameters.force,
            how="delete",
            grace=0 if parameters.force else None,
            patience=parameters.timeout_seconds,
            risk=Risk.HIGH if parameters.force else self.spec.risk,
            warnings=(told,) if parameters.force else (),
        )


def _ready(pod: Raw) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(c.get("type") == "Ready" and c.get("status") == "True" for c in conditions)


def _unknown(node: Raw) -> bool:
    conditions = (node.get("status") or {}).get("conditions") or ()
    return any(c.get("type") == "Ready" and c.get("status") == "Unknown" for c in conditions)


def _stuck(pod: Raw, at: datetime, beyond: timedelta) -> bool:
    """``deletionTimestamp`` is when the grace period ends (Kubernetes API reference, ObjectMeta)."""
    until = pod["metadata"].get("deletionTimestamp")
    return bool(until) and at - datetime.fromisoformat(str(until)) >= beyond


def _lost(pod: Raw, known: set[str], silent: set[str]) -> bool:
    node = str(pod["spec"].get("nodeName") or "")
    return bool(node) and (node not in known or node in silent)
