"""Close a node to new pods, open it again, taint and untaint it."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar, TypeVar

from pydantic import JsonValue

from activities.cluster.action import Action, Value
from activities.cluster.client import Body, Style
from activities.cluster.difference import unified
from activities.cluster.paths import Place, collection
from mainstay.domain.catalogue.nodes import Cordon, NodeParameters, NodeRef, Taint, Uncordon, Untaint
from mainstay.domain.change import Applied, ApplyRequest, Change
from mainstay.domain.model import digest
from mainstay.domain.revision import Raw
from mainstay.domain.work import PlanRequest

P = TypeVar("P", bound=NodeParameters)


class NodeAction(Action[P]):
    """A node is in no namespace: who may change it is said by the worker's cluster role alone."""

    closes: ClassVar[bool] = False
    fields: ClassVar[tuple[tuple[str, ...], ...]]

    @abstractmethod
    def value(self, live: Raw, wanted: Value) -> Value:
        """What the action writes, as it is now; ``wanted`` says of what."""

    @abstractmethod
    def wanted(self, live: Raw, parameters: P) -> Value:
        """What it is to be."""

    @abstractmethod
    def words(self, parameters: P) -> tuple[str, str]:
        """(title, kubectl's arguments after the verb's name)."""

    async def open_node(self, request: PlanRequest, target: NodeRef) -> tuple[Place, dict[str, Any]]:
        place = Place(target.cluster, "Node", "", target.name)
        live = await self._clusters[place.cluster].read(place)
        self._envelope.check_cooldown(place, live, request.run_id, request.at)
        return place, live

    async def check_share(self, place: Place) -> None:
        """Raises NotAllowed where too many nodes are closed already."""
        self._envelope.check_nodes(place, await self._clusters[place.cluster].list(collection("Node", "")))

    async def plan(self, request: PlanRequest, parameters: P) -> Change:
        place, live = await self.open_node(request, parameters.target)
        value = self.wanted(live, parameters)
        already = self.stands_at(live, value)
        if self.closes and not already:
            await self.check_share(place)
        after = live if already else await self.rehearse(place, live, value, request)
        title, command = self.words(parameters)
        return self.change(
            request,
            parameters,
            place,
            live,
            title=title,
            command=command,
            desired=value,
            former=self.value(live, value),
            diff=unified(place, live, after, self.fields),
            already=already,
        )

    async def apply(self, request: ApplyRequest) -> Applied:
        """Two runs may have planned at once: the share is looked at again right before the write."""
        place = Place.of(request.change.target)
        desired = request.change.desired
        assert isinstance(desired, dict), "a change is pinned with its values"
        if self.closes and not request.undo:
            live = await self._clusters[place.cluster].read(place)
            if not self.stands_at(live, desired):
                await self.check_share(place)
        return await super().apply(request)

    def observed(self, live: Raw, value: Value) -> str:
        return digest([live["metadata"]["uid"], self.value(live, value)])

    def stands_at(self, live: Raw, value: Value) -> bool:
        now = self.value(live, value)
        return all(now[key] == value[key] for key in now)

    def patch(self, live: Raw, value: Value) -> tuple[Body, Style]:
        return {
            "metadata": {"resourceVersion": live["metadata"]["resourceVersion"]},
            "spec": self.written(live, value),
        }, "merge"

    @abstractmethod
    def written(self, live: Raw, value: Value) -> dict[str, Any]:
        """The fields of ``spec`` that bring the node to this value."""


class Schedulable(NodeAction[P]):
    fields = (("spec", "unschedulable"),)

    def written(self, _: Raw, value: Value) -> dict[str, Any]:
        return {"unschedulable": value["unschedulable"]}

    def value(self, live: Raw, _: Value) -> Value:
        return {"unschedulable": bool((live.get("spec") or {}).get("unschedulable"))}

    def wanted(self, _: Raw, __: P) -> Value:
        return {"unschedulable": self.closes}


class CordonNode(Schedulable[Cordon]):
    name = "cordon"
    closes = True

    def words(self, parameters: Cordon) -> tuple[str, str]:
        name = parameters.target.name
        return f"Close node/{name} to new pods; those on it stay", f"kubectl cordon {name}"


class UncordonNode(Schedulable[Uncordon]):
    name = "uncordon"

    def words(self, parameters: Uncordon) -> tuple[str, str]:
        name = parameters.target.name
        return f"Open node/{name} to new pods", f"kubectl uncordon {name}"


class Tainted(NodeAction[P]):
    """Reads and writes the taints of one key; those of others come and go meanwhile (``node.kubernetes.io/…``)."""

    fields = (("spec", "taints"),)

    def value(self, live: Raw, wanted: Value) -> Value:
        return _of_key(str(wanted["key"]), _taints(live))

    def written(self, live: Raw, value: Value) -> dict[str, Any]:
        others = [taint for taint in (live["spec"].get("taints") or ()) if taint["key"] != value["key"]]
        mine = value["taints"]
        assert isinstance(mine, list), "taints are pinned as a list"
        return {"taints": [*others, *mine]}


class TaintNode(Tainted[Taint]):
    """``NoExecute`` drives pods off without asking any disruption budget: the node's share counts."""

    name = "taint"
    closes = False

    async def plan(self, request: PlanRequest, parameters: Taint) -> Change:
        place = Place(parameters.target.cluster, "Node", "", parameters.target.name)
        if parameters.effect != "PreferNoSchedule":
            await self.check_share(place)
        change = await super().plan(request, parameters)
        if parameters.effect == "NoExecute":
            told = "NoExecute stops the pods that do not tolerate it at once, whatever disruption budgets say"
            return change.model_copy(update={"warnings": (*change.warnings, told)})
        return change

    def wanted(self, live: Raw, parameters: Taint) -> Value:
        new = {"key": parameters.key, "effect": parameters.effect}
        new |= {"value": parameters.value} if parameters.value else {}
        return _of_key(parameters.key, [*(t for t in _taints(live) if t["effect"] != parameters.effect), new])

    def words(self, parameters: Taint) -> tuple[str, str]:
        name, taint = parameters.target.name, f"{parameters.key}={parameters.value}:{parameters.effect}"
        return f"Taint node/{name} with {taint}", f"kubectl taint nodes {name} {taint} --overwrite"


class UntaintNode(Tainted[Untaint]):
    name = "untaint"

    def wanted(self, live: Raw, parameters: Untaint) -> Value:
        kept = [taint for taint in _taints(live) if parameters.effect not in ("", taint["effect"])]
        return _of_key(parameters.key, kept)

    def words(self, parameters: Untaint) -> tuple[str, str]:
        name, effect = parameters.target.name, f":{parameters.effect}" if parameters.effect else ""
        return f"Remove taint {parameters.key}{effect} of node/{name}", (
            f"kubectl taint nodes {name} {parameters.key}{effect}-"
        )


def _taints(live: Raw) -> list[dict[str, Any]]:
    """Without the time that controllers add, which nobody decides on."""
    taints = (live.get("spec") or {}).get("taints") or ()
    return [{key: value for key, value in taint.items() if key != "timeAdded"} for taint in taints]


def _of_key(key: str, taints: list[dict[str, Any]]) -> Value:
    mine: list[JsonValue] = [*sorted((t for t in taints if t["key"] == key), key=lambda taint: str(taint["effect"]))]
    return {"key": key, "taints": mine}
