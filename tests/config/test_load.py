"""Every mistake in the operators' folder is told at once, at its file, line and column."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mainstay.config import ConfigErrors, check, load
from tests.config.conftest import SHOP

Edit = tuple[str, str, str]
"""File, text that stands in it once, text instead."""


def _spoil(shop: Path, *edits: Edit) -> None:
    for file, old, new in edits:
        path = shop / file
        text = path.read_text() if path.exists() else ""
        assert text.count(old) == 1 or not old, f"{old!r} must stand once in {file}"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text.replace(old, new) if old else new)


def _told(shop: Path) -> list[str]:
    """Errors as ``file:line:column: message``, the file seen from the folder."""
    _, problems = check(shop)
    return [str(p._replace(file=str(Path(p.file).relative_to(shop)))) for p in problems if p.severity == "error"]


MISTAKES = yaml.safe_load((Path(__file__).parent / "mistakes.yaml").read_text())


@pytest.mark.parametrize("case", MISTAKES, ids=[case["name"] for case in MISTAKES])
def test_mistakes(shop: Path, case: dict[str, Any]) -> None:
    """Each mistake is told where it stands, and nothing else is."""
    _spoil(shop, *((edit["file"], edit["old"], edit["new"]) for edit in case["edits"]))
    assert _told(shop) == [line.replace("{shop}", str(shop)) for line in case["told"]]


def test_load_raises_all(shop: Path) -> None:
    """``load`` raises every problem in one exception, readable as lines."""
    _spoil(
        shop,
        ("services/search.yaml", "team: platform", "team: nobody"),
        ("people.yaml", "    name: Bob Example\n", "    name: Bob Example\n    manager: zoe\n"),
        (
            "people.yaml",
            "bob@shop.example\n    time_zone: Europe/Berlin\n    manager: dan\n",
            "bob@shop.example\n",
        ),
    )
    with pytest.raises(ConfigErrors) as errors:
        load(shop)
    assert [(Path(p.file).name, p.line, p.column) for p in errors.value.problems] == [
        ("people.yaml", 19, 5),
        ("search.yaml", 3, 1),
    ]
    assert str(errors.value).splitlines()[1].endswith("search.yaml:3:1: no team is called 'nobody'")


def test_secrets_are_not_quoted(shop: Path) -> None:
    """A secret that somebody wrote into a file stands in no message."""
    _spoil(
        shop,
        ("mainstay.yaml", "url: env:MAINSTAY_PAGER_URL", "url: hunter2-url"),
        ("mainstay.yaml", "secret: env:MAINSTAY_PAGER_SECRET", "secret: hunter2-secret"),
        ("mainstay.yaml", "token: env:MAINSTAY_TOKEN_ALICE", "sha256: hunter2-hash"),
    )
    told = "\n".join(_told(shop))
    assert told.count("mainstay.yaml") == 3
    assert "hunter2" not in told


@pytest.mark.parametrize("kind", ["missing", "empty", "a file", "no main file", "binary"])
def test_folders_that_are_none(tmp_path: Path, kind: str) -> None:
    """A folder that is missing, empty or unreadable is told as such; nothing is made up."""
    folder = tmp_path / "conf"
    match kind:
        case "a file":
            folder.write_text("a: b")
        case "empty" | "no main file" | "binary":
            folder.mkdir()
    if kind == "binary":
        (folder / "mainstay.yaml").write_bytes(b"organisation: x\n\xff\xfe")
    _, problems = check(folder)
    assert problems
    expected = {"missing": "no such folder", "a file": "no such folder", "binary": "not UTF-8"}
    assert expected.get(kind, "this file is missing") in problems[0].message
    if kind == "binary":
        assert (problems[0].line, problems[0].column) == (2, 1)


FILES = sorted(str(path.relative_to(SHOP)) for path in SHOP.rglob("*.yaml"))


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_no_spoilt_file_breaks_the_check(shop: Path, data: st.DataObject) -> None:
    """Whatever a file is turned into, the answer is a value or a list of problems, never a crash."""
    path = shop / data.draw(st.sampled_from(FILES), label="file")
    whole = path.read_text()
    lines = whole.splitlines()
    at = data.draw(st.integers(0, len(lines) - 1), label="line")
    spoilt = data.draw(
        st.sampled_from(["", "x", "- a", "a: [", "{}", "? [a]: b", "null", "*x", "\t", "key: 1.5e999", "🙂: \u202e"])
    )
    try:
        path.write_text("\n".join([*lines[:at], spoilt, *lines[at + 1 :]]))
        config, problems = check(shop)
        assert (config is None) == any(problem.severity == "error" for problem in problems)
    finally:
        path.write_text(whole)


@pytest.mark.capability("S-106")
def test_a_service_needs_an_escalation_path(shop: Path) -> None:
    """Given a registry entry without an escalation path, then the check fails and names the service."""
    _spoil(shop, ("mainstay.yaml", "  escalation_policy: platform-default\n", ""))
    told = _told(shop)
    assert len(told) == 2
    assert all("has no escalation policy" in line for line in told)
    assert "services/search.yaml:1:1: service 'search'" in told[1]
