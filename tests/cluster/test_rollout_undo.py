"""Rolling back: like kubectl, to a pinned template, exactly once."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError

from activities import failpoints
from activities.cluster.client import Mutations
from devstack.processes import eventually
from mainstay.domain.revision import is_mark, plain_template
from mainstay.domain.rollout import RolloutState, rollout
from tests.cluster.lab import Lab, image, workload

UNDO = "rollout_undo"


def shop(**more: Any) -> dict[str, Any]:
    return {"target": {"name": "shop", **more.pop("target", {})}, **more}


async def two_versions(lab: Lab, name: str = "shop", kind: str = "Deployment", **more: Any) -> None:
    await lab.workload(name, "v1", kind, **more)
    await lab.workload(name, "v2-never-ready", kind, **more)


def content(live: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    annotations = {k: v for k, v in live["metadata"]["annotations"].items() if not is_mark(k)}
    return plain_template(live["spec"]["template"]), annotations


async def test_it_leaves_what_kubectl_leaves(lab: Lab) -> None:
    """Template (a container removed) and annotations equal those of a twin that kubectl rolled back."""
    for name in ("shop", "twin"):
        side = [{"name": "side", "image": "registry.example/side:v9"}]
        first = workload(name, "v1", annotations={"kubernetes.io/change-cause": "first", "note": "of-v1"})
        second = workload(name, "v2-never-ready", annotations={"kubernetes.io/change-cause": "second"}, containers=side)
        for manifest in (first, second):
            await lab.apply_manifest(manifest)
            await lab.recorded(name)
    await lab.kubectl("rollout", "undo", "deployment/twin")
    change = await lab.plan(UNDO, shop())
    applied = await lab.apply(change)
    ours, theirs = await lab.live("shop"), await lab.live("twin")
    await eventually(lambda: revision_is(lab, "shop", "3"), 10, "revision 3")
    await eventually(lambda: revision_is(lab, "twin", "3"), 10, "revision 3")
    ours, theirs = await lab.live("shop"), await lab.live("twin")
    template, annotations = content(theirs)
    assert content(ours)[1] == annotations
    assert str(content(ours)[0]).replace("shop", "twin") == str(template).replace("shop", "twin")
    assert applied.outcome == "changed"
    assert applied.detail == ""
    assert applied.generation == ours["metadata"]["generation"]
    assert len(ours["spec"]["template"]["spec"]["containers"]) == 1


async def revision_is(lab: Lab, name: str, number: str) -> bool:
    return bool((await lab.live(name))["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == number)


async def test_a_plan_shows_everything_and_writes_nothing(lab: Lab) -> None:
    """Title, command, diff and pinned values are there; the audit log knows of no write."""
    await two_versions(lab)
    before = len(lab.writes("shop"))
    change = await lab.plan(UNDO, shop())
    assert change.title == f"Roll back deployment/shop in {lab.namespace} to revision 1 (registry.example/shop:v1)"
    assert change.command == f"kubectl rollout undo deployment/shop -n {lab.namespace} --to-revision=1"
    assert "-      - image: registry.example/shop:v2-never-ready" in change.diff
    assert "+      - image: registry.example/shop:v1" in change.diff
    assert change.target.uid == (await lab.live("shop"))["metadata"]["uid"]
    assert change.undo == "restore"
    assert len(lab.writes("shop")) == before


@pytest.mark.capability("S-205")
async def test_a_bad_fifth_revision_gives_way_to_the_fourth(lab: Lab) -> None:
    """Given revision 5 bad, then after the step the pod template equals the previous good revision."""
    for number in range(1, 6):
        await lab.workload("shop", f"v{number}" + ("-crash" if number == 5 else ""))
    sets = (await lab.cluster.api.get(lab.path("ReplicaSet")))["items"]
    fourth = next(s for s in sets if s["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "4")
    assert (await lab.apply(await lab.plan(UNDO, shop()))).outcome == "changed"
    live = await lab.live("shop")
    assert image(live) == "v4"
    assert plain_template(live["spec"]["template"]) == plain_template(fourth["spec"]["template"])


@pytest.mark.capability("S-223")
async def test_rolled_back_twice_with_one_key_it_is_rolled_back_once(lab: Lab) -> None:
    """Given a Deployment at revision N, when the activity runs twice with one idempotency key, then the
    template equals revision N−1's and is not rolled back a second time."""
    await two_versions(lab)
    good = plain_template((await lab.live("shop"))["spec"]["template"])
    good["spec"]["containers"][0]["image"] = "registry.example/shop:v1"
    change = await lab.plan(UNDO, shop())
    before = lab.template_changes("shop")
    outcomes = [(await lab.apply(change)).outcome for _ in range(3)]
    assert outcomes == ["changed", "already", "already"]
    assert plain_template((await lab.live("shop"))["spec"]["template"]) == good
    assert lab.template_changes("shop") == before + 1


