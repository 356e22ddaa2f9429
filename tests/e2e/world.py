"""The product's own processes on real servers, and one incident as a test follows it."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import aiohttp
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowHandle
from temporalio.contrib.pydantic import pydantic_data_converter

from activities.channels.mail import message_id
from devstack.cluster import Cluster
from devstack.player import Player, links_of
from devstack.processes import eventually
from devstack.product import Product
from devstack.smtp import Mailbox
from devstack.temporal import TemporalServer
from mainstay.domain.incident import CONFIRMATIONS, IncidentView, Phase
from mainstay.domain.revision import plain_template
from mainstay.domain.runbook.run import RunView
from mainstay.domain.timeline import Paged
from mainstay.records.store import Store
from tests.e2e import operators
from tests.e2e.receivers import Collector, Pager

SECONDS = 60
"""How long a test waits for what should take a moment: the machine may be busy."""
SENDER = "mainstay@example.org"
KILLS = ("apply.before_call", "apply.after_call", "apply.after_answer")


class FailPoints:
    """Every worker knows all of them; one is armed by taking its marker away, and disarms itself by dying."""

    def __init__(self, folder: Path) -> None:
        self._markers = {point: folder / point for point in KILLS}
        for marker in self._markers.values():
            marker.touch()

    @property
    def setting(self) -> str:
        return ",".join(f"{point}=kill@{marker}" for point, marker in self._markers.items())

    def arm(self, point: str) -> None:
        self._markers[point].unlink()


@dataclass
class World:
    """Everything a test touches. ``people`` are players at the gRPC door, by handle."""

    temporal: TemporalServer
    cluster: Cluster
    smtp: Mailbox
    product: Product
    client: Client
    store: Store
    pager: Pager
    collector: Collector
    fail_points: FailPoints
    people: dict[str, Player]

    async def webhook(self, *alerts: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Post a group as Alertmanager does: (status, answer)."""
        token = self.product.tokens["alertmanager"]
        async with (
            aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as session,
            session.post(f"{self.product.url}/webhooks/alertmanager", json=payload(*alerts)) as answer,
        ):
            return answer.status, await answer.json()

    async def open(self, service: str, **more: Any) -> Incident:
        """Fire an alert of this service; the incident that it opens or joins."""
        status, answer = await self.webhook(alert(service, **more))
        assert status == 200, answer
        return await self.incident(answer["incidents"][0])

    async def incident(self, workflow_id: str) -> Incident:
        """The incident that this workflow id means now."""
        found = await self.client.get_workflow_handle(workflow_id).describe()
        key = found.raw_description.workflow_execution_info.first_run_id
        return Incident(self, workflow_id, key, workflow_id.split("/")[1])

    async def revive(self) -> None:
        """A new worker in place of one that has died or was killed."""
        await self.product.start_worker()


def payload(*alerts: dict[str, Any]) -> dict[str, Any]:
    """A webhook of Alertmanager, version 4, with the fields that it really has."""
    firing = any(one["status"] == "firing" for one in alerts)
    labels = alerts[0]["labels"]
    return {
        "receiver": "mainstay",
        "status": "firing" if firing else "resolved",
        "alerts": list(alerts),
        "groupLabels": {"alertname": labels["alertname"]},
        "commonLabels": labels,
        "commonAnnotations": {},
        "externalURL": "http://alertmanager.example.org:9093",
        "version": "4",
        "groupKey": '{}:{alertname="' + labels["alertname"] + '"}',
        "truncatedAlerts": 0,
    }


def alert(service: str, *, at: str = "2026-03-02T03:00:00Z", firing: bool = True, **more: str) -> dict[str, Any]:
    """One alert. ``at`` tells one firing of it from the next; ``more`` are annotations."""
    return {
        "status": "firing" if firing else "resolved",
        "labels": {"alertname": "HighErrors", "service": service, "severity": "critical"},
        "annotations": {"summary": f"{service} answers with errors", **more},
        "startsAt": at,
        "endsAt": "0001-01-01T00:00:00Z" if firing else datetime.now(UTC).isoformat(),
        "generatorURL": "http://prometheus.example.org:9090/graph",
        "fingerprint": hashlib.sha256(service.encode()).hexdigest()[:16],
    }


