"""The frame: help, exit codes, connection, credentials, repeats, hostile text, pipes and interruption."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import grpc
import pytest

from mainstay.cli import exits
from mainstay.cli.app import app
from mainstay.domain.errors import KINDS
from mainstay.gen.mainstay.v1 import incident_pb2
from mainstay.gen.mainstay.v1 import incident_service_pb2 as pb
from tests.cli import samples
from tests.cli.conftest import COMMAND, ROOT, Cli
from tests.cli.fakeserver import FakeServer

REF = "INC-2026-0042"
GROUPS = {
    "incident": "declare list show timeline watch ack page approve reject withdraw severity role note decide "
    "update resolve reopen merge cancel close",
    "mitigation": "list record remove",
    "oncall": "who schedule override next gaps overrides remove temporary health handoff lint export import swap feed",
    "runbook": "list lint plan run show graph test answer pause resume skip retry abort take-over",
    "action-item": "list start done defer",
    "config": "check schema",
    "action": "list show",
    "probe": "list show",
    "channel": "list test",
    "halt": "start clear status",
}


def test_every_command_is_there_and_explains_itself() -> None:
    """The promised tree, and not one command without help."""
    for name, commands in GROUPS.items():
        found = {command for command in app[name] if not command.startswith("-")}
        assert found == set(commands.split())
        for command in found:
            assert app[name][command].help
    alone = {command for command in app if not command.startswith("-")} - set(GROUPS)
    assert alone == {"simulate", "status", "version", "completion"}


@pytest.mark.parametrize("chain", ["", *GROUPS, "incident approve", "status"])
async def test_help_is_an_answer(cli: Cli, chain: str) -> None:
    """Exit code 0, on standard output."""
    result = await cli(*chain.split(), "--help")
    assert result.code == 0
    assert "Usage: mainstay" in result.out
    assert "--address" in result.out


async def test_help_documents_every_exit_code(cli: Cli) -> None:
    """The same table as in the reference."""
    out = (await cli("--help")).out
    for code in exits.MEANINGS:
        assert f"{code.value:>3}  " in out


def test_every_kind_of_refusal_has_an_exit_code() -> None:
    """A new kind of refusal must not end as unexpected."""
    assert set(exits.KINDS) == set(KINDS)


@pytest.mark.parametrize(("kind", "code"), exits.KINDS.items())
async def test_refusals_end_with_their_code(cli: Cli, server: FakeServer, kind: str, code: int) -> None:
    """By the name in ErrorInfo, since several kinds share one gRPC status."""
    server.answers["Acknowledge"] = lambda _: KINDS[kind]("it is refused", field="incident")
    result = await cli("incident", "ack", REF, "--json", "--timeout", "1s")
    assert (result.code, result.out) == (code, "")
    assert (result.error["kind"], result.error["message"], result.error["field"]) == (
        kind,
        "it is refused",
        "incident",
    )


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (grpc.StatusCode.INTERNAL, 1),
        (grpc.StatusCode.UNIMPLEMENTED, 1),
        (grpc.StatusCode.PERMISSION_DENIED, 4),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, 6),
    ],
)
async def test_statuses_of_others_end_with_a_code_too(
    cli: Cli, server: FakeServer, status: grpc.StatusCode, code: int
) -> None:
    """A proxy in between knows no ErrorInfo."""
    server.answers["Acknowledge"] = status
    assert (await cli("incident", "ack", REF)).code == code


async def test_no_server_says_how_to_start_one(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """Connection refused: the address, and what to do. Exit code 6."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{unused.getsockname()[1]}"
    monkeypatch.setattr("mainstay.cli.calls.REPEAT_AFTER", ())
    result = await cli("incident", "list", "--address", address)
    assert result.code == 6
    assert result.err.splitlines()[0] == f"error: no Mainstay server answers at {address}"
    assert "mainstay-server" in result.err


async def test_while_the_server_is_away_the_same_request_is_repeated(cli: Cli, server: FakeServer) -> None:
    """Given two answers UNAVAILABLE and then a good one, then the command succeeds, under one request id."""
    server.answers["Acknowledge"] = [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.UNAVAILABLE, None]
    result = await cli("incident", "ack", REF, "-v")
    sent = server.of("Acknowledge")
    assert (result.code, len(sent)) == (0, 3)
    assert len({each.request_id for each in sent}) == 1
    assert f"request {sent[0].request_id}" in result.err
    assert "same request id" in result.err


async def test_what_is_no_absence_is_not_repeated(cli: Cli, server: FakeServer) -> None:
    """A refusal would only be refused again."""
    server.answers["Acknowledge"] = grpc.StatusCode.ABORTED
    await cli("incident", "ack", REF)
    assert len(server.of("Acknowledge")) == 1


