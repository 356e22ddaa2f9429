"""A desk on real parts: a Temporal server, the real workflows, a record store on SQLite.

Only what would leave the machine (pages, clusters, probes) is recorded instead of done.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from temporalio import activity
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from devstack.processes import eventually
from devstack.temporal import TemporalServer
from mainstay.config import Config
from mainstay.config.parts import Token
from mainstay.desk.auth import Authenticator
from mainstay.desk.desk import Desk
from mainstay.domain.access import AccessRole, Actor, Assurance
from mainstay.domain.alert import Alert
from mainstay.domain.escalation import EscalationPolicy, Step, Target
from mainstay.domain.incident import IncidentView
from mainstay.domain.names import BULK_QUEUE, CLUSTER_QUEUE, INCIDENT_QUEUE
from mainstay.domain.oncall.schedule import Layer, Schedule
from mainstay.domain.people import ContactMethod, Person, Team
from mainstay.domain.profiles import GUIDE_003
from mainstay.domain.routing import Route
from mainstay.domain.runbook.run import RunView
from mainstay.domain.service import Service, Workload
from mainstay.domain.signature import Signer
from mainstay.domain.work import Appended, AppendRequest, Number, NumberRequest
from mainstay.records import Store
from mainstay.simulate.recording import Recorder
from workflows.action_item import ActionItemWorkflow
from workflows.channel_test import ChannelTestWorkflow
from workflows.halt import HaltWorkflow
from workflows.incident import IncidentWorkflow
from workflows.lease import LeaseWorkflow
from workflows.postmortem import PostmortemWorkflow
from workflows.runbook import RunbookWorkflow

WORKFLOWS = [
    IncidentWorkflow,
    RunbookWorkflow,
    PostmortemWorkflow,
    ActionItemWorkflow,
    LeaseWorkflow,
    HaltWorkflow,
    ChannelTestWorkflow,
]
TOKENS = {
    "alice": "token-of-alice",
    "bob": "token-of-bob",
    "vera": "token-of-vera",
    "carol": "token-of-carol",
    "alertmanager": "token-of-alertmanager",
}
_ROLES = {
    "alice": AccessRole.RESPONDER,
    "bob": AccessRole.RESPONDER,
    "vera": AccessRole.VIEWER,
    "carol": AccessRole.ADMIN,
    "alertmanager": AccessRole.ALERT_SOURCE,
}
RUNBOOK = """
name: ask-first
title: Ask before anything
inputs:
  reason: {type: string, required: false, title: Why it runs}
start: ask
nodes:
  ask:
    ask: Does it help to wait?
    options: ["yes", "no"]
    timeout: 1h
    on: {"yes": fixed, "no": gone, timeout: gone}
  fixed: {end: mitigated, summary: It passed by itself}
  gone: {end: escalated}
"""
CHANGING = """
name: restart-it
title: Restart the service
start: restart
nodes:
  restart:
    act: rollout_restart
    with: {target: {namespace: shop, name: api}}
    verify: {probes: [{probe: rollout_status, with: {target: {namespace: shop, name: api}}}], within: 5m}
    undo: never
    on: {done: fixed, not_helped: gone, failed: gone, denied: gone}
  fixed: {end: mitigated}
  gone: {end: failed}
"""


def actor(handle: str) -> Actor:
    """The person as a door with a bearer token proves her."""
    return Actor(person=handle, roles=(_ROLES[handle],), assurance=Assurance.TOKEN, door="test")


def request_id(seed: object) -> str:
    """A UUID that is the same for the same seed."""
    return str(UUID(hashlib.md5(repr(seed).encode(), usedforsecurity=False).hexdigest()))


def fingerprint(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def make_config(**changes: Any) -> Config:
    """Alice is on call for the service ``api`` of team ``shop``; every other alert is the fallback's."""
    start = datetime(2026, 1, 5, 9, tzinfo=UTC)
    people = {
        handle: Person(
            handle=handle,
            name=handle.title(),
            access_roles=(role,),
            contacts=(ContactMethod(name="mail", channel="mail", address=f"{handle}@example.com"),),
        )
        for handle, role in _ROLES.items()
        if handle != "alertmanager"
    }
    layer = Layer(name="all", people=("alice", "bob"), start=start)
    tokens = tuple(
        Token(
            person=None if handle == "alertmanager" else handle,
            source=handle if handle == "alertmanager" else None,
            roles=(_ROLES[handle],),
            sha256=fingerprint(token),
        )
        for handle, token in TOKENS.items()
    )
    fields: dict[str, Any] = {
        "people": people,
        "teams": {"shop": Team(name="shop", members=("alice", "bob"), manager="carol")},
        "services": {
            "api": Service(name="api", team="shop", workload=Workload(namespace="shop", name="api"), public_name="API"),
            "unsorted": Service(name="unsorted", team="shop"),
        },
        "schedules": {"primary": Schedule(name="primary", layers=(layer,))},
        "policies": {
            "default": EscalationPolicy(
                name="default",
                steps=(Step(targets=(Target(kind="schedule", name="primary"),), wait=timedelta(hours=1)),),
                last_resort=(Target(kind="person", name="carol"),),
            )
        },
        "defaults": {"escalation_policy": "default"},
        "profile": GUIDE_003,
        "routes": (
            Route(
                name="api",
                match={"service": "api"},
                not_match={"noise": "yes"},
                service="api",
                group_by=("alertname",),
            ),
            Route(name="noise", match={"noise": "yes"}, mode="drop"),
            Route(name="rest", service="unsorted", fallback=True),
        ),
        "tokens": tokens,
        "runbooks": {"ask-first": RUNBOOK},
    }
    return Config(**{**fields, **changes})


