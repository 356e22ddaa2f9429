"""Services: what is watched, owned and mitigated."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, JsonValue

from mainstay.domain.model import Strict

WorkloadKind = Literal["Deployment", "StatefulSet", "DaemonSet"]


class Workload(Strict):
    """A workload in a cluster. There is no default name or namespace: a change names its target."""

    cluster: str = "default"
    namespace: str
    kind: WorkloadKind = "Deployment"
    name: str

    def __str__(self) -> str:
        return f"{self.kind.lower()}/{self.name} in {self.namespace}"


class Service(Strict):
    """One entry of the service catalogue."""

    name: str
    title: str = ""
    team: str
    tier: int = 3
    critical: bool = False
    """Counts as critical for triage (T-2)."""
    revenue_impacting: bool = False
    dependencies: tuple[str, ...] = ()
    workload: Workload | None = None
    escalation_policy: str | None = None
    """Falls back to the team's."""
    runbooks: dict[str, str] = Field(default_factory=dict)
    """Alert name (or ``*``) → name of the runbook that is started when the incident is declared."""
    runbook_inputs: dict[str, JsonValue] = Field(default_factory=dict)
    """Named values for the runbook's inputs, such as queries and URLs of this service."""
    links: dict[str, str] = Field(default_factory=dict)
    public_name: str = ""
    """The name on the status page; empty: not shown to the public."""
