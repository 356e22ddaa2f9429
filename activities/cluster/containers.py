"""Actions on the containers of a workload's pod template."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from pydantic import JsonValue
from typing_extensions import override

from activities.cluster.envelope import by_hand, not_paused
from activities.cluster.fields import FieldAction, Wish, found, parts, pointer
from activities.cluster.paths import Place
from mainstay.domain.catalogue.workloads import JsonPatch, SetEnv, SetImage, SetResources
from mainstay.domain.errors import InvalidArgument, NotFound
from mainstay.domain.revision import Raw
from mainstay.domain.template import is_template
from mainstay.domain.work import PlanRequest

_POD = ("spec", "template", "spec")


class SetContainerImage(FieldAction[SetImage]):
    """Writes the images of the named containers only; a paused Deployment is refused."""

    name = "set_image"

    @override
    def wish(self, request: PlanRequest, live: Raw, parameters: SetImage, place: Place) -> Wish:
        not_paused(live, place)
        at = {name: _container(live, place, name) for name in parameters.images}
        listed = ", ".join(f"{name}={image}" for name, image in sorted(parameters.images.items()))
        return Wish(
            f"Set {listed} in",
            {f"{at[name]}/image": image for name, image in parameters.images.items()},
            tuple(f"{where}/name" for where in at.values()),
            by_hand(live),
            f"set image {place.kind.lower()}/{place.name} {listed.replace(', ', ' ')}",
        )


class SetContainerEnv(FieldAction[SetEnv]):
    """Writes the container's list of variables as a whole, so that the former one is kept as it was."""

    name = "set_env"

    @override
    def wish(self, request: PlanRequest, live: Raw, parameters: SetEnv, place: Place) -> Wish:
        not_paused(live, place)
        at = _container(live, place, parameters.container)
        container = str(found(live, f"{at}/name"))
        names = ", ".join(sorted(parameters.env))
        return Wish(
            f"Set {names} of container {container} in",
            {f"{at}/env": _environment(found(live, f"{at}/env"), parameters.env)},
            (f"{at}/name",),
            by_hand(live),
            f"set env {place.kind.lower()}/{place.name} -c {shlex.quote(container)} "
            + " ".join(f"{name}-" if text is None else f"{name}=…" for name, text in sorted(parameters.env.items())),
        )


class SetContainerResources(FieldAction[SetResources]):
    """Writes the named requests and limits of one container."""

    name = "set_resources"

    @override
    def wish(self, request: PlanRequest, live: Raw, parameters: SetResources, place: Place) -> Wish:
        not_paused(live, place)
        at = _container(live, place, parameters.container)
        container = str(found(live, f"{at}/name"))
        given = {"requests": parameters.requests, "limits": parameters.limits}
        flags = [f"--{k}=" + ",".join(f"{n}={q}" for n, q in sorted(v.items())) for k, v in given.items() if v]
        return Wish(
            f"Set {' '.join(flags).replace('--', '')} of container {container} in",
            {at + pointer("resources", k, name): quantity for k, v in given.items() for name, quantity in v.items()},
            (f"{at}/name",),
            by_hand(live),
            f"set resources {place.kind.lower()}/{place.name} -c {shlex.quote(container)} {' '.join(flags)}",
        )


class PatchFields(FieldAction[JsonPatch]):
    """Operations of the runbook's own: neither path nor allow list may come out of a template."""

    name = "json_patch"

    @override
    def wish(self, request: PlanRequest, live: Raw, parameters: JsonPatch, place: Place) -> Wish:
        not_paused(live, place)
        _literal(request.parameters)
        fields: dict[str, JsonValue] = {}
        for operation in parameters.patch:
            _repeatable(live, place, operation.op, operation.path)
            fields[operation.path] = None if operation.op == "remove" else operation.value
        return Wish(f"Patch {', '.join(fields)} of", fields, _names(live, fields), by_hand(live))


def _container(live: Raw, place: Place, name: str) -> str:
    """The pointer to a container by its name; without a name to the only one."""
    pod: Mapping[str, Any] = live["spec"]["template"]["spec"]
    known = [(c["name"], pointer(*_POD, k, i)) for k in ("containers", "initContainers") for i, c in _listed(pod, k)]
    if not name and len(pod["containers"]) == 1:
        return known[0][1]
    for found_name, at in known:
        if found_name == name:
            return at
    names = ", ".join(entry for entry, _ in known)
    asked = f"no container {name!r}" if name else "more than one container"
    raise NotFound(f"{place} has {asked}; it has {names}", field="container")


def _listed(pod: Mapping[str, Any], kind: str) -> list[tuple[int, dict[str, Any]]]:
    return list(enumerate(pod.get(kind) or ()))


def _environment(now: Any, wanted: Mapping[str, str | None]) -> JsonValue:
    """The list of variables with these set; their order stays, because later ones may refer to earlier ones."""
    left = dict(wanted)
    entries: list[JsonValue] = []
    for entry in now or ():
        if entry["name"] not in left:
            entries.append(entry)
        elif (text := left.pop(entry["name"])) is not None:
            entries.append({"name": entry["name"], "value": text})
    entries += [{"name": name, "value": text} for name, text in left.items() if text is not None]
    return entries or None


def _literal(parameters: Mapping[str, Any]) -> None:
    """Raises InvalidArgument where a path was made by a template: what is patched is the runbook's to say."""
    operations = parameters.get("patch")
    paths = [o.get("path") for o in operations if isinstance(o, Mapping)] if isinstance(operations, list) else []
    if is_template(operations) or any(map(is_template, [parameters.get("allow"), *paths])):
        raise InvalidArgument("'allow' and each 'path' must stand in the runbook as they are, not as a template")
    allow = parameters.get("allow")
    if isinstance(allow, list) and any(map(is_template, allow)):
        raise InvalidArgument("'allow' must stand in the runbook as it is, not as a template", field="allow")


def _repeatable(live: Raw, place: Place, op: str, path: str) -> None:
    """Raises where repeating the operation would change more, or where its precondition (RFC 6902) fails."""
    here = found(live, path)
    in_list = isinstance(found(live, pointer(*parts(path)[:-1])), list)
    if in_list and (op != "replace" or here is None):
        raise InvalidArgument(f"{path}: an entry of a list can only be replaced; replace the list", field="patch")
    if op != "add" and here is None:
        raise NotFound(f"{place} has no {path} to {op}", field="patch")


def _names(live: Raw, fields: Mapping[str, JsonValue]) -> tuple[str, ...]:
    """Pointers to the names of the list entries on the way, which must not move."""
    names: dict[str, None] = {}
    for at in fields:
        members = parts(at)
        for count in range(1, len(members)):
            name = pointer(*members[:count], "name")
            if members[count - 1].isdecimal() and found(live, name) is not None and name not in fields:
                names[name] = None
    return tuple(names)