def alert(name: str, *, number: int = 0, firing: bool = True, **labels: str) -> Alert:
    """``number`` makes it another occurrence of the same group."""
    return Alert.model_validate(
        {
            "source": "alertmanager",
            "status": "firing" if firing else "resolved",
            "fingerprint": f"{name}-{number}",
            "labels": {"alertname": name, "service": "api", "pod": f"api-{number}", **labels},
            "annotations": {"summary": f"{name} on api-{number}", "error_rate": "0.3"},
            "starts_at": "2026-03-02T03:00:00Z",
        }
    )


class RecordingStore(Recorder):
    """Records pages and changes, and writes incidents to the real record store."""

    store: Store

    @activity.defn(name="draw_number")
    async def draw_number(self, request: NumberRequest) -> Number:
        self._store()
        return Number(number=await self.store.number(request.key, request.at))

    @activity.defn(name="append_journal")
    async def append_journal(self, request: AppendRequest) -> Appended:
        self._store()
        return Appended(flushed_seq=await self.store.append(request))


@dataclass
class Lab:
    server: TemporalServer
    client: Client
    store: Store
    config: Config
    signer: Signer
    recorder: RecordingStore
    desk: Desk
    _workers: list[Worker] = field(default_factory=list)

    def authenticator(self) -> Authenticator:
        return Authenticator(self.config, "grpc")

    async def work(self) -> None:
        """Start the workers."""
        activities = self.recorder.activities()
        self._workers = [
            Worker(
                self.client,
                task_queue=INCIDENT_QUEUE,
                workflows=WORKFLOWS,
                activities=activities,
                max_cached_workflows=300,
                # Determinism is tests/workflows' matter; here thousands of starts shall be quick.
                workflow_runner=UnsandboxedWorkflowRunner(),
            ),
            Worker(self.client, task_queue=CLUSTER_QUEUE, activities=activities),
            Worker(self.client, task_queue=BULK_QUEUE, activities=activities),
        ]
        for worker in self._workers:
            await worker.__aenter__()

    async def rest(self) -> None:
        """Stop the workers."""
        for worker in self._workers:
            await worker.shutdown()
        self._workers = []

    @asynccontextmanager
    async def without_workers(self) -> AsyncIterator[None]:
        await self.rest()
        try:
            yield
        finally:
            await self.work()

    async def until(self, ref: str, check: Any, what: str, desk: Desk | None = None) -> IncidentView:
        """Poll the view until ``check(view)``; 20 s at most."""
        seen: list[IncidentView] = []

        async def ok() -> bool:
            seen.append(await (desk or self.desk).view(ref))
            return bool(check(seen[-1]))

        await eventually(ok, 20, what)
        return seen[-1]

    async def until_run(self, run: str, check: Any, what: str) -> RunView:
        seen: list[RunView] = []

        async def ok() -> bool:
            seen.append(await self.desk.run_view(run))
            return bool(check(seen[-1]))

        await eventually(ok, 20, what)
        return seen[-1]

    async def opened(self, name: str) -> IncidentView:
        """An incident of one alert, recorded with its number."""
        (delivered,) = await self.desk.deliver((alert(name),), "test")
        return await self.until(delivered.workflow_id, lambda v: v.number, f"{name} has its number")


@asynccontextmanager
async def open_lab(folder: Path) -> AsyncIterator[Lab]:
    async with (
        TemporalServer(folder / "temporal", synchronous="1") as server,
        await Store.connect(f"sqlite+aiosqlite:///{folder / 'records.db'}") as store,
    ):
        client = await Client.connect(server.address, data_converter=pydantic_data_converter)
        config = make_config()
        signer = Signer(Ed25519PrivateKey.generate())
        recorder = RecordingStore(pinned=config.with_keys(signer.public()).pin("api"))
        recorder.store = store
        desk = Desk(client, config, store, signer, heartbeat=timedelta(seconds=0.5))
        lab = Lab(server, client, store, config, signer, recorder, desk)
        await lab.work()
        try:
            yield lab
        finally:
            await desk.close()
            await lab.rest()
