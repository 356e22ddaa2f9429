"""Pods, events and logs on the real API server; kwok plays what their images say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mainstay.domain.errors import InvalidArgument
from mainstay.domain.verdict import Verdict
from tests.cluster.lab import Lab
from tests.cluster.probes.setting import has, look, put, until


@pytest.mark.parametrize(
    ("tag", "fact", "words"),
    [
        ("v1-crash", "crash_loop", "app: "),
        ("v1-oom", "oom_killed", "OOMKilled"),
        ("v1-pull-fail", "image_pull", "ImagePullBackOff of registry.example/shop:v1-pull-fail"),
    ],
)
async def test_each_fault_is_told_by_its_name(lab: Lab, tag: str, fact: str, words: str) -> None:
    """A pod that crashes, is killed for memory or gets no image is counted as that and as nothing else."""
    await lab.workload("shop", tag, replicas=1)
    seen = await until(lab, "pod_health", lambda seen: bool(seen.facts[fact]))
    others = {"crash_loop", "oom_killed", "image_pull", "evicted", "pending"} - {fact}
    assert seen.verdict is Verdict.FAILED
    assert words in str(seen.facts["why"])
    assert not any(seen.facts[other] for other in others), seen


async def test_ready_pods_hold_and_none_is_inconclusive(lab: Lab) -> None:
    """Ready on a node: held. No pod at all: no data, so no success."""
    await lab.workload("shop", "v1", replicas=2)
    seen = await until(lab, "pod_health", has(Verdict.HELD))
    assert (seen.facts["pods"], seen.facts["ready"], seen.facts["why"]) == (2, 2, "")
    assert seen.facts["nodes"]
    await lab.workload("shop", "v1", replicas=0)
    await until(lab, "pod_health", has(Verdict.INCONCLUSIVE))


async def test_a_pod_without_a_place_says_why(lab: Lab) -> None:
    """The scheduler's words, once it is older than the patience; a fresh one is on its way."""
    greedy = {"resources": {"requests": {"memory": "4Ti"}}}
    await lab.workload("shop", "v1", container=greedy)
    await until(lab, "pod_health", lambda s: "Insufficient memory" in str(s.facts["why"]), pending_after="0")
    fresh = await look(lab, "pod_health", pending_after="10m")
    assert (fresh.facts["pending"], fresh.verdict) == (0, Verdict.FAILED)
    later = await look(lab, "pod_health", at=datetime.now(UTC) + timedelta(minutes=11), pending_after="10m")
    assert later.facts["pending"] == 1


async def test_pods_of_others_do_not_count(lab: Lab) -> None:
    """A bare pod with the same labels is nobody's, so a crash of it says nothing about the workload."""
    await lab.workload("shop", "v1")
    spec = {"containers": [{"name": "app", "image": "registry.example/shop:v9-pull-fail"}]}
    await put(lab, "v1", "Pod", "stranger", metadata={"labels": {"app": "shop"}}, spec=spec)
    seen = await until(lab, "pod_health", has(Verdict.HELD))
    assert seen.facts["pods"] == 1


async def test_events_are_counted_within_their_time(lab: Lab) -> None:
    """The scheduler's warnings count for the object asked for, by reason, and not after ``within``."""
    await lab.workload("shop", "v1", container={"resources": {"requests": {"memory": "4Ti"}}})
    wanted: dict[str, Any] = {"kind": "Pod", "name": "shop", "reasons": ["FailedScheduling"]}
    seen = await until(lab, "events", has(Verdict.FAILED), **wanted)
    assert (seen.facts["reasons"], "Insufficient memory" in str(seen.facts["newest"])) == (["FailedScheduling"], True)
    assert (await look(lab, "events", kind="Pod", name="sho")).facts["count"] == 0
    assert (await look(lab, "events", **{**wanted, "reasons": ["Killing"]})).verdict is Verdict.HELD
    past = await look(lab, "events", at=datetime.now(UTC) + timedelta(hours=1), **wanted)
    assert past.facts["count"] == 0


async def test_logs_are_matched_in_all_pods_and_cut_ones_prove_no_absence(lab: Lab) -> None:
    """``listening`` is in every pod's log, ``ERROR`` in none; with one line read of more, an absence is open."""
    await lab.workload("shop", "v1", replicas=2)
    await until(lab, "pod_health", has(Verdict.HELD))
    long: dict[str, Any] = {"within": "5200w"}
    found = await look(lab, "logs", pattern="listening on :[0-9]+", **long)
    assert (found.verdict, found.facts["matches"], found.facts["pods"]) == (Verdict.FAILED, 2, 2)
    assert found.facts["sample"] == "listening on :8080"
    assert (await look(lab, "logs", pattern="ERROR", **long)).verdict is Verdict.HELD
    assert (await look(lab, "logs", pattern="ERROR", max_lines=1, **long)).verdict is Verdict.INCONCLUSIVE
    assert (await look(lab, "logs", pattern="ERROR", max_pods=1, **long)).verdict is Verdict.INCONCLUSIVE
    assert (await look(lab, "logs", pattern="listening", max_lines=1, **long)).verdict is Verdict.FAILED
    with pytest.raises(InvalidArgument, match="no pattern of RE2"):
        await look(lab, "logs", pattern="(?=look)ahead")


async def test_jobs_are_judged_by_their_newest_end(lab: Lab) -> None:
    """A job that ran to its end holds; a CronJob without a run is inconclusive."""
    pod = {"containers": [{"name": "app", "image": "registry.example/job:v1"}], "restartPolicy": "Never"}
    await put(lab, "batch/v1", "Job", "once", spec={"template": {"spec": pod}})
    seen = await until(lab, "job_status", has(Verdict.HELD), kind="Job", name="once")
    assert (seen.facts["state"], seen.facts["job"]) == ("succeeded", "once")
    later = datetime.now(UTC) + timedelta(days=2)
    old = await look(lab, "job_status", at=later, kind="Job", name="once", within="1d")
    assert old.verdict is Verdict.FAILED
    cron = {"schedule": "0 0 1 1 *", "suspend": True, "jobTemplate": {"spec": {"template": {"spec": pod}}}}
    await put(lab, "batch/v1", "CronJob", "nightly", spec=cron)
    never = await look(lab, "job_status", name="nightly")
    assert (never.verdict, never.facts["state"], never.facts["suspended"]) == (
        Verdict.INCONCLUSIVE,
        "never ran",
        True,
    )
