"""The session's desk on real parts, for the tests of the desk and of the doors around it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from mainstay.records import Store
from tests.desk.lab import Lab, open_lab


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def lab(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Lab]:
    """A server of its own: its workers would take the tasks of other rooms' tests."""
    async with open_lab(tmp_path_factory.mktemp("lab")) as opened:
        yield opened


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def broken_store() -> AsyncIterator[Store]:
    """A record store whose database is not there."""
    async with Store("postgresql+psycopg://nobody@127.0.0.1:9/none") as store:
        yield store
