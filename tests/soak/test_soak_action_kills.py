"""Workers killed in the middle of changes, many times over, with every action's run in flight."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from devstack.cluster import Cluster
from devstack.temporal import TemporalServer
from tests.cluster.crash.harness import POINTS, Harness
from tests.cluster.scenarios import SCENARIOS
from tests.cluster.test_crash import kill_in_all
from tests.soak.figures import recorded, scaled

HITS = 200
"""Kills of each action: half in the change, half in its undo, where it has one."""


@pytest.mark.soak
@pytest.mark.timeout(4 * 3600)
async def test_killed_workers_change_nothing_twice(
    cluster: Cluster, temporal_server: TemporalServer, tmp_path: Path
) -> None:
    """Given a worker killed at every point of every action, again and again, then no change is made twice or lost."""
    client = await Client.connect(temporal_server.address, data_converter=pydantic_data_converter)
    harness = Harness(client, temporal_server.address, cluster, tmp_path)
    hit: Counter[str] = Counter()
    with recorded("action-kills", "a killed worker doubles no effect and loses no run") as figures:
        for number in range(scaled(HITS, len(POINTS))):
            point = POINTS[number % len(POINTS)]
            hit[point] += await kill_in_all(harness, cluster, point)
        figures.counts |= {"actions": len(SCENARIOS), "rounds": scaled(HITS, len(POINTS)), "kills_by_point": dict(hit)}
