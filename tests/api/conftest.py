"""Fixtures of this room: one door for all tests, around the session's desk."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.api.door import Door, open_door
from tests.desk.fixtures import broken_store, lab
from tests.desk.lab import Lab

__all__ = ["broken_store", "door", "lab"]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def door(lab: Lab) -> AsyncIterator[Door]:
    async with open_door(lab.desk, lab.authenticator()) as opened:
        yield opened
