"""Children are logged, awaited, and end with their parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from devstack.processes import Process, ProcessFailedError, eventually, free_ports, port_answers

SLEEPER = "import time; print('up', flush=True); time.sleep(600)"
PARENT = """
import asyncio, sys, threading
from pathlib import Path
from devstack.processes import Process

async def main():
    child = Process("child", [sys.executable, "-c", "import time; time.sleep(600)"], log=Path(sys.argv[1]))
    await child.start()
    print(child.pid, flush=True)

# The loop's thread ends long before the process: the child must not end with that thread.
thread = threading.Thread(target=asyncio.run, args=(main(),))
thread.start()
thread.join()
print("thread ended", flush=True)
import time; time.sleep(600)
"""


def alive(pid: int) -> bool:
    """Whether the process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def _never() -> bool:
    return False


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's parent-death signal is Linux's")
async def test_a_child_outlives_the_thread_that_asked_for_it_but_not_its_killed_parent(
    tmp_path: Path,
) -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT, str(tmp_path / "log")], stdout=subprocess.PIPE, text=True)
    try:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert parent.stdout.readline() == "thread ended\n"
        assert alive(pid)
        parent.send_signal(signal.SIGKILL)
        parent.wait(10)

        async def gone() -> bool:
            return not alive(pid)

        await eventually(gone, 5, "the child's end")
    finally:
        parent.kill()
        parent.wait(10)
        parent.stdout.close()  # type: ignore[union-attr]


async def test_a_child_that_ends_early_is_told_with_its_log(tmp_path: Path) -> None:
    process = Process("teller", [sys.executable, "-c", "print('no such option'); exit(3)"], log=tmp_path / "log")
    await process.start()
    with pytest.raises(ProcessFailedError, match=r"teller ended with code 3 before it was ready(.|\n)*no such option"):
        await process.wait_ready(_never, 10)


async def test_a_child_that_is_not_ready_in_time_is_told_with_its_log(tmp_path: Path) -> None:
    async with Process("sleeper", [sys.executable, "-c", SLEEPER], log=tmp_path / "log") as process:

        async def said_up() -> bool:
            return "up" in process.log_tail()

        await process.wait_ready(said_up, 10)
        with pytest.raises(ProcessFailedError, match=r"was not ready after 0\.2 s(.|\n)*up"):
            await process.wait_ready(_never, 0.2)


async def test_a_program_that_cannot_run_is_told(tmp_path: Path) -> None:
    process = Process("nothing", ["/nowhere/nothing"], log=tmp_path / "log")
    await process.start()
    with pytest.raises(ProcessFailedError, match="cannot run /nowhere/nothing"):
        await process.wait_ready(_never, 10)


async def test_a_child_that_ignores_the_polite_signal_is_killed(tmp_path: Path) -> None:
    stubborn = "import signal; signal.signal(15, signal.SIG_IGN); " + SLEEPER
    process = Process("stubborn", [sys.executable, "-c", stubborn], log=tmp_path / "log")
    await process.start()

    async def said_up() -> bool:
        return "up" in process.log_tail()

    await process.wait_ready(said_up, 10)
    began = time.monotonic()
    await process.stop(grace_seconds=0.2)
    assert not process.running
    assert time.monotonic() - began < 5


async def test_a_restart_keeps_the_port_and_changes_the_process(tmp_path: Path) -> None:
    port = free_ports(1)[0]
    command = [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1"]
    async with Process("web", command, log=tmp_path / "log", cwd=tmp_path) as process:
        await process.wait_ready(lambda: port_answers(port), 10)
        before = process.pid
        await process.restart()
        await process.wait_ready(lambda: port_answers(port), 10)
        assert process.pid != before
        await process.kill9()
        assert not process.running
        await process.start()
        await process.wait_ready(lambda: port_answers(port), 10)


async def test_a_child_has_a_process_group_of_its_own(tmp_path: Path) -> None:
    async with Process("sleeper", [sys.executable, "-c", SLEEPER], log=tmp_path / "log") as process:
        assert process.pid is not None
        assert os.getpgid(process.pid) == process.pid != os.getpgid(0)


def test_free_ports_are_distinct() -> None:
    assert len(set(free_ports(20))) == 20
