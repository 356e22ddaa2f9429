"""Pods taken away, Jobs run, workloads isolated, on the real API server; each at most once, and only our own undone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError

from activities import failpoints
from activities.cluster.actions import ClusterActions
from activities.cluster.envelope import Envelope
from devstack.processes import eventually
from mainstay.domain.change import Change, Risk
from tests.cluster.lab import Lab, NoHalt, workload
from tests.cluster.test_client import grant

SHOP = {"target": {"name": "shop"}}
SHOP_SET = {"target": {"name": "shop", "kind": "StatefulSet"}}
JOB = {
    "template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "registry.example/x:v1"}]}}
}


async def pods(lab: Lab, app: str = "shop") -> list[dict[str, Any]]:
    path = f"/api/v1/namespaces/{lab.namespace}/pods"
    return list((await lab.cluster.api.get(path, labelSelector=f"app={app}"))["items"])


async def ready(lab: Lab, count: int, kind: str = "deployments") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []

    async def there() -> bool:
        # The controller's status may be from before a pod was taken.
        found[:] = await pods(lab)
        steady = [p for p in found if not p["metadata"].get("deletionTimestamp") and p["status"]["phase"] == "Running"]
        return len(steady) == len(found) == count and await lab.cluster.rollout_done(lab.namespace, "shop", kind=kind)

    await eventually(there, 30, f"{count} pods of shop")
    return found


def of(pod: dict[str, Any]) -> dict[str, Any]:
    return {"target": {"name": pod["metadata"]["name"], "kind": "Pod"}}


async def outcomes(lab: Lab, change: Change, times: int = 2) -> list[str]:
    return [(await lab.apply(change)).outcome for _ in range(times)]


@pytest.mark.parametrize("how", ["evict", "delete"])
async def test_a_pod_that_comes_back_under_its_name_counts_as_done(lab: Lab, how: str) -> None:
    """A StatefulSet makes shop-0 anew: a retry finds another UID and leaves it alone."""
    await lab.workload("shop", "v1", "StatefulSet")
    (before,) = await ready(lab, 1, "statefulsets")
    change = await lab.plan("pod_delete", {**of(before), "how": how})
    assert await outcomes(lab, change, 1) == ["changed"]
    (after,) = await ready(lab, 1, "statefulsets")
    assert after["metadata"]["name"] == before["metadata"]["name"]
    assert await outcomes(lab, change, 1) == ["already"]
    assert [p["metadata"]["uid"] for p in await pods(lab)] == [after["metadata"]["uid"]]
    with pytest.raises(ApplicationError, match="another pod by now"):
        await lab.plan("pod_delete", {**of(after), "uid": before["metadata"]["uid"]})


@pytest.mark.parametrize("point", ["apply.before_call", "apply.after_call"])
async def test_whenever_the_answer_is_lost_one_pod_is_taken(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    """The retry takes the pinned pod or finds it gone, and never its successor."""
    await lab.workload("shop", "v1", "StatefulSet")
    (before,) = await ready(lab, 1, "statefulsets")
    change = await lab.plan("pod_delete", of(before))
    monkeypatch.setattr(failpoints, "_active", {point: "lose"})
    with pytest.raises(ApplicationError):
        await lab.apply(change)
    monkeypatch.setattr(failpoints, "_active", {})
    await lab.apply(change)
    (after,) = await ready(lab, 1, "statefulsets")
    assert after["metadata"]["uid"] != before["metadata"]["uid"]
    assert await outcomes(lab, change) == ["already", "already"]
    assert [p["metadata"]["uid"] for p in await pods(lab)] == [after["metadata"]["uid"]]


async def test_a_pod_nobody_brings_back_is_high_risk(lab: Lab) -> None:
    """A bare pod: said before approval, and the risk is higher."""
    template = workload("bare", "v1")["spec"]["template"]
    await lab.apply_manifest({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "bare"}, **_spec(template)})
    change = await lab.plan("pod_delete", {"target": {"name": "bare", "kind": "Pod"}, "how": "delete"})
    assert (change.risk, change.warnings) == (Risk.HIGH, ("it has no controller and will not come back",))
    assert await outcomes(lab, change) == ["changed", "already"]


def _spec(template: dict[str, Any]) -> dict[str, Any]:
    return {"spec": template["spec"]}


async def test_pods_of_a_workload_go_within_bounds(lab: Lab) -> None:
    """Only the unready ones unless asked; never more than the step's bound or the envelope's share."""
    await lab.workload("shop", "v1", replicas=4)
    await ready(lab, 4)
    assert (await lab.plan("pods_delete", SHOP)).already
    with pytest.raises(ApplicationError, match="at most 3"):
        await lab.plan("pods_delete", {**SHOP, "which": "all", "at_most": 3})
    with pytest.raises(ApplicationError, match="may take away at most 50%"):
        await lab.plan("pods_delete", {**SHOP, "which": "all", "how": "delete"})
    before = {p["metadata"]["uid"] for p in await pods(lab)}
    change = await lab.plan("pods_delete", {**SHOP, "which": "all"})
    assert await outcomes(lab, change) == ["changed", "already"]
    await lab.cluster.wait_rollout(lab.namespace, "shop")
    assert not before & {p["metadata"]["uid"] for p in await pods(lab)}
    with pytest.raises(ApplicationError, match="cannot be undone"):
        await lab.apply(change, undo=True)


async def test_pods_that_do_not_stop_are_deleted_by_force_only_with_consent(lab: Lab) -> None:
    """A finalizer of the node's kind: asked again it stays; forced it is high risk and goes."""
    await lab.workload("shop", "v1-slow-stop", "StatefulSet")
    (pod,) = await ready(lab, 1, "statefulsets")
    path = f"/api/v1/namespaces/{lab.namespace}/pods/{pod['metadata']['name']}"
    await lab.cluster.api.request("DELETE", path, body={"gracePeriodSeconds": 600})
    later = datetime.now(UTC) + timedelta(minutes=30)
    assert (await lab.plan("stuck_pods_delete", SHOP_SET, at=datetime.now(UTC))).already
    gentle = await lab.plan("stuck_pods_delete", SHOP_SET, at=later)
    assert (gentle.risk, gentle.already) == (Risk.MEDIUM, False)
    forced = await lab.plan("stuck_pods_delete", {**SHOP_SET, "force": True}, at=later)
    assert forced.risk is Risk.HIGH
    assert "may run twice" in forced.warnings[0]
    assert await outcomes(lab, forced) == ["changed", "already"]


