"""JSON Schemas for editors: every kind of file, in agreement with the loader."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mainstay.config.files import KINDS
from mainstay.config.schemas import PATTERNS, export, schema


def test_every_kind_is_exported(tmp_path: Path) -> None:
    """One file per kind, the same bytes every time."""
    first = {path.name: path.read_bytes() for path in export(tmp_path / "a")}
    second = {path.name: path.read_bytes() for path in export(tmp_path / "b")}
    assert first == second
    assert set(first) == {f"{kind}.schema.json" for kind in KINDS}
    assert set(PATTERNS) == set(KINDS)
    for text in first.values():
        assert json.loads(text)["$schema"].startswith("https://json-schema.org/")


@pytest.mark.parametrize("kind", KINDS)
def test_unknown_fields_are_refused(kind: str) -> None:
    """What the loader refuses an editor underlines: no object of a known shape takes unknown fields."""
    loose = [
        path
        for path, node in _objects(schema(kind), "")
        if "properties" in node and node.get("additionalProperties") is not False
    ]
    assert loose == []


def test_durations_are_text() -> None:
    """An editor offers 5m, not ISO 8601."""
    text = json.dumps(schema("policy"))
    assert '"5m"' in text
    assert '"duration"' not in text


def _objects(node: Any, path: str) -> Any:
    if isinstance(node, dict):
        yield path, node
        for key, value in node.items():
            yield from _objects(value, f"{path}/{key}")
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from _objects(value, f"{path}/{index}")
