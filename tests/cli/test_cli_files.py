"""What needs no server: runbooks as files, the operators' folder, the catalogues."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from mainstay.config import schemas
from mainstay.domain.catalogue import ACTIONS, CHANNELS, PROBES
from tests.cli.conftest import ROOT, Cli
from tests.cli.fakeserver import FakeServer

RUNBOOKS = ROOT / "runbooks"


@pytest.fixture(autouse=True)
def _no_server(server: FakeServer) -> object:
    yield
    assert not server.requests


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    """The built-in restart runbook with two mistakes."""
    text = (RUNBOOKS / "restart.yaml").read_text()
    text = text.replace("next: rate}", "next: nowhere}").replace("act: rollout_restart", "act: reboot")
    file = tmp_path / "mine" / "restart.yaml"
    file.parent.mkdir()
    file.write_text(text)
    return file


async def test_the_built_in_runbooks_have_no_errors(cli: Cli) -> None:
    """Without a path they are checked."""
    result = await cli("runbook", "lint", "--json")
    assert (result.code, result.json["ok"], result.json["problems"]) == (0, True, [])
    assert len(result.json["files"]) == len(list(RUNBOOKS.glob("*.yaml")))


async def test_lint_finds_everything_at_its_place(cli: Cli, broken: Path) -> None:
    """FILE:LINE:COLUMN for each, a count, and exit code 7."""
    result = await cli("runbook", "lint", str(broken))
    assert result.code == 7
    lines = result.out.splitlines()
    assert len(lines) >= 2
    for line in lines:
        assert line.startswith(f"{broken}:")
    assert any("there is no node 'nowhere'" in line for line in lines)
    assert any("there is no action 'reboot'" in line for line in lines)
    assert "1 runbook checked" in result.err
    found = (await cli("runbook", "lint", str(broken.parent), "--json")).json
    assert found["ok"] is False
    assert {"file", "line", "column", "message", "severity"} == set(found["problems"][0])


async def test_strict_makes_warnings_fail(cli: Cli, tmp_path: Path) -> None:
    """Without 'about' a runbook loads, with a warning."""
    text = (RUNBOOKS / "restart.yaml").read_text()
    start, rest = text.index("about:"), text.index("inputs:")
    (tmp_path / "restart.yaml").write_text(text[:start] + text[rest:])
    assert (await cli("runbook", "lint", str(tmp_path))).code == 0
    assert (await cli("runbook", "lint", str(tmp_path), "--strict")).code == 7


async def test_a_path_that_does_not_exist_is_not_found(cli: Cli, tmp_path: Path) -> None:
    """Exit code 3, unlike a runbook with problems."""
    for command in ("lint", "test", "graph"):
        result = await cli("runbook", command, str(tmp_path / "none.yaml"))
        assert result.code == 3


async def test_case_tables_are_played(cli: Cli) -> None:
    """One line a case; exit code 0 when all hold."""
    result = await cli("runbook", "test", str(RUNBOOKS / "restart.yaml"))
    assert result.code == 0
    assert "ok   restarted, and the rate is fine" in result.out
    found = (await cli("runbook", "test", "--json")).json
    assert found["ok"]
    assert len(found["runbooks"]) == len(list(RUNBOOKS.glob("*.yaml")))
    assert found["runbooks"][0]["cases"][0]["passed"]


async def test_a_case_that_does_not_hold_fails(cli: Cli, tmp_path: Path) -> None:
    """With the difference between the expected and the real path; a missing table fails too."""
    shutil.copytree(RUNBOOKS, tmp_path / "runbooks")
    table = tmp_path / "runbooks" / "cases" / "restart.yaml"
    table.write_text(table.read_text().replace("outcome: nothing_to_do", "outcome: mitigated"))
    result = await cli("runbook", "test", str(tmp_path / "runbooks" / "restart.yaml"))
    assert result.code == 7
    assert "FAIL denied" in result.out
    assert "- = mitigated" in result.out
    table.unlink()
    result = await cli("runbook", "test", str(tmp_path / "runbooks" / "restart.yaml"))
    assert result.code == 7
    assert "there is no case table" in result.out


async def test_a_graph_by_name_and_by_file(cli: Cli) -> None:
    """The same flowchart; visited nodes are marked."""
    by_name = await cli("runbook", "graph", "restart")
    by_file = await cli("runbook", "graph", str(RUNBOOKS / "restart.yaml"))
    assert by_name.out == by_file.out
    assert by_name.out.startswith("flowchart TD\n")
    assert "n_restart:::visited" in (await cli("runbook", "graph", "restart", "--path", "restart:done")).out
    assert (await cli("runbook", "graph", "restart", "--json")).json["mermaid"] == by_name.out


async def test_an_unknown_runbook_names_the_known_ones(cli: Cli) -> None:
    """Exit code 3."""
    result = await cli("runbook", "graph", "nothing")
    assert result.code == 3
    assert "restart" in result.err


async def test_a_plan_offline(cli: Cli) -> None:
    """Changes that may come, with risk, approval and lease, from the files alone."""
    result = await cli("runbook", "plan", "restart", "--offline", "-i", "workload=shop/checkout")
    assert result.code == 0
    for part in ("rollout_restart", "low risk", "lease/default/shop/Deployment/checkout"):
        assert part in result.out
    found = (await cli("runbook", "plan", "restart", "--offline", "-i", "workload=shop/checkout", "--json")).json
    assert found["acts"][0]["risk"] == "low"
    assert found["inputs"]["workload"]["namespace"] == "shop"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "needs the input 'workload'"),
        (["-i", "workload=shop/a", "-i", "speed=9"], "has no input 'speed'"),
    ],
)
async def test_wrong_inputs_of_a_plan_are_named(cli: Cli, arguments: list[str], said: str) -> None:
    """Exit code 2, with the field."""
    result = await cli("runbook", "plan", "restart", "--offline", *arguments, "--json")
    assert result.code == 2
    assert said in result.error["message"]
    assert result.error["field"].startswith("inputs.")


async def test_the_example_folder_is_fine(cli: Cli) -> None:
    """With its digest, which servers show too."""
    result = await cli("config", "check", "examples/shop", "--json")
    assert (result.code, result.json["ok"]) == (0, True)
    assert result.json["digest"].startswith("sha256:")
    assert "is fine" in (await cli("config", "check", "examples/shop")).out


async def test_config_check_finds_everything_at_once(cli: Cli, tmp_path: Path) -> None:
    """Given two mistakes in two files, then both are told at their lines; exit code 7."""
    folder = tmp_path / "shop"
    shutil.copytree(ROOT / "examples" / "shop", folder)
    (folder / "mainstay.yaml").write_text((folder / "mainstay.yaml").read_text() + "\nunknown_field: 1\n")
    (folder / "teams.yaml").write_text((folder / "teams.yaml").read_text().replace("members: [", "members: [nobody, "))
    result = await cli("config", "check", str(folder))
    assert result.code == 7
    assert re_line(result.out, folder / "mainstay.yaml", "unknown_field")
    assert re_line(result.out, folder / "teams.yaml", "nobody")
    found = await cli("config", "check", str(folder), "--json")
    assert (found.code, found.json["ok"], found.json["digest"]) == (7, False, None)


def re_line(out: str, file: Path, said: str) -> bool:
    import re

    return bool(re.search(rf"^{re.escape(str(file))}:\d+:\d+: error: .*{said}", out, re.MULTILINE))


async def test_a_folder_that_does_not_exist_fails_the_check(cli: Cli, tmp_path: Path) -> None:
    """It is what MAINSTAY_CONFIG_DIR is most often wrong about."""
    result = await cli("config", "check", str(tmp_path / "none"))
    assert result.code == 7
    assert "no such folder" in result.out


async def test_the_folder_comes_from_the_environment(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same variable as the server's."""
    monkeypatch.setenv("MAINSTAY_CONFIG_DIR", str(ROOT / "examples" / "shop"))
    assert (await cli("config", "check")).code == 0


