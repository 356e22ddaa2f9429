"""The registry of actions, a line each. The implementations are in ``activities/cluster``; a test holds both equal."""

from __future__ import annotations

from collections.abc import Mapping

from mainstay.domain.catalogue import autoscaling, jobs, nodes, pods, settings, traffic, workloads
from mainstay.domain.catalogue.spec import ActionSpec

ACTIONS: Mapping[str, ActionSpec] = {
    spec.name: spec
    for spec in (
        workloads.ROLLOUT_UNDO,
        workloads.ROLLOUT_RESTART,
        workloads.MARK_VERIFIED,
        workloads.ROLLOUT_PAUSE,
        workloads.ROLLOUT_RESUME,
        workloads.SET_IMAGE,
        workloads.SET_ENV,
        workloads.SET_RESOURCES,
        workloads.JSON_PATCH,
        autoscaling.SCALE,
        autoscaling.AUTOSCALER_BOUNDS,
        traffic.SERVICE_SWITCH,
        traffic.INGRESS_CANARY,
        jobs.CRONJOB_SUSPEND,
        jobs.CRONJOB_RESUME,
        settings.FEATURE_FLAG,
        settings.RATE_LIMIT,
        settings.CIRCUIT_BREAKER,
        settings.DEGRADE,
        settings.REPLICA_SWITCH,
        settings.LABEL,
        settings.ANNOTATE,
        settings.CUSTOM_PATCH,
        *nodes.NODE_ACTIONS,
        *pods.POD_ACTIONS,
    )
}
"""Action name → its description."""
