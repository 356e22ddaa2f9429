"""Severity scales. A profile is configuration; inside, only the rank counts (0 is the worst, D-01)."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal, Self

from pydantic import Field, model_validator

from mainstay.domain.duration import Duration
from mainstay.domain.errors import InvalidArgument
from mainstay.domain.model import Strict
from mainstay.domain.text import plain

Page = Literal["page", "business_hours", "ticket"]


class Level(Strict):
    """One level of a profile: what it is called and what it demands."""

    rank: int
    label: str
    title: str
    meaning: str = ""
    response_warn: Duration | None = None
    """An incident that nobody has acknowledged for this long is late (S-003)."""
    response_breach: Duration | None = None
    """… and after this long the response target is missed; recorded once."""
    response_business_days: int | None = None
    """Instead of the two: a response by the end of the n-th business day after it (S-005, S-018)."""
    page: Page = "page"
    """Whether people are woken, wait for business hours (S-024), or get a ticket only (S-010)."""
    page_whom: Literal["on_call", "team", "everyone"] = "on_call"
    """The escalation policy alone, or at once the whole team or everybody on call (M-3, S-119)."""
    tell: tuple[str, ...] = ()
    """Who else is told at once: ``executives``, ``stakeholders``, ``team``, ``customers`` (M-3)."""
    update_every: Duration | None = None
    """Cadence of updates to those who are working on it and to stakeholders (M-4)."""
    public_update_every: Duration | None = None
    monitoring_hold: Duration = timedelta(minutes=10)
    """How long the symptoms must stay away before an incident counts as resolved."""
    update_owner: str = "communications_lead"
    """The incident role that posts updates; the commander where it is vacant (D-07)."""
    required_roles: tuple[str, ...] = ()
    postmortem: bool = False


class SeverityProfile(Strict):
    """A whole scale, worst level first."""

    name: str
    levels: tuple[Level, ...]
    triage: Literal["guide_000", "guide_002", "criteria"] = "guide_002"
    """Which rules turn facts into a rank (S-002…S-010, T-1, T-2, M-10)."""

    aliases: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """Label → further spellings."""

    @model_validator(mode="after")
    def _is_a_scale(self) -> Self:
        if [level.rank for level in self.levels] != list(range(len(self.levels))) or not self.levels:
            raise ValueError(f"profile {self.name!r}: ranks must be 0, 1, 2 … in order, worst first")
        labels = [_fold(level.label) for level in self.levels]
        if "" in labels or len(set(labels)) < len(labels):
            raise ValueError(f"profile {self.name!r}: every level needs a label of its own")
        spellings = [_fold(alias) for aliases in self.aliases.values() for alias in aliases]
        if len(set(spellings)) < len(spellings):
            raise ValueError(f"profile {self.name!r}: an alias may stand for one level only")
        if unknown := self.aliases.keys() - {level.label for level in self.levels}:
            raise ValueError(f"profile {self.name!r}: aliases for unknown levels {', '.join(sorted(unknown))}")
        return self

    def level(self, rank: int) -> Level:
        """The level of ``rank``; ranks beyond the end are the least severe one."""
        return self.levels[min(max(rank, 0), len(self.levels) - 1)]

    def parse(self, text: str) -> Level:
        """The level that ``text`` names: ``sev1``, ``SEV-1``, ``P0`` …, any case, hyphen or not.

        The profile's own labels win over the aliases, because ``P1`` is the second level in guide 000 and
        the first in guide 002 (D-01). Raises InvalidArgument with the labels that exist.
        """
        wanted = _fold(text)
        for known_as in (self._labels, self._aliases, self._titles):
            for level in self.levels:
                if wanted and wanted in known_as(level):
                    return level
        known = ", ".join(level.label for level in self.levels)
        shown = plain(repr(plain(text, 40)), 80)  # some letters take ten characters to be quoted
        raise InvalidArgument(f"severity {shown} is not in profile {self.name}: use {known}", field="severity")

    def _labels(self, level: Level) -> set[str]:
        return {_fold(level.label)}

    def _aliases(self, level: Level) -> set[str]:
        return {_fold(alias) for alias in self.aliases.get(level.label, ())}

    def _titles(self, level: Level) -> set[str]:
        return {_fold(level.title)}


def _fold(text: str) -> str:
    return text.casefold().replace("-", "").replace(" ", "").replace("_", "")
