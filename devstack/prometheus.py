"""A real Prometheus that scrapes given targets every second and sends alerts to an Alertmanager."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp
import yaml

from devstack.binaries import ensure
from devstack.processes import Process, free_ports

READY_SECONDS = 30


class Prometheus:
    """One Prometheus on loopback.

    ``targets`` maps job names to ``host:port`` of exporters; ``rules`` are texts of rule files;
    ``alertmanager`` is its ``host:port``; ``interval`` is that of scrapes and of rule evaluation.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        targets: Mapping[str, str],
        rules: Iterable[str] = (),
        alertmanager: str | None = None,
        interval: str = "1s",
        external_labels: Mapping[str, str] | None = None,
        report: Callable[[str], None] = lambda _: None,
        port: int | None = None,
    ) -> None:
        self._dir = data_dir.absolute()
        self._targets = dict(targets)
        self._rules = list(rules)
        self._alertmanager = alertmanager
        self._interval = interval
        self._external_labels = dict(external_labels or {})
        self._report = report
        self._port = port or free_ports(1)[0]
        self._process: Process | None = None

    @property
    def url(self) -> str:
        """Base address of the HTTP API."""
        return f"http://127.0.0.1:{self._port}"

    async def start(self) -> None:
        """Start and wait until it answers queries; raises `MissingToolError` or `ProcessFailedError`."""
        if self._process is None:
            found = await asyncio.to_thread(lambda: ensure(["prometheus"], report=self._report))
            self._write_config()
            self._process = Process(
                "prometheus",
                [
                    found["prometheus"],
                    f"--config.file={self._dir / 'prometheus.yml'}",
                    f"--storage.tsdb.path={self._dir / 'data'}",
                    "--storage.tsdb.retention.time=2d",
                    f"--web.listen-address=127.0.0.1:{self._port}",
                    # Else links in alerts carry the name of this machine.
                    f"--web.external-url={self.url}",
                    "--web.enable-lifecycle",
                    # Its lock file would stop a start after a kill; the port keeps two apart already.
                    "--storage.tsdb.no-lockfile",
                    "--log.level=warn",
                ],
                log=self._dir / "prometheus.log",
                cwd=self._dir,
            )
        await self._process.start()
        await self._process.wait_ready(self._ready, READY_SECONDS)

    async def stop(self) -> None:
        """Stop; the samples stay."""
        if self._process is not None:
            await self._process.stop()

    async def kill(self) -> None:
        """End it as a crash would."""
        if self._process is not None:
            await self._process.kill9()

    async def query(self, expression: str) -> list[dict[str, Any]]:
        """The instant vector of a PromQL expression: items with ``metric`` and ``value`` (time, text)."""
        found: list[dict[str, Any]] = (await self._get("/api/v1/query", query=expression))["data"]["result"]
        return found

    async def alerts(self) -> list[dict[str, Any]]:
        """The pending and firing alerts."""
        found: list[dict[str, Any]] = (await self._get("/api/v1/alerts"))["data"]["alerts"]
        return found

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def _get(self, path: str, **query: str) -> Any:
        async with (
            aiohttp.ClientSession(raise_for_status=True) as session,
            session.get(self.url + path, params=query) as answer,
        ):
            return await answer.json()

    async def _ready(self) -> bool:
        async with aiohttp.ClientSession() as session, session.get(f"{self.url}/-/ready") as answer:
            return answer.status == 200

    def _write_config(self) -> None:
        self._dir.mkdir(parents=True, exist_ok=True)
        for index, text in enumerate(self._rules):
            (self._dir / f"rules-{index}.yml").write_text(text)
        config: dict[str, Any] = {
            "global": {
                "scrape_interval": self._interval,
                "scrape_timeout": self._interval,
                "evaluation_interval": self._interval,
                "external_labels": self._external_labels,
            },
            "rule_files": [str(self._dir / f"rules-{index}.yml") for index in range(len(self._rules))],
            "scrape_configs": [
                {"job_name": job, "static_configs": [{"targets": [target]}]} for job, target in self._targets.items()
            ],
        }
        if self._alertmanager:
            receivers = [{"static_configs": [{"targets": [self._alertmanager]}]}]
            config["alerting"] = {"alertmanagers": receivers}
        (self._dir / "prometheus.yml").write_text(yaml.safe_dump(config, sort_keys=False))
