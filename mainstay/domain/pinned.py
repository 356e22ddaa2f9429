"""The slice of the operators' configuration that one incident lives by, pinned in its input.

An edit of a policy at 3 a.m. does not move a running escalation. The worker's own configuration serves
addresses and secrets only.
"""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field

from mainstay.domain.approval import ApprovalPolicy
from mainstay.domain.escalation import EscalationPolicy
from mainstay.domain.model import Record, digest
from mainstay.domain.oncall.schedule import Schedule
from mainstay.domain.people import Person, Team
from mainstay.domain.service import Service
from mainstay.domain.severity import SeverityProfile


class PublicKey(Record):
    """An Ed25519 key of a door, base64 of the 32 raw bytes."""

    key_id: str
    key: str


class PinnedConfig(Record):
    """Everything that decisions of one incident are made by."""

    service: Service
    team: Team
    profile: SeverityProfile
    policy: EscalationPolicy
    schedules: dict[str, Schedule] = Field(default_factory=dict)
    teams: dict[str, Team] = Field(default_factory=dict)
    people: dict[str, Person] = Field(default_factory=dict)
    """Without addresses: ``contacts`` hold method and channel names only."""
    approvals: ApprovalPolicy = Field(default_factory=ApprovalPolicy)
    keys: tuple[PublicKey, ...] = ()
    runbooks: dict[str, str] = Field(default_factory=dict)
    """Name → YAML text of the runbooks that this incident may start, and of those they call."""
    allowed_namespaces: tuple[str, ...] = ()
    stakeholders: tuple[str, ...] = ()
    """Handles that receive status updates."""
    public_url: str = ""
    monitoring_hold: timedelta | None = None
    """Overrides the level's hold."""
    auto_close_after: timedelta | None = None
    """Close a resolved incident by itself after this long; None: a person closes."""
    business_hours: tuple[str, ...] = ("mon-fri 09:00-17:00",)
    time_zone: str = "UTC"
    holidays: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        return digest(self)
