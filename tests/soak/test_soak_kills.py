"""The worker dies again and again, at random points, while many rollbacks are under way on the real API server."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import grpc.aio
import pytest
import pytest_asyncio
from temporalio.client import WorkflowExecutionStatus

from devstack.cluster import Cluster
from devstack.processes import eventually
from devstack.smtp import Mailbox
from devstack.temporal import TemporalServer
from mainstay.domain.runbook.run import RunView
from tests.e2e import operators
from tests.e2e.conftest import make_world
from tests.e2e.world import KILLS, Incident, World, install
from tests.soak.figures import recorded, scaled

ROLLBACKS = 60
AT_ONCE = 8
PATIENCE = 120
"""Seconds for what a killed worker delays: time-outs, retries with their waits, a machine that is busy."""
ANYWHERE = "anywhere"
"""SIGKILL from outside at a random instant, beside the fail points around the write."""
T = TypeVar("T")
R = TypeVar("R")


@pytest.fixture(scope="module")
def services() -> Iterator[tuple[str, ...]]:
    """As many made-up services as there are rollbacks, in place of the end-to-end tests' own."""
    names = tuple(f"soak-{number:03}" for number in range(scaled(ROLLBACKS, 6)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(operators, "SERVICES", {name: operators.Made() for name in names} | _FALLBACK)
        patch.setattr(operators, "IN_CLUSTER", names)
        yield names


_FALLBACK = {"platform": operators.SERVICES["platform"]}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def soaked(
    tmp_path_factory: pytest.TempPathFactory,
    services: tuple[str, ...],
    temporal_server: TemporalServer,
    cluster: Cluster,
    smtp: Mailbox,
) -> AsyncIterator[World]:
    for start in range(0, len(services), AT_ONCE):
        await install(cluster, services[start : start + AT_ONCE])
    folder: Path = tmp_path_factory.mktemp("soak") / "product"
    async with make_world(folder, temporal_server, cluster, smtp) as world:
        yield world


@pytest.mark.soak
@pytest.mark.timeout(1800)
async def test_rollbacks_survive_a_worker_that_is_killed_again_and_again(
    soaked: World, services: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given many approved rollbacks, when the worker is killed at random points until all have been approved, then
    each target's template has changed exactly once by the API server's audit log, and no run is lost."""
    promise = "by the audit log each target's template changes exactly once, and no run is lost"
    with recorded("kills", promise) as figures:
        chance = random.Random(figures.seed)
        incidents = await some_at_once(services, soaked.open)
        runs = dict(zip(services, await some_at_once(incidents, _asked), strict=True))
        kills, hit = await _approve_and_kill(soaked, incidents, runs, chance)

        await some_at_once(incidents, lambda incident: incident.mitigated(PATIENCE))
        events = soaked.cluster.audit_events()
        monkeypatch.setattr(soaked.cluster, "audit_events", lambda: events)
        for incident in incidents:
            incident.assert_rolled_back_once(runs[incident.service])
            assert len(incident.our_writes()) == 1, incident.service
        finals = await some_at_once(incidents, _finished)
        assert [[run.status for run in final.runs] for final in finals] == [["mitigated"]] * len(incidents)
        assert all(len(final.mitigations) == 1 for final in finals)
        for incident, final in zip(incidents, finals, strict=True):
            await incident.assert_journal_complete(final)
        figures.counts |= {
            "rollbacks": len(incidents),
            "hit_by_a_kill": sum(often > 0 for often in hit.values()),
            "hits": sum(hit.values()),
            "kills": dict(sorted(kills.items())),
            "template_changes": sum(len(incident.our_writes()) for incident in incidents),
            "runs_lost": 0,
        }
        assert figures.counts["hit_by_a_kill"] > len(incidents) / 2


async def some_at_once(given: Iterable[T], do: Callable[[T], Awaitable[R]]) -> list[R]:
    """All of them, in order, a few at a time."""
    free = asyncio.Semaphore(AT_ONCE)

    async def one(value: T) -> R:
        async with free:
            return await do(value)

    return list(await asyncio.gather(*(one(value) for value in given)))


async def _asked(incident: Incident) -> RunView:
    await incident.acknowledge()
    return await incident.asked()


async def _finished(incident: Incident):  # type: ignore[no-untyped-def]
    return await incident.finish()


async def _approve_and_kill(
    world: World, incidents: Sequence[Incident], runs: dict[str, RunView], chance: random.Random
) -> tuple[Counter[str], Counter[str]]:
    """Approve a few at a time and kill the worker each time; those before may still be recovering.

    Answers kills by point, and by service how often its approved rollback was under way when a worker died.
    """
    left, approved = list(incidents), []
    chance.shuffle(left)
    kills: Counter[str] = Counter()
    hit: Counter[str] = Counter()
    points: list[str] = []
    while left:
        group = [left.pop() for _ in range(min(chance.randint(2, 6), len(left)))]
        approved += group
        points = points or chance.sample((*KILLS, ANYWHERE), 4)  # each as often as the others
        point = points.pop()
        if point != ANYWHERE:
            world.fail_points.arm(point)
        votes = [asyncio.ensure_future(_approve(incident, runs[incident.service])) for incident in group]
        if point == ANYWHERE:
            await asyncio.sleep(chance.uniform(0.05, 1.0))  # the instant is the point of it
            await world.product.worker.kill9()
        await eventually(lambda: _dead(world), PATIENCE, f"the worker's death at {point}")
        kills[point] += 1
        hit.update([incident.service for incident in approved if await _runs(world, runs[incident.service])])
        await world.revive()
        await asyncio.gather(*votes)
    return kills, hit


async def _approve(incident: Incident, run: RunView) -> None:
    """As a person does: again when no answer came, and not once the question is gone."""
    for _ in range(10):
        try:
            await asyncio.wait_for(incident.approve(run), PATIENCE)
        except grpc.aio.AioRpcError:
            now = await asyncio.wait_for(_again(incident), PATIENCE)
            if now.question is None:
                return
        else:
            return
    raise AssertionError(f"{incident.service} could not be approved")


async def _again(incident: Incident) -> RunView:
    found: list[RunView] = []

    async def ok() -> bool:
        try:
            found[:] = [await incident.run()]
        except Exception:  # noqa: BLE001, RUF100 - a worker that is away; the deadline judges
            return False
        return True

    await eventually(ok, PATIENCE, f"the run of {incident.service}")
    return found[0]


async def _dead(world: World) -> bool:
    return not world.product.worker.running


async def _runs(world: World, run: RunView) -> bool:
    """Whether a run is open, as the server knows without any worker."""
    found = await world.client.get_workflow_handle(run.workflow_id).describe()
    return found.status is WorkflowExecutionStatus.RUNNING
