"""Golden histories replay without a server, and command sequences change only on purpose."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer

from tests.histories import fingerprint
from tests.histories.scenarios import SCENARIOS
from tests.workflows.conftest import INTERCEPTORS, WORKFLOWS

HERE = Path(__file__).parent
HISTORIES = sorted(HERE.glob("*/*.json"))
RENEW = (
    "{file} asks Temporal for other commands than before. Workflows that are running now will replay the new "
    "code: put the change behind workflow.patched() with an entry in workflows/patches.py, keep the old golden "
    "histories, then run: make record"
)


@pytest.mark.parametrize("path", HISTORIES, ids=lambda path: f"{path.parent.name}/{path.stem}")
async def test_golden_history_replays(path: Path) -> None:
    """A history recorded by an earlier version leads to the same commands today."""
    history = WorkflowHistory.from_json(f"{path.parent.name}/{path.stem}", path.read_text())
    replayer = Replayer(workflows=WORKFLOWS, data_converter=pydantic_data_converter, interceptors=INTERCEPTORS)
    await replayer.replay_workflow(history)


def test_every_scenario_has_a_history() -> None:
    """Each scenario of ``scenarios.py`` is kept, and every workflow type is in one."""
    assert {path.stem for path in HISTORIES} >= set(SCENARIOS)
    kinds = {path.parent.name for path in HISTORIES}
    assert kinds >= {"incident", "runbook", "postmortem", "action-item", "halt", "reconcile", "channel-test"}


def test_histories_name_no_machine() -> None:
    """Identities are neutral: a history is public."""
    for path in HISTORIES:
        assert '"identity":"golden"' in path.read_text().replace(" ", "")


def test_fingerprints() -> None:
    """The command sequence of each workflow file is the one that was recorded."""
    known = json.loads(fingerprint.FILE.read_text())
    now = fingerprint.fingerprints()
    changed = [name for name in now if known.get(name) != now[name]]
    assert not changed, RENEW.format(file=", ".join(changed))
