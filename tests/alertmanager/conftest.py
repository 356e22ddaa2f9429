"""A real Alertmanager and amtool in front of the real HTTP door and the real workflows."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
import pytest_asyncio

from devstack.alertmanager import Alertmanager
from devstack.binaries import ensure
from devstack.processes import eventually, free_ports
from mainstay.config.settings import Settings
from mainstay.desk.auth import Authenticator
from mainstay.domain.errors import NotFound
from mainstay.domain.incident import IncidentView
from mainstay.domain.routing import incident_workflow_id, route
from mainstay.telemetry import Metrics
from mainstay.web.app import build_app
from mainstay.web.server import WebServer
from tests.desk.fixtures import lab
from tests.desk.lab import TOKENS, Lab, alert, make_config

__all__ = ["lab"]
REPEAT_SECONDS = 2


@dataclass
class Pair:
    """Alertmanager, and Mainstay's door, which can be away for a while."""

    lab: Lab
    alertmanager: Alertmanager
    amtool: Path
    door: WebServer
    began: dict[tuple[str, str], str] = field(default_factory=dict)

    async def fire(self, name: str, *pods: str, firing: bool = True) -> None:
        """Alerts of one group, as Prometheus posts them: while one fires, with the instant at which it began."""
        now = datetime.now(UTC)
        for pod in pods:
            self.began.setdefault((name, pod), (now - timedelta(minutes=1)).isoformat())
        ends = now + timedelta(minutes=5) if firing else now
        await self.alertmanager.send(
            [
                {
                    "labels": {"alertname": name, "service": "api", "pod": pod},
                    "annotations": {"summary": f"{name} on {pod}"},
                    "startsAt": self.began[name, pod],
                    "endsAt": ends.isoformat(),
                }
                for pod in pods
            ]
        )

    async def delivered(self) -> int:
        """How many of its notifications were taken, by its own count since it was started."""
        sent, failed = await self.counts()
        return sent - failed

    async def counts(self) -> tuple[int, int]:
        """(notifications sent, of them failed), since Alertmanager was started."""
        async with httpx2.AsyncClient() as http:
            text = (await http.get(f"{self.alertmanager.url}/metrics")).text
        return _sum(text, "alertmanager_notification_requests_total"), _sum(
            text, "alertmanager_notification_requests_failed_total"
        )

    async def repeated(self, times: int) -> None:
        """Wait until it has delivered this often more."""
        before = await self.delivered()

        async def ok() -> bool:
            return await self.delivered() >= before + times

        await eventually(ok, 40, f"{times} more deliveries")

    async def incident(self, name: str, check: Any, what: str) -> IncidentView:
        """The incident of this group, once it is open and ``check`` holds."""
        seen: list[IncidentView] = []

        async def ok() -> bool:
            try:
                seen.append(await self.lab.desk.view(workflow_id(name)))
            except NotFound:
                return False
            return bool(check(seen[-1]))

        await eventually(ok, 40, what)
        return seen[-1]

    async def runs(self, name: str) -> int:
        """How many incidents the group has had."""
        count = 0
        async for _ in self.lab.client.list_workflows(f"WorkflowId = '{workflow_id(name)}'"):
            count += 1
        return count

    def pages(self, name: str) -> list[str]:
        """Who was paged about it, in order."""
        return [
            request.person
            for request in self.lab.recorder.sent
            if request.message.kind == "page" and request.message.incident.workflow_id == workflow_id(name)
        ]

    async def tool(self, *arguments: str) -> str:
        """One call of amtool."""
        process = await asyncio.create_subprocess_exec(
            str(self.amtool),
            f"--alertmanager.url={self.alertmanager.url}",
            *arguments,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate()
        assert process.returncode == 0, err.decode()
        return out.decode().strip()


def workflow_id(name: str) -> str:
    """Of the group that the lab's routes put this alert into."""
    config = make_config()
    routed = route(alert(name), config.routes, config.services)
    return incident_workflow_id(routed.service, routed.group_key)


def _sum(text: str, metric: str) -> int:
    found = re.findall(rf'^{metric}\{{[^}}]*integration="webhook"[^}}]*\}} (\S+)$', text, re.MULTILINE)
    return int(sum(map(float, found)))


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def pair(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Pair]:
    address = f"127.0.0.1:{free_ports(1)[0]}"
    app = build_app(lab.desk, Authenticator(lab.config, "http"), lambda: lab.config, lab.signer, Settings(), Metrics())
    alertmanager = Alertmanager(
        tmp_path_factory.mktemp("alertmanager"),
        webhook_url=f"http://{address}/webhooks/alertmanager",
        webhook_token=TOKENS["alertmanager"],
        group_by=("alertname", "service"),
        repeat_interval=f"{REPEAT_SECONDS}s",
    )
    amtool = (await asyncio.to_thread(lambda: ensure(["amtool"])))["amtool"]
    async with alertmanager:
        made = Pair(lab, alertmanager, amtool, WebServer(app, address))
        await made.door.start()
        try:
            yield made
        finally:
            await made.door.stop()
