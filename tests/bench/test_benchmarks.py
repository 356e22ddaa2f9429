"""Every benchmark runs with tiny sizes and answers one JSON document. Figures are not judged here."""

from __future__ import annotations

import json
import math
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import pytest_asyncio

from bench import accept, burst, drain, oncall, page, parked, probes, rollback, step, storm
from bench.__main__ import BENCHMARKS
from bench.report import Goal, Outcome, document, percentile, spread
from bench.rig import Rig, rig
from devstack.cluster import Cluster

Measure = Callable[[Rig], Awaitable[Outcome]]
TINY: dict[str, Measure] = {
    "page": lambda it: page.measure(it, samples=1, warm_up=0),
    "step": lambda it: step.measure(it, runs=1),
    "burst": lambda it: burst.measure(it, alerts=200, per_request=50, connections=2, rounds=1),
    "parked": lambda it: parked.measure(it, incidents=2, samples=1, restart=False),
    "storm": lambda it: storm.measure(it, seconds=2),
    # The last one: it leaves the workers stopped.
    "accept": lambda it: accept.measure(it, incidents=4, connections=2, rounds=1),
}

TINY_ON_CLUSTER: dict[str, Callable[[Cluster], Awaitable[Outcome]]] = {
    "rollback": lambda it: rollback.measure(it, replicas=(1, 2), rounds=(2, 1)),
    "drain": lambda it: drain.measure(it, pods=3, rounds={"at_once": 2}),
    "probes": lambda it: probes.measure(it, 9, workloads=2, rounds=1),
}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def servers() -> AsyncIterator[Rig]:
    """One set of servers for all: a real run gives each benchmark its own."""
    async with rig(synchronous="1", worker=parked.WORKER) as it:
        yield it


@pytest.mark.parametrize("name", TINY)
async def test_a_benchmark_answers_a_document(servers: Rig, name: str) -> None:
    """It measures the product and the floor on real servers, and says so in JSON."""
    _checked(name, await TINY[name](servers))


@pytest.mark.parametrize("name", TINY_ON_CLUSTER)
async def test_a_benchmark_of_the_hands_answers_a_document(cluster: Cluster, name: str) -> None:
    """It changes a real cluster by our activities and by the real kubectl, in turns."""
    _checked(name, await TINY_ON_CLUSTER[name](cluster))


def test_the_on_call_benchmark_answers_a_document() -> None:
    """It needs no server, and its look-ups agree with the shifts."""
    _checked("oncall", oncall.measure(lookups=500))


def test_every_benchmark_is_tried() -> None:
    """A new one has to join this test."""
    assert {*TINY, *TINY_ON_CLUSTER, "oncall"} == set(BENCHMARKS)


def _checked(name: str, outcome: Outcome) -> None:
    said = json.loads(json.dumps(document(name, outcome, (0.0, 0.0, 0.0), 1.0)))
    assert said["benchmark"] == name
    assert said["machine"]["cores"] >= 1
    assert said["commit"]
    assert said["results"]
    assert said["floor"]
    # Of one sample a floor may be below zero: its activity ran before its start was answered
    assert all(math.isfinite(value) for value in said["ratios"].values())
    assert all({"what", "value", "goal", "met"} == set(goal) for goal in said["goals"])


@pytest.mark.parametrize(("share", "wanted"), [(0.5, 50.0), (0.9, 90.0), (0.99, 99.0), (1.0, 100.0)])
def test_a_percentile_is_a_value_that_was_measured(share: float, wanted: float) -> None:
    """Nearest rank, whatever the order."""
    assert percentile([float(n) for n in range(100, 0, -1)], share) == wanted


def test_nothing_measured_is_an_error() -> None:
    """An empty list must not look like zero milliseconds."""
    with pytest.raises(ValueError, match="nothing was measured"):
        spread([])


@pytest.mark.parametrize(
    ("goal", "met"),
    [
        (Goal("latency", 40, 40), True),
        (Goal("latency", 40.1, 40), False),
        (Goal("rate", 0.8, 0.8, at_least=True), True),
        (Goal("rate", 0.79, 0.8, at_least=True), False),
    ],
)
def test_a_goal_says_whether_it_is_met(goal: Goal, met: bool) -> None:
    """The limit itself counts as met, in both directions."""
    assert goal.shown()["met"] is met
