"""The diff that people approve: what is there against what the server's dry run says will be there."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from typing import Any

import yaml

from activities.cluster.paths import Place
from mainstay.domain.revision import Raw, is_mark

LONGEST_DIFF = 20_000
_SECRET_NAME = re.compile(r"(?i)passw|secret|token|credential|private|api[_-]?key|access[_-]?key|dsn$")
_NOISE = ("kubectl.kubernetes.io/last-applied-configuration",)


def unified(place: Place, before: Raw, after: Raw, fields: tuple[tuple[str, ...], ...]) -> str:
    """A unified YAML diff of these fields only; values of variables that look secret are masked."""
    old, new = (_lines(_project(value, fields)) for value in (before, after))
    secret = _masked_change(before, after)
    lines = difflib.unified_diff(old, new, f"{place} (now)", f"{place} (after)", lineterm="")
    text = "\n".join([*lines, *secret])
    return text if len(text) <= LONGEST_DIFF else text[:LONGEST_DIFF] + "\n… (cut)"


def _project(value: Raw, fields: tuple[tuple[str, ...], ...]) -> dict[str, Any]:
    picked: dict[str, Any] = {}
    for path in fields:
        found: Any = value
        for key in path:
            found = found.get(key) if isinstance(found, Mapping) else None
        if found is not None:
            _put(picked, path, found)
    return picked


def _put(into: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    for key in path[:-1]:
        into = into.setdefault(key, {})
    into[path[-1]] = value


def _lines(value: dict[str, Any]) -> list[str]:
    return yaml.safe_dump(_clean(value), sort_keys=True, allow_unicode=True, width=200).splitlines()


def _clean(value: Any) -> Any:
    match value:
        case {"name": str(name), "value": str()} if _SECRET_NAME.search(name):
            return {**value, "value": "***"}
        case Mapping():
            return {k: _clean(v) for k, v in value.items() if v is not None and k not in _NOISE and not is_mark(k)}
        case list():
            return [_clean(inner) for inner in value]
        case _:
            return value


def _masked_change(before: Raw, after: Raw) -> list[str]:
    """A masked value that changes must not vanish from the diff."""
    old, new = _secrets(before.get("spec")), _secrets(after.get("spec"))
    changed = sorted({name for name, _ in old.symmetric_difference(new)})
    return [f"# the value of {name} changes (not shown)" for name in changed]


def _secrets(value: Any) -> set[tuple[str, str]]:
    match value:
        case {"name": str(name), "value": str(text)} if _SECRET_NAME.search(name):
            return {(name, text)}
        case Mapping():
            return {pair for inner in value.values() for pair in _secrets(inner)}
        case list():
            return {pair for inner in value for pair in _secrets(inner)}
        case _:
            return set()
