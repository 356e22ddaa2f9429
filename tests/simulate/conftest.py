"""Simulations in a namespace of their own on the session's server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client

from devstack.temporal import TemporalServer
from mainstay.cli.moments import instant
from mainstay.simulate import server
from mainstay.simulate.story import Request, Told
from mainstay.simulate.tell import prepared, tell

SHOP = Path(__file__).resolve().parents[2] / "examples" / "shop"
ALERTS = SHOP / "simulations" / "alerts"
Teller = Callable[..., Awaitable[Told]]


@pytest.fixture(scope="session")
async def namespace(temporal_server: TemporalServer) -> AsyncIterator[Client]:
    async with server.client(temporal_server.address, print) as client:
        yield client


@pytest.fixture
def simulated(namespace: Client) -> Teller:
    """The story of the shop's payments alert, or of what ``file`` says."""

    async def play(at: str, *answers: tuple[str, str, Any], **fields: Any) -> Told:
        given = [{"does": does, "person": person, "after": after} for does, person, after in answers]
        base = {"folder": str(SHOP), "file": str(ALERTS / "payments-down.yaml"), "at": instant(at, "at")}
        request = Request.model_validate({**base, "answers": given, **fields})
        return await tell(namespace, request, *prepared(request))

    return play
