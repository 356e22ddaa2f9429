"""The worker is killed at each point of a write, with every action's run standing there: nothing happens twice."""

from __future__ import annotations

import asyncio
import itertools
import json
from pathlib import Path

import pytest
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from devstack.cluster import Cluster
from devstack.temporal import TemporalServer
from mainstay.domain.change import Change
from tests.cluster.crash.harness import POINTS, Harness
from tests.cluster.lab import Lab, NoHalt
from tests.cluster.scenarios import SCENARIOS

_numbers = itertools.count(1)


async def opened(cluster: Cluster, action: str) -> Lab:
    """A namespace of the action's own, with its target in it."""
    namespace = f"crash-{next(_numbers)}"
    await cluster.apply(json.dumps({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}))
    lab = Lab(cluster, namespace, NoHalt())
    await SCENARIOS[action].make(lab)
    return lab


async def written_in(cluster: Cluster, labs: dict[str, Lab]) -> dict[str, int]:
    """How often each target was written, by one reading of the audit log."""
    names = {action: await SCENARIOS[action].name(lab) for action, lab in labs.items()}
    events = cluster.audit_events()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cluster, "audit_events", lambda: events)
        return {action: len(lab.writes(names[action])) for action, lab in labs.items()}


async def kill_in_all(harness: Harness, cluster: Cluster, point: str) -> int:
    """One kill in the change and one in the undo of every action. How many runs were hit."""
    labs: dict[str, Lab] = dict(
        zip(SCENARIOS, await asyncio.gather(*(opened(cluster, a) for a in SCENARIOS)), strict=True)
    )
    changes: dict[str, Change] = {a: await lab.plan(a, SCENARIOS[a].arguments) for a, lab in labs.items()}
    before = await written_in(cluster, labs)
    answers = await harness.round(changes, point, undo=False)
    written = point != "apply.before_call"
    now = await written_in(cluster, labs)
    for action, lab in labs.items():
        assert answers[action].outcome == ("already" if written else "changed"), action
        assert await SCENARIOS[action].seen(lab) == SCENARIOS[action].after, action
        assert now[action] == before[action] + 1, f"{action}: by the audit log it was written once"
    back = {a: change for a, change in changes.items() if change.undo == "restore"}
    answers = await harness.round(back, point, undo=True)
    now = await written_in(cluster, labs)
    for action in back:
        scenario = SCENARIOS[action]
        wanted = scenario.before if scenario.undone is None else scenario.undone
        assert answers[action].outcome == ("already" if written else "changed"), action
        assert await scenario.seen(labs[action]) == wanted, action
        assert now[action] == before[action] + 2, f"{action}: and taken back once"
    for lab in labs.values():
        await lab.tear_down()
    return len(changes) + len(back)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("point", POINTS)
async def test_a_killed_worker_changes_nothing_twice(
    point: str, cluster: Cluster, temporal_server: TemporalServer, tmp_path: Path
) -> None:
    """Given every action's run at this point, when the worker is killed there, then the next one brings each to its
    pinned target with one write in all; the same while it is taken back. No run is lost."""
    client = await Client.connect(temporal_server.address, data_converter=pydantic_data_converter)
    harness = Harness(client, temporal_server.address, cluster, tmp_path)
    assert await kill_in_all(harness, cluster, point) > len(SCENARIOS)
