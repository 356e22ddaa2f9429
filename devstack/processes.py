"""Child processes that are logged, awaited with a deadline, and never outlive their parent."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self

POLL_SECONDS = 0.03
LOG_TAIL_BYTES = 4000

# The kernel ends a child with the *thread* that forked it, so every fork happens on this one
# thread, which lives as long as the process.
_spawner = ThreadPoolExecutor(max_workers=1, thread_name_prefix="devstack-spawner")

# Runs in the child before the wanted program: code between fork and exec (preexec_fn) may deadlock
# in a process with threads, a fresh interpreter cannot. User and group are given up before the
# signal is asked for, because the kernel forgets the request when credentials change; imports come
# first, because the unprivileged user may not be able to read Python's library.
_LAUNCHER = """
import ctypes, os, signal, sys
parent, uid, gid = (int(a) for a in sys.argv[1:4])
if uid >= 0:
    os.setgroups([]); os.setgid(gid); os.setuid(uid)
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)
if os.getppid() != parent:
    sys.exit("the parent process has gone")
try:
    os.execv(sys.argv[4], sys.argv[4:])
except OSError as fault:
    sys.exit(f"cannot run {sys.argv[4]}: {fault}")
"""


class ProcessFailedError(RuntimeError):
    """A child ended, or was not ready in time; the message carries the end of its log."""


class Process:
    """One child process in a process group of its own.

    ``command[0]`` is an absolute path. Standard output and error are appended to ``log``.
    ``user`` is ``(uid, gid)`` for servers that refuse to run as root. The same object may be
    started again after it ended: command, ports and files stay the same.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        *,
        log: Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        user: tuple[int, int] | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
    ) -> None:
        self.name = name
        self.command = [str(part) for part in command]
        self.log = log
        self._env = dict(env or {})
        self._cwd = cwd
        self._user = user or (-1, -1)
        self._stop_signal = stop_signal
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """Process id of the running child, which is also its process group; None when not running."""
        return self._child.pid if self._child is not None and self._child.poll() is None else None

    @property
    def running(self) -> bool:
        """Whether the child has been started and has not ended."""
        return self.pid is not None

    async def start(self) -> None:
        """Start the child; returns at once, use `wait_ready` for its readiness."""
        if self.running:
            raise ProcessFailedError(f"{self.name} runs already")
        self.log.parent.mkdir(parents=True, exist_ok=True)
        starting = asyncio.wrap_future(_spawner.submit(self._spawn))
        try:
            self._child = await asyncio.shield(starting)
        except asyncio.CancelledError:
            # Forking takes milliseconds, and a child whose id nobody has could not be stopped.
            self._child = await starting
            raise

    async def wait_ready(self, check: Callable[[], Awaitable[bool]], deadline_seconds: float) -> None:
        """Poll ``check`` until it is true; an exception in it counts as not ready.

        Raises `ProcessFailedError` when the child ends or the deadline passes first.
        """
        last = "it never answered"
        until = time.monotonic() + deadline_seconds
        while time.monotonic() < until:
            if not self.running:
                raise ProcessFailedError(self._fault(f"ended with code {self._returncode()} before it was ready"))
            try:
                async with asyncio.timeout(max(0.1, until - time.monotonic())):
                    if await check():
                        return
            except Exception as fault:  # noqa: BLE001, RUF100 - any fault means not ready yet
                last = repr(fault)
            await asyncio.sleep(POLL_SECONDS)
        raise ProcessFailedError(self._fault(f"was not ready after {deadline_seconds:g} s (last: {last})"))

    async def stop(self, grace_seconds: float = 10) -> None:
        """End the child gracefully, then by force once ``grace_seconds`` have passed."""
        self._signal(self._stop_signal)
        if not await self._ended_within(grace_seconds):
            await self.kill9()

    async def kill9(self) -> None:
        """End the child and its group at once, as a crash would."""
        self._signal(signal.SIGKILL)
        if not await self._ended_within(10):
            raise ProcessFailedError(self._fault("did not end after SIGKILL"))

    async def restart(self) -> None:
        """Stop, then start on the same ports and files."""
        await self.stop()
        await self.start()

    def log_tail(self) -> str:
        """The last part of the child's log, for error messages."""
        if not self.log.exists():
            return "(no log)"
        with self.log.open("rb") as file:
            file.seek(max(0, self.log.stat().st_size - LOG_TAIL_BYTES))
            return file.read().decode(errors="replace").strip() or "(empty log)"

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def _spawn(self) -> subprocess.Popen[bytes]:
        launcher = [sys.executable, "-I", "-S", "-c", _LAUNCHER, str(os.getpid()), *map(str, self._user)]
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [*launcher, *self.command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._cwd,
                env={**os.environ, **self._env},
                start_new_session=True,
            )

    def _signal(self, number: signal.Signals) -> None:
        pid = self.pid
        if pid is None:
            return
        try:
            os.killpg(pid, number)
        except ProcessLookupError:
            return

    async def _ended_within(self, seconds: float) -> bool:
        until = time.monotonic() + seconds
        while self.running:
            if time.monotonic() >= until:
                return False
            await asyncio.sleep(POLL_SECONDS)
        return True

    def _returncode(self) -> int | None:
        return self._child.returncode if self._child is not None else None

    def _fault(self, what: str) -> str:
        return f"{self.name} {what}; log {self.log} ends:\n{self.log_tail()}"


def free_ports(count: int) -> list[int]:
    """Distinct TCP ports free on loopback now, below the range from which systems take client ports."""
    found: list[int] = []
    while len(found) < count:
        port = random.randint(15000, 31999)  # noqa: S311, RUF100
        if port not in found and _is_free(port):
            found.append(port)
    return found


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


async def port_answers(port: int) -> bool:
    """Whether something accepts TCP connections on this loopback port."""
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.close()
    return True


async def eventually(
    check: Callable[[], Awaitable[bool]], deadline_seconds: float, what: str, every_seconds: float = 0.1
) -> None:
    """Poll until ``check`` is true; raises `TimeoutError` naming ``what`` when the deadline passes."""
    until = time.monotonic() + deadline_seconds
    while not await check():
        if time.monotonic() >= until:
            raise TimeoutError(f"{what} did not happen within {deadline_seconds:g} s")
        await asyncio.sleep(every_seconds)
