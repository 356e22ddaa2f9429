"""The HTTP door in front of the real desk: a Temporal server, the real workflows, a record store."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest_asyncio

from mainstay.config.settings import Settings
from mainstay.desk.auth import Authenticator
from mainstay.domain.incident import IncidentView
from mainstay.domain.signature import LinkClaim
from mainstay.telemetry import Metrics
from mainstay.web.app import build_app
from mainstay.web.server import WebServer
from tests.desk.lab import TOKENS, Lab


@dataclass
class RealDoor:
    lab: Lab
    http: httpx2.AsyncClient
    metrics: Metrics

    async def send(self, body: bytes) -> httpx2.Response:
        headers = {"Authorization": f"Bearer {TOKENS['alertmanager']}"}
        return await self.http.post("/webhooks/alertmanager", content=body, headers=headers)

    def link(self, view: IncidentView, purpose: str, argument: str = "", **fields: Any) -> str:
        """What the paging activity writes into a message for alice."""
        claim = {
            "purpose": purpose,
            "workflow_id": view.workflow_id,
            "incident_key": view.key,
            "person": "alice",
            "argument": argument,
            "expires_at": datetime.now(UTC) + timedelta(hours=1),
            **fields,
        }
        return "/a/" + self.lab.signer.link_token(LinkClaim.model_validate(claim))


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def real(lab: Lab) -> AsyncIterator[RealDoor]:
    metrics = Metrics()
    app = build_app(lab.desk, Authenticator(lab.config, "http"), lambda: lab.config, lab.signer, Settings(), metrics)
    async with (
        WebServer(app, "127.0.0.1:0") as server,
        httpx2.AsyncClient(base_url=server.url, timeout=30) as http,
    ):
        yield RealDoor(lab, http, metrics)
