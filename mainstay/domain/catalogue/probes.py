"""Every probe, as data. The implementations are in ``activities/probes``; a test holds both equal."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated

from pydantic import Field

from mainstay.domain.catalogue.spec import Parameters, ProbeSpec, Threshold, Verb
from mainstay.domain.duration import Duration
from mainstay.domain.service import Workload

ROLLBACK_SAFE = "mainstay.dev/rollback-safe"
"""Annotation (or label) of a workload or its pod template: ``"false"`` forbids to roll it back (T-11)."""
MIGRATION = "mainstay.dev/migration"
"""Annotation (or label) naming a schema migration that came with this version; any value but ``none``,
``reversible`` and ``additive`` forbids to roll it back, because that would lose data (T-11, S-190)."""
SAFE_MIGRATIONS = ("", "none", "reversible", "additive")

_Status = Annotated[int, Field(ge=100, le=599)]


class Prometheus(Parameters):
    """``server`` is the name of a Prometheus in mainstay.yaml, never an address from an alert."""

    query: str = Field(min_length=1)
    criterion: Threshold
    server: str = "default"


class Http(Parameters):
    """The host must be one that mainstay.yaml allows. Redirects are not followed."""

    url: str = Field(pattern=r"^https?://")
    expect_status: tuple[_Status, ...] = (200, 201, 202, 203, 204)
    latency_seconds: Threshold | None = None
    timeout: Duration = timedelta(seconds=5)


class RecentRollout(Parameters):
    target: Workload
    within: Duration = timedelta(hours=1)


class RolloutStatus(Parameters):
    """The fact ``state`` is ``done``, ``progressing``, ``stuck`` or ``unknown``."""

    target: Workload


class NoParameters(Parameters):
    """Takes none."""


_WORKLOADS = tuple(Verb("apps", kind, ("get", "list")) for kind in ("deployments", "statefulsets", "daemonsets"))
_REVISIONS = tuple(Verb("apps", kind, ("get", "list")) for kind in ("replicasets", "controllerrevisions"))

PROBES: Mapping[str, ProbeSpec] = {
    spec.name: spec
    for spec in (
        ProbeSpec(
            name="prometheus",
            title="Judge the samples of an instant query",
            parameters=Prometheus,
            facts={"value": "number", "values": "list", "samples": "integer"},
            held="every sample meets the criterion",
            failed="a sample does not meet the criterion",
        ),
        ProbeSpec(
            name="http",
            title="Ask an HTTP endpoint",
            parameters=Http,
            facts={"reached": "boolean", "status": "integer", "latency_seconds": "number"},
            held="it answered as expected and in time",
            failed="it did not answer, or not as expected",
        ),
        ProbeSpec(
            name="recent_rollout",
            title="Was a new version rolled out lately, and could it be rolled back safely?",
            parameters=RecentRollout,
            facts={
                "found": "boolean",
                "age_seconds": "integer",
                "revision": "integer",
                "image": "string",
                "change_cause": "string",
                "has_previous": "boolean",
                "previous_revision": "integer",
                "previous_image": "string",
                "revisions": "list",
                "rollback_safe": "boolean",
                "unsafe_because": "string",
            },
            held="there was a rollout within the time given",
            failed="the newest rollout is older",
            reads=_WORKLOADS + _REVISIONS,
        ),
        ProbeSpec(
            name="rollout_status",
            title="Is the rollout of a workload complete?",
            parameters=RolloutStatus,
            facts={
                "state": "string",
                "desired": "integer",
                "updated": "integer",
                "ready": "integer",
                "revision": "integer",
                "image": "string",
            },
            held="complete: all replicas are of the newest version and ready",
            failed="still progressing, or stuck",
            reads=_WORKLOADS + _REVISIONS,
        ),
        ProbeSpec(
            name="condition",
            title="Look at nothing: decide by what is already known",
            parameters=NoParameters,
            facts={},
            held="always",
            failed="never",
        ),
    )
}
"""Probe name → its description."""
