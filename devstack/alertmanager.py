"""A real Alertmanager with one webhook receiver."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp
import yaml

from devstack.binaries import ensure
from devstack.processes import Process, free_ports

READY_SECONDS = 30


class Alertmanager:
    """One Alertmanager on loopback, without clustering.

    It posts groups to ``webhook_url`` with ``webhook_token`` as bearer token, resolved ones too.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        webhook_url: str,
        webhook_token: str | None = None,
        group_by: Sequence[str] = ("alertname", "service"),
        group_wait: str = "0s",
        group_interval: str = "1s",
        repeat_interval: str = "4h",
        report: Callable[[str], None] = lambda _: None,
        port: int | None = None,
    ) -> None:
        self._dir = data_dir.absolute()
        self._webhook = (webhook_url, webhook_token)
        self._route = {
            "receiver": "mainstay",
            "group_by": list(group_by),
            "group_wait": group_wait,
            "group_interval": group_interval,
            "repeat_interval": repeat_interval,
        }
        self._report = report
        self._port = port or free_ports(1)[0]
        self._process: Process | None = None

    @property
    def address(self) -> str:
        """``host:port``, as Prometheus wants it."""
        return f"127.0.0.1:{self._port}"

    @property
    def url(self) -> str:
        """Base address of the web page and the API (``/api/v2``)."""
        return f"http://{self.address}"

    async def start(self) -> None:
        """Start and wait until it takes alerts; raises `MissingToolError` or `ProcessFailedError`."""
        if self._process is None:
            found = await asyncio.to_thread(lambda: ensure(["alertmanager"], report=self._report))
            self._process = Process(
                "alertmanager",
                [
                    found["alertmanager"],
                    f"--config.file={self._dir / 'alertmanager.yml'}",
                    f"--storage.path={self._dir / 'data'}",
                    f"--web.listen-address={self.address}",
                    # Else links in notifications carry the name of this machine.
                    f"--web.external-url={self.url}",
                    "--cluster.listen-address=",
                    "--log.level=warn",
                ],
                log=self._dir / "alertmanager.log",
                cwd=self._dir,
            )
        self._write_config()
        await self._process.start()
        await self._process.wait_ready(self._ready, READY_SECONDS)

    async def stop(self) -> None:
        """Stop; silences and the notification log stay."""
        if self._process is not None:
            await self._process.stop()

    async def kill(self) -> None:
        """End it as a crash would."""
        if self._process is not None:
            await self._process.kill9()

    async def set_webhook(self, url: str, token: str | None = None) -> None:
        """Send notifications elsewhere from now on, without a restart."""
        self._webhook = (url, token)
        self._write_config()
        await self._request("POST", "/-/reload")

    async def alerts(self) -> list[dict[str, Any]]:
        """The active alerts, as API v2 tells them."""
        found: list[dict[str, Any]] = await self._request("GET", "/api/v2/alerts")
        return found

    async def send(self, alerts: Sequence[dict[str, Any]]) -> None:
        """Post alerts as Prometheus would: ``labels``, ``annotations``, ``startsAt``, ``endsAt``."""
        await self._request("POST", "/api/v2/alerts", list(alerts))

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def _request(self, verb: str, path: str, body: Any = None) -> Any:
        async with (
            aiohttp.ClientSession(raise_for_status=True) as session,
            session.request(verb, self.url + path, json=body) as answer,
        ):
            return await answer.json() if "json" in answer.content_type else None

    async def _ready(self) -> bool:
        async with aiohttp.ClientSession() as session, session.get(f"{self.url}/-/ready") as answer:
            return answer.status == 200

    def _write_config(self) -> None:
        self._dir.mkdir(parents=True, exist_ok=True)
        url, token = self._webhook
        receiver: dict[str, Any] = {"url": url, "send_resolved": True}
        if token:
            file = self._dir / "webhook-token"
            with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
                out.write(token)
            receiver["http_config"] = {"authorization": {"type": "Bearer", "credentials_file": str(file)}}
        config = {"route": self._route, "receivers": [{"name": "mainstay", "webhook_configs": [receiver]}]}
        (self._dir / "alertmanager.yml").write_text(yaml.safe_dump(config, sort_keys=False))