@pytest.mark.parametrize(
    ("action", "verb", "parameters"),
    [
        ("pod_delete", "create on pods/eviction", {"target": {"name": "shop-0", "kind": "Pod"}}),
        ("pods_delete", "delete on pods", {**SHOP_SET, "which": "all", "how": "delete"}),
        ("job_run", "create on jobs.batch", {"target": {"name": "check", "kind": "Job"}, "template": JOB}),
        ("isolate", "create on networkpolicies.networking.k8s.io", SHOP_SET),
    ],
)
async def test_the_shipped_roles_suffice_and_a_missing_verb_is_named(
    lab: Lab, action: str, verb: str, parameters: dict[str, Any]
) -> None:
    """The mitigator's Role carries it; the reader's attempt fails for good and says which verb it lacks."""
    await lab.workload("shop", "v1", "StatefulSet")
    await ready(lab, 1, "statefulsets")
    lab.with_envelope(Envelope(largest_cut=1.0))
    reader = Lab(lab.cluster, lab.namespace, NoHalt(), await grant(lab, "mainstay-reader"))
    reader.actions = ClusterActions(reader.clusters, NoHalt(), Envelope(largest_cut=1.0))
    with pytest.raises(ApplicationError) as refused:
        await reader.apply(await reader.plan(action, parameters))
    assert (refused.value.type, refused.value.non_retryable) == ("NotAllowed", True)
    assert f"Grant the verb {verb}" in str(refused.value)
    mitigator = Lab(lab.cluster, lab.namespace, NoHalt(), await grant(lab, "mainstay-mitigator"))
    mitigator.actions = ClusterActions(mitigator.clusters, NoHalt(), Envelope(largest_cut=1.0))
    change = await mitigator.plan(action, parameters)
    assert (await mitigator.apply(change)).outcome == "changed"
    if change.undo == "restore":
        assert (await mitigator.apply(change, undo=True)).outcome == "changed"
    for opened in (reader, mitigator):
        await opened.close()


# ---- Jobs -----------------------------------------------------------------------------------------


async def jobs(lab: Lab) -> list[str]:
    found = await lab.cluster.api.get(f"/apis/batch/v1/namespaces/{lab.namespace}/jobs")
    return [job["metadata"]["name"] for job in found["items"]]


async def cron_job(lab: Lab) -> None:
    spec = {"schedule": "0 0 1 1 *", "jobTemplate": {"spec": JOB}}
    await lab.apply_manifest({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "flush"}, "spec": spec})


