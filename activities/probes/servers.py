"""The Prometheus servers of mainstay.yaml, asked by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

import httpx2

from activities.probes.promql import Answer, Answered, query, query_range
from mainstay.config.parts import Prometheus
from mainstay.config.secrets import resolve, value_of
from mainstay.domain.errors import NotFound


class Servers:
    """Raises what ``promql`` raises, NotFound for a server that is not configured, and InvalidArgument when a
    secret of it cannot be read."""

    def __init__(
        self,
        client: httpx2.AsyncClient,
        servers: Callable[[], Mapping[str, Prometheus]],
        *,
        within: timedelta = timedelta(seconds=8),
    ) -> None:
        """``servers`` answers those of mainstay.yaml as they are now; ``within`` bounds one query."""
        self._client = client
        self._servers = servers
        self._within = within

    async def instant(self, name: str, expression: str, at: datetime | None = None) -> Answer:
        url, token = self._access(name)
        return await query(self._client, url, expression, self._within, token=token, at=at)

    async def range(
        self, name: str, expression: str, start: datetime, end: datetime, step: timedelta
    ) -> tuple[tuple[Answered, ...], tuple[str, ...]]:
        url, token = self._access(name)
        return await query_range(
            self._client, url, expression, self._within, start=start, end=end, step=step, token=token
        )

    def _access(self, name: str) -> tuple[str, str]:
        servers = self._servers()
        if name not in servers:
            known = ", ".join(sorted(servers)) or "none"
            raise NotFound(f"no Prometheus named {name!r} is in mainstay.yaml (there: {known})", field="server")
        server = servers[name]
        return value_of(server.url), resolve(server.token) if server.token else ""