async def test_a_lost_answer_is_no_second_rollback(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """The patch goes through, its answer is lost, the retry finds it done: the template changes once."""
    await two_versions(lab)
    change = await lab.plan(UNDO, shop())
    before = lab.template_changes("shop")
    monkeypatch.setattr(failpoints, "_active", {"apply.after_call": "lose"})
    with pytest.raises(ApplicationError) as lost:
        await lab.apply(change)
    assert not lost.value.non_retryable
    monkeypatch.setattr(failpoints, "_active", {})
    assert (await lab.apply(change)).outcome == "already"
    assert image(await lab.live("shop")) == "v1"
    assert lab.template_changes("shop") == before + 1


async def test_what_an_autoscaler_changes_does_not_matter(lab: Lab) -> None:
    """Replicas and status changed after the plan: the rollback goes through and leaves the replicas."""
    await two_versions(lab)
    change = await lab.plan(UNDO, shop())
    await lab.merge("shop", {"spec": {"replicas": 3}})
    await lab.recorded("shop")
    assert (await lab.apply(change)).outcome == "changed"
    live = await lab.live("shop")
    assert (image(live), live["spec"]["replicas"]) == ("v1", 3)


async def test_a_template_that_changed_since_is_drift(lab: Lab) -> None:
    """Somebody rolled out a fix after the plan: nothing is written, and the answer says why."""
    await two_versions(lab)
    change = await lab.plan(UNDO, shop())
    await lab.workload("shop", "v3")
    answer = await lab.apply(change)
    assert (answer.outcome, image(await lab.live("shop"))) == ("drifted", "v3")
    assert "its template has changed" in answer.detail


async def test_a_template_that_went_and_came_back_is_drift(lab: Lab) -> None:
    """Our rollback was taken back by hand: a retry of it must not fight the person who did that."""
    await two_versions(lab)
    change = await lab.plan(UNDO, shop())
    assert (await lab.apply(change)).outcome == "changed"
    await lab.recorded("shop")
    await lab.workload("shop", "v2-never-ready")
    before = lab.template_changes("shop")
    answer = await lab.apply(change)
    assert answer.outcome == "drifted"
    assert lab.template_changes("shop") == before
    again = await lab.plan(UNDO, shop())
    assert (await lab.apply(again)).outcome == "changed", "a new plan, newly approved, is carried out"


async def test_a_recreated_target_is_drift(lab: Lab) -> None:
    """The same name with another UID is another object."""
    await two_versions(lab)
    change = await lab.plan(UNDO, shop())
    await lab.cluster.api.request("DELETE", lab.path("Deployment", "shop"), body={"propagationPolicy": "Foreground"})
    await eventually(lambda: gone(lab), 20, "the Deployment gone")
    await two_versions(lab)
    answer = await lab.apply(change)
    assert (answer.outcome, image(await lab.live("shop"))) == ("drifted", "v2-never-ready")
    assert "created again" in answer.detail


async def gone(lab: Lab) -> bool:
    found = await lab.cluster.api.get(lab.path("Deployment"))
    return not found["items"]


async def test_paused_since_the_plan_is_drift(lab: Lab) -> None:
    """A paused Deployment would take the template and roll nothing out."""
    await two_versions(lab)
    change = await lab.plan(UNDO, shop())
    await lab.merge("shop", {"spec": {"paused": True}})
    assert (await lab.apply(change)).outcome == "drifted"


async def test_others_writing_all_the_time_do_not_stop_it(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four attempts meet a fresh write by somebody else; the fifth goes through. Five are too many."""
    await two_versions(lab)
    change = await lab.plan(UNDO, shop())
    storm = Storm(lab, writes=5)
    monkeypatch.setattr(Mutations, "patch", storm.patch)
    with pytest.raises(ApplicationError, match="written by others") as refused:
        await lab.apply(change)
    assert not refused.value.non_retryable
    storm.writes = storm.sent + 4
    assert (await lab.apply(change)).outcome == "changed"
    assert image(await lab.live("shop")) == "v1"


class Storm:
    """Somebody writes between each read and its patch."""

    def __init__(self, lab: Lab, writes: int) -> None:
        self.lab, self.writes, self.sent = lab, writes, 0
        self.real = Mutations.patch

    async def patch(self, *arguments: Any, **named: Any) -> dict[str, Any]:
        if self.sent < self.writes:
            self.sent += 1
            await self.lab.merge("shop", {"metadata": {"labels": {"storm": str(self.sent)}}})
        return await self.real(self.lab.mutations, *arguments, **named)


async def test_undo_returns_to_what_was_there(lab: Lab) -> None:
    """Undo of a rollback brings the former template and annotations back; asked again it is already there."""
    await two_versions(lab, annotations={"note": "kept"})
    former = content(await lab.live("shop"))
    change = await lab.plan(UNDO, shop())
    await lab.apply(change)
    assert (await lab.apply(change, undo=True)).outcome == "changed"
    template, annotations = content(await lab.live("shop"))
    assert (template, annotations["note"]) == (former[0], "kept")
    assert (await lab.apply(change, undo=True)).outcome == "already"


async def test_undo_leaves_alone_what_somebody_else_has_changed(lab: Lab) -> None:
    """After a person rolled out a fix, taking our rollback back would undo the fix."""
    await two_versions(lab)
    change = await lab.plan(UNDO, shop())
    await lab.apply(change)
    await lab.workload("shop", "v3")
    assert (await lab.apply(change, undo=True)).outcome == "drifted"
    assert image(await lab.live("shop")) == "v3"


async def test_undo_of_what_was_never_done_is_done(lab: Lab) -> None:
    """The step failed before its write: the target is already as it was."""
    await two_versions(lab)
    change = await lab.plan(UNDO, shop())
    assert (await lab.apply(change, undo=True)).outcome == "already"


@pytest.mark.parametrize("kind", ["StatefulSet", "DaemonSet"])
async def test_the_other_kinds_roll_back_by_their_controller_revisions(lab: Lab, kind: str) -> None:
    """Rolled back once however often asked, like kubectl's twin, and back again by undo."""
    for name in ("shop", "twin"):
        await two_versions(lab, name, kind)
    await lab.kubectl("rollout", "undo", f"{kind.lower()}/twin")
    change = await lab.plan(UNDO, shop(target={"kind": kind}))
    assert [(await lab.apply(change)).outcome for _ in range(2)] == ["changed", "already"]
    ours, theirs = await lab.live("shop", kind), await lab.live("twin", kind)
    assert image(ours) == image(theirs) == "v1"
    assert str(plain_template(ours["spec"]["template"])).replace("'shop'", "'twin'") == str(
        plain_template(theirs["spec"]["template"])
    )
    assert ours["metadata"]["annotations"]["mainstay.dev/run"] == "run-1"
    assert (await lab.apply(change, undo=True)).outcome == "changed"
    assert image(await lab.live("shop", kind)) == "v2-never-ready"


async def test_it_leaves_its_name_and_starts_no_rollout_by_that(lab: Lab) -> None:
    """Run, step and fence stand on the Deployment itself; the rolled-out template is the old ReplicaSet's."""
    await two_versions(lab)
    await lab.apply(await lab.plan(UNDO, shop()), fence=7)
    await eventually(lambda: revision_is(lab, "shop", "3"), 10, "revision 3")
    live = await lab.live("shop")
    marks = {key: value for key, value in live["metadata"]["annotations"].items() if is_mark(key)}
    assert (marks["mainstay.dev/run"], marks["mainstay.dev/step"], marks["mainstay.dev/fence"]) == (
        "run-1",
        "roll-back",
        "7",
    )
    assert "mainstay-7" in [entry["manager"] for entry in live["metadata"]["managedFields"]]
    sets = (await lab.cluster.api.get(lab.path("ReplicaSet")))["items"]
    assert len(sets) == 2, "no third ReplicaSet: the template is exactly the old one"
    write = lab.writes("shop")[-1]
    assert "run run-1; step roll-back; fence 7" in write["userAgent"]
    assert "fieldManager=mainstay-7" in write["requestURI"]


@pytest.mark.parametrize(
    ("parameters", "kind", "words"),
    [
        pytest.param({"to": "revision", "revision": 9}, "NotFound", "keeps 2, 1", id="unknown revision"),
        pytest.param({"target": {"name": "other"}}, "NotFound", "other", id="unknown name"),
        pytest.param({"target": {"name": "../x"}}, "InvalidArgument", "cannot be the name", id="hostile name"),
        pytest.param({"target": {"cluster": "mars"}}, "InvalidArgument", "no cluster 'mars'", id="cluster"),
        pytest.param({"to": "newest"}, "InvalidArgument", "to", id="unknown word"),
        pytest.param({"target": {"namespace": "kube-system"}}, "NotAllowed", "allowed", id="namespace"),
    ],
)
async def test_what_cannot_be_planned_is_refused_by_name(
    lab: Lab, parameters: dict[str, Any], kind: str, words: str
) -> None:
    """Each refusal is permanent, has a name and says what to do."""
    await two_versions(lab)
    with pytest.raises(ApplicationError, match=words) as refused:
        await lab.plan(UNDO, shop(**parameters))
    assert (refused.value.type, refused.value.non_retryable) == (kind, True)


async def test_one_revision_is_nothing_to_roll_back_to(lab: Lab) -> None:
    """A first version has no previous one; without kept history the answer names the limit."""
    await lab.workload("shop", "v1")
    with pytest.raises(ApplicationError, match="nothing to roll back to") as refused:
        await lab.plan(UNDO, shop())
    assert refused.value.type == "WrongState"
    await two_versions(lab, "short", spec={"revisionHistoryLimit": 0})
    await lab.merge("short", {"spec": {"template": {"spec": {"containers": [{"name": "app", "image": "x:v3"}]}}}})
    await lab.cluster.wait_rollout(lab.namespace, "short")
    await eventually(lambda: only_one_set(lab, "short"), 20, "the old ReplicaSets gone")
    with pytest.raises(ApplicationError, match="revisionHistoryLimit is 0"):
        await lab.plan(UNDO, shop(target={"name": "short"}))


async def only_one_set(lab: Lab, name: str) -> bool:
    found = await lab.cluster.api.get(lab.path("ReplicaSet"), labelSelector=f"app={name}")
    return len(found["items"]) == 1


async def test_a_paused_deployment_is_refused(lab: Lab) -> None:
    """The refusal says how to resume it."""
    await two_versions(lab)
    await lab.merge("shop", {"spec": {"paused": True}})
    await lab.recorded("shop")
    with pytest.raises(ApplicationError, match="kubectl rollout resume deployment/shop"):
        await lab.plan(UNDO, shop())


@pytest.mark.parametrize(
    "mark",
    [
        {"annotations": {"mainstay.dev/rollback": "unsafe"}},
        {"annotations": {"mainstay.dev/rollback-safe": "false"}},
        {"annotations": {"mainstay.dev/migration": "drop-column"}},
    ],
    ids=lambda mark: next(iter(mark["annotations"])),
)
async def test_a_rollback_that_loses_data_is_refused(lab: Lab, mark: dict[str, Any]) -> None:
    """A version that says that it cannot be left is not left."""
    await lab.workload("shop", "v1")
    await lab.workload("shop", "v2", pod=mark)
    with pytest.raises(ApplicationError, match="is not safe") as refused:
        await lab.plan(UNDO, shop())
    assert refused.value.type == "WrongState"


async def test_last_good_is_the_newest_verified_revision(lab: Lab) -> None:
    """D-42: the previous revision may be bad as well; a record of verification wins, and is not inherited."""
    for tag in ("v1", "v2-never-ready", "v3-never-ready"):
        await lab.workload("shop", tag)
    assert "to revision 2" in (await lab.plan(UNDO, shop(to="last_good"))).title
    sets = (await lab.cluster.api.get(lab.path("ReplicaSet")))["items"]
    first = next(s for s in sets if s["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "1")
    good = {"metadata": {"annotations": {"mainstay.dev/verified": first["metadata"]["labels"]["pod-template-hash"]}}}
    for entry in sets:
        await lab.merge(entry["metadata"]["name"], good, "ReplicaSet")
    assert "to revision 1" in (await lab.plan(UNDO, shop(to="last_good"))).title


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet", "DaemonSet"])
async def test_what_was_marked_as_good_is_rolled_back_to(lab: Lab, kind: str) -> None:
    """D-42: the second version was verified, the third was not, the fourth is bad: back to the second."""
    target = {"kind": kind, "name": "shop"}
    for tag in ("v1", "v2", "v3"):
        await lab.workload("shop", tag, kind, replicas=1)
        if tag == "v2":
            await eventually(lambda: done(lab, kind), 30, f"{kind} rolled out")
            assert (await lab.apply(await lab.plan("mark_verified", {"target": target}))).outcome == "changed"
    await lab.workload("shop", "v4-never-ready", kind)
    with pytest.raises(ApplicationError, match="is not rolled out, so it cannot count as good"):
        await lab.plan("mark_verified", {"target": target})
    await lab.apply(await lab.plan(UNDO, {"target": target, "to": "last_good"}))
    assert image(await lab.live("shop", kind)) == "v2"


async def done(lab: Lab, kind: str) -> bool:
    return rollout(await lab.live("shop", kind)).state is RolloutState.DONE


async def test_who_would_revert_it_is_told(lab: Lab) -> None:
    """A GitOps controller undoes a manual rollback at its next sync: people see that before they approve."""
    await two_versions(lab, annotations={"argocd.argoproj.io/tracking-id": "shop:apps/Deployment:x/shop"})
    assert any("Argo CD" in warning for warning in (await lab.plan(UNDO, shop())).warnings)


async def test_already_there_writes_nothing(lab: Lab) -> None:
    """A rollback to the revision that runs is planned as done, applied as done, and undone as done."""
    await two_versions(lab)
    change = await lab.plan(UNDO, shop(to="revision", revision=2))
    before = len(lab.writes("shop"))
    assert change.already
    assert (await lab.apply(change)).outcome == (await lab.apply(change, undo=True)).outcome == "already"
    assert len(lab.writes("shop")) == before


async def test_a_cancellation_in_the_middle_waits_for_the_answer(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cancelled while the request is out, the activity still answers what happened."""
    await two_versions(lab)
    change = await lab.plan(UNDO, shop())
    task: asyncio.Task[Any] = asyncio.ensure_future(lab.apply(change))
    real = Mutations._send

    async def cancelled_in_flight(*arguments: Any, **named: Any) -> dict[str, Any]:
        asyncio.get_running_loop().call_soon(task.cancel)
        return await real(*arguments, **named)

    monkeypatch.setattr(Mutations, "_send", cancelled_in_flight)
    assert (await task).outcome == "changed"


async def test_cancelled_before_the_write_nothing_is_written(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cancellation that comes before the request ends the activity."""
    await two_versions(lab)
    change = await lab.plan(UNDO, shop())
    before = len(lab.writes("shop"))
    monkeypatch.setattr(failpoints, "_active", {"apply.before_call": "sleep:30"})
    task = asyncio.ensure_future(lab.apply(change))
    await asyncio.wait([task], timeout=0.3)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(lab.writes("shop")) == before
