"""Session fixtures of real servers, started when the first test asks for one.

Load with ``pytest_plugins = ["tests.stackfixtures"]``. The servers share one event loop with the tests,
so the tests must run on the session's loop.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from devstack.cluster import Cluster
from devstack.postgres import Postgres
from devstack.smtp import Mailbox
from devstack.synapse import Synapse
from devstack.temporal import TemporalServer


def _report(line: str) -> None:
    # Straight to the terminal: a first run builds for minutes, and pytest would hide why it stands still.
    with open("/dev/stderr", "w") as terminal:  # noqa: PTH123
        terminal.write(line + "\n")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def temporal_server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[TemporalServer]:
    """A Temporal server for all tests; tests that stop or kill one make their own."""
    async with TemporalServer(tmp_path_factory.mktemp("temporal"), synchronous="1", report=_report) as server:
        yield server


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def cluster(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cluster]:
    """A Kubernetes cluster for all tests; each test uses a namespace of its own."""
    async with Cluster(tmp_path_factory.mktemp("cluster"), report=_report) as running:
        yield running


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def postgres(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Postgres]:
    """A PostgreSQL server for all tests; `Postgres.create_database` gives a test its own database."""
    async with Postgres(tmp_path_factory.mktemp("postgres")) as server:
        yield server


@pytest.fixture(scope="session")
def postgres_url(postgres: Postgres) -> str:
    """The SQLAlchemy address of the server's first database."""
    return postgres.url


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def smtp(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Mailbox]:
    """An SMTP server for all tests; `Mailbox.wait_for` with a predicate finds a test's own mail."""
    async with Mailbox(tmp_path_factory.mktemp("smtp")) as mailbox:
        yield mailbox


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def synapse(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Synapse]:
    """A Matrix homeserver for all tests; each test has rooms of its own."""
    async with Synapse(tmp_path_factory.mktemp("synapse"), report=_report) as server:
        yield server
