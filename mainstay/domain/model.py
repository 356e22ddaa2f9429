"""The two kinds of value in Mainstay.

``Strict`` is what people write (configuration, runbooks, requests): an unknown field is a mistake and is
refused. ``Record`` is what lives in workflow histories for weeks: a field that a newer version added is
ignored by an older one, so that a rolled-back worker still reads it. New fields of a record have defaults.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from pydantic import BaseModel, ConfigDict


class Strict(BaseModel):
    """A frozen value that refuses unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Record(BaseModel):
    """A frozen value that ignores unknown fields, for everything that a history keeps."""

    model_config = ConfigDict(frozen=True, extra="ignore")


def canonical(value: Any) -> str:
    """JSON with sorted keys and no spaces: the same value gives the same text in every process."""
    if isinstance(value, BaseModel):
        value = value.model_dump(mode="json")
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)


def digest(value: Any) -> str:
    """SHA-256 of the canonical JSON, as ``sha256:HEX``."""
    return "sha256:" + hashlib.sha256(canonical(value).encode()).hexdigest()
