"""Freeze windows: they raise the approval that a forward change needs, and never hinder one that takes back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Self

from pydantic import AwareDatetime, Field, model_validator

from mainstay.domain.catalogue import ACTIONS
from mainstay.domain.change import Change, Risk
from mainstay.domain.model import Strict

_HIGHER = {Risk.LOW: Risk.MEDIUM, Risk.MEDIUM: Risk.HIGH, Risk.HIGH: Risk.HIGH}


class Freeze(Strict):
    """A time in which changes are unwelcome: ``start`` belongs to it, ``end`` does not."""

    start: AwareDatetime
    end: AwareDatetime
    reason: str = Field(min_length=1)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.end <= self.start:
            raise ValueError("'end' is not after 'start'")
        return self


def under_freeze(change: Change, at: datetime, freezes: Mapping[str, Sequence[Freeze]]) -> Change:
    """The plan with the next higher risk while its cluster is frozen, saying so (architecture 6, rule 5).

    A rollback and switching a flag off stay as they are: a freeze is there to keep the service well.
    """
    found = [f for f in freezes.get(change.target.cluster, ()) if f.start <= at < f.end]
    if not found or change.already or restores(change):
        return change
    until = max(found, key=lambda freeze: freeze.end)
    warning = f"freeze until {until.end:%Y-%m-%d %H:%M %Z} ({until.reason}): approval is needed as for a higher risk"
    return change.model_copy(update={"risk": _HIGHER[change.risk], "warnings": (*change.warnings, warning)})


def restores(change: Change) -> bool:
    """Whether the change takes something back, by the catalogue."""
    spec = ACTIONS.get(change.action)
    if spec is None or spec.restores is None:
        return False
    return all(change.parameters.get(name) == value for name, value in spec.restores)
