"""When a rollout is finished: kubectl's rules, as a table over raw objects."""

from __future__ import annotations

from typing import Any

import pytest

from mainstay.domain.errors import InvalidArgument
from mainstay.domain.rollout import RolloutState, rollout


def live(kind: str, status: dict[str, Any], generation: int = 2, **spec: object) -> dict[str, Any]:
    status = {"observedGeneration": 2, **status}
    return {
        "kind": kind,
        "metadata": {"generation": generation},
        "spec": {"replicas": 3, **spec},
        "status": status,
    }


def counts(total: int, updated: int, available: int) -> dict[str, int]:
    return {"replicas": total, "updatedReplicas": updated, "availableReplicas": available}


def pods(ready: int, updated: int, at: str = "b", to: str = "b") -> dict[str, Any]:
    return {"readyReplicas": ready, "updatedReplicas": updated, "currentRevision": at, "updateRevision": to}


def nodes(wanted: int, updated: int, available: int) -> dict[str, int]:
    return {"desiredNumberScheduled": wanted, "updatedNumberScheduled": updated, "numberAvailable": available}


LATE = {"conditions": [{"type": "Progressing", "reason": "ProgressDeadlineExceeded"}]}
PARTITION: dict[str, Any] = {"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}}
BY_HAND: dict[str, Any] = {"updateStrategy": {"type": "OnDelete"}}
ROLLING: dict[str, Any] = {"updateStrategy": {"type": "RollingUpdate"}}


@pytest.mark.parametrize(
    ("found", "state", "words"),
    [
        (live("Deployment", counts(3, 3, 3)), "done", "3 of 3 available"),
        (live("Deployment", counts(3, 3, 3), generation=3), "progressing", "controller to see"),
        (live("Deployment", counts(3, 2, 2)), "progressing", "2 of 3 new pods"),
        (live("Deployment", counts(4, 3, 3)), "progressing", "1 old pods"),
        (live("Deployment", counts(3, 3, 2)), "progressing", "2 of 3 new pods are available"),
        (live("Deployment", {**counts(4, 1, 3), **LATE}), "stuck", "progress deadline"),
        (live("Deployment", {**counts(4, 1, 3), **LATE}, generation=3), "progressing", "controller to see"),
        (live("Deployment", {}, replicas=0), "done", "0 of 0"),
        (live("Deployment", {"observedGeneration": 0}, generation=0), "progressing", "controller to see"),
        (live("StatefulSet", pods(3, 3), **ROLLING), "done", "3 of 3 ready"),
        (live("StatefulSet", pods(2, 3), **ROLLING), "progressing", "2 of 3 pods are ready"),
        (live("StatefulSet", pods(3, 3, at="a"), **ROLLING), "progressing", "revision b"),
        (live("StatefulSet", pods(3, 1, at="a"), **PARTITION), "done", "partition 2"),
        (live("StatefulSet", pods(3, 0, at="a"), **PARTITION), "progressing", "0 of 1 pods are updated"),
        (live("StatefulSet", pods(3, 3), **BY_HAND), "unknown", "OnDelete"),
        (live("DaemonSet", nodes(3, 3, 3)), "done", "3 of 3 available"),
        (live("DaemonSet", nodes(3, 2, 3)), "progressing", "2 of 3 nodes"),
        (live("DaemonSet", nodes(3, 3, 2)), "progressing", "2 of 3 new pods"),
        (live("DaemonSet", nodes(3, 3, 3), **BY_HAND), "unknown", "OnDelete"),
    ],
)
def test_each_state_of_a_rollout(found: dict[str, Any], state: str, words: str) -> None:
    """The state, and a line that says what it waits for."""
    answer = rollout(found)
    assert (answer.state.value, words in answer.detail) == (state, True), answer.detail


def test_the_writes_own_generation_counts() -> None:
    """The state from before the write is no success, even where a cache shows the old object."""
    assert rollout(live("Deployment", counts(3, 3, 3)), generation=3).state is RolloutState.PROGRESSING


def test_a_kind_without_rollout_is_refused() -> None:
    """A Service does not roll out."""
    with pytest.raises(InvalidArgument, match="Service has no rollout"):
        rollout({"kind": "Service", "metadata": {}, "spec": {}})
