"""Severity scales. A profile is configuration; inside, only the rank counts (0 is the worst, D-01)."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from pydantic import Field

from mainstay.domain.errors import InvalidArgument
from mainstay.domain.model import Strict

Page = Literal["page", "business_hours", "ticket"]


class Level(Strict):
    """One level of a profile: what it is called and what it demands."""

    rank: int
    label: str
    title: str
    meaning: str = ""
    response_warn: timedelta | None = None
    """An incident that nobody has acknowledged for this long is late (S-003)."""
    response_breach: timedelta | None = None
    """… and after this long the response target is missed; recorded once."""
    page: Page = "page"
    update_every: timedelta | None = None
    """Cadence of updates to those who are working on it and to stakeholders (M-4)."""
    public_update_every: timedelta | None = None
    monitoring_hold: timedelta = timedelta(minutes=10)
    """How long the symptoms must stay away before an incident counts as resolved."""
    required_roles: tuple[str, ...] = ()
    postmortem: bool = False


class SeverityProfile(Strict):
    """A whole scale, worst level first."""

    name: str
    levels: tuple[Level, ...]
    triage: Literal["guide_000", "guide_002", "criteria"] = "guide_002"
    """Which rules turn facts into a rank (S-002…S-010, T-1, T-2, M-10)."""

    def level(self, rank: int) -> Level:
        """The level of ``rank``; ranks beyond the end are the least severe one."""
        return self.levels[min(max(rank, 0), len(self.levels) - 1)]

    def parse(self, text: str) -> Level:
        """The level that ``text`` names: ``sev1``, ``SEV-1``, ``P0`` …, any case, hyphen or not.

        The profile's own labels win over the aliases, because ``P1`` is the second level in guide 000 and
        the first in guide 002 (D-01). Raises InvalidArgument with the labels that exist.
        """
        wanted = _fold(text)
        for level in self.levels:
            if _fold(level.label) == wanted or _fold(level.title) == wanted:
                return level
        for level in self.levels:
            if wanted in {_fold(alias) for alias in self.aliases.get(level.label, ())}:
                return level
        known = ", ".join(level.label for level in self.levels)
        raise InvalidArgument(
            f"severity {text!r} is not in profile {self.name}: use {known}", field="severity"
        )

    aliases: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """Label → further spellings."""


def _fold(text: str) -> str:
    return text.casefold().replace("-", "").replace(" ", "").replace("_", "")