async def test_schemas_of_every_kind(cli: Cli, tmp_path: Path) -> None:
    """Their list, one of them, or all into a folder."""
    assert {line.split("\t")[0] for line in (await cli("config", "schema")).out.splitlines()} == set(schemas.PATTERNS)
    assert (await cli("config", "schema", "people")).json == schemas.schema("people")
    assert (await cli("config", "schema", "magic")).code == 3
    result = await cli("config", "schema", "--out", str(tmp_path / "schemas"), "--json")
    assert len(result.json["files"]) == len(schemas.PATTERNS) == len(list((tmp_path / "schemas").iterdir()))


@pytest.mark.parametrize(
    ("command", "key", "known"),
    [("action", "actions", ACTIONS), ("probe", "probes", PROBES), ("channel", "channels", CHANNELS)],
)
async def test_catalogues_are_data(cli: Cli, command: str, key: str, known: dict[str, object]) -> None:
    """Every entry, with the JSON Schema of its parameters."""
    found = (await cli(command, "list", "--json")).json[key]
    assert [each["name"] for each in found] == list(known)
    for each in found:
        assert (each.get("parameters") or each["settings"])["type"] == "object"
    assert [line.split("\t")[0] for line in (await cli(command, "list")).out.splitlines()] == list(known)


async def test_the_lists_say_what_an_approver_asks(cli: Cli) -> None:
    """Group, target, risk, undo and verbs of actions; facts and verbs of probes. At least 25 probes, no server."""
    actions = (await cli("action", "list", "--json")).json["actions"]
    assert all(
        {"group", "target_kinds", "risk", "undo", "writes", "reads", "beyond_kubectl"} <= set(a) for a in actions
    )
    probes = (await cli("probe", "list", "--json")).json["probes"]
    assert len(probes) >= 25
    assert all({"group", "target_kinds", "facts", "reads", "held", "failed"} <= set(probe) for probe in probes)


@pytest.mark.parametrize(("command", "name"), [("action", "rollout_undo"), ("probe", "pod_health")])
async def test_one_entry_is_shown_whole(cli: Cli, command: str, name: str) -> None:
    """The same as in the list, and for people with the schema; a name that is none is answered by near ones."""
    shown = (await cli(command, "show", name, "--json")).json
    assert shown in (await cli(command, "list", "--json")).json[f"{command}s"]
    text = (await cli(command, "show", name)).out
    assert "Kubernetes verbs: " in text
    assert '"properties"' in text
    wrong = await cli(command, "show", name[:-1])
    assert (wrong.code, f"did you mean {name}" in wrong.err) == (3, True)
