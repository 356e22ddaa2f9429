"""Alertmanager's API v2: alerts and silences.

https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, TypeVar

import httpx2
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from mainstay.config.parts import Alertmanager
from mainstay.config.secrets import resolve, value_of
from mainstay.domain.condition import matching
from mainstay.domain.errors import InvalidArgument, NotAllowed, NotFound, Unavailable

_MAX_ANSWER = 8 * 1024 * 1024
T = TypeVar("T")


class _Wire(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class AlertStatus(_Wire):
    state: str
    silenced_by: tuple[str, ...] = Field((), alias="silencedBy")
    inhibited_by: tuple[str, ...] = Field((), alias="inhibitedBy")


class FiringAlert(_Wire):
    """One alert that Alertmanager has not seen resolved."""

    labels: dict[str, str]
    starts_at: str = Field(alias="startsAt")
    status: AlertStatus


class Matcher(_Wire):
    name: str
    value: str
    is_regex: bool = Field(False, alias="isRegex")
    is_equal: bool = Field(True, alias="isEqual")

    def meets(self, labels: Mapping[str, str]) -> bool:
        """Alertmanager's rule: a label that is not there is empty, and a pattern fits the whole value."""
        value = labels.get(self.name, "")
        fits = bool(matching(f"^(?:{self.value})$", [value])) if self.is_regex else value == self.value
        return fits == self.is_equal


class SilenceStatus(_Wire):
    state: str


class Silence(_Wire):
    id: str
    status: SilenceStatus
    matchers: tuple[Matcher, ...]
    comment: str = ""
    created_by: str = Field("", alias="createdBy")


_ALERTS = TypeAdapter(tuple[FiringAlert, ...])
_SILENCES = TypeAdapter(tuple[Silence, ...])


class Alertmanagers:
    """Those of mainstay.yaml, asked by name. Raises NotFound for one that is not there, NotAllowed where the
    token is refused, and Unavailable where nothing that speaks the API answers."""

    def __init__(
        self,
        client: httpx2.AsyncClient,
        servers: Callable[[], Mapping[str, Alertmanager]],
        *,
        within: timedelta = timedelta(seconds=8),
    ) -> None:
        self._client = client
        self._servers = servers
        self._within = within

    async def alerts(self, name: str, matchers: Mapping[str, str]) -> tuple[FiringAlert, ...]:
        """The alerts that have these labels; silenced and inhibited ones too."""
        filters = [("filter", f"{label}={_quoted(value)}") for label, value in matchers.items()]
        return await self._get(name, "alerts", filters, _ALERTS)

    async def silences(self, name: str) -> tuple[Silence, ...]:
        return await self._get(name, "silences", [], _SILENCES)

    async def _get(self, name: str, what: str, query: list[tuple[str, str]], shape: TypeAdapter[T]) -> T:
        servers = self._servers()
        if name not in servers:
            known = ", ".join(sorted(servers)) or "none"
            raise NotFound(f"no Alertmanager named {name!r} is in mainstay.yaml (there: {known})", field="alertmanager")
        server = servers[name]
        response = await self._ask(value_of(server.url), what, query, resolve(server.token) if server.token else "")
        status = response.status_code
        if status in (401, 403):
            raise NotAllowed(f"Alertmanager answered {status}")
        if status == 400:
            raise InvalidArgument("Alertmanager cannot read the matchers", field="matchers")
        if status != 200 or len(response.content) > _MAX_ANSWER:
            raise Unavailable(f"Alertmanager answered {status} with {len(response.content)} bytes")
        try:
            return shape.validate_json(response.content)
        except ValidationError:
            raise Unavailable("what answered in Alertmanager's place does not speak its API v2") from None

    async def _ask(self, url: str, what: str, query: list[tuple[str, str]], token: str) -> httpx2.Response:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        params: Any = query
        try:
            return await self._client.get(
                f"{url.rstrip('/')}/api/v2/{what}",
                params=params,
                headers=headers,
                timeout=self._within.total_seconds(),
                follow_redirects=False,
            )
        except (httpx2.InvalidURL, httpx2.UnsupportedProtocol):
            raise InvalidArgument("the address of Alertmanager is not a web address") from None
        except (httpx2.HTTPError, OSError) as error:
            raise Unavailable(f"Alertmanager does not answer: {type(error).__name__}") from None


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
