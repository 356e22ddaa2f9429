"""Is a rollout finished? The rules of ``kubectl rollout status``, over the object as the API server has it.

Two things are stricter, because a mitigation is judged by it: the caller may name the generation that its
own write got, so that the state from before the write is not taken for success; and the answer DONE means
that nothing of the old revision is left.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from mainstay.domain.errors import InvalidArgument
from mainstay.domain.model import Record


class RolloutState(StrEnum):
    """``STUCK``: the controller has given up (its progress deadline has passed)."""

    DONE = "done"
    PROGRESSING = "progressing"
    STUCK = "stuck"
    UNKNOWN = "unknown"


class Rollout(Record):
    """Where a rollout stands. ``detail`` is one line for people; counts are pods."""

    state: RolloutState
    detail: str
    wanted: int = 0
    updated: int = 0
    available: int = 0


def rollout(live: Mapping[str, Any], generation: int = 0) -> Rollout:
    """Judge a raw Deployment, StatefulSet or DaemonSet.

    ``generation`` is that of the write to be judged; 0 judges what is there now. Raises InvalidArgument for
    another kind.
    """
    kind = live.get("kind", "")
    judge = {"Deployment": _deployment, "StatefulSet": _stateful_set, "DaemonSet": _daemon_set}.get(kind)
    if judge is None:
        raise InvalidArgument(f"{kind or 'an object without a kind'} has no rollout", field="kind")
    spec, status = live.get("spec") or {}, live.get("status") or {}
    newest = max(int(live["metadata"].get("generation", 0)), generation)
    observed = int(status.get("observedGeneration", 0))
    if observed < newest or observed == 0:
        return _progressing("waiting for the controller to see the newest change", _wanted(spec))
    return judge(spec, status)


def _deployment(spec: Mapping[str, Any], status: Mapping[str, Any]) -> Rollout:
    wanted, total = _wanted(spec), int(status.get("replicas", 0))
    updated, available = int(status.get("updatedReplicas", 0)), int(status.get("availableReplicas", 0))
    counts = {"wanted": wanted, "updated": updated, "available": available}
    stuck = [c for c in status.get("conditions") or () if c.get("type") == "Progressing"]
    if any(condition.get("reason") == "ProgressDeadlineExceeded" for condition in stuck):
        detail = f"exceeded its progress deadline: {updated} of {wanted} updated, {available} available"
        return Rollout(state=RolloutState.STUCK, detail=detail, **counts)
    if updated < wanted:
        return _progressing(f"{updated} of {wanted} new pods are there", **counts)
    if total > updated:
        return _progressing(f"{total - updated} old pods are still there", **counts)
    if available < updated:
        return _progressing(f"{available} of {updated} new pods are available", **counts)
    return Rollout(state=RolloutState.DONE, detail=f"rolled out, {available} of {wanted} available", **counts)


def _stateful_set(spec: Mapping[str, Any], status: Mapping[str, Any]) -> Rollout:
    strategy = spec.get("updateStrategy") or {}
    wanted, ready = _wanted(spec), int(status.get("readyReplicas", 0))
    updated = int(status.get("updatedReplicas", 0))
    counts = {"wanted": wanted, "updated": updated, "available": ready}
    if strategy.get("type", "RollingUpdate") != "RollingUpdate":
        return _by_hand(strategy, counts)
    if ready < wanted:
        return _progressing(f"{ready} of {wanted} pods are ready", **counts)
    partition = int((strategy.get("rollingUpdate") or {}).get("partition") or 0)
    if updated < wanted - partition:
        return _progressing(f"{updated} of {wanted - partition} pods are updated", **counts)
    if partition:
        detail = f"rolled out down to partition {partition}, {updated} updated"
        return Rollout(state=RolloutState.DONE, detail=detail, **counts)
    if status.get("updateRevision") != status.get("currentRevision"):
        return _progressing(f"{updated} pods are at revision {status.get('updateRevision')}", **counts)
    return Rollout(state=RolloutState.DONE, detail=f"rolled out, {ready} of {wanted} ready", **counts)


def _daemon_set(spec: Mapping[str, Any], status: Mapping[str, Any]) -> Rollout:
    strategy = spec.get("updateStrategy") or {}
    wanted = int(status.get("desiredNumberScheduled", 0))
    updated, available = int(status.get("updatedNumberScheduled", 0)), int(status.get("numberAvailable", 0))
    counts = {"wanted": wanted, "updated": updated, "available": available}
    if strategy.get("type", "RollingUpdate") != "RollingUpdate":
        return _by_hand(strategy, counts)
    if updated < wanted:
        return _progressing(f"{updated} of {wanted} nodes have the new pod", **counts)
    if available < wanted:
        return _progressing(f"{available} of {wanted} new pods are available", **counts)
    return Rollout(state=RolloutState.DONE, detail=f"rolled out, {available} of {wanted} available", **counts)


def _by_hand(strategy: Mapping[str, Any], counts: Mapping[str, int]) -> Rollout:
    detail = f"update strategy {strategy.get('type')}: pods change only when somebody deletes them"
    return Rollout(state=RolloutState.UNKNOWN, detail=detail, **counts)


def _progressing(detail: str, wanted: int, updated: int = 0, available: int = 0) -> Rollout:
    return Rollout(state=RolloutState.PROGRESSING, detail=detail, wanted=wanted, updated=updated, available=available)


def _wanted(spec: Mapping[str, Any]) -> int:
    replicas = spec.get("replicas")
    return 1 if replicas is None else int(replicas)
