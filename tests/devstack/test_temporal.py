"""The embedded Temporal server keeps its data and takes search attributes as soon as it has started."""

from __future__ import annotations

import urllib.request
from datetime import timedelta
from pathlib import Path

import pytest
from temporalio import workflow
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client
from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes
from temporalio.service import RPCError
from temporalio.testing import TimeSkipper, TimeSkippingConfig
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from devstack.processes import eventually
from devstack.temporal import TemporalServer

INCIDENT = SearchAttributeKey.for_keyword("IncidentId")
APPROVAL = SearchAttributeKey.for_bool("NeedsApproval")


@workflow.defn
class Sleeper:
    """Waits four weeks, then answers."""

    @workflow.run
    async def run(self) -> str:
        """Wait and answer."""
        await workflow.sleep(timedelta(days=28))
        return "awake"


async def begin(client: Client, incident: str) -> None:
    attributes = TypedSearchAttributes([SearchAttributePair(INCIDENT, incident), SearchAttributePair(APPROVAL, True)])
    await client.start_workflow("Nobody", id=incident, task_queue="nobody-polls-this", search_attributes=attributes)


async def listed(client: Client, query: str) -> list[str]:
    return sorted([found.id async for found in client.list_workflows(query)])


async def listed_soon(client: Client, query: str, wanted: list[str]) -> None:
    async def same() -> bool:
        return await listed(client, query) == wanted

    await eventually(same, 10, f"{query} giving {wanted}")


async def test_search_attributes_work_at_once_and_nothing_else_is_listed(
    temporal_server: TemporalServer,
) -> None:
    client = await temporal_server.client()
    await begin(client, "inc-attributes")
    await listed_soon(client, "IncidentId = 'inc-attributes' AND NeedsApproval = true", ["inc-attributes"])
    assert "devstack-search-attribute-probe" not in await listed(client, "")


async def test_finished_workflows_are_kept_for_thirty_days(temporal_server: TemporalServer) -> None:
    client = await temporal_server.client()
    found = await client.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace="default"))
    assert found.config.workflow_execution_retention_ttl.ToTimedelta() == timedelta(hours=720)


async def test_data_and_address_survive_restart_and_kill(tmp_path: Path) -> None:
    async with TemporalServer(tmp_path) as server:
        address = server.address
        await begin(await server.client(), "inc-1")
        await server.restart()
        assert server.address == address
        await begin(await server.client(), "inc-2")
        await server.kill()
        await server.start()
        await listed_soon(await server.client(), "NeedsApproval = true", ["inc-1", "inc-2"])
    async with TemporalServer(tmp_path) as server:
        await listed_soon(await server.client(), "NeedsApproval = true", ["inc-1", "inc-2"])


async def test_four_weeks_pass_on_virtual_time(temporal_server: TemporalServer) -> None:
    client = await temporal_server.client()
    skipper = TimeSkipper(client, config=TimeSkippingConfig(enabled=False))
    runner = UnsandboxedWorkflowRunner()
    async with Worker(client, task_queue="sleepers", workflows=[Sleeper], workflow_runner=runner):
        handle = await skipper.client.start_workflow(Sleeper.run, id="sleeper", task_queue="sleepers")
        await skipper.fast_forward(handle, timedelta(days=29))
        assert await handle.result() == "awake"


async def test_dynamic_settings_of_the_caller_are_obeyed_and_the_web_page_serves(tmp_path: Path) -> None:
    async with TemporalServer(
        tmp_path, dynamic={"limit.maxIDLength": 40}, namespace="other", ui=True, search_attributes={}
    ) as server:
        client = await server.client()
        assert client.namespace == "other"
        with pytest.raises(RPCError, match="exceeds maximum allowed length"):
            await client.start_workflow("Nobody", id="x" * 41, task_queue="nobody-polls-this")
        with urllib.request.urlopen(f"{server.ui_url}/api/v1/settings", timeout=5) as answer:
            settings = answer.read().decode()
        assert '"WorkflowTerminateDisabled":true' in settings
        assert '"WorkflowResetDisabled":true' in settings
        assert '"DisableWriteActions":false' in settings
