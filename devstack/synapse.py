"""A real Matrix homeserver (Synapse) on loopback, with SQLite, in a virtual environment of its own.

Synapse is no dependency of Mainstay's: ``synapse.lock`` pins it by hash, and the environment is made in the
cache on first use (about half a minute).
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import os
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx2
import yaml

from devstack.binaries import MissingToolError, Report, cache_dir
from devstack.processes import Process, free_ports

LOCK = Path(__file__).parent / "synapse.lock"
READY_SECONDS = 60
SERVER_NAME = "chat.test"


def ensure_synapse(report: Report = print) -> Path:
    """The Python that has Synapse: ``$MAINSTAY_SYNAPSE_PYTHON``, or the cache's own environment.

    Raises MissingToolError when it can be neither found nor made.
    """
    given = os.environ.get("MAINSTAY_SYNAPSE_PYTHON")
    if given:
        return Path(given)
    name = f"synapse-{hashlib.sha256(LOCK.read_bytes()).hexdigest()[:12]}"
    folder = cache_dir() / name
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (cache_dir() / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = folder / "complete"
        if not done.exists():
            report(f"making Synapse's environment in {folder}")
            _run([sys.executable, "-m", "venv", str(folder)])
            pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
            _run([*pip, "--no-deps", "--require-hashes", "-r", str(LOCK)])
            done.touch()
    return folder / "bin" / "python"


def _run(command: list[str]) -> None:
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    if made.returncode:
        raise MissingToolError(f"Synapse could not be installed from {LOCK.name}: {made.stderr.strip()[-500:]}")


class Synapse:
    """One homeserver; its data stays over stop and start. ``token`` registers (once) and logs in."""

    def __init__(self, data_dir: Path, *, report: Report = print) -> None:
        self._dir = data_dir.absolute()
        self._report = report
        self.port = free_ports(1)[0]
        self.url = f"http://127.0.0.1:{self.port}"
        self._process: Process | None = None

    def user(self, name: str) -> str:
        """``@alice:chat.test``."""
        return f"@{name}:{SERVER_NAME}"

    async def start(self) -> None:
        """Raises MissingToolError, and ProcessFailedError with the log's end."""
        python = await asyncio.to_thread(ensure_synapse, self._report)
        self._dir.mkdir(parents=True, exist_ok=True)
        config = self._dir / "homeserver.yaml"
        config.write_text(yaml.safe_dump(self._config()))
        arguments = [str(python), "-m", "synapse.app.homeserver", "-c", str(config)]
        if not (self._dir / "signing.key").exists():
            await asyncio.to_thread(_run, [*arguments, "--generate-keys"])
        self._process = Process("synapse", arguments, log=self._dir / "synapse.log", cwd=self._dir)
        await self._process.start()
        await self._process.wait_ready(self._answers, READY_SECONDS)

    async def stop(self) -> None:
        if self._process is not None:
            await self._process.stop()

    async def login(self, name: str) -> str:
        """An access token of this local user, who is made if there is none yet."""
        async with httpx2.AsyncClient(base_url=f"{self.url}/_matrix/client/v3", timeout=20) as client:
            secret = {"username": name, "password": f"password-of-{name}"}
            await client.post("/register", json={**secret, "auth": {"type": "m.login.dummy"}})
            identifier = {"type": "m.id.user", "user": name}
            body = {"type": "m.login.password", "identifier": identifier, "password": secret["password"]}
            answer = await client.post("/login", json=body)
            answer.raise_for_status()
            return str(answer.json()["access_token"])

    async def _answers(self) -> bool:
        async with httpx2.AsyncClient() as client:
            return (await client.get(f"{self.url}/_matrix/client/versions")).status_code == 200

    def _config(self) -> dict[str, Any]:
        generous = {"per_second": 1000, "burst_count": 1000}
        several = dict.fromkeys(("address", "account", "failed_attempts"), generous)
        return {
            "server_name": SERVER_NAME,
            "pid_file": str(self._dir / "synapse.pid"),
            "listeners": [
                {
                    "port": self.port,
                    "type": "http",
                    "bind_addresses": ["127.0.0.1"],
                    "resources": [{"names": ["client"]}],
                }
            ],
            "database": {"name": "sqlite3", "args": {"database": str(self._dir / "homeserver.db")}},
            "media_store_path": str(self._dir / "media"),
            "signing_key_path": str(self._dir / "signing.key"),
            "macaroon_secret_key": "of this loopback server only",
            "registration_shared_secret": "of this loopback server only",
            "enable_registration": True,
            "enable_registration_without_verification": True,
            "trusted_key_servers": [],
            "report_stats": False,
            "presence": {"enabled": False},
            "rc_message": {"per_second": 1000, "burst_count": 1000},
            "rc_registration": generous,
            "rc_login": several,
            "rc_joins": {"local": generous, "remote": generous},
            "rc_invites": {"per_room": generous, "per_user": generous, "per_issuer": generous},
            "rc_room_creation": generous,
        }

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()
