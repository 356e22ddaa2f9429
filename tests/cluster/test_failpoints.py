"""Fail points do what the environment says, once where it says once, and nothing without it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from activities import failpoints

PROGRAM = "import asyncio; from activities import failpoints; asyncio.run(failpoints.reach('apply.before_call'))"


def run(text: str) -> int:
    environment = {"MAINSTAY_FAILPOINTS": text, "PATH": ""}
    return subprocess.run([sys.executable, "-c", PROGRAM], env=environment, check=False).returncode


def test_a_worker_dies_once_at_the_named_point(tmp_path: Path) -> None:
    """The first process to come there ends at once, the next goes on; other points and none do nothing."""
    kill = f"apply.before_call=kill@{tmp_path / 'marker'}"
    assert [run(kill), run(kill), run(""), run("apply.after_call=kill")] == [9, 0, 0, 0]


async def test_an_answer_can_be_lost_and_time_can_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    """``lose`` is a cut connection, ``sleep`` a pause; anything else is refused."""
    monkeypatch.setattr(failpoints, "_active", failpoints.parse("a=lose, b=sleep:0,c=explode"))
    with pytest.raises(ConnectionResetError):
        await failpoints.reach("a")
    await failpoints.reach("b")
    with pytest.raises(ValueError, match="explode"):
        await failpoints.reach("c")


def test_a_wrong_setting_is_refused() -> None:
    """A fail point that would silently do nothing is a mistake of the test."""
    with pytest.raises(ValueError, match="POINT=WHAT"):
        failpoints.parse("apply.before_call")
