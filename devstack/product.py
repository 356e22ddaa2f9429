"""Mainstay's own two processes beside a stack: the worker and the doors, for `make run` and tests."""

from __future__ import annotations

import json
import os
import secrets
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from devstack.processes import Process, free_ports

ROOT = Path(__file__).resolve().parent.parent
SHOP = ROOT / "examples" / "shop"
PEOPLE = ("alice", "bob", "carol", "dan")
READY_SECONDS = 60


class Product:
    """Worker and server over the operators' folder ``config_dir``; every token is generated.

    ``env`` adds to (or replaces) the environment of both. What is known only once the stack runs (addresses)
    is given there, so make it before ``start``.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        temporal: str,
        env: Mapping[str, str],
        config_dir: Path = SHOP,
        overlay: str = "",
        tokens: Mapping[str, str] | None = None,
        http_port: int | None = None,
        grpc_port: int | None = None,
        worker_options: tuple[str, ...] = (),
    ) -> None:
        self.data_dir = data_dir.absolute()
        self.data_dir.mkdir(parents=True, exist_ok=True)
        http, grpc = free_ports(2)
        self.http, self.grpc = f"127.0.0.1:{http_port or http}", f"127.0.0.1:{grpc_port or grpc}"
        self.url = f"http://{self.http}"
        self.tokens = dict(tokens or {name: secrets.token_urlsafe(24) for name in (*PEOPLE, "alertmanager")})
        self.env = {
            **os.environ,
            "MAINSTAY_TEMPORAL_ADDRESS": temporal,
            "MAINSTAY_CONFIG_DIR": str(config_dir),
            "MAINSTAY_CONFIG_OVERLAY": overlay,
            "MAINSTAY_DATA_DIR": str(self.data_dir),
            "MAINSTAY_HTTP_LISTEN": self.http,
            "MAINSTAY_GRPC_LISTEN": self.grpc,
            "MAINSTAY_PUBLIC_URL": self.url,
            "MAINSTAY_PAGER_URL": "http://127.0.0.1:9/",
            "MAINSTAY_PAGER_SECRET": secrets.token_urlsafe(24),
            **{f"MAINSTAY_TOKEN_{name.upper()}": token for name, token in self.tokens.items()},
            **env,
        }
        self._log_before = 0
        """Size of the worker's log when it was started: what stands before is of an earlier one."""
        self.worker = self._process("worker", [sys.executable, "worker.py", *worker_options])
        self.server = self._process("server", [sys.executable, "-m", "mainstay.server"])

    def _process(self, name: str, command: list[str]) -> Process:
        return Process(name, command, log=self.data_dir / f"{name}.log", env=self.env, cwd=ROOT)

    async def start(self) -> None:
        """Both are ready when it returns. Raises ProcessFailedError with the log's tail."""
        await self.server.start()
        await self._launch_worker()
        await self.server.wait_ready(self.answers, READY_SECONDS)
        await self.worker.wait_ready(self.serving, READY_SECONDS)

    async def start_worker(self) -> None:
        """The worker alone, as after it was killed. Raises ProcessFailedError with the log's tail."""
        await self._launch_worker()
        await self.worker.wait_ready(self.serving, READY_SECONDS)

    async def _launch_worker(self) -> None:
        self._log_before = self.worker.log.stat().st_size if self.worker.log.exists() else 0
        await self.worker.start()

    async def stop(self) -> None:
        await self.worker.stop()
        await self.server.stop()

    async def answers(self) -> bool:
        """Does the HTTP door say that it is ready?"""
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=2) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    async def serving(self) -> bool:
        """Has the worker that runs now said that it serves?"""
        return b"serving" in self.worker.log.read_bytes()[self._log_before :]

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()


def stack_env(*, smtp: str, prometheus: str, kubeconfig: Path, context: str = "") -> dict[str, str]:
    """The environment that the example shop's folder refers to."""
    host, _, port = smtp.rpartition(":")
    found = {
        "MAINSTAY_SMTP_HOST": host,
        "MAINSTAY_SMTP_PORT": port,
        "MAINSTAY_PROMETHEUS_URL": prometheus,
        "MAINSTAY_KUBECONFIG": str(kubeconfig),
    }
    if context:
        found["MAINSTAY_KUBECONFIGS"] = json.dumps({"default": [str(kubeconfig), context]})
    return found
