"""The target of a planned rollback changes while its approval is waited for."""

from __future__ import annotations

from typing import Any

from devstack.processes import eventually
from mainstay.domain.timeline import ApprovalAsked, RunStep
from tests.e2e import doors
from tests.e2e.world import SECONDS, Incident, World, deployment_path

WANTED = 4


async def test_autoscaler_and_flapping_pods_leave_an_approval_valid(world: World) -> None:
    """Given a rollback that waits for approval, when an autoscaler resizes the Deployment and its pods come and
    go meanwhile, then the vote still counts, nothing is asked twice, and the new size stays."""
    incident = await world.open("busy-target")
    await incident.acknowledge()
    run = await incident.asked()
    await _resize(incident, WANTED)
    await _lose_pods(incident)
    await incident.approve(run)

    view = await incident.mitigated()
    assert sum(isinstance(entry, ApprovalAsked) for entry in view.timeline) == 1
    incident.assert_rolled_back_once(run)
    assert (await incident.deployment())["spec"]["replicas"] == WANTED
    await incident.finish()


async def test_changed_template_voids_the_vote_at_every_door(world: World) -> None:
    """Given a rollback that waits for approval, when a new version is rolled out meanwhile, then the vote for the
    old plan changes nothing, the new diff is asked about, and a further vote on the old plan is called stale at
    the gRPC door, by the link in the first message and as a bare update in Temporal."""
    incident = await world.open("changed-target")
    await incident.acknowledge()
    old = await incident.asked()
    old_link = await incident.link("approve", kind="approval")
    assert old.question
    assert old.change
    await _release(incident, "v3")
    await incident.approve(old)

    new = await incident.asked(other_than=old.question.digest)
    assert new.question
    assert new.change
    assert ":v3" in new.change.diff
    assert ":v3" not in old.change.diff
    steps = [entry for entry in new.timeline if isinstance(entry, RunStep)]
    assert any(step.outcome == "drifted" for step in steps), steps
    assert incident.our_writes() == []
    stale = {
        "grpc": await doors.by_grpc(world.people["bob"].approve(old.workflow_id, old.question.digest)),
        "link": await doors.by_link(old_link),
        "temporal": await doors.by_temporal(
            world.client.get_workflow_handle(old.workflow_id), "approve", digest=old.question.digest
        ),
    }
    assert stale == {"grpc": "Stale", "link": "Stale", "temporal": "Stale"}

    await incident.approve(new)
    await incident.mitigated()
    assert incident.tags() == ["v1", "v2", "v3", "v2"]
    assert len(incident.our_writes()) == 1
    await incident.finish()


async def _resize(incident: Incident, replicas: int) -> None:
    """As a HorizontalPodAutoscaler does, by the scale subresource."""
    await incident.world.cluster.api.request(
        "PATCH",
        f"{deployment_path(incident.service)}/scale",
        body={"spec": {"replicas": replicas}},
        content_type="application/merge-patch+json",
    )
    await _all_ready(incident, replicas)


async def _lose_pods(incident: Incident) -> None:
    """Every pod is deleted; others come."""
    before = {pod["metadata"]["name"] for pod in await _pods(incident)}
    await incident.world.cluster.api.request("DELETE", _pods_path(incident))

    async def replaced() -> bool:
        return not before & {pod["metadata"]["name"] for pod in await _pods(incident)}

    await eventually(replaced, SECONDS, "other pods")
    await _all_ready(incident, WANTED)


async def _release(incident: Incident, tag: str) -> None:
    """As a deployment pipeline does."""
    image = f"registry.example/{incident.service}:{tag}"
    await incident.world.cluster.api.request(
        "PATCH",
        deployment_path(incident.service),
        body={"spec": {"template": {"spec": {"containers": [{"name": "app", "image": image}]}}}},
        content_type="application/strategic-merge-patch+json",
    )
    await incident.world.cluster.wait_rollout(incident.service, incident.service)


async def _all_ready(incident: Incident, replicas: int) -> None:
    async def ready() -> bool:
        return int((await incident.deployment()).get("status", {}).get("readyReplicas", 0)) == replicas

    await eventually(ready, SECONDS, f"{replicas} ready pods of {incident.service}")


async def _pods(incident: Incident) -> list[dict[str, Any]]:
    return list((await incident.world.cluster.api.get(_pods_path(incident)))["items"])


def _pods_path(incident: Incident) -> str:
    return f"/api/v1/namespaces/{incident.service}/pods"
