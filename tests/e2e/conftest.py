"""One stack, one worker and one server for all end-to-end tests; what a test breaks, it mends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio

from devstack.cluster import Cluster
from devstack.player import Player
from devstack.processes import free_ports
from devstack.product import Product, stack_env
from devstack.smtp import Mailbox
from devstack.stack import Stack
from devstack.temporal import TemporalServer
from mainstay.records.store import Store
from tests.e2e import operators
from tests.e2e.receivers import Collector, Pager
from tests.e2e.world import FailPoints, World, connect, install


@pytest.fixture(scope="session")
def e2e_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("e2e")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def e2e_stack(e2e_folder: Path) -> AsyncIterator[Stack]:
    """Servers of these tests' own: some tests take them away for a while."""
    parts = ("temporal", "cluster", "smtp", "postgres")
    async with Stack(e2e_folder / "stack", parts, synchronous="1") as stack:
        await install(stack.cluster, operators.IN_CLUSTER)
        yield stack


@pytest.fixture(scope="session")
def prometheus_port() -> int:
    """Where the whole story's Prometheus will be; the product is told before it runs."""
    return free_ports(1)[0]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def shared_world(e2e_folder: Path, e2e_stack: Stack, prometheus_port: int) -> AsyncIterator[World]:
    """The product on PostgreSQL, as in production."""
    stack = e2e_stack
    made = make_world(
        e2e_folder / "product",
        stack.temporal,
        stack.cluster,
        stack.smtp,
        records=stack.postgres.url,
        prometheus=f"http://127.0.0.1:{prometheus_port}",
    )
    async with made as world:
        yield world


@pytest_asyncio.fixture(loop_scope="session")
async def world(shared_world: World) -> World:
    """The shared world with all of its parts up, whatever the test before has left behind."""
    if not shared_world.product.worker.running:
        await shared_world.revive()
    return shared_world


@asynccontextmanager
async def make_world(
    folder: Path,
    temporal: TemporalServer,
    cluster: Cluster,
    smtp: Mailbox,
    *,
    records: str = "",
    prometheus: str = "http://127.0.0.1:9",
) -> AsyncIterator[World]:
    """A worker and a server between real servers. Without ``records`` they keep them in SQLite."""
    folder.mkdir(parents=True)
    collector, pager, fail_points = Collector(), Pager(), FailPoints(folder)
    tokens = {name: f"token-of-{name}" for name in (*operators.PEOPLE, operators.READER, "alertmanager")}
    env = {
        **stack_env(smtp=smtp.address, prometheus=prometheus, kubeconfig=cluster.kubeconfig),
        "MAINSTAY_DATABASE_URL": records,
        "MAINSTAY_RECORDS_TIMEOUT": "2s",
        "MAINSTAY_PAGER_URL": pager.url,
        "MAINSTAY_OTLP_ENDPOINT": f"http://{collector.address}",
        "MAINSTAY_FAILPOINTS": fail_points.setting,
    }
    product = Product(
        folder / "data",
        temporal=temporal.address,
        env=env,
        config_dir=operators.write(folder / "operators"),
        tokens=tokens,
    )
    async with AsyncExitStack() as stack:
        for receiver in (collector, pager):
            await receiver.start()
            stack.push_async_callback(receiver.stop)
        await stack.enter_async_context(product)
        url = records or f"sqlite+aiosqlite:///{product.data_dir / 'records.db'}"
        store = await stack.enter_async_context(Store(url))
        people = {name: Player(product.grpc, tokens[name]) for name in (*operators.PEOPLE, operators.READER)}
        stack.push_async_callback(lambda: asyncio.gather(*(player.close() for player in people.values())))
        client = await connect(temporal)
        yield World(
            temporal=temporal,
            cluster=cluster,
            smtp=smtp,
            product=product,
            client=client,
            store=store,
            pager=pager,
            collector=collector,
            fail_points=fail_points,
            people=people,
        )
