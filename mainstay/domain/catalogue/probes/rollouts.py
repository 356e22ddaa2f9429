"""Probes of what was rolled out, when and by whom."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field

from mainstay.domain.catalogue.probes.shape import GET_WORKLOADS, LIST_REVISIONS, WORKLOADS
from mainstay.domain.catalogue.spec import Parameters, ProbeSpec, Verb
from mainstay.domain.duration import Duration
from mainstay.domain.service import Workload

ROLLBACK_SAFE = "mainstay.dev/rollback-safe"
"""Annotation (or label) of a workload or its pod template: ``"false"`` forbids to roll it back (T-11)."""
MIGRATION = "mainstay.dev/migration"
"""Annotation (or label) naming a schema migration that came with this version; any value but ``none``,
``reversible`` and ``additive`` forbids to roll it back, because that would lose data (T-11, S-190)."""
SAFE_MIGRATIONS = ("", "none", "reversible", "additive")


class RecentRollout(Parameters):
    target: Workload
    within: Duration = timedelta(hours=1)


class RolloutStatus(Parameters):
    """The fact ``state`` is ``done``, ``progressing``, ``stuck`` or ``unknown``."""

    target: Workload


class RolloutHistory(Parameters):
    """Holds when at least ``revisions`` are kept, the current one included: 2 let a rollback be possible."""

    target: Workload
    revisions: int = Field(2, ge=1, le=100)


ROLLOUTS = (
    ProbeSpec(
        name="recent_rollout",
        title="Was a new version rolled out lately, and could it be rolled back safely?",
        group="rollouts",
        target_kinds=WORKLOADS,
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
        reads=GET_WORKLOADS + LIST_REVISIONS,
        beyond="says how old the newest version is, who rolled it out, and whether a rollback would lose data",
    ),
    ProbeSpec(
        name="rollout_status",
        title="Is the rollout of a workload complete?",
        group="rollouts",
        target_kinds=WORKLOADS,
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
        reads=(*GET_WORKLOADS, Verb("apps", "controllerrevisions", ("list",))),
        beyond="answers at once; an OnDelete strategy is unknown instead of an error",
    ),
    ProbeSpec(
        name="rollout_history",
        title="Which revisions are kept, and is there one to go back to?",
        group="rollouts",
        target_kinds=WORKLOADS,
        parameters=RolloutHistory,
        facts={
            "count": "integer",
            "current": "integer",
            "previous": "integer",
            "last_good": "integer",
            "revisions": "list",
        },
        held="as many revisions as asked for are kept",
        failed="fewer are",
        reads=GET_WORKLOADS + LIST_REVISIONS,
        beyond="also shows images, ages and which revision was verified as good",
    ),
)
