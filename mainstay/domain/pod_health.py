"""What is wrong with a pod, by its status. Pure: the raw object and the instant in, faults out.

https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/ names the reasons.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

from mainstay.domain.revision import Raw

_PULL = (
    "ImagePullBackOff",
    "ErrImagePull",
    "InvalidImageName",
    "ErrImageNeverPull",
    "ImageInspectError",
    "RegistryUnavailable",
)


class Kind(StrEnum):
    """The fact that counts it."""

    CRASH_LOOP = "crash_loop"
    OOM_KILLED = "oom_killed"
    IMAGE_PULL = "image_pull"
    PENDING = "pending"
    EVICTED = "evicted"


class PodFault(NamedTuple):
    """One fault of one pod with the cluster's own words, for people."""

    kind: Kind
    why: str


def faults(pod: Raw, at: datetime, *, recent: timedelta, patience: timedelta) -> tuple[PodFault, ...]:
    """Everything wrong with a pod at ``at``, each kind once.

    A kill or a crash counts for ``recent`` after it; a pod without a node or a started container is pending
    once it is older than ``patience``.
    """
    status = pod.get("status") or {}
    if status.get("phase") == "Failed" and status.get("reason") in ("Evicted", "Preempting", "NodeShutdown"):
        return (PodFault(Kind.EVICTED, str(status.get("message") or status["reason"])),)
    found = {fault.kind: fault for fault in _of_containers(status, at, recent)}
    if status.get("phase") == "Pending" and Kind.IMAGE_PULL not in found:
        age = at - _instant(pod["metadata"]["creationTimestamp"])
        if age >= patience:
            found[Kind.PENDING] = PodFault(Kind.PENDING, _why_pending(status))
    return tuple(found.values())


def ready(pod: Raw) -> bool:
    """In service: ready by its condition and not on its way out."""
    if pod["metadata"].get("deletionTimestamp"):
        return False
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


def finished(pod: Raw) -> bool:
    return (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")


def restarts(pod: Raw) -> int:
    return sum(int(entry.get("restartCount", 0)) for entry in _containers(pod.get("status") or {}))


def _containers(status: Raw) -> Iterator[Raw]:
    yield from status.get("initContainerStatuses") or ()
    yield from status.get("containerStatuses") or ()


def _of_containers(status: Raw, at: datetime, recent: timedelta) -> Iterator[PodFault]:
    for entry in _containers(status):
        name, state, last = entry["name"], entry.get("state") or {}, entry.get("lastState") or {}
        waiting = state.get("waiting") or {}
        reason = str(waiting.get("reason", ""))
        if reason in _PULL:
            yield PodFault(Kind.IMAGE_PULL, f"{name}: {reason} of {entry.get('image', '?')}")
        if reason == "CrashLoopBackOff":
            yield PodFault(Kind.CRASH_LOOP, f"{name}: {reason}, {entry.get('restartCount', 0)} restarts{_code(last)}")
        for ended in (state.get("terminated"), last.get("terminated")):
            if not ended or at - _instant(ended.get("finishedAt")) > recent:
                continue
            if ended.get("reason") == "OOMKilled":
                yield PodFault(Kind.OOM_KILLED, f"{name}: OOMKilled, {entry.get('restartCount', 0)} restarts")
            elif ended.get("exitCode") and entry.get("restartCount", 0) > 1 and reason != "CrashLoopBackOff":
                # Between two back-offs it runs for a moment: the loop is the same
                yield PodFault(Kind.CRASH_LOOP, f"{name}: restarted {entry['restartCount']} times{_code(last)}")


def _code(last: Raw) -> str:
    ended = last.get("terminated") or {}
    return f", exit code {ended['exitCode']}" if "exitCode" in ended else ""


def _why_pending(status: Raw) -> str:
    for condition in status.get("conditions") or ():
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            return str(condition.get("message") or condition.get("reason") or "not scheduled")
    waiting: list[Any] = [(e.get("state") or {}).get("waiting") for e in _containers(status)]
    reasons = [str(w.get("message") or w.get("reason")) for w in waiting if w]
    return reasons[0] if reasons else "no container has started"


def _instant(text: object) -> datetime:
    return datetime.fromisoformat(str(text)) if text else datetime.fromisoformat("1970-01-01T00:00:00+00:00")
