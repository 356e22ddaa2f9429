"""What one look answers, and the shape that every probe has."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Protocol, TypeVar

from pydantic import Field, JsonValue

from mainstay.domain.model import Record, Strict
from mainstay.domain.verdict import Verdict


class Seen(Record):
    """What a probe saw. ``facts`` feed the runbook's cases and templates; ``detail``: one line for people."""

    verdict: Verdict
    facts: dict[str, JsonValue] = Field(default_factory=dict)
    detail: str = ""


Parameters_contra = TypeVar("Parameters_contra", bound=Strict, contravariant=True)


class ProbeKind(Protocol[Parameters_contra]):
    """One kind of look. ``name`` is its name in the catalogue; parameters are rendered and validated."""

    name: ClassVar[str]

    async def look(self, parameters: Parameters_contra, at: datetime) -> Seen: ...
