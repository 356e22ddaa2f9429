"""Leases, on a real Temporal server."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
import pytest_asyncio
from temporalio import workflow
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowHandle
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from activities.leases import Leases
from devstack.temporal import TemporalServer
from mainstay.domain.names import INCIDENT_QUEUE, LEASE
from mainstay.domain.runbook.run import Lease
from mainstay.domain.work import HolderRequest, HolderState, Saved

SERIAL = time.time_ns()


@workflow.defn(name="holder-of-a-lease")
class Holder:
    """Continues as new ``hops`` times, then waits."""

    @workflow.run
    async def run(self, hops: int) -> None:
        if hops:
            workflow.continue_as_new(hops - 1)
        await workflow.wait_condition(lambda: False)


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def client(temporal_server: TemporalServer) -> Client:
    return await Client.connect(temporal_server.address, data_converter=pydantic_data_converter)


async def state(client: Client, workflow_id: str, run_id: str = "") -> HolderState:
    request = HolderRequest(workflow_id=workflow_id, run_id=run_id)
    found = await ActivityEnvironment().run(Leases(client).holder_state, request)
    assert isinstance(found, HolderState)
    return found


async def test_asking_starts_the_lease_once_and_signals_it_each_time(client: Client) -> None:
    """No worker runs here: asking must not wait for one."""
    target = f"default/payments/Deployment/shop-{SERIAL}"
    wanted = Lease(holder="runbook/x", request_id="r1", target=target, why="Roll back")
    answers = []
    for form in (target, f"lease/{target}"):
        request = wanted.model_copy(update={"target": form})
        answers.append(await ActivityEnvironment().run(Leases(client).ask_lease, request))
    assert answers == [Saved(id=f"lease/{target}")] * 2
    handle: WorkflowHandle[Any, Any] = client.get_workflow_handle(f"lease/{target}")
    described = await handle.describe()
    assert (described.workflow_type, described.task_queue) == (LEASE, INCIDENT_QUEUE)
    events = [event async for event in handle.fetch_history_events()]
    signals = [e.workflow_execution_signaled_event_attributes for e in events if e.event_type == 26]
    assert [signal.signal_name for signal in signals] == ["ask", "ask"]
    await handle.terminate()


@pytest.mark.parametrize("target", ["", "payments/shop", "default//Deployment/", "a/b/c/d/e"])
async def test_a_lease_names_its_whole_target(client: Client, target: str) -> None:
    with pytest.raises(ApplicationError, match="CLUSTER/NAMESPACE/KIND/NAME") as failure:
        await ActivityEnvironment().run(Leases(client).ask_lease, Lease(target=target))
    assert failure.value.non_retryable


async def test_a_holder_is_alive_over_continue_as_new_and_a_namesake_is_another(client: Client) -> None:
    queue, workflow_id = f"holders-{SERIAL}", f"holder-{SERIAL}"
    async with Worker(client, task_queue=queue, workflows=[Holder], workflow_runner=UnsandboxedWorkflowRunner()):
        first = await client.start_workflow(Holder.run, 2, id=workflow_id, task_queue=queue)
        latest = client.get_workflow_handle(workflow_id)
        async with asyncio.timeout(20):
            while (await latest.describe()).run_id == first.first_execution_run_id:
                await asyncio.sleep(0.02)
        assert (await state(client, workflow_id, first.first_execution_run_id or "")).open
        assert (await state(client, workflow_id)).open
        assert not (await state(client, workflow_id, "00000000-0000-0000-0000-000000000000")).open
        await latest.terminate()
        assert await state(client, workflow_id) == HolderState(
            open=False, status=WorkflowExecutionStatus.TERMINATED.name.lower()
        )
        await client.start_workflow(Holder.run, 0, id=workflow_id, task_queue=queue)
        namesake = await state(client, workflow_id, first.first_execution_run_id or "")
        assert (namesake.open, namesake.status) == (False, "ended; another run has taken its workflow id")
        await client.get_workflow_handle(workflow_id).terminate()


async def test_a_holder_that_never_was_is_not_alive(client: Client) -> None:
    assert await state(client, f"nobody-{SERIAL}") == HolderState(open=False, status="not found")