@dataclass
class Incident:
    """One incident of a world, as its test reads and moves it."""

    world: World
    workflow_id: str
    key: str
    service: str

    @property
    def handle(self) -> WorkflowHandle[Any, IncidentView]:
        return self.world.client.get_workflow_handle(
            self.workflow_id, first_execution_run_id=self.key, result_type=IncidentView
        )

    # ---- reading

    async def view(self) -> IncidentView:
        view: IncidentView = await self.handle.query("view", result_type=IncidentView)
        return view

    async def until(self, check: Callable[[IncidentView], bool], what: str, seconds: float = SECONDS) -> IncidentView:
        """Poll the view until ``check``; a worker that is away is waited for."""
        seen: list[IncidentView] = []

        async def ok() -> bool:
            seen.append(await asyncio.wait_for(self.view(), seconds))
            return check(seen[-1])

        try:
            await eventually(_patiently(ok), seconds, what)
        except TimeoutError as late:
            raise TimeoutError(f"{late}; the incident: {seen[-1] if seen else 'not seen'}") from None
        return seen[-1]

    async def run(self) -> RunView:
        """Its (first) runbook run."""
        handle = self.world.client.get_workflow_handle((await self.view()).runs[0].workflow_id)
        run: RunView = await handle.query("view", result_type=RunView)
        return run

    async def asked(self, *, other_than: str = "") -> RunView:
        """Wait until the run asks for approval (of another plan than that of a digest)."""
        found: list[RunView] = []

        async def ok() -> bool:
            found[:] = [await self.run()] if (await self.view()).runs else []
            return any(run.question and run.question.digest != other_than for run in found)

        try:
            await eventually(_patiently(ok), SECONDS, f"the approval of {self.service} being asked for")
        except TimeoutError as late:
            raise TimeoutError(f"{late}; the run: {found}") from None
        return found[0]

    async def mails(self, kind: str = "page", to: str = "") -> list[EmailMessage]:
        """Its mails of this kind so far, by receiver."""
        found = [
            mail
            for mail in self.world.smtp.messages()
            if mail["References"] == message_id(f"incident/{self.key}", SENDER) and mail["X-Mainstay-Message"] == kind
        ]
        return [mail for mail in found if mail["To"].startswith(to)]

    async def mail(self, kind: str = "page", to: str = "", seconds: float = SECONDS) -> EmailMessage:
        """Wait for the first one of them."""

        async def ok() -> bool:
            return bool(await self.mails(kind, to))

        await eventually(ok, seconds, f"{kind} to {to or 'anybody'} about {self.service}")
        return (await self.mails(kind, to))[0]

    async def link(self, purpose: str, kind: str = "page", to: str = "") -> str:
        return links_of(await self.mail(kind, to))[purpose]

    async def paged(self, person: str = "") -> list[Paged]:
        """The journal's lines about pages of the escalation, in the view's reach."""
        entries = (await self.view()).timeline
        pages = [entry for entry in entries if isinstance(entry, Paged) and entry.reason == "page"]
        return [entry for entry in pages if entry.person.startswith(person)]

    async def assert_journal_complete(self, final: IncidentView) -> None:
        """Every entry that the workflow has counted is in the record store, in a valid chain."""
        entries = await self.world.store.journal(self.key)
        assert sorted(entry.seq for entry in entries) == list(range(1, final.revision + 1))
        report = await self.world.store.verify_chain(self.key)
        assert (report.intact, report.entries) == (True, final.revision), report

    # ---- acting, by the gRPC door

    async def acknowledge(self, person: str = "alice") -> None:
        await self.world.people[person].acknowledge(self.workflow_id)

    async def approve(self, run: RunView, person: str = "alice") -> None:
        assert run.question
        await self.world.people[person].approve(run.workflow_id, run.question.digest)

    async def mitigated(self, seconds: float = SECONDS) -> IncidentView:
        """Wait for the verified rollback."""
        quiet = (Phase.MONITORING, Phase.RESOLVED)
        return await self.until(lambda view: view.phase in quiet, f"{self.service} being mitigated", seconds)

    async def finish(self, person: str = "alice") -> IncidentView:
        """Resolve, close, and wait for the workflow's own end: nothing is sent or recorded after it."""
        await self.resolve(person)
        await self.world.people[person].close_plainly(self.workflow_id)
        return await self.ended()

    async def resolve(self, person: str = "alice") -> None:
        await self.world.people[person].resolve(self.workflow_id, list(CONFIRMATIONS), anyway="a test")

    async def ended(self, seconds: float = SECONDS) -> IncidentView:
        """The result of its workflow."""

        async def over() -> bool:
            found = await self.handle.describe()
            return found.status is not WorkflowExecutionStatus.RUNNING

        try:
            await eventually(_patiently(over), seconds, f"the end of {self.service}")
        except TimeoutError as late:
            raise TimeoutError(f"{late}: {await self.view()}") from None
        return await self.handle.result()

    async def whole_story(self) -> IncidentView:
        """Acknowledge, approve, roll back, resolve and close, without any fault."""
        await self.acknowledge()
        await self.approve(await self.asked())
        await self.mitigated()
        return await self.finish()

    # ---- what the API server has seen

    def tags(self) -> list[str]:
        """The image tags that the Deployment's template has had, one after the other, by the audit log."""
        found = [image_tag(template) for template in self.templates()]
        return [tag for tag, _ in itertools.groupby(found)]

    def templates(self) -> list[dict[str, Any]]:
        """The template after each successful write, by the audit log."""
        return [plain_template(event["responseObject"]["spec"]["template"]) for event in self._writes()]

    def our_writes(self) -> list[dict[str, Any]]:
        """Those of Mainstay."""
        return [event for event in self._writes() if event["userAgent"].startswith("mainstay (")]

    def _writes(self) -> list[dict[str, Any]]:
        return [event for event in self.world.cluster.audit_events() if self._is_write(event)]

    def _is_write(self, event: dict[str, Any]) -> bool:
        about = event.get("objectRef", {})
        namespace = operators.NAMESPACES.get(self.service, self.service)
        ours = (about.get("namespace"), about.get("name")) == (namespace, self.service)
        plain = about.get("resource") == "deployments" and not about.get("subresource")
        return ours and plain and "dryRun" not in event["requestURI"] and event["responseStatus"]["code"] < 300

    async def deployment(self) -> dict[str, Any]:
        found: dict[str, Any] = await self.world.cluster.api.get(deployment_path(self.service))
        return found

    def assert_rolled_back_once(self, run: RunView) -> None:
        """The template changed exactly once since the bad release, and to the one that was pinned."""
        assert self.tags() == [operators.GOOD, operators.BAD, operators.GOOD]
        assert run.change
        assert isinstance(run.change.desired, dict)
        assert self.templates()[-1] == run.change.desired["template"]


