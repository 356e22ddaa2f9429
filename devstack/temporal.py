"""A real Temporal server of one process on SQLite files, with its web UI when asked for."""

from __future__ import annotations

import asyncio
import re
import urllib.request
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import yaml
from google.protobuf.duration_pb2 import Duration
from temporalio.api.common.v1 import SearchAttributes, WorkflowExecution, WorkflowType
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import (
    DeleteWorkflowExecutionRequest,
    DescribeNamespaceRequest,
    ListWorkflowExecutionsRequest,
    RegisterNamespaceRequest,
    StartWorkflowExecutionRequest,
)
from temporalio.client import Client
from temporalio.converter import default as default_converter
from temporalio.service import RPCError, RPCStatusCode

from devstack.binaries import ensure
from devstack.processes import Process, eventually, free_ports

SERVICES = ("frontend", "history", "matching", "worker")
READY_SECONDS = 60
RETENTION = timedelta(hours=720)
USABLE_SECONDS = 30
# After a crash the server's own workers may hang on their way out; the files survive being killed.
STOP_SECONDS = 3

SEARCH_ATTRIBUTES: Mapping[str, str] = {
    "IncidentId": "Keyword",
    "IncidentKey": "Keyword",
    "Title": "Keyword",
    "Severity": "Keyword",
    "Service": "Keyword",
    "Team": "Keyword",
    "Phase": "Keyword",
    "Commander": "Keyword",
    "Room": "Keyword",
    "NeedsApproval": "Bool",
}

# The defaults suit a shared cluster and throttle a laptop. `…MaxPollRPS` of 20 alone costs 45 ms at
# every dispatch, because the embedded server has a single history shard.
DYNAMIC: Mapping[str, Any] = {
    "frontend.persistenceMaxQPS": 100_000,
    "history.persistenceMaxQPS": 100_000,
    "matching.persistenceMaxQPS": 100_000,
    "worker.persistenceMaxQPS": 100_000,
    "frontend.rps": 100_000,
    "frontend.namespaceRPS": 100_000,
    "frontend.namespaceRPS.visibility": 10_000,
    "history.rps": 100_000,
    "matching.rps": 100_000,
    "system.enableActivityEagerExecution": True,
    "history.transferProcessorMaxPollRPS": 2000,
    "history.timerProcessorMaxPollRPS": 2000,
    "history.visibilityProcessorMaxPollRPS": 2000,
    # By default a timer fires up to a second late, and each skip of virtual time waits for it.
    "history.timerProcessorMaxTimeShift": "10ms",
    # In a storm of one service the others' pages come in their turn, see `desk.deliver.priority`.
    "matching.enableFairness": True,
    "frontend.WorkflowTimeSkippingEnabled": True,
    "frontend.enableCancelWorkerPollsOnShutdown": True,
}


