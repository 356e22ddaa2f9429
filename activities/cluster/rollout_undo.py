"""Roll a workload back, as ``kubectl rollout undo`` does, but to a template that is pinned once."""

from __future__ import annotations

from typing import Any

from activities.cluster.action import Action, Value
from activities.cluster.client import Body, Style
from activities.cluster.difference import unified
from activities.cluster.envelope import by_hand, not_paused, settled
from activities.cluster.history import history
from activities.cluster.paths import Place
from mainstay.domain.catalogue.workloads import RolloutUndo
from mainstay.domain.change import Change
from mainstay.domain.errors import WrongState
from mainstay.domain.model import digest
from mainstay.domain.revision import (
    REVISION,
    Raw,
    Revision,
    carried,
    choose,
    images,
    plain_template,
    restored_annotations,
    same_template,
    unsafe,
)
from mainstay.domain.work import PlanRequest

_FIELDS = (("metadata", "annotations"), ("spec", "template"))


class UndoRollout(Action[RolloutUndo]):
    """Deployment, StatefulSet, DaemonSet. Writes the pod template; for a Deployment its annotations, too."""

    name = "rollout_undo"

    async def plan(self, request: PlanRequest, parameters: RolloutUndo) -> Change:
        target = parameters.target
        place = Place(target.cluster, target.kind, target.namespace, target.name)
        live = await self.open_target(request, place)
        not_paused(live, place)
        settled(live, place)
        known = await history(self._clusters[place.cluster], live)
        goal = choose(_wanted(parameters), live, known)
        _check_safe(live, place, tuple(entry for entry in known if entry.number > goal.number))
        told: dict[str, Any] = {
            "title": f"Roll back {place} to revision {goal.number} ({images(goal.template)})",
            "command": _command(place, goal),
            "former": _former(live),
        }
        if same_template(goal.template, live["spec"]["template"]):
            value = _value(goal, live["spec"]["template"])
            return self.change(request, parameters, place, live, desired=value, already=True, **told)
        after = await self.rehearse(place, live, _value(goal, goal.template), request)
        return self.change(
            request,
            parameters,
            place,
            live,
            desired=_value(goal, after["spec"]["template"]),
            diff=unified(place, live, after, _FIELDS),
            warnings=(*by_hand(live), *_stuck(live)),
            **told,
        )

    def observed(self, live: Raw, _: Value) -> str:
        return digest([live["metadata"]["uid"], digest(plain_template(live["spec"]["template"]))])

    def stands_at(self, live: Raw, value: Value) -> bool:
        return same_template(live["spec"]["template"], _object(value["template"]))

    def drift(self, live: Raw, change: Change) -> str:
        former = _object(change.former)
        if live["spec"].get("paused"):
            return "it has been paused since"
        if found := super().drift(live, change):
            return f"{found}: its template has changed"
        # A template that went away and came back is the same again; the revision's number is not.
        if former.get("revision") and _revision(live) != former["revision"]:
            return "its template was changed and changed back since it was planned"
        return ""

    def patch(self, live: Raw, value: Value) -> tuple[Body, Style]:
        if live["kind"] == "Deployment":
            return _json_patch(live, value), "json"
        return _strategic_patch(live, value), "strategic"


def _wanted(parameters: RolloutUndo) -> Any:
    return parameters.revision if parameters.to == "revision" else parameters.to


def _check_safe(live: Raw, place: Place, leaving: tuple[Revision, ...]) -> None:
    if why := unsafe(live, leaving):
        raise WrongState(f"rolling back {place} is not safe: {why}; use a feature flag or roll forward instead")


def _json_patch(live: Raw, value: Value) -> list[dict[str, Any]]:
    """A strategic merge would merge containers; a Deployment's history holds whole templates."""
    metadata = live["metadata"]
    annotations = restored_annotations(metadata.get("annotations") or {}, _object(value["annotations"]))
    return [
        {"op": "test", "path": "/metadata/resourceVersion", "value": metadata["resourceVersion"]},
        {"op": "replace", "path": "/spec/template", "value": value["template"]},
        # `add` replaces what is there, and works where there are none.
        {"op": "add", "path": "/metadata/annotations", "value": annotations},
    ]


def _strategic_patch(live: Raw, value: Value) -> dict[str, Any]:
    """The history of the other kinds is itself a patch and is sent as it is, bound to what was read."""
    kept = _object(value["patch"]) if value.get("patch") else _replacing(_object(value["template"]))
    return {**kept, "metadata": {"resourceVersion": live["metadata"]["resourceVersion"]}}


def _replacing(template: dict[str, Any]) -> dict[str, Any]:
    return {"spec": {"template": {**template, "$patch": "replace"}}}


def _value(goal: Revision, template: Raw) -> Value:
    return {
        "template": plain_template(template),
        "annotations": dict(carried(goal.annotations)),
        "patch": goal.patch,
        "revision": goal.number,
        "name": goal.name,
    }


def _former(live: Raw) -> Value:
    return {
        "template": plain_template(live["spec"]["template"]),
        "annotations": dict(carried(live["metadata"].get("annotations") or {})),
        "revision": _revision(live),
    }


def _revision(live: Raw) -> str:
    return str((live["metadata"].get("annotations") or {}).get(REVISION, ""))


def _command(place: Place, goal: Revision) -> str:
    target = f"{place.kind.lower()}/{place.name} -n {place.namespace}"
    return f"kubectl rollout undo {target} --to-revision={goal.number}"


def _stuck(live: Raw) -> tuple[str, ...]:
    status = live.get("status") or {}
    ordered = live["spec"].get("podManagementPolicy", "OrderedReady") == "OrderedReady"
    if live["kind"] == "StatefulSet" and ordered and status.get("readyReplicas", 0) < status.get("replicas", 0):
        return ("a pod is not ready: after the rollback it may have to be deleted by hand",)
    return ()


def _object(value: Any) -> dict[str, Any]:
    assert isinstance(value, dict), "pinned values are objects"
    return value
