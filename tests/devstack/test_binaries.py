"""Where binaries come from, and what is said when one cannot be had."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from devstack import binaries
from devstack.binaries import PARTS, MissingToolError, ensure


@pytest.fixture
def empty_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No binary, no go, an empty cache; returns the folder that is the whole PATH."""
    folder = tmp_path / "path"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("MAINSTAY_CACHE_DIR", str(tmp_path / "cache"))
    for part in PARTS.values():
        monkeypatch.delenv(part.env_name, raising=False)
    return folder


def program(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def test_each_missing_tool_gets_one_line_saying_where_it_was_sought_and_the_fix(empty_machine: Path) -> None:
    with pytest.raises(MissingToolError) as caught:
        ensure(["kwok", "etcd"], report=print)
    first, second = str(caught.value).splitlines()
    assert first == (
        f"kwok v0.7.0: not in MAINSTAY_BIN_KWOK (unset), no kwok of at least 0.7.0 on PATH, "
        f"not at {empty_machine.parent}/cache/bin/kwok-v0.7.0, and there is no `go` on PATH to build it; "
        "fix: install Go 1.24 or later, then run `python -m devstack.binaries kwok`"
    )
    assert second.startswith("etcd v3.6.6: ")


def test_the_environment_variable_wins(empty_machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = program(empty_machine.parent / "mine", "exit 0")
    monkeypatch.setenv("MAINSTAY_BIN_KWOK", str(mine))
    assert ensure(["kwok"]) == {"kwok": mine}


def test_an_environment_variable_that_names_nothing_is_an_error(
    empty_machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAINSTAY_BIN_KWOK", "/nowhere/kwok")
    with pytest.raises(MissingToolError, match="MAINSTAY_BIN_KWOK names /nowhere/kwok"):
        ensure(["kwok"])


@pytest.mark.parametrize(
    ("said", "fits"),
    [
        ("kwok version v0.7.0", True),
        ("0.8.1", True),
        ("v0.6.9", False),
        ("v1.7.0", False),
        ("(devel)", False),
    ],
)
def test_path_counts_only_where_the_version_fits(empty_machine: Path, said: str, fits: bool) -> None:
    cached = program(PARTS["kwok"].cached, "exit 0")
    on_path = program(empty_machine / "kwok", f"echo '{said}'")
    assert ensure(["kwok"])["kwok"] == (on_path if fits else cached)


def test_a_failed_build_says_why_and_leaves_no_file(empty_machine: Path) -> None:
    program(empty_machine / "go", "echo 'module not found: example' >&2; exit 1")
    with pytest.raises(MissingToolError, match=r"its build failed \(module not found: example\)"):
        ensure(["kwok"], report=lambda _: None)
    assert not PARTS["kwok"].cached.exists()


def test_two_at_once_build_only_once(empty_machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    builds = empty_machine.parent / "builds"
    monkeypatch.setenv("BUILDS", str(builds))
    script = 'echo one >>"$BUILDS"; /bin/sleep 0.5; /bin/mkdir "$GOBIN"; echo x >"$GOBIN/server"'
    program(empty_machine / "go", script)
    lines: list[str] = []
    threads = [threading.Thread(target=ensure, args=(["toxiproxy"],), kwargs={"report": lines.append}) for _ in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert builds.read_text() == "one\n"
    assert os.access(PARTS["toxiproxy"].cached, os.X_OK)
    assert [line.split(", ")[0] for line in lines if "built" in line] == ["toxiproxy v2.5.0: built"]


def test_progress_is_reported_while_a_build_runs(empty_machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binaries, "PROGRESS_SECONDS", 0.1)
    program(empty_machine / "go", '/bin/sleep 0.5; /bin/mkdir "$GOBIN"; echo x >"$GOBIN/kwok"')
    lines: list[str] = []
    ensure(["kwok"], report=lines.append)
    assert len([line for line in lines if line.startswith("kwok v0.7.0: building, ")]) >= 2


def test_the_command_line_refuses_unknown_names() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "devstack.binaries", "nonsense"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "unknown: nonsense; known: temporal-server, " in done.stderr