async def test_no_answer_in_time_names_the_request_id_to_repeat_with(cli: Cli, server: FakeServer) -> None:
    """It may still be applied, so a blind repeat would be a second intent."""
    import asyncio

    server.answers["Acknowledge"] = asyncio.Event()
    result = await cli("incident", "ack", REF, "--timeout", "300ms")
    assert result.code == 6
    assert f"--request-id {server.last('Acknowledge').request_id}" in result.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--timeout", "5"], "not a duration"),
        (["--timeout", "0s"], "more than nothing"),
        (["--request-id", "again"], "must be a UUID"),
        (["--token-file", "/nonexistent/token"], "cannot be read"),
        (["--ca", "/nonexistent/ca.pem"], "cannot be read"),
        (["--cert", "/nonexistent/cert.pem"], "belong together"),
        (["--address", "example.com:8090"], "clear text"),
    ],
)
async def test_wrong_global_options_are_wrong_usage(
    cli: Cli, server: FakeServer, monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str
) -> None:
    """Exit code 2 before anything is sent; a token never travels in clear text by accident."""
    if "--token-file" in arguments:
        monkeypatch.delenv("MAINSTAY_TOKEN")
    result = await cli("incident", "ack", REF, *arguments)
    assert (result.code, server.requests) == (2, [])
    assert said in result.err
    assert "token-of-alice" not in result.err


