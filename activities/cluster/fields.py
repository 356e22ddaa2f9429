"""Actions that write some fields of one object. A new one says which fields, and to what.

A pinned value is ``{"fields": {POINTER: value}, "same": {POINTER: value}}``. Pointers are RFC 6901; null
stands for "not there", as Kubernetes has it. ``same`` are fields that are not written but must not move,
such as the name of the container at the index of a list.
"""

from __future__ import annotations

import json
import shlex
from abc import abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, TypeVar

from pydantic import JsonValue

from activities.cluster.action import Action, Value
from activities.cluster.client import Body, Style
from activities.cluster.difference import unified
from activities.cluster.paths import Place
from mainstay.domain.catalogue.spec import Parameters
from mainstay.domain.change import Change
from mainstay.domain.errors import WrongState
from mainstay.domain.model import canonical, digest
from mainstay.domain.revision import Raw
from mainstay.domain.work import PlanRequest

P = TypeVar("P", bound=Parameters)
Fields = Mapping[str, JsonValue]


class Wish(NamedTuple):
    """What an action wants of a live object. ``does`` is the title's first half: ``Pause the rollout of``."""

    does: str
    fields: Fields
    same: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    command: str = ""
    """What a person would type behind ``kubectl``, without the namespace; else a JSON patch."""


class FieldAction(Action[P]):
    """Writes fields by a JSON patch that is bound to the resourceVersion read."""

    @abstractmethod
    def wish(self, request: PlanRequest, live: Raw, parameters: P, place: Place) -> Wish:
        """The fields to write. Raises WrongState where the object is not one to write them to."""

    async def written(self, request: PlanRequest, parameters: P, target: Place) -> Place:  # noqa: ARG002 - a hook
        """The object whose fields are written, where that is another one than the target."""
        return target

    async def plan(self, request: PlanRequest, parameters: P) -> Change:
        place = await self.written(request, parameters, _target(parameters))
        live = await self.open_target(request, place)
        wish = self.wish(request, live, parameters, place)
        asked: Value = {"fields": dict(wish.fields), "same": {key: found(live, key) for key in wish.same}}
        after = await self.rehearse(place, live, asked, request)
        # As the server has it: "1000m" has become "1", and what a schema does not know is gone.
        desired: Value = {**asked, "fields": {key: found(after, key) for key in wish.fields}}
        for key, value in wish.fields.items():
            if value is not None and found(after, key) is None:
                raise WrongState(f"{place} takes no field {key}: the API server drops it")
        return self.change(
            request,
            parameters,
            place,
            live,
            title=f"{wish.does} {place}",
            command=f"kubectl {wish.command or _command(place, live, wish.fields)} -n {place.namespace}",
            desired=desired,
            former={**asked, "fields": {key: found(live, key) for key in wish.fields}},
            diff=unified(place, live, after, tuple(_shown(live, key) for key in wish.fields)),
            already=self.stands_at(live, desired),
            warnings=wish.warnings,
        )

    def observed(self, live: Raw, value: Value) -> str:
        return digest([live["metadata"]["uid"], *({key: found(live, key) for key in part} for part in _parts(value))])

    def stands_at(self, live: Raw, value: Value) -> bool:
        return all(canonical(found(live, key)) == canonical(part[key]) for part in _parts(value) for key in part)

    def drift(self, live: Raw, change: Change) -> str:
        if not super().drift(live, change):
            return ""
        former = change.former
        assert isinstance(former, dict), "a change is pinned with its values"
        moved = [k for part in _parts(former) for k in part if canonical(found(live, k)) != canonical(part[k])]
        return f"{', '.join(moved)} has been changed since it was planned"

    def patch(self, live: Raw, value: Value) -> tuple[Body, Style]:
        fields, _ = _parts(value)
        metadata = live["metadata"]
        annotations = metadata.get("annotations") or {}
        return [
            {"op": "test", "path": "/metadata/resourceVersion", "value": metadata["resourceVersion"]},
            # Whole, because the marks are added to it; it changes nothing that the resourceVersion does not cover.
            {"op": "add", "path": "/metadata/annotations", "value": dict(annotations)},
            *operations({**live, "metadata": {**metadata, "annotations": annotations}}, fields),
        ], "json"


def operations(live: Raw, fields: Fields) -> list[dict[str, Any]]:
    """The JSON patch (RFC 6902) that brings the fields to these values; parents that are missing are made."""
    made: set[str] = set()
    operations: list[dict[str, Any]] = []
    for pointer, value in fields.items():
        if value is None:
            if found(live, pointer) is not None:
                operations.append({"op": "remove", "path": pointer})
            continue
        for parent in _parents(pointer):
            if found(live, parent) is None and parent not in made:
                operations.append({"op": "add", "path": parent, "value": {}})
                made.add(parent)
        operations.append({"op": "replace" if _in_list(live, pointer) else "add", "path": pointer, "value": value})
    return operations


def found(live: Any, pointer: str) -> JsonValue:
    """What stands at a JSON pointer; None where nothing does."""
    at: Any = live
    for part in parts(pointer):
        if isinstance(at, Mapping):
            at = at.get(part)
        elif isinstance(at, list) and part.isdecimal() and int(part) < len(at):
            at = at[int(part)]
        else:
            return None
    value: JsonValue = at
    return value


def parts(pointer: str) -> list[str]:
    """The members of a JSON pointer, unescaped."""
    return [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]


def pointer(*members: str | int) -> str:
    """A JSON pointer from its members, escaped."""
    return "".join("/" + str(member).replace("~", "~0").replace("/", "~1") for member in members)


def _target(parameters: Any) -> Place:
    target = parameters.target
    return Place(target.cluster, target.kind, target.namespace, target.name)


def _parts(value: Value) -> tuple[Fields, Fields]:
    fields, same = value["fields"], value["same"]
    assert isinstance(fields, dict), "fields are pinned by pointer"
    assert isinstance(same, dict), "fields are pinned by pointer"
    return fields, same


def _parents(at: str) -> Iterable[str]:
    members = parts(at)
    return (pointer(*members[:count]) for count in range(1, len(members)))


def _in_list(live: Raw, at: str) -> bool:
    return isinstance(found(live, pointer(*parts(at)[:-1])), list)


def _shown(live: Raw, at: str) -> tuple[str, ...]:
    """The path for the diff: down to the first list, which is shown as a whole so that names are seen."""
    members = parts(at)
    for count in range(1, len(members)):
        if isinstance(found(live, pointer(*members[:count])), list):
            return tuple(members[:count])
    return tuple(members)


def _command(place: Place, live: Raw, fields: Fields) -> str:
    patch = json.dumps(operations(live, fields), sort_keys=True)
    return f"patch {place.kind.lower()} {place.name} --type=json -p {shlex.quote(patch)}"
