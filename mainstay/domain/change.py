"""A planned change to one target: pinned once, shown to people, voted on, applied at most once.

``rollout undo`` applied twice returns to the bad version, and a revision number changes when it is rolled
back to. So a change carries the full values to go to and the former ones, and every retry reuses them
(architecture section 6, rules 1 and 2).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import Field, JsonValue

from mainstay.domain.model import Record, digest


class Risk(StrEnum):
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class TargetRef(Record):
    """One object of one cluster. ``uid`` tells a re-created object of the same name from the old one."""

    cluster: str = "default"
    namespace: str = ""
    kind: str
    name: str
    uid: str = ""

    def __str__(self) -> str:
        return f"{self.kind.lower()}/{self.name}" + (f" in {self.namespace}" if self.namespace else "")


class ActionRequest(Record):
    """Ask an action to plan itself on the live target."""

    action: str
    parameters: dict[str, JsonValue] = Field(default_factory=dict)
    cluster: str = "default"
    run_id: str = ""
    step: str = ""
    at: str = ""
    """Workflow time (ISO 8601). Actions that write a time take it from here, never from a clock."""


class Change(Record):
    """A pinned plan. Everything that ``apply`` needs and everything that an approver is shown."""

    action: str
    parameters: dict[str, JsonValue] = Field(default_factory=dict)
    target: TargetRef
    title: str
    """Imperative and complete: ``Roll back deployment/checkout in shop to revision 4 (image …:v41)``."""
    risk: Risk = Risk.MEDIUM
    diff: str = ""
    """Unified diff of what the API server's dry run says will change."""
    command: str = ""
    """The kubectl command a person would type for the same, for the incident page."""
    desired: JsonValue = None
    former: JsonValue = None
    observed: str = ""
    """Digest of the fields that the action writes or its decision read, as found when planning."""
    warnings: tuple[str, ...] = ()
    already: bool = False
    """The target is already as wanted: nothing will be written."""
    undo: Literal["restore", "none"] = "none"
    patience: int = 0
    """Seconds that applying may take, where that is longer than one write (a drain, a Job)."""

    @property
    def digest(self) -> str:
        """What a vote binds to: action, parameters, target, fields found, values to go to and diff."""
        return digest([self.action, self.parameters, self.target.model_dump(), self.observed, self.desired, self.diff])


class ApplyRequest(Record):
    """Carry out a pinned change. ``fence`` is the lease's number and goes into the field manager."""

    change: Change
    run_id: str
    step: str
    fence: int = 0
    undo: bool = False
    """Go back to ``change.former`` instead of to ``change.desired``."""


class Applied(Record):
    """What the cluster answered. ``generation`` is the patch's own, for the rollout check."""

    outcome: Literal["changed", "already", "drifted"]
    detail: str = ""
    generation: int = 0
    resource_version: str = ""
    facts: dict[str, JsonValue] = Field(default_factory=dict)
    """What the change itself answered, for the tree's conditions: an exit code, the tail of a log."""
