"""Flags, limits and modes that an application reads from a ConfigMap or an annotation; labels; custom resources."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from pydantic import JsonValue
from typing_extensions import override

from activities.cluster.fields import FieldAction, Wish, found, pointer
from activities.cluster.paths import Place
from mainstay.domain.catalogue import settings as catalogue
from mainstay.domain.errors import InvalidArgument, NotFound, WrongState
from mainstay.domain.revision import Raw
from mainstay.domain.work import PlanRequest

S = TypeVar("S", bound=catalogue.Setting)


class SettingAction(FieldAction[S]):
    """Writes one key of a ConfigMap, or one annotation of another object. The key must be there already:
    a misspelt one would change nothing that the application reads."""

    @abstractmethod
    def text(self, parameters: S) -> tuple[str, str]:
        """What to write, and the title's first half."""

    @override
    def wish(self, request: PlanRequest, live: Raw, parameters: S, place: Place) -> Wish:
        text, does = self.text(parameters)
        of_map = place.kind == "ConfigMap"
        if of_map and "/" in parameters.key:
            raise InvalidArgument(f"{parameters.key!r} cannot be a key of a ConfigMap", field="key")
        at = pointer(*(("data",) if of_map else ("metadata", "annotations")), parameters.key)
        now = found(live, at)
        if now is None:
            raise NotFound(f"{place} has no {'key' if of_map else 'annotation'} {parameters.key!r} to set", field="key")
        if parameters.expected not in (None, now):
            raise WrongState(f"{parameters.key} of {place} is not {parameters.expected!r} as the runbook expects")
        return Wish(f"{does} ({parameters.key}={text}) in", {at: text})


class LimitRate(SettingAction[catalogue.RateLimit]):
    """Writes the limit as a decimal number."""

    name = "rate_limit"

    def text(self, parameters: catalogue.RateLimit) -> tuple[str, str]:
        return str(parameters.limit), f"Set the rate limit to {parameters.limit}"


class BreakCircuit(SettingAction[catalogue.CircuitBreaker]):
    """Writes the state in the application's own words."""

    name = "circuit_breaker"

    def text(self, parameters: catalogue.CircuitBreaker) -> tuple[str, str]:
        verb = "Open" if parameters.state == "open" else "Close"
        return parameters.words.get(parameters.state, parameters.state), f"{verb} the circuit breaker"


class DegradeService(SettingAction[catalogue.Degrade]):
    """Writes the mode."""

    name = "degrade"

    def text(self, parameters: catalogue.Degrade) -> tuple[str, str]:
        return parameters.mode, f"Switch to mode {parameters.mode!r}"


class SwitchReplica(SettingAction[catalogue.ReplicaSwitch]):
    """Writes the endpoint that is read from."""

    name = "replica_switch"

    def text(self, parameters: catalogue.ReplicaSwitch) -> tuple[str, str]:
        return parameters.endpoint, "Read from another replica"


class SwitchFlag(FieldAction[catalogue.FeatureFlag]):
    """Writes the default variant or the state of one flag; the rest of the file stays."""

    name = "feature_flag"

    @override
    def wish(self, request: PlanRequest, live: Raw, parameters: catalogue.FeatureFlag, place: Place) -> Wish:
        at = pointer("data", parameters.key)
        file = _flags(found(live, at), parameters.key, place)
        flags = file["flags"]
        flag = flags.get(parameters.flag)
        if not isinstance(flag, dict):
            known = ", ".join(sorted(flags)) or "none"
            raise NotFound(f"{place} has no flag {parameters.flag!r}; it has {known}", field="flag")
        if parameters.variant is not None and parameters.variant not in (flag.get("variants") or {}):
            known = ", ".join(sorted(flag.get("variants") or {})) or "none"
            raise NotFound(f"flag {parameters.flag} has no variant {parameters.variant!r}; it has {known}")
        wanted = {"defaultVariant": parameters.variant, "state": parameters.state}
        changes = {key: value for key, value in wanted.items() if value is not None and flag.get(key) != value}
        rules = bool(flag.get("targeting")) and parameters.variant is not None
        warnings = ("the flag has targeting rules, which go before the default variant",) if rules else ()
        said = ", ".join(str(value) for value in wanted.values() if value is not None)
        text = found(live, at)
        if changes:
            file = {**file, "flags": {**flags, parameters.flag: {**flag, **changes}}}
            text = json.dumps(file, indent=2, ensure_ascii=False) + "\n"
        return Wish(f"Switch flag {parameters.flag} to {said} in", {at: text}, warnings=warnings)


class LabelObject(FieldAction[catalogue.Labels]):
    """Writes labels of the object's own metadata."""

    name = "label"

    @override
    def wish(self, request: PlanRequest, live: Raw, parameters: catalogue.Labels, place: Place) -> Wish:
        fields: dict[str, JsonValue] = {pointer("metadata", "labels", k): v for k, v in parameters.labels.items()}
        return Wish(f"Set labels {_pairs(parameters.labels)} of", fields)


class AnnotateObject(FieldAction[catalogue.Annotations]):
    """Writes annotations of the object's own metadata."""

    name = "annotate"

    @override
    def wish(self, request: PlanRequest, live: Raw, parameters: catalogue.Annotations, place: Place) -> Wish:
        given = parameters.annotations
        fields: dict[str, JsonValue] = {pointer("metadata", "annotations", k): v for k, v in given.items()}
        return Wish(f"Set annotations {', '.join(sorted(given))} of", fields)


class PatchCustom(FieldAction[catalogue.CustomPatch]):
    """Writes members of the spec, as a merge patch (RFC 7396) would."""

    name = "custom_patch"

    @override
    def wish(self, request: PlanRequest, live: Raw, parameters: catalogue.CustomPatch, place: Place) -> Wish:
        fields = dict(_leaves(("spec",), parameters.spec))
        return Wish(f"Patch {', '.join(fields)} of", fields)


def _flags(text: Any, key: str, place: Place) -> dict[str, Any]:
    """A flagd file. Raises NotFound, or WrongState where it is none."""
    if text is None:
        raise NotFound(f"{place} has no key {key!r}", field="key")
    try:
        file = json.loads(text)
    except ValueError as fault:
        raise WrongState(f"{key} of {place} is no JSON ({fault}); only JSON files of flagd can be written") from None
    if not isinstance(file, dict) or not isinstance(file.get("flags"), dict):
        raise WrongState(f"{key} of {place} has no 'flags': it is no file of flagd")
    return file


def _leaves(path: tuple[str, ...], value: JsonValue) -> Iterator[tuple[str, JsonValue]]:
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from _leaves((*path, key), inner)
    else:
        yield pointer(*path), value


def _pairs(labels: Mapping[str, str | None]) -> str:
    return ", ".join(f"{key}-" if value is None else f"{key}={value}" for key, value in sorted(labels.items()))
