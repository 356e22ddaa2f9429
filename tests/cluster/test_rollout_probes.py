"""Looking at rollouts: how recent, by whom, safe to take back, complete."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from activities.probes.recent_rollout import RecentRollout
from activities.probes.rollout_status import RolloutStatus
from activities.probes.seen import Seen
from devstack.processes import eventually
from mainstay.domain.catalogue.probes import PROBES
from mainstay.domain.catalogue.probes import RecentRollout as RecentParameters
from mainstay.domain.catalogue.probes import RolloutStatus as StatusParameters
from mainstay.domain.service import Workload, WorkloadKind
from mainstay.domain.verdict import Verdict
from tests.cluster.lab import Lab

HOUR = timedelta(hours=1)


def target(lab: Lab, kind: WorkloadKind = "Deployment") -> Workload:
    return Workload(namespace=lab.namespace, kind=kind, name="shop")


async def recent(lab: Lab, at: datetime | None = None, kind: WorkloadKind = "Deployment") -> Seen:
    parameters = RecentParameters(target=target(lab, kind), within=HOUR)
    return await RecentRollout(lab.clusters).look(parameters, at or datetime.now(UTC))


async def status(lab: Lab, kind: WorkloadKind = "Deployment") -> Seen:
    return await RolloutStatus(lab.clusters).look(StatusParameters(target=target(lab, kind)), datetime.now(UTC))


async def rolled_out_at(lab: Lab, number: int) -> datetime:
    """When the ReplicaSet of a revision came into being."""
    for entry in (await lab.cluster.api.get(lab.path("ReplicaSet")))["items"]:
        if entry["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == str(number):
            return datetime.fromisoformat(entry["metadata"]["creationTimestamp"])
    raise AssertionError(f"no revision {number}")


@pytest.mark.parametrize(
    ("age", "verdict"),
    [
        (timedelta(minutes=59), Verdict.HELD),
        (timedelta(minutes=60), Verdict.FAILED),
        (timedelta(minutes=61), Verdict.FAILED),
    ],
    ids=["59 min", "60 min", "61 min"],
)
async def test_recent_is_less_than_asked_ago(lab: Lab, age: timedelta, verdict: Verdict) -> None:
    """T-4 asks for a rollout less than an hour old."""
    await lab.workload("shop", "v1")
    await lab.workload("shop", "v2")
    seen = await recent(lab, await rolled_out_at(lab, 2) + age)
    assert (seen.verdict, seen.facts["found"], seen.facts["age_seconds"]) == (
        verdict,
        verdict is Verdict.HELD,
        age.total_seconds(),
    )


@pytest.mark.capability("S-206")
async def test_images_revisions_and_cause_are_facts(lab: Lab) -> None:
    """Given the step, then revisions with change cause and age are returned (S-206), and the images."""
    await lab.workload("shop", "v1", annotations={"kubernetes.io/change-cause": "first"})
    await lab.workload("shop", "v2", annotations={"kubernetes.io/change-cause": "second"})
    seen = await recent(lab)
    assert set(seen.facts) == set(PROBES["recent_rollout"].facts)
    assert seen.facts["image"] == "registry.example/shop:v2"
    assert (seen.facts["revision"], seen.facts["previous_revision"]) == (2, 1)
    assert seen.facts["previous_image"] == "registry.example/shop:v1"
    assert seen.facts["rollback_safe"] is True
    rows: Any = seen.facts["revisions"]
    assert [(row["revision"], row["change_cause"]) for row in rows] == [(2, "second"), (1, "first")]
    assert all(0 <= row["age_seconds"] < 60 for row in rows)
    assert "by mainstay-devstack" in seen.detail


async def test_a_rollback_is_a_rollout_of_its_own_time(lab: Lab) -> None:
    """The ReplicaSet that was rolled back to is old, its return is not; Mainstay is named with its step."""
    await lab.workload("shop", "v1")
    await lab.workload("shop", "v2")
    await lab.apply(await lab.plan("rollout_undo", {"target": {"name": "shop"}}))
    await lab.recorded("shop")
    seen = await recent(lab)
    assert (seen.facts["image"], seen.facts["revision"]) == ("registry.example/shop:v1", 3)
    assert "by Mainstay (run run-1, step roll-back)" in seen.detail


@pytest.mark.parametrize("kind", ["StatefulSet", "DaemonSet"])
async def test_the_other_kinds_have_a_history_too(lab: Lab, kind: WorkloadKind) -> None:
    """Controller revisions tell the same."""
    await lab.workload("shop", "v1", kind)
    await lab.workload("shop", "v2", kind)
    seen = await recent(lab, kind=kind)
    assert (seen.verdict, seen.facts["previous_image"]) == (Verdict.HELD, "registry.example/shop:v1")
    assert (await status(lab, kind)).facts["revision"] == 2


@pytest.mark.parametrize(
    ("second", "words"),
    [
        ({"pod": {"annotations": {"mainstay.dev/rollback": "unsafe"}}}, "unsafe"),
        ({"labels": {"mainstay.dev/migration": "destructive"}}, "destructive"),
        ({"spec": {"paused": True}}, "paused"),
    ],
    ids=["annotation", "migration label", "paused"],
)
async def test_what_forbids_a_rollback_is_told(lab: Lab, second: dict[str, Any], words: str) -> None:
    """The tree takes another branch than rollback (S-190)."""
    await lab.workload("shop", "v1")
    await lab.workload("shop", "v2", **second)
    seen = await recent(lab)
    assert seen.facts["rollback_safe"] is False
    assert words in str(seen.facts["unsafe_because"])


async def test_a_first_version_has_nothing_before_it(lab: Lab) -> None:
    """Recent, but not to be rolled back."""
    await lab.workload("shop", "v1")
    seen = await recent(lab)
    assert (seen.verdict, seen.facts["has_previous"], seen.facts["rollback_safe"]) == (
        Verdict.HELD,
        False,
        False,
    )


async def test_a_finished_rollout_holds_and_an_unready_one_does_not(lab: Lab) -> None:
    """Complete at the newest version, then a version whose pods never become ready."""
    await lab.workload("shop", "v1", replicas=2)
    await eventually(lambda: holds(lab), 20, "the rollout complete")
    seen = await status(lab)
    assert set(seen.facts) == set(PROBES["rollout_status"].facts)
    assert (seen.facts["state"], seen.facts["ready"], seen.facts["desired"]) == ("done", 2, 2)
    await lab.workload("shop", "v2-never-ready", replicas=2)
    assert (await status(lab)).verdict is Verdict.FAILED


async def holds(lab: Lab) -> bool:
    return (await status(lab)).verdict is Verdict.HELD


async def test_a_stuck_rollout_is_said_to_be_stuck(lab: Lab) -> None:
    """The controller has given up: no use to wait on."""
    await lab.workload("shop", "v1-never-ready", spec={"progressDeadlineSeconds": 1, "minReadySeconds": 0})

    async def stuck() -> bool:
        return (await status(lab)).facts["state"] == "stuck"

    await eventually(stuck, 20, "the progress deadline")
    assert (await status(lab)).verdict is Verdict.FAILED
