"""Scaling: absolute, from a known number, within the envelope, and back."""

from __future__ import annotations

from typing import Any

import pytest
from temporalio.exceptions import ApplicationError

from activities import failpoints
from activities.cluster.envelope import Envelope
from tests.cluster.lab import Lab


def to(replicas: int | str, kind: str = "Deployment", **more: Any) -> dict[str, Any]:
    return {"target": {"name": "shop", "kind": kind}, "replicas": replicas, **more}


async def replicas(lab: Lab, kind: str = "Deployment") -> int:
    return int((await lab.live("shop", kind))["spec"]["replicas"])


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet"])
async def test_it_scales_once_and_back(lab: Lab, kind: str) -> None:
    """Applied twice it is scaled once; undo brings back the number that was there."""
    await lab.workload("shop", "v1", kind, replicas=2)
    change = await lab.plan("scale", to(5, kind, expected_current=2))
    assert change.title == f"Scale {kind.lower()}/shop in {lab.namespace} from 2 to 5 replicas"
    assert "-  replicas: 2\n+  replicas: 5" in change.diff
    assert "--current-replicas=2 --replicas=5" in change.command
    assert [(await lab.apply(change)).outcome for _ in range(2)] == ["changed", "already"]
    assert await replicas(lab, kind) == 5
    assert [(await lab.apply(change, undo=True)).outcome for _ in range(2)] == ["changed", "already"]
    assert await replicas(lab, kind) == 2
    assert lab.template_changes("shop") == 0


async def test_another_number_than_expected_is_refused(lab: Lab) -> None:
    """The runbook's precondition does not hold: nothing is planned."""
    await lab.workload("shop", "v1", replicas=3)
    with pytest.raises(ApplicationError, match="has 3 replicas, not 2") as refused:
        await lab.plan("scale", to(5, expected_current=2))
    assert (refused.value.type, refused.value.non_retryable) == ("WrongState", True)


async def test_scaled_by_somebody_else_since_the_plan_is_drift(lab: Lab) -> None:
    """The approval was for 2 → 5; with 4 there now it is void, and so is an undo."""
    await lab.workload("shop", "v1", replicas=2)
    change = await lab.plan("scale", to(5))
    await lab.merge("shop", {"spec": {"replicas": 4}})
    assert (await lab.apply(change)).outcome == "drifted"
    assert (await lab.apply(change, undo=True)).outcome == "drifted"
    assert await replicas(lab) == 4


async def test_a_template_that_changed_meanwhile_does_not_matter(lab: Lab) -> None:
    """Scaling reads and writes the number only."""
    await lab.workload("shop", "v1", replicas=2)
    change = await lab.plan("scale", to(3))
    await lab.merge("shop", {"spec": {"template": {"metadata": {"labels": {"note": "new"}}}}})
    assert (await lab.apply(change)).outcome == "changed"


async def test_taken_back_by_an_autoscaler_it_is_not_scaled_again(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer is lost, an autoscaler goes back, the retry sees its own mark and leaves it."""
    await lab.workload("shop", "v1", replicas=2)
    change = await lab.plan("scale", to(5))
    monkeypatch.setattr(failpoints, "_active", {"apply.after_call": "lose"})
    with pytest.raises(ApplicationError):
        await lab.apply(change)
    monkeypatch.setattr(failpoints, "_active", {})
    await lab.merge("shop", {"spec": {"replicas": 2}})
    answer = await lab.apply(change)
    assert (answer.outcome, await replicas(lab)) == ("drifted", 2)
    assert "somebody has changed it since" in answer.detail


async def test_the_envelope_bounds_a_cut(lab: Lab) -> None:
    """One step takes away at most half; a wider envelope allows it."""
    await lab.workload("shop", "v1", replicas=4)
    assert (await lab.plan("scale", to(2))).diff
    with pytest.raises(ApplicationError, match="down to 2, and 1 are asked for") as refused:
        await lab.plan("scale", to(1))
    assert refused.value.type == "NotAllowed"
    lab.with_envelope(Envelope(largest_cut=1.0))
    assert (await lab.plan("scale", to(0))).diff


async def test_an_autoscaler_is_named_before_approval(lab: Lab) -> None:
    """Who approves knows that an autoscaler will set the number again."""
    await lab.workload("shop", "v1", replicas=2)
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop"}
    autoscaler = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "shop-load"},
        "spec": {"scaleTargetRef": target, "minReplicas": 1, "maxReplicas": 9},
    }
    await lab.apply_manifest(autoscaler)
    assert any("shop-load" in warning for warning in (await lab.plan("scale", to(3))).warnings)


async def test_parameters_are_templates(lab: Lab) -> None:
    """The run's values are filled in by the activity; a missing one is a named refusal."""
    await lab.workload("shop", "v1", replicas=2)
    change = await lab.plan("scale", to("{{ inputs.replicas }}"), values={"inputs": {"replicas": 4}})
    assert change.parameters["replicas"] == 4
    with pytest.raises(ApplicationError, match="replicas") as refused:
        await lab.plan("scale", to("{{ inputs.replicas }}"))
    assert refused.value.type == "InvalidArgument"