@pytest.mark.capability("S-232")
@pytest.mark.parametrize("point", ["", "apply.before_call", "apply.after_call"])
async def test_a_job_runs_once_and_its_result_is_a_fact(lab: Lab, monkeypatch: pytest.MonkeyPatch, point: str) -> None:
    """Given a cache_flush step, then the declared job runs once, also where the answer to its creation is lost, and its
    result is recorded; undo deletes exactly it."""
    await cron_job(lab)
    change = await lab.plan("job_run", {"target": {"name": "flush", "kind": "CronJob"}, "timeout_seconds": 60})
    assert "--from=cronjob/flush" in change.command
    if point:
        monkeypatch.setattr(failpoints, "_active", {point: "lose"})
        with pytest.raises(ApplicationError):
            await lab.apply(change)
        monkeypatch.setattr(failpoints, "_active", {})
    first = await lab.apply(change)
    assert first.outcome == ("already" if point == "apply.after_call" else "changed")
    assert first.facts["complete"] is True
    assert "listening" in str(first.facts["log"])
    assert (await lab.apply(change)).outcome == "already"
    assert await jobs(lab) == [first.facts["job"]]
    assert [(await lab.apply(change, undo=True)).outcome] == ["changed"]
    await eventually(lambda: _none(lab), 20, "the job gone")
    assert (await lab.apply(change, undo=True)).outcome == "already"


async def _none(lab: Lab) -> bool:
    return not await jobs(lab)


async def test_a_job_that_fails_says_so(lab: Lab) -> None:
    """From a template; a deadline makes it fail, and a time-out of the step's own is named as one."""
    never = {
        "spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "registry.example/x:v1-never-ready"}]}
    }
    given = {"target": {"name": "check", "kind": "Job"}, "template": {"template": never, "activeDeadlineSeconds": 1}}
    change = await lab.plan("job_run", {**given, "timeout_seconds": 60})
    with pytest.raises(ApplicationError, match="DeadlineExceeded") as failed:
        await lab.apply(change)
    assert (failed.value.type, failed.value.non_retryable) == ("Unavailable", True)


async def test_a_job_of_somebody_else_is_left_alone(lab: Lab) -> None:
    """A name that is taken: not run, and not deleted by an undo."""
    given = {"target": {"name": "check", "kind": "Job"}, "template": JOB}
    change = await lab.plan("job_run", given)
    desired: Any = change.desired
    await lab.apply_manifest(dict(desired["manifest"]))
    with pytest.raises(ApplicationError, match="not of this step") as refused:
        await lab.apply(change)
    assert refused.value.type == "WrongState"
    assert (await lab.apply(change, undo=True)).outcome == "drifted"
    assert len(await jobs(lab)) == 1


# ---- isolation ------------------------------------------------------------------------------------


async def policies(lab: Lab) -> list[dict[str, Any]]:
    found = await lab.cluster.api.get(f"/apis/networking.k8s.io/v1/namespaces/{lab.namespace}/networkpolicies")
    return list(found["items"])


@pytest.mark.capability("S-235")
@pytest.mark.parametrize("point", ["", "apply.before_call", "apply.after_call"])
async def test_a_workload_is_isolated_once_and_let_back_in(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    """Given isolate(service), then a NetworkPolicy blocking ingress exists and is removed by undo; one that somebody
    else has made stays."""
    await lab.workload("shop", "v1")
    other = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "other"}}
    await lab.apply_manifest({**other, "spec": {"podSelector": {}, "policyTypes": ["Egress"]}})
    change = await lab.plan("isolate", {**SHOP, "allow_from_namespaces": ["monitoring"]})
    if point:
        monkeypatch.setattr(failpoints, "_active", {point: "lose"})
        with pytest.raises(ApplicationError):
            await lab.apply(change)
        monkeypatch.setattr(failpoints, "_active", {})
    await lab.apply(change)
    assert (await lab.apply(change)).outcome == "already"
    (policy,) = [p for p in await policies(lab) if p["metadata"]["name"] != "other"]
    assert policy["spec"]["podSelector"] == {"matchLabels": {"app": "shop"}}
    assert policy["spec"]["policyTypes"] == ["Ingress"]
    peers = policy["spec"]["ingress"][0]["from"]
    assert peers[0]["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "monitoring"}
    assert [(await lab.apply(change, undo=True)).outcome for _ in range(2)] == ["changed", "already"]
    assert [p["metadata"]["name"] for p in await policies(lab)] == ["other"]
