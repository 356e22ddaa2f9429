"""A run's inputs: what was given, checked against what the runbook declares."""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_never
from urllib.parse import urlsplit

from pydantic import JsonValue, ValidationError

from mainstay.domain import duration
from mainstay.domain.errors import InvalidArgument
from mainstay.domain.runbook.node import Input, InputType, Runbook
from mainstay.domain.service import Service, Workload

_BOOLEANS = {"true": True, "false": False}


def resolve(runbook: Runbook, given: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """Every declared input with its value; one that may be missing is null, never a made-up value.

    Text is read as the declared type, since a service's entry holds text only. Raises InvalidArgument
    naming the input that is unknown, missing or of the wrong type.
    """
    unknown = [name for name in given if name not in runbook.inputs]
    if unknown:
        known = ", ".join(runbook.inputs) or "none"
        raise InvalidArgument(
            f"runbook {runbook.name} has no input {unknown[0]!r}: it has {known}",
            field=f"inputs.{unknown[0]}",
        )
    return {name: _resolve(runbook.name, name, spec, given.get(name)) for name, spec in runbook.inputs.items()}


def bind(runbook: Runbook, service: Service, given: Mapping[str, JsonValue] | None = None) -> dict[str, JsonValue]:
    """The inputs that a service's entry provides for this runbook; what is ``given`` wins.

    ``runbook_inputs`` by name, and the service's workload for an input called ``workload``.
    """
    found: dict[str, JsonValue] = {n: v for n, v in service.runbook_inputs.items() if n in runbook.inputs}
    spec = runbook.inputs.get("workload")
    if service.workload and spec and spec.type == "workload" and "workload" not in found:
        found["workload"] = service.workload.model_dump(mode="json")
    return {**found, **(given or {})}


def parse(kind: InputType, value: JsonValue) -> JsonValue:
    """``value`` as this type. Raises ValueError that says what is wanted."""
    match kind:
        case "string" | "query":
            return _text(value)
        case "number":
            return _number(value)
        case "boolean":
            return _boolean(value)
        case "duration":
            return _duration(value)
        case "workload":
            return _workload(value)
        case "labels":
            return _labels(value)
        case "url":
            return _url(value)
        case _:
            assert_never(kind)


def _resolve(runbook: str, name: str, spec: Input, value: JsonValue) -> JsonValue:
    if value is None:
        value = spec.default
    if value is None:
        if spec.must_be_given:
            raise InvalidArgument(f"runbook {runbook} needs the input {name!r}", field=f"inputs.{name}")
        return None
    try:
        return parse(spec.type, value)
    except ValueError as error:
        raise InvalidArgument(f"input {name!r} of runbook {runbook}: {error}", field=f"inputs.{name}") from None


def _text(value: JsonValue) -> str:
    if isinstance(value, str) and value.strip() and len(value) <= 8_000:
        return value
    raise ValueError("must be text of 1 to 8000 characters")


def _number(value: JsonValue) -> JsonValue:
    if isinstance(value, str):
        try:
            value = int(value) if value.strip().lstrip("+-").isdigit() else float(value)
        except ValueError:
            raise ValueError(f"{value!r} is not a number") from None
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < float("inf"):
        raise ValueError("must be a number")
    return value


def _boolean(value: JsonValue) -> bool:
    if isinstance(value, str):
        value = _BOOLEANS.get(value.strip().casefold())
    if not isinstance(value, bool):
        raise ValueError("must be true or false")
    return value


def _duration(value: JsonValue) -> str:
    if not isinstance(value, str):
        raise ValueError("must be a duration with a unit, such as 90s or 5m")
    try:
        duration.parse(value)
    except InvalidArgument as error:
        raise ValueError(error.message) from None
    return value


def _workload(value: JsonValue) -> JsonValue:
    """``namespace/name`` is a Deployment of the default cluster; everything else is written out."""
    if isinstance(value, str):
        parts = value.split("/")
        if len(parts) != 2 or not all(parts):
            raise ValueError(f"{value!r} is no workload: write NAMESPACE/NAME, or its fields")
        value = {"namespace": parts[0], "name": parts[1]}
    try:
        return Workload.model_validate(value).model_dump(mode="json")
    except ValidationError as error:
        detail = error.errors()[0]
        where = ".".join(map(str, detail["loc"]))
        raise ValueError(f"no workload: {where + ': ' if where else ''}{detail['msg']}") from None


def _labels(value: JsonValue) -> JsonValue:
    if isinstance(value, str):
        pairs = [part.split("=") for part in value.split(",")]
        if not all(len(pair) == 2 and pair[0].strip() for pair in pairs):
            raise ValueError(f"{value!r} are no labels: write KEY=VALUE,KEY=VALUE")
        value = {key.strip(): label.strip() for key, label in pairs}
    if not isinstance(value, dict) or not value or not all(isinstance(v, str) for v in value.values()):
        raise ValueError("must be labels: text by name, at least one")
    return value


def _url(value: JsonValue) -> str:
    parts = urlsplit(value) if isinstance(value, str) else None
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must be a URL that begins with http:// or https://")
    return str(value)
