"""``mainstay simulate`` as an operator and as CI run it."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
from pathlib import Path

import pytest

from devstack.temporal import TemporalServer
from tests.simulate.conftest import ALERTS, SHOP

ALERT = str(ALERTS / "payments-down.yaml")


async def mainstay(*arguments: str, folder: Path = SHOP) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "mainstay.cli.app", "simulate", "--config", str(folder), *arguments,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate()
    return process.returncode or 0, out.decode(), err.decode()


@pytest.mark.parametrize("file", sorted((SHOP / "simulations").glob("*.yaml")), ids=lambda file: file.stem)
async def test_the_examples_expectations_hold(temporal_server: TemporalServer, file: Path) -> None:
    """Given a committed time line that names its alert and time, then the file alone is a test of the policies."""
    code, out, err = await mainstay("--temporal", temporal_server.address, "--expect", str(file))
    assert (code, out) == (0, f"it happens as {file} says\n"), out + err


async def test_a_changed_policy_is_noticed(temporal_server: TemporalServer, tmp_path: Path) -> None:
    """Given somebody makes the second step wait ten minutes, then the check ends with 7 and shows both time lines."""
    folder = shutil.copytree(SHOP, tmp_path / "shop")
    policy = folder / "policies" / "payments-default.yaml"
    policy.write_text(policy.read_text().replace("wait: 5m", "wait: 7m", 1))
    file = folder / "simulations" / "nobody-answers-at-the-hand-off.yaml"
    code, out, _ = await mainstay("--temporal", temporal_server.address, "--expect", str(file), folder=folder)
    assert code == 7
    assert "- 5m page carol by email" in out
    assert "+ 7m page carol by email" in out


async def test_it_brings_its_own_server() -> None:
    """Given no server at all, then one is started and stopped, it says so meanwhile, and the answer is one document."""
    code, out, err = await mainstay("--alert", ALERT, "--at", "2026-03-17T02:30Z", "--ack", "bob@3m", "--json")
    assert code == 0, err
    assert "starting a Temporal server" in err
    story = json.loads(out)["stories"][0]
    assert story["acknowledged_by"] == "bob"
    assert [e["person"] for e in story["events"] if e["message"] == "page"] == ["bob"]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--alert", ALERT), 2, "--at TIME"),
        (("--alert", ALERT, "--at", "noon"), 2, "--at"),
        (("--alert", ALERT, "--at", "now", "--ack", "bob"), 2, "PERSON@DELAY"),
        (("--alert", ALERT, "--at", "now", "--ack", "bob@3m", "--nobody-answers"), 2, "exclude each other"),
        (("--alert", ALERT, "--at", "now", "--ack", "eve@3m"), 2, "nobody is called 'eve'"),
        (("--alert", "none.yaml", "--at", "now"), 2, "none.yaml:1:1: cannot be read"),
        (("--alert", ALERT, "--at", "now", "--temporal", "127.0.0.1:1"), 6, "127.0.0.1:1"),
        (("--expect", "none.yaml"), 2, "none.yaml:1:1: cannot be read"),
    ],
)
async def test_mistakes_end_in_one_line(arguments: tuple[str, ...], code: int, said: str) -> None:
    """Given a wrong option or file, then it says which and how to mend it, with the exit code of its kind."""
    ended, out, err = await mainstay(*arguments)
    assert (ended, out) == (code, ""), err
    assert said in err
    assert "Traceback" not in err
