"""The real command against a real gRPC server."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from mainstay.cli.app import run
from tests.cli.fakeserver import FakeServer

ROOT = Path(__file__).resolve().parent.parent.parent
COMMAND = (sys.executable, "-m", "mainstay.cli.app")


@dataclass
class Result:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def error(self) -> Any:
        return json.loads(self.err)["error"]


Cli = Callable[..., Awaitable[Result]]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def one_server() -> AsyncIterator[FakeServer]:
    made = FakeServer()
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
def server(one_server: FakeServer) -> FakeServer:
    """It knows no answers and has seen no requests."""
    one_server.forget()
    return one_server


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing of the machine's own settings, and nobody's token."""
    for name in [name for name in os.environ if name.startswith("MAINSTAY_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("MAINSTAY_TOKEN", "token-of-alice")


@pytest.fixture
def cli(server: FakeServer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Cli:
    """The command in this process, in a thread of its own as gRPC's blocking client wants it."""
    monkeypatch.setenv("MAINSTAY_ADDRESS", server.address)

    async def call(*arguments: str) -> Result:
        capsys.readouterr()
        code = await asyncio.to_thread(run, arguments)
        captured = capsys.readouterr()
        assert "Traceback" not in captured.err
        return Result(code, captured.out, captured.err)

    return call


@dataclass
class Terminal:
    """The command as a process of its own on a pseudo-terminal of 160 columns."""

    process: subprocess.Popen[bytes]
    master: int
    seen: str = ""

    def read_until(self, text: str, within: float = 20) -> str:
        until = time.monotonic() + within
        while text not in self.seen:
            left = until - time.monotonic()
            assert left > 0, f"{text!r} did not come; seen: {self.seen!r}"
            if not self._more(left):
                break
        assert text in self.seen, self.seen
        return self.seen

    def type(self, text: str) -> None:
        os.write(self.master, text.encode())

    def end(self, within: float = 20) -> int:
        """Everything until the end; the exit code."""
        until = time.monotonic() + within
        while self._more(max(until - time.monotonic(), 0.01)):
            assert time.monotonic() < until, self.seen
        return self.process.wait(timeout=within)

    def _more(self, within: float) -> bool:
        if not select.select([self.master], [], [], within)[0]:
            return True
        try:
            data = os.read(self.master, 65536)
        except OSError:  # Linux says so when the other end is closed
            return False
        self.seen += data.decode("utf-8", "replace")
        return bool(data)


@pytest.fixture
async def terminal(server: FakeServer) -> AsyncIterator[Callable[..., Terminal]]:
    started: list[Terminal] = []

    def start(*arguments: str, **environment: str) -> Terminal:
        master, slave = pty.openpty()
        env = {**os.environ, "MAINSTAY_ADDRESS": server.address, "TERM": "xterm-256color", **environment}
        env |= {"COLUMNS": "160", "LINES": "50"}
        env.pop("NO_COLOR", None) if "NO_COLOR" not in environment else None
        process = subprocess.Popen(
            [*COMMAND, *arguments], stdin=slave, stdout=slave, stderr=slave, env=env, cwd=ROOT, close_fds=True
        )
        os.close(slave)
        started.append(Terminal(process, master))
        return started[-1]

    yield start
    for each in started:
        if each.process.poll() is None:
            each.process.kill()
            each.process.wait()
        os.close(each.master)
