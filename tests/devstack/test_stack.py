"""The stack starts the parts that are wanted, with what they need, and stops them all."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from devstack.processes import ProcessFailedError
from devstack.stack import Stack


def test_a_part_brings_what_it_needs(tmp_path: Path) -> None:
    assert Stack(tmp_path, ["prometheus"]).parts == ("cluster", "shop", "alertmanager", "prometheus")


def test_an_unknown_part_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LookupError, match="no part is called tempral; there are temporal, cluster"):
        Stack(tmp_path, ["tempral"])


async def test_reading_a_part_that_was_not_asked_for_is_an_error(tmp_path: Path) -> None:
    stack = Stack(tmp_path, ["smtp"])
    with pytest.raises(LookupError, match="made without cluster; it has smtp"):
        _ = stack.cluster


async def test_parts_start_together_and_say_so(tmp_path: Path) -> None:
    lines: list[str] = []
    async with Stack(tmp_path, ["smtp", "postgres"], report=lines.append) as stack:
        assert stack.smtp.port
        assert set(stack.urls()) == {"smtp", "postgres"}
    assert {line.split(":")[0] for line in lines if "ready after" in line} == {"smtp", "postgres"}


async def test_when_one_part_fails_the_others_are_stopped(tmp_path: Path) -> None:
    class Stuck(ProcessFailedError):
        pass

    async def fail() -> None:
        raise Stuck("no")

    stack = Stack(tmp_path, ["smtp", "alertmanager"])
    stack.alertmanager.start = fail  # type: ignore[method-assign]
    with pytest.raises(Stuck):
        await stack.start()
    await stack.smtp.start()
    await stack.stop()


def test_up_prints_addresses_and_ends_on_interrupt(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "devstack", "up", "--data-dir", str(tmp_path), "smtp", "alertmanager"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        said = []
        for line in running.stdout:
            said.append(line)
            if line.startswith("Ctrl-C"):
                break
        assert any(line.startswith("alertmanager ") and "http://127.0.0.1:" in line for line in said)
        began = time.monotonic()
        running.send_signal(signal.SIGINT)
        assert running.wait(20) == 0
        assert time.monotonic() - began < 20
