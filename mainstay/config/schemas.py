"""JSON Schemas (draft 2020-12) of every kind of file, for editors that complete and check while typing."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import JsonValue

from mainstay.config.files import KINDS

PATTERNS = {
    "mainstay": "mainstay.yaml",
    "people": "people.yaml",
    "teams": "teams.yaml",
    "service": "services/*.yaml",
    "schedule": "schedules/*.yaml",
    "pagerduty-schedule": "schedules/*.yaml",
    "policy": "policies/*.yaml",
    "severity": "severity.yaml",
    "routes": "routes.yaml",
    "approvals": "approvals.yaml",
    "runbook": "runbooks/*.yaml",
    "overlay": "overlays/*.yaml",
}
"""Kind → which files of the folder are of it."""


def schema(kind: str) -> dict[str, JsonValue]:
    """The schema of one kind of file. Raises KeyError for a kind that does not exist."""
    found: dict[str, JsonValue] = KINDS[kind].model_json_schema(mode="validation")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **found}


def export(folder: Path) -> tuple[Path, ...]:
    """Write ``KIND.schema.json`` for every kind; the same input gives the same bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for kind in sorted(KINDS):
        path = folder / f"{kind}.schema.json"
        path.write_text(json.dumps(schema(kind), indent=2, sort_keys=True) + "\n")
        written.append(path)
    return tuple(written)
