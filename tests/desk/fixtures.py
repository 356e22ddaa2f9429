"""The session's desk on real parts, for the tests of the desk and of the doors around it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.desk.lab import Lab, open_lab


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def lab(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Lab]:
    """A server of its own: its workers would take the tasks of other rooms' tests."""
    async with open_lab(tmp_path_factory.mktemp("lab")) as opened:
        yield opened