def _patiently(check: Callable[[], Any]) -> Callable[[], Any]:
    """A server that is away or a workflow that is not there yet is no answer, not a failure."""

    async def ok() -> bool:
        try:
            return bool(await check())
        except Exception:  # noqa: BLE001, RUF100 - the deadline judges, and tells what was seen last
            return False

    return ok


def deployment_path(service: str) -> str:
    return f"/apis/apps/v1/namespaces/{service}/deployments/{service}"


def image_tag(template: dict[str, Any]) -> str:
    return str(template["spec"]["containers"][0]["image"]).rpartition(":")[2]


def deployment(service: str, tag: str) -> str:
    """A Deployment of two pods, as JSON for `Cluster.apply`."""
    labels = {"app": service}
    container = {"name": "app", "image": f"registry.example/{service}:{tag}"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    return json.dumps(
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": service, "namespace": service},
            "spec": {"replicas": 2, "selector": {"matchLabels": labels}, "template": template},
        }
    )


async def install(cluster: Cluster, services: Sequence[str]) -> None:
    """Two releases of each, so that there is one to go back to."""

    async def one(service: str) -> None:
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": service}}
        await cluster.apply(json.dumps(namespace))
        for tag in (operators.GOOD, operators.BAD):
            await cluster.apply(deployment(service, tag))
            await eventually(lambda: _recorded(cluster, service), SECONDS, f"{service}:{tag} being recorded")

    await asyncio.gather(*(one(service) for service in services))


async def _recorded(cluster: Cluster, service: str) -> bool:
    found = await cluster.api.get(deployment_path(service))
    return bool(found.get("status", {}).get("observedGeneration", 0) >= found["metadata"]["generation"])


async def connect(temporal: TemporalServer) -> Client:
    return await Client.connect(temporal.address, data_converter=pydantic_data_converter)