@pytest.mark.parametrize("where", ["before", "after", "environment"])
async def test_global_options_work_everywhere(
    cli: Cli, server: FakeServer, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """Before the command, after it, or as a variable."""
    command = ["incident", "ack", REF]
    if where == "environment":
        monkeypatch.setenv("MAINSTAY_TOKEN", "token-of-bob")
    more = [] if where == "environment" else ["--token", "token-of-bob"]
    await cli(*(more + command if where == "before" else command + more))
    assert server.metadata[-1]["authorization"] == "Bearer token-of-bob"
    assert server.metadata[-1]["x-request-id"] == server.last("Acknowledge").request_id


async def test_the_token_comes_from_the_first_place_that_has_one(
    cli: Cli, server: FakeServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Default file, then the named file, then the variable, each over the one before."""
    default = tmp_path / "xdg" / "mainstay" / "token"
    default.parent.mkdir(parents=True)
    default.write_text("from-default\n")
    named = tmp_path / "named"
    named.write_text("from-named\n")
    monkeypatch.delenv("MAINSTAY_TOKEN")
    found = []
    for variable, value in (
        ("X", ""),
        ("MAINSTAY_TOKEN_FILE", str(named)),
        ("MAINSTAY_TOKEN", "from-variable"),
    ):
        monkeypatch.setenv(variable, value)
        await cli("incident", "ack", REF)
        found.append(server.metadata[-1]["authorization"])
    assert found == ["Bearer from-default", "Bearer from-named", "Bearer from-variable"]


async def test_unauthenticated_tells_where_the_token_came_from(cli: Cli, server: FakeServer) -> None:
    """And where another one could come from; never the token."""
    server.answers["Acknowledge"] = KINDS["Unauthenticated"]("unknown token")
    result = await cli("incident", "ack", REF)
    assert result.code == 4
    assert "came from MAINSTAY_TOKEN" in result.err
    assert "token-of-alice" not in result.err


async def test_hostile_text_reaches_no_terminal_and_no_markup(cli: Cli, server: FakeServer) -> None:
    """Escapes and bidirectional overrides are gone, square brackets and colons stand as they were written."""
    run = incident_pb2.RunReference(workflow_id=samples.HOSTILE, runbook=samples.HOSTILE)
    server.answers["GetIncident"] = samples.got(
        title=samples.HOSTILE, runs=[run], timeline=[samples.entry(1, samples.HOSTILE, who=samples.HOSTILE)]
    )
    server.answers["ListIncidents"] = pb.ListIncidentsResponse(incidents=[samples.summary(1, title=samples.HOSTILE)])
    server.answers["Acknowledge"] = KINDS["WrongState"](samples.HOSTILE)
    shown = await cli("incident", "show", REF)
    listed = await cli("incident", "list")
    refused = await cli("incident", "ack", REF)
    assert shown.out.count(samples.SHOWN) == 5
    for text in (shown.out, listed.out, refused.err):
        assert samples.SHOWN in text
        assert not set(text) & {"\x1b", "\x07", "\u202e"}


async def test_json_keeps_hostile_text_exact_but_escaped(cli: Cli, server: FakeServer) -> None:
    """A program gets every character; a terminal is fooled by none of them. Letters of all languages stay."""
    title = samples.HOSTILE + "\x9b\u2028\U000e0041 zażółć 火"
    server.answers["GetIncident"] = samples.got(title=title)
    result = await cli("incident", "show", REF, "--json")
    assert result.json["title"] == title
    assert not set(result.out) & set("\x1b\x07\u202e\x9b\u2028\U000e0041")
    assert "zażółć 火" in result.out


async def test_a_fault_of_ours_is_two_lines_and_no_stack_trace(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 1; MAINSTAY_DEBUG=1 shows the rest."""
    monkeypatch.setattr("mainstay.cli.reading.incidents", lambda **_: 1 / 0)
    result = await cli("incident", "list")
    assert result.code == 1
    assert result.err.splitlines()[0].startswith("error: a fault of mainstay itself: ZeroDivisionError")


def test_help_loads_nothing_heavy() -> None:
    """Neither the help of the root nor that of a group waits for gRPC, pydantic or YAML."""
    script = (
        "import sys; from mainstay.cli.app import run; run(sys.argv[1:]);"
        "heavy = {'grpc', 'pydantic', 'google.protobuf', 'yaml', 'temporalio', 'mainstay.config'};"
        "sys.exit(', '.join(heavy & set(sys.modules)) or 0)"
    )
    for chain in ([], ["incident"], ["runbook"], ["incident", "ack"]):
        done = subprocess.run(
            [sys.executable, "-c", script, *chain, "--help"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")


async def test_a_reader_that_goes_away_is_no_error(server: FakeServer) -> None:
    """``mainstay … | head -1`` ends quietly."""
    import asyncio

    server.answers["ListIncidents"] = pb.ListIncidentsResponse(
        incidents=[samples.summary(n, title="x" * 400) for n in range(500)]
    )
    command = " ".join(COMMAND) + " incident list --all --limit 500 | head -1; exit ${PIPESTATUS[0]}"
    process = await asyncio.create_subprocess_exec(
        "bash", "-c", command, cwd=ROOT, env={**os.environ, "MAINSTAY_ADDRESS": server.address},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate()
    assert (len(out.splitlines()), err, process.returncode) == (1, b"", 141)


async def test_interruption_is_quiet(server: FakeServer) -> None:
    """Ctrl-C: exit code 130, and not a word."""
    import asyncio

    started = asyncio.Event()
    never = asyncio.Event()

    def hang(_: object) -> asyncio.Event:
        started.set()
        return never

    server.answers["Acknowledge"] = hang
    process = await asyncio.create_subprocess_exec(
        *COMMAND, "incident", "ack", REF, cwd=ROOT, env={**os.environ, "MAINSTAY_ADDRESS": server.address},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    await asyncio.wait_for(started.wait(), 20)
    process.send_signal(signal.SIGINT)
    out, err = await asyncio.wait_for(process.communicate(), 20)
    never.set()
    assert (out, err, process.returncode) == (b"", b"", 130)


async def test_arguments_that_are_no_text_are_wrong_usage(cli: Cli) -> None:
    """Bytes that are not UTF-8 arrive as lone surrogates, which no message can hold."""
    result = await cli("incident", "note", REF, "bad\udcff")
    assert result.code == 2
    assert "not UTF-8" in result.err


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
async def test_completion_scripts_know_every_command(cli: Cli, server: FakeServer, shell: str) -> None:
    """Made from the tree, without a server."""
    result = await cli("completion", shell)
    assert result.code == 0
    for command in ("take-over", "approve", "action-item", "break-glass"):
        assert command in result.out
    assert not server.requests


async def test_bash_completes_commands_and_incidents(cli: Cli, server: FakeServer, tmp_path: Path) -> None:
    """The generated script, in a real shell: static words, and numbers of open incidents from the server."""
    import asyncio

    server.answers["ListIncidents"] = pb.ListIncidentsResponse(
        incidents=[samples.summary(41, title=samples.HOSTILE), samples.summary(42)]
    )
    script = tmp_path / "mainstay.bash"
    script.write_text((await cli("completion", "bash")).out)
    program = tmp_path / "mainstay"
    program.write_text(f'#!/bin/sh\nexec {" ".join(COMMAND)} "$@"\n')
    program.chmod(0o755)
    words = "COMP_WORDS=({}); COMP_CWORD={}; _mainstay; printf '%s\\n' \"${{COMPREPLY[@]}}\""
    test = f"source {script}; {words.format('mainstay incident ac', 2)}; echo --; "
    test += words.format("mainstay incident ack INC", 3)
    process = await asyncio.create_subprocess_exec(
        "bash", "-c", test, cwd=ROOT, stdout=subprocess.PIPE,
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "MAINSTAY_ADDRESS": server.address},
    )  # fmt: skip
    out, _ = await process.communicate()
    commands, _, numbers = out.decode().partition("--\n")
    assert commands.split() == ["ack"]
    assert [line.split()[0] for line in numbers.splitlines()] == ["INC-2026-0041", "INC-2026-0042"]
    assert "\x1b" not in numbers


def test_the_reference_is_up_to_date() -> None:
    """Run ``python -m mainstay.cli.reference`` and commit the result."""
    from mainstay.cli.reference import reference

    assert (ROOT / "docs" / "reference" / "cli.md").read_text() == reference()


def test_the_error_document_is_one_json_object() -> None:
    """Even where the options themselves cannot be parsed."""
    done = subprocess.run(
        [*COMMAND, "incident", "bogus", "--json"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert json.loads(done.stderr)["error"]["kind"] == "Usage"
