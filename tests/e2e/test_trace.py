"""One trace from the alert's webhook to the Kubernetes call."""

from __future__ import annotations

from devstack.processes import eventually
from tests.e2e.receivers import Span
from tests.e2e.world import SECONDS, World


async def test_one_trace_from_the_webhook_to_the_kubernetes_call(world: World) -> None:
    """Given an OTLP receiver, when an alert leads to a rollback, then the PATCH of the Deployment is in the trace
    that begins with the webhook: door, workflow, its runbook, the activity, the call, each the parent of the next."""
    incident = await world.open("traced")
    await incident.acknowledge()
    await incident.approve(await incident.asked())
    await incident.mitigated()
    await incident.finish()
    patches: list[list[Span]] = []

    async def arrived() -> bool:
        """Every span of it: they come from two processes, each in its own time."""
        spans = [span for span in world.collector.spans if span.name == "kubernetes PATCH"]
        found = [world.collector.path_to(span) for span in spans]
        patches[:] = [path for path in found if any("apply_change" in span.name for span in path)]
        return any(path[0].name == "POST /webhooks/alertmanager" for path in patches)

    try:
        await eventually(arrived, SECONDS, "the trace")
    except TimeoutError as late:
        raise AssertionError(f"{late}; paths: {[[s.name for s in path] for path in patches]}") from None
    path = next(path for path in patches if path[0].name == "POST /webhooks/alertmanager")
    assert len({span.trace_id for span in path}) == 1
    assert [span.process for span in (path[0], path[-1])] == ["mainstay-server", "mainstay-worker"]
    wanted = [
        "POST /webhooks/alertmanager",
        "SignalWithStartWorkflow:incident",
        "StartChildWorkflow:runbook",
        "StartActivity:apply_change",
        "RunActivity:apply_change",
        "kubernetes PATCH",
    ]
    names = [span.name for span in path]
    assert [name for name in names if name in wanted] == wanted, names