class TemporalServer:
    """One Temporal server on loopback; its data stays in ``data_dir`` over stop, kill and restart.

    ``dynamic`` adds to or replaces `DYNAMIC`. ``synchronous`` is SQLite's: "2" loses nothing when power
    fails, "1" is faster, for demos and benchmarks. ``search_attributes`` maps names to their types
    (Keyword, Text, Int, Double, Bool, Datetime, KeywordList).
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        dynamic: Mapping[str, Any] | None = None,
        synchronous: str = "2",
        ui: bool = False,
        namespace: str = "default",
        search_attributes: Mapping[str, str] = SEARCH_ATTRIBUTES,
        ports: Mapping[str, int] | None = None,
        report: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.namespace = namespace
        self._dir = data_dir.absolute()
        self._dynamic = {**DYNAMIC, **(dynamic or {})}
        self._synchronous = synchronous
        self._with_ui = ui
        self._search_attributes = dict(search_attributes)
        self._wanted_ports = dict(ports or {})
        self._report = report
        self._ports: dict[str, int] = {}
        self._server: Process | None = None
        self._ui: Process | None = None

    @property
    def address(self) -> str:
        """``host:port`` of the gRPC frontend; the same over restarts."""
        return f"127.0.0.1:{self._ports['frontend']}"

    @property
    def ui_url(self) -> str | None:
        """Address of the web UI; None without one."""
        return f"http://127.0.0.1:{self._ports['ui']}" if self._with_ui else None

    @property
    def metrics_url(self) -> str:
        """Where the server serves its own Prometheus metrics."""
        return f"http://127.0.0.1:{self._ports['metrics']}/metrics"

    @property
    def log(self) -> Path:
        """The server's log file."""
        return self._dir / "logs" / "temporal-server.log"

    async def start(self) -> None:
        """Start, create the namespace, and return once its search attributes can be used.

        Raises `MissingToolError` when the binary cannot be had, `ProcessFailedError` when it does not start.
        """
        if self._server is None:
            await self._prepare()
        assert self._server is not None
        await self._server.start()
        await self._server.wait_ready(self._serves, READY_SECONDS)
        await self._settle_namespace()
        if self._ui is not None:
            await self._ui.start()
            await self._ui.wait_ready(self._ui_serves, READY_SECONDS)

    async def stop(self) -> None:
        """Stop gracefully; the data stays."""
        for process in (self._ui, self._server):
            if process is not None:
                await process.stop(STOP_SECONDS)

    async def kill(self) -> None:
        """End the server as a crash would (SIGKILL)."""
        for process in (self._ui, self._server):
            if process is not None:
                await process.kill9()

    async def restart(self) -> None:
        """Stop and start on the same address and data."""
        await self.stop()
        await self.start()

    async def client(self, namespace: str | None = None) -> Client:
        """A plain client of the server, with the default data converter."""
        return await Client.connect(self.address, namespace=namespace or self.namespace)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def _prepare(self) -> None:
        wanted = ["temporal-server", *(["temporal-ui-server"] if self._with_ui else [])]
        binaries = await asyncio.to_thread(lambda: ensure(wanted, report=self._report))
        self._choose_ports()
        self._write_config()
        self._server = Process(
            "temporal-server",
            [
                *(binaries["temporal-server"], "-r", "/", "-c", self._dir / "config", "-e", "embedded"),
                *("--allow-no-auth", "start"),
            ],
            log=self.log,
            cwd=self._dir,
        )
        if self._with_ui:
            self._ui = Process(
                "temporal-ui-server",
                [
                    *(binaries["temporal-ui-server"], "--root", self._dir, "--config", "ui-config"),
                    *("--env", "embedded", "start"),
                ],
                log=self._dir / "logs" / "temporal-ui-server.log",
                cwd=self._dir,
            )

    def _choose_ports(self) -> None:
        names = [f"{service}{kind}" for service in SERVICES for kind in ("", "-membership")]
        names += ["http", "metrics", "ui"]
        chosen = dict(zip(names, free_ports(len(names)), strict=True))
        self._ports = {**chosen, **self._wanted_ports}

    def _write_config(self) -> None:
        for folder in ("config", "ui-config", "logs"):
            (self._dir / folder).mkdir(parents=True, exist_ok=True)
        _write_yaml(self._dir / "config" / "dynamic.yaml", {k: [{"value": v}] for k, v in self._dynamic.items()})
        _write_yaml(self._dir / "config" / "embedded.yaml", self._server_config())
        _write_yaml(self._dir / "ui-config" / "embedded.yaml", self._ui_config())

    def _server_config(self) -> dict[str, Any]:
        return {
            "log": {"stdout": True, "level": "warn"},
            "persistence": {
                "defaultStore": "default",
                "visibilityStore": "visibility",
                "numHistoryShards": 1,
                "datastores": {name: {"sql": self._sqlite(name)} for name in ("default", "visibility")},
            },
            "global": {
                "membership": {"maxJoinDuration": "30s", "broadcastAddress": "127.0.0.1"},
                "metrics": {
                    "prometheus": {
                        "framework": "opentelemetry",
                        "timerType": "histogram",
                        "listenAddress": f"127.0.0.1:{self._ports['metrics']}",
                    }
                },
            },
            "services": {service: {"rpc": self._rpc(service)} for service in SERVICES},
            "clusterMetadata": {
                "enableGlobalNamespace": False,
                "failoverVersionIncrement": 10,
                "masterClusterName": "active",
                "currentClusterName": "active",
                "clusterInformation": {
                    "active": {
                        "enabled": True,
                        "initialFailoverVersion": 1,
                        "rpcName": "frontend",
                        "rpcAddress": self.address,
                    }
                },
            },
            "dcRedirectionPolicy": {"policy": "noop"},
            "publicClient": {"hostPort": self.address},
            "dynamicConfigClient": {
                "filepath": str(self._dir / "config" / "dynamic.yaml"),
                "pollInterval": "10s",
            },
        }

    def _sqlite(self, name: str) -> dict[str, Any]:
        return {
            "pluginName": "sqlite",
            "databaseName": str(self._dir / f"{name}.db"),
            "connectAddr": "localhost",
            "connectProtocol": "tcp",
            "connectAttributes": {
                "mode": "rwc",
                "setup": "true",
                "journal_mode": "wal",
                "synchronous": self._synchronous,
            },
            "maxConns": 1,
            "maxIdleConns": 1,
        }

    def _rpc(self, service: str) -> dict[str, Any]:
        ports = {"grpcPort": self._ports[service], "membershipPort": self._ports[f"{service}-membership"]}
        extra = {"httpPort": self._ports["http"]} if service == "frontend" else {}
        return {**ports, **extra, "bindOnLocalHost": True}

    def _ui_config(self) -> dict[str, Any]:
        return {
            "temporalGrpcAddress": self.address,
            "host": "127.0.0.1",
            "port": self._ports["ui"],
            "enableUi": True,
            "defaultNamespace": self.namespace,
            "cors": {"allowOrigins": [f"http://127.0.0.1:{self._ports['ui']}"]},
            "disableNewsFetch": True,
            "notifyOnNewVersion": False,
            "disableWriteActions": False,
            # An incident ends through its own workflow; ending it from outside would skip the clean-up.
            "workflowTerminateDisabled": True,
            "workflowResetDisabled": True,
            "batchActionsDisabled": True,
        }

    async def _serves(self) -> bool:
        client = await Client.connect(self.address, namespace=self.namespace)
        return await client.service_client.check_health()

    async def _ui_serves(self) -> bool:
        assert self.ui_url is not None
        return await asyncio.to_thread(_answers_ok, f"{self.ui_url}/healthz")

    async def _settle_namespace(self) -> None:
        client = await self.client()
        await self._create_namespace(client)
        await eventually(lambda: self._namespace_known(client), USABLE_SECONDS, "the namespace being known")
        if await self._add_search_attributes(client):
            await eventually(lambda: self._probe_started(client), USABLE_SECONDS, "search attributes being usable")
            await eventually(lambda: self._probe_listed(client), USABLE_SECONDS, "search attributes being listed")
            await self._delete_probe(client)

    async def _create_namespace(self, client: Client) -> None:
        retention = Duration()
        retention.FromTimedelta(RETENTION)
        request = RegisterNamespaceRequest(namespace=self.namespace, workflow_execution_retention_period=retention)
        try:
            await client.workflow_service.register_namespace(request)
        except RPCError as fault:
            if fault.status != RPCStatusCode.ALREADY_EXISTS:
                raise

    async def _namespace_known(self, client: Client) -> bool:
        """Whether the frontend's cache, and not only its database, has the namespace."""
        try:
            await client.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace=self.namespace))
            await client.workflow_service.list_workflow_executions(
                ListWorkflowExecutionsRequest(namespace=self.namespace, page_size=1)
            )
        except RPCError:
            return False
        return True

    async def _add_search_attributes(self, client: Client) -> bool:
        """Register those that are missing; returns whether there were any."""
        listed = await client.operator_service.list_search_attributes(
            ListSearchAttributesRequest(namespace=self.namespace)
        )
        missing = {name: kind for name, kind in self._search_attributes.items() if name not in listed.custom_attributes}
        if missing:
            await client.operator_service.add_search_attributes(
                AddSearchAttributesRequest(
                    namespace=self.namespace, search_attributes={n: _indexed(k) for n, k in missing.items()}
                )
            )
        return bool(missing)

    async def _probe_started(self, client: Client) -> bool:
        """Start a workflow that nobody runs, carrying every attribute: caches know them if it is accepted."""
        values = {name: _probe_value(kind) for name, kind in self._search_attributes.items()}
        fields = {name: (await default_converter().encode([value]))[0] for name, value in values.items()}
        for name, kind in self._search_attributes.items():
            fields[name].metadata["type"] = kind.encode()
        delay = Duration()
        delay.FromTimedelta(timedelta(days=1))
        try:
            await client.workflow_service.start_workflow_execution(
                StartWorkflowExecutionRequest(
                    namespace=self.namespace,
                    workflow_id=PROBE,
                    workflow_type=WorkflowType(name=PROBE),
                    task_queue=TaskQueue(name=PROBE),
                    request_id=PROBE,
                    workflow_start_delay=delay,
                    search_attributes=SearchAttributes(indexed_fields=fields),
                )
            )
        except RPCError as fault:
            return fault.status == RPCStatusCode.ALREADY_EXISTS
        return True

    async def _probe_listed(self, client: Client) -> bool:
        set_ones = " AND ".join(f"{name} IS NOT NULL" for name in self._search_attributes)
        try:
            answer = await client.workflow_service.list_workflow_executions(
                ListWorkflowExecutionsRequest(namespace=self.namespace, query=f"WorkflowId = '{PROBE}' AND {set_ones}")
            )
        except RPCError:
            return False
        return bool(answer.executions)

    async def _delete_probe(self, client: Client) -> None:
        await client.workflow_service.delete_workflow_execution(
            DeleteWorkflowExecutionRequest(
                namespace=self.namespace, workflow_execution=WorkflowExecution(workflow_id=PROBE)
            )
        )


PROBE = "devstack-search-attribute-probe"


def _indexed(kind: str) -> IndexedValueType.ValueType:
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", kind).upper()
    return IndexedValueType.Value(f"INDEXED_VALUE_TYPE_{name}")


def _probe_value(kind: str) -> Any:
    values = {"Bool": True, "Int": 1, "Double": 1.0, "KeywordList": ["x"], "Datetime": "2026-01-01T00:00:00Z"}
    return values.get(kind, "x")


def _answers_ok(url: str) -> bool:
    with urllib.request.urlopen(url, timeout=2) as answer:
        return bool(answer.status == 200)


def _write_yaml(path: Path, value: Mapping[str, Any]) -> None:
    path.write_text(yaml.safe_dump(dict(value), sort_keys=False))
