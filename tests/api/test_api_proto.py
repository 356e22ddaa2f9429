"""The wire contract: generated code is what the files say, and buf has nothing to add."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from devstack.binaries import PARTS
from mainstay.domain.incident import Impact
from mainstay.gen.mainstay.v1 import incident_pb2

ROOT = Path(__file__).resolve().parents[2]


def test_generated_code_is_up_to_date(tmp_path: Path) -> None:
    """Generating again changes nothing, and nothing is left over from files that are gone.

    In a process of its own: protoc forks its plugins, which a process with gRPC's threads must not do.
    """
    subprocess.run([sys.executable, ROOT / "proto" / "generate.py", tmp_path], check=True, capture_output=True)
    fresh, committed = _stubs(tmp_path), _stubs(ROOT / "mainstay" / "gen")
    assert sorted(fresh) == sorted(committed)
    assert [str(name) for name in fresh if fresh[name] != committed[name]] == []


def _stubs(folder: Path) -> dict[Path, str]:
    return {path.relative_to(folder): path.read_text() for path in folder.rglob("*_pb2*.py*") if path.suffix != ".pyc"}


def test_the_facts_that_triage_knows_are_all_on_the_wire() -> None:
    """A fact added to the domain is added to the message, too."""
    wire = {field.name for field in incident_pb2.Impact.DESCRIPTOR.fields}
    assert wire == set(Impact.model_fields)


def test_buf_lint_is_clean() -> None:
    """The STANDARD rules of buf hold for every file."""
    part = PARTS["buf"]
    buf = part.cached if part.cached.exists() else shutil.which("buf")
    if buf is None:
        if os.environ.get("CI") == "1" and shutil.which("go"):
            pytest.fail("buf is not built: python -m devstack.binaries buf")
        pytest.skip("buf is not built: python -m devstack.binaries buf")
    ran = subprocess.run([buf, "lint"], cwd=ROOT / "proto", capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout + ran.stderr) == (0, "")
