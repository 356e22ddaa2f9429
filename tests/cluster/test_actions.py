"""The two activities in a real worker: retried, heartbeating, cancelled; and complete by the catalogue."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from temporalio import workflow
from temporalio.client import Client
from temporalio.common import RetryPolicy
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from activities import failpoints
from activities.cluster.registry import KINDS
from devstack.temporal import TemporalServer
from mainstay.domain.catalogue.actions import ACTIONS
from mainstay.domain.change import Applied, ApplyRequest, Change
from mainstay.domain.work import PlanRequest
from tests.cluster.lab import AT, Lab, image

QUEUE = "cluster-actions-test"


@workflow.defn(name="roll-back-once")
class RollBackOnce:
    """Plan, then apply, as the runbook's workflow does."""

    @workflow.run
    async def run(self, request: PlanRequest) -> Applied:
        limit, beat = timedelta(seconds=20), timedelta(seconds=5)
        policy = RetryPolicy(initial_interval=timedelta(milliseconds=50), maximum_attempts=4)
        change: Change = await workflow.execute_activity(
            "plan_change",
            request,
            result_type=Change,
            start_to_close_timeout=limit,
            heartbeat_timeout=beat,
            retry_policy=policy,
        )
        asked = ApplyRequest(change=change, run_id=request.run_id, step=request.step, fence=1)
        applied: Applied = await workflow.execute_activity(
            "apply_change",
            asked,
            result_type=Applied,
            start_to_close_timeout=limit,
            heartbeat_timeout=beat,
            retry_policy=policy,
        )
        return applied


@pytest_asyncio.fixture(loop_scope="session")
async def worker(lab: Lab, temporal_server: TemporalServer) -> AsyncIterator[Client]:
    client = await Client.connect(temporal_server.address, data_converter=pydantic_data_converter)
    async with Worker(
        client,
        task_queue=QUEUE,
        workflows=[RollBackOnce],
        activities=[lab.actions.plan_change, lab.actions.apply_change],
        workflow_runner=UnsandboxedWorkflowRunner(),
    ):
        yield client


def test_every_action_of_the_catalogue_is_there() -> None:
    """What a runbook can name can be carried out, and nothing else."""
    assert {kind.name for kind in KINDS} == set(ACTIONS)


@pytest.mark.parametrize("point", ["apply.before_call", "apply.after_call", "apply.after_answer"])
async def test_whenever_the_answer_is_lost_the_template_changes_once(
    lab: Lab, worker: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    """Temporal retries with the pinned plan: by the audit log the template changed exactly once."""
    await lab.workload("shop", "v1")
    await lab.workload("shop", "v2-crash")
    before = lab.template_changes("shop")
    monkeypatch.setattr(failpoints, "_active", {point: f"lose@{tmp_path / 'marker'}"})
    request = PlanRequest(
        action="rollout_undo",
        parameters={"target": {"namespace": lab.namespace, "name": "{{ inputs.name }}"}},
        values={"inputs": {"name": "shop"}},
        allowed_namespaces=(lab.namespace,),
        run_id="run-1",
        step="undo",
        at=AT,
    )
    run_id = f"{lab.namespace}-{point}"
    applied = await worker.execute_workflow(RollBackOnce.run, request, id=run_id, task_queue=QUEUE)
    assert (tmp_path / "marker").exists()
    assert applied.outcome == ("changed" if point == "apply.before_call" else "already")
    assert image(await lab.live("shop")) == "v1"
    assert lab.template_changes("shop") == before + 1
