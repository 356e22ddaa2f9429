"""One namespace a test."""

from __future__ import annotations

import itertools
import json
from collections.abc import AsyncIterator

import pytest_asyncio

from devstack.cluster import Cluster
from tests.cluster.lab import Lab, NoHalt

_numbers = itertools.count(1)


@pytest_asyncio.fixture(loop_scope="session")
async def lab(cluster: Cluster) -> AsyncIterator[Lab]:
    """The activities against the real API server, in a namespace of the test's own, nothing halted."""
    namespace = f"lab-{next(_numbers)}"
    await cluster.apply(json.dumps({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}))
    opened = Lab(cluster, namespace, NoHalt())
    yield opened
    await opened.tear_down()
