"""A worker with the real workflows and recording activities, on virtual time."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio.client import Client, WorkflowHandle, WorkflowUpdateFailedError
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.service import RPCError, RPCStatusCode
from temporalio.testing import TimeSkipper, TimeSkippingConfig
from temporalio.worker import Worker

from devstack.processes import eventually
from devstack.temporal import TemporalServer
from mainstay.domain.alert import Alert, AlertBatch
from mainstay.domain.approval import ApprovalPolicy, ApprovalRule
from mainstay.domain.escalation import EscalationPolicy, Step, Target
from mainstay.domain.incident import IncidentInput, IncidentView, Outcome
from mainstay.domain.names import BULK_QUEUE, CLUSTER_QUEUE, INCIDENT_QUEUE
from mainstay.domain.oncall.schedule import Layer, Schedule
from mainstay.domain.people import ContactMethod, Person, Team
from mainstay.domain.pinned import PinnedConfig
from mainstay.domain.profiles import PROFILES
from mainstay.domain.service import Service, Workload
from mainstay.simulate.recording import Recorder
from workflows.action_item import ActionItemWorkflow
from workflows.channel_test import ChannelTestWorkflow
from workflows.halt import HaltWorkflow
from workflows.incident import IncidentWorkflow
from workflows.lease import LeaseWorkflow
from workflows.messages import INTERCEPTORS
from workflows.postmortem import PostmortemWorkflow
from workflows.reconcile import ReconcileWorkflow
from workflows.runbook import RunbookWorkflow

WORKFLOWS = [
    IncidentWorkflow,
    RunbookWorkflow,
    PostmortemWorkflow,
    ActionItemWorkflow,
    LeaseWorkflow,
    HaltWorkflow,
    ChannelTestWorkflow,
    ReconcileWorkflow,
]
COUNT = itertools.count(1)


def person(handle: str, manager: str | None = None) -> Person:
    contacts = (ContactMethod(name="mail", channel="mail", address=""),)
    return Person(handle=handle, name=handle.title(), contacts=contacts, manager=manager)


def make_pinned(**changes: Any) -> PinnedConfig:
    """Alice is primary, bob secondary, carol the manager and last resort."""
    start = datetime(2026, 1, 5, 9, tzinfo=UTC)
    people = {p.handle: p for p in (person("alice", "carol"), person("bob", "carol"), person("carol"))}
    fields: dict[str, Any] = {
        "service": Service(
            name="api",
            team="shop",
            workload=Workload(namespace="shop", name="api"),
            public_name="API",
        ),
        "team": Team(name="shop", members=("alice", "bob"), manager="carol"),
        "profile": PROFILES["003"],
        "policy": EscalationPolicy(
            name="default",
            steps=(
                Step(targets=(Target(kind="schedule", name="primary"),), wait=timedelta(minutes=5)),
                Step(targets=(Target(kind="person", name="bob"),), wait=timedelta(minutes=5)),
            ),
            repeat=0,
            last_resort=(Target(kind="person", name="carol"),),
        ),
        "schedules": {"primary": Schedule(name="primary", layers=(Layer(name="all", people=("alice",), start=start),))},
        "teams": {"shop": Team(name="shop", members=("alice", "bob"), manager="carol")},
        "people": people,
        "approvals": ApprovalPolicy(
            medium=ApprovalRule.model_validate({"votes": 1, "by": ("on_call",), "minimum_assurance": 0})
        ),
        "monitoring_hold": timedelta(minutes=10),
    }
    return PinnedConfig(**{**fields, **changes})


def levels(recorder: Recorder, **changes: Any) -> None:
    """Change every level of the severity profile."""
    profile = recorder.pinned.profile
    changed = tuple(level.model_copy(update=changes) for level in profile.levels)
    update = {"profile": profile.model_copy(update={"levels": changed})}
    recorder.pinned = recorder.pinned.model_copy(update=update)


def without_cadence(recorder: Recorder) -> None:
    """Nobody is owed a status update: an hour of virtual time is one jump and not several."""
    levels(recorder, update_every=None, public_update_every=None)


def alert(name: str = "HighErrors", *, firing: bool = True, start: str = "2026-03-02T03:00:00Z") -> Alert:
    return Alert.model_validate(
        {
            "status": "firing" if firing else "resolved",
            "fingerprint": name,
            "labels": {"alertname": name, "service": "api"},
            "annotations": {"error_rate": "0.3"},
            "starts_at": start,
        }
    )


async def told(handle: WorkflowHandle[Any, Any], update: str, command: Any, request_id: str = "") -> Outcome:
    """Send an update as a door would: again, with the same id, where the workflow is between two executions."""
    request_id = request_id or f"request/{next(COUNT)}"
    for _ in range(50):
        try:
            return await handle.execute_update(update, command, id=request_id, result_type=Outcome)
        except RPCError as error:
            if error.status is not RPCStatusCode.FAILED_PRECONDITION:
                raise
            await asyncio.sleep(0.05)
    raise TimeoutError(f"{update} was never taken")


@dataclass
class Story:
    """One incident under test."""

    handle: WorkflowHandle[Any, IncidentView]
    recorder: Recorder
    clock: TimeSkipper
    client: Client
    ids: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    async def view(self) -> IncidentView:
        return await self.handle.query("view", result_type=IncidentView)

    async def until(self, check: Any, what: str) -> IncidentView:
        """Poll the view until ``check(view)``."""
        seen: list[IncidentView] = []

        async def ok() -> bool:
            seen.append(await self.view())
            return bool(check(seen[-1]))

        await eventually(ok, 30, what)
        return seen[-1]

    async def tell(self, update: str, who: str = "alice", request_id: str = "", **body: Any) -> Outcome:
        return await told(self.handle, update, {"actor": {"person": who}, **body}, request_id)

    async def paged(self, *people: str) -> None:
        """Wait until exactly these were paged, in this order."""
        wanted = list(people)
        await self.until(lambda _: self.recorder.people_paged() == wanted, f"{', '.join(people)} paged")

    async def journal(self, kind: str) -> list[Any]:
        """The entries of one kind that the view shows."""
        return [entry for entry in (await self.view()).timeline if entry.kind == kind]

    async def over(self) -> IncidentView:
        """Cancel it, if need be, and wait for its end."""
        if not (await self.view()).phase.ended:
            await self.tell("cancel", "carol", reason="the test is over")
        return await self.handle.result()

    async def alerts(self, *alerts: Alert) -> None:
        await self.handle.signal("alerts", AlertBatch(alerts=alerts))

    async def skip(self, **by: float) -> None:
        await self.clock.fast_forward(self.handle, timedelta(**by))


@contextmanager
def refused(kind: str, match: str = "") -> Iterator[None]:
    """The update inside is refused under this name, with this in its message."""
    with pytest.raises(WorkflowUpdateFailedError) as caught:
        yield
    cause = caught.value.cause
    assert getattr(cause, "type", "") == kind, cause
    assert match in str(cause)


class Stage:
    """Starts incidents on one server, each on virtual time that only the test moves."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.clock = TimeSkipper(client, config=TimeSkippingConfig(enabled=False))

    async def start(self, recorder: Recorder, given: IncidentInput | None = None, **fields: Any) -> Story:
        if given is None:
            given = IncidentInput(alerts=(alert(),), pinned=recorder.pinned, **fields)
        handle = await self.clock.client.start_workflow(
            "incident",
            given,
            id=f"incident/api/test-{next(COUNT)}",
            task_queue=INCIDENT_QUEUE,
            result_type=IncidentView,
        )
        return Story(handle, recorder, self.clock, self.client)


@asynccontextmanager
async def workers(client: Client, recorder: Recorder, **options: Any) -> AsyncIterator[None]:
    """The workflows and recording activities on all three queues."""
    chosen: dict[str, Any] = {
        "activities": recorder.activities(),
        "interceptors": INTERCEPTORS,
        **options,
    }
    async with (
        Worker(client, task_queue=INCIDENT_QUEUE, workflows=WORKFLOWS, **chosen),
        Worker(client, task_queue=CLUSTER_QUEUE, activities=recorder.activities()),
        Worker(client, task_queue=BULK_QUEUE, activities=recorder.activities()),
    ):
        yield


@pytest.fixture(scope="session")
async def client(temporal_server: TemporalServer) -> Client:
    return await Client.connect(temporal_server.address, data_converter=pydantic_data_converter)


@pytest.fixture
async def recorder() -> Recorder:
    return Recorder(pinned=make_pinned())


@pytest.fixture
async def stage(client: Client, recorder: Recorder) -> AsyncIterator[Stage]:
    async with workers(client, recorder):
        yield Stage(client)
