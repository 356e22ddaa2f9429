"""Every command that changes something: what it asks for, what it says, and that a repeat is harmless."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest

from mainstay.domain.incident import CONFIRMATIONS
from mainstay.gen.mainstay.v1 import common_pb2, incident_pb2, on_call_service_pb2, runbook_service_pb2
from mainstay.gen.mainstay.v1 import incident_service_pb2 as pb
from tests.cli import samples
from tests.cli.conftest import Cli
from tests.cli.fakeserver import FakeServer

REF, R = "INC-2026-0042", samples.RUN
CHANGES = [
    ("incident ack I", "Acknowledge", {"incident": REF, "round": 0}),
    ("incident ack I --round 2", "Acknowledge", {"incident": REF, "round": 2}),
    ("incident page I bob -m help", "PagePeople", {"target": "person:bob", "message": "help"}),
    ("incident page I team:shop", "PagePeople", {"target": "team:shop", "message": ""}),
    ("incident severity I SEV1 --reason worse", "SetSeverity", {"severity": "SEV1", "reason": "worse"}),
    ("incident role I commander", "AssignRole", {"role": "commander", "person": ""}),
    ("incident role I scribe bob", "AssignRole", {"role": "scribe", "person": "bob"}),
    ("incident role I scribe --release", "ReleaseRole", {"role": "scribe"}),
    ("incident note I it is the cache", "AddNote", {"incident": REF, "text": "it is the cache"}),
    ("incident note I -- --force was used", "AddNote", {"text": "--force was used"}),
    ("incident decide I fail over -b faster", "RecordDecision", {"text": "fail over", "rationale": "faster"}),
    ("incident update I all is well --public", "PostUpdate", {"text": "all is well", "public": True}),
    ("incident reopen I --reason again", "Reopen", {"reason": "again"}),
    ("incident merge I --into INC-2026-0041", "Merge", {"into": "INC-2026-0041"}),
    ("incident cancel I --reason test", "CancelIncident", {"reason": "test"}),
    ("incident close I --reason done", "Close", {"reason": "done"}),
    ("incident resolve I --confirm metrics,data", "Resolve", {"confirmations": ["metrics", "data"]}),
    ("incident resolve I --confirm all", "Resolve", {"confirmations": list(CONFIRMATIONS)}),
    ("incident resolve I --anyway customer", "Resolve", {"confirmations": [], "anyway": "customer"}),
    (
        "mitigation record I half the traffic -t --inverse undo",
        "RecordMitigation",
        {"text": "half the traffic", "temporary": True, "inverse": "undo", "removes": ""},
    ),
    ("mitigation remove I m1 it is gone", "RecordMitigation", {"removes": "m1", "text": "it is gone"}),
    ("runbook answer R works --comment seen", "Answer", {"run": R, "option": "works", "comment": "seen"}),
    ("runbook pause R --reason wait", "Pause", {"run": R, "reason": "wait"}),
    ("runbook resume R", "Resume", {"run": R}),
    ("runbook skip R held --reason known", "Skip", {"run": R, "branch": "held", "reason": "known"}),
    ("runbook retry R", "Retry", {"run": R}),
    ("runbook abort R --keep-changes --yes", "Abort", {"run": R, "keep_changes": True}),
    ("runbook take-over R --reason mine", "TakeOver", {"run": R, "reason": "mine"}),
    ("action-item start ai-1", "StartActionItem", {"item": "ai-1"}),
    ("action-item done ai-1 see the page", "CompleteActionItem", {"item": "ai-1", "note": "see the page"}),
    ("action-item defer ai-1 --due 2026-12-24 --reason busy", "DeferActionItem", {"reason": "busy"}),
    (
        "halt start the rollback loops --allow-undo",
        "Halt",
        {"reason": "the rollback loops", "allow_undo": True},
    ),
    ("halt clear fixed", "ClearHalt", {"reason": "fixed"}),
]


def arguments(line: str) -> list[str]:
    return [{"I": REF, "R": R}.get(word, word) for word in line.split()]


@pytest.mark.parametrize(("line", "method", "fields"), CHANGES, ids=[line for line, *_ in CHANGES])
async def test_a_command_asks_for_exactly_that(
    cli: Cli, server: FakeServer, line: str, method: str, fields: dict[str, object]
) -> None:
    """One request, its fields, a fresh request id, and the server's own words as the answer."""
    result = await cli(*arguments(line))
    assert (result.code, result.out, result.err) == (0, f"{method} is done\n", "")
    request = server.last(method)
    for name, wanted in fields.items():
        found = getattr(request, name)
        assert (list(found) if isinstance(wanted, list) else found) == wanted
    assert str(UUID(request.request_id)) == request.request_id
    assert [name for name, _ in server.requests] == [method]


@pytest.mark.parametrize(("line", "method", "_"), CHANGES, ids=[line for line, *_ in CHANGES])
async def test_its_json_has_the_outcome_and_the_request_id(
    cli: Cli, server: FakeServer, line: str, method: str, _: object
) -> None:
    """One document with message, changed and the id that a repeat needs."""
    head, dashes, tail = line.partition(" -- ")
    result = await cli(*arguments(f"{head} --json{dashes}{tail}"))
    found = result.json
    assert (found["message"], found["changed"]) == (f"{method} is done", True)
    assert found["request_id"] == server.last(method).request_id


async def test_being_so_already_is_success(cli: Cli, server: FakeServer) -> None:
    """Asking twice is harmless: exit code 0, and changed says that nothing did."""
    outcome = common_pb2.Outcome(message="alice acknowledged before", changed=False)
    server.answers["Acknowledge"] = pb.AcknowledgeResponse(outcome=outcome)
    result = await cli("incident", "ack", REF, "--json")
    assert (result.code, result.json["changed"]) == (0, False)


async def test_text_can_come_from_standard_input(cli: Cli, server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A single - reads it, lines and all."""
    import io

    monkeypatch.setattr("sys.stdin", io.StringIO("line one\nline two\n"))
    await cli("incident", "note", REF, "-")
    assert server.last("AddNote").text == "line one\nline two"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("incident note I", "there is no text"),
        ("incident role I scribe bob --release", "takes no person"),
        ("incident resolve I --confirm metrics,magic", "there is no confirmation 'magic'"),
        ("incident resolve I", "this is no terminal"),
        ("incident close I --item nothing", "needs a text, an owner and a due date"),
        ("incident close I --item a;owner=bob;due=soon", "neither a duration nor a date"),
        ("incident close I --item a;owner=bob;due=1d;kind=magic", "kind is one of"),
        ("incident close I --item a;owner=bob;size=1d", "is no part of an action item"),
        ("incident merge I", "--into"),
        ("mitigation record I", "there is no text"),
        ("oncall override primary bob", "either --to or --for"),
        ("oncall override primary bob --to 2h --for 2h", "either --to or --for"),
        ("halt start", "say why"),
        ("action-item defer ai-1 --due 14d", "--reason"),
        ("runbook run restart", "either --incident, or --service"),
        ("runbook run restart --service api -i replicas", "is not NAME=VALUE"),
        ("incident ack I --round two", "--round"),
        ("incident ack", "INCIDENT"),
        ("incident ack I --bogus", "--bogus"),
        ("incident ack I extra", "extra"),
    ],
)
async def test_wrong_usage_is_refused_here_and_asks_nothing(cli: Cli, server: FakeServer, line: str, said: str) -> None:
    """Exit code 2, two lines, and not a single request."""
    result = await cli(*arguments(line))
    assert result.code == 2
    assert said in result.err
    assert len(result.err.splitlines()) == 2
    assert not server.requests


async def test_action_items_of_a_close_are_read(cli: Cli, server: FakeServer) -> None:
    """A bare date is due at the end of that day; kind and priority have defaults."""
    result = await cli(
        "incident", "close", REF,
        "--item", "add an alert; owner=alice; due=2026-12-24; kind=detect; priority=p0; mitigation=m1",
        "--item", "write the guide;owner=bob;due=14d",
    )  # fmt: skip
    assert result.code == 0
    first, second = server.last("Close").items
    assert (first.text, first.owner, first.mitigation) == ("add an alert", "alice", "m1")
    assert first.kind == incident_pb2.ITEM_KIND_DETECT
    assert first.priority == incident_pb2.ITEM_PRIORITY_P0
    assert first.due.ToDatetime(tzinfo=UTC) == datetime(2026, 12, 24, 23, 59, tzinfo=UTC)
    assert (second.kind, second.priority) == (incident_pb2.ITEM_KIND_PREVENT, incident_pb2.ITEM_PRIORITY_P1)
    left = second.due.ToDatetime(tzinfo=UTC) - datetime.now(UTC)
    assert 13 <= left.days <= 14


async def test_an_override_has_a_start_and_an_end(cli: Cli, server: FakeServer) -> None:
    """--for counts from the start."""
    server.answers["AddOverride"] = on_call_service_pb2.AddOverrideResponse(message="bob stands in")
    result = await cli(
        "oncall",
        "override",
        "primary",
        "bob",
        "--from",
        "2026-12-24T08:00Z",
        "--for",
        "2h",
        "--note",
        "dentist",
    )
    request = server.last("AddOverride")
    assert request.start.ToDatetime(tzinfo=UTC) == datetime(2026, 12, 24, 8, tzinfo=UTC)
    assert request.end.ToDatetime(tzinfo=UTC) == datetime(2026, 12, 24, 10, tzinfo=UTC)
    assert (request.schedule, request.person, request.note) == ("primary", "bob", "dentist")
    assert UUID(request.request_id)
    assert result.out == "bob stands in\n"


async def test_controls_find_the_one_run_of_an_incident(cli: Cli, server: FakeServer) -> None:
    """Given an incident with one run under way and one that ended, then the first is meant."""
    ended = incident_pb2.RunReference(workflow_id="runbook/old", runbook="restart", ended=True)
    server.answers["GetIncident"] = samples.got(
        runs=[ended, incident_pb2.RunReference(workflow_id=R, runbook="restart")]
    )
    server.answers["GetRun"] = samples.got_run()
    result = await cli("runbook", "pause", REF, "--json")
    assert server.last("Pause").run == R
    assert result.json["run"] == R


async def test_without_a_run_under_way_there_is_nothing_to_control(cli: Cli, server: FakeServer) -> None:
    """Exit code 5, and where to look."""
    server.answers["GetIncident"] = samples.got(runs=[])
    result = await cli("runbook", "pause", REF)
    assert (result.code, server.of("Pause")) == (5, [])
    assert "mainstay incident show" in result.err


async def test_a_run_is_started_with_inputs_of_file_and_line(cli: Cli, server: FakeServer, tmp_path: object) -> None:
    """The command line wins over the file."""
    from pathlib import Path

    file = Path(str(tmp_path)) / "inputs.json"
    file.write_text('{"replicas": 3, "workload": {"namespace": "shop", "name": "api"}}')
    server.answers["RunRunbook"] = runbook_service_pb2.RunRunbookResponse(
        run=R, outcome=common_pb2.Outcome(message="scale is started", changed=True)
    )
    result = await cli(
        "runbook", "run", "scale", "--service", "api", "--inputs", str(file), "-i", "replicas=5", "--json"
    )
    request = server.last("RunRunbook")
    assert request.inputs["replicas"] == "5"
    assert request.inputs["workload"]["name"] == "api"
    assert (request.service, request.incident) == ("api", "")
    assert result.json["run"] == R


@pytest.mark.parametrize(("outcome", "code"), [("mitigated", 0), ("escalated", 7)])
async def test_waiting_for_a_run_ends_with_its_outcome(
    cli: Cli, server: FakeServer, monkeypatch: pytest.MonkeyPatch, outcome: str, code: int
) -> None:
    """Entries as they come on standard error, the run on standard output, 7 if it did not help."""
    monkeypatch.setattr("mainstay.cli.commands.runbook._EVERY_SECONDS", 0.01)
    server.answers["RunRunbook"] = runbook_service_pb2.RunRunbookResponse(run=R)
    first = [samples.entry(1, "probe: recent")]
    server.answers["GetRun"] = [
        samples.got_run(timeline=first),
        samples.got_run(timeline=first),
        samples.got_run(timeline=[*first, samples.entry(2, "ended")], outcome=outcome),
    ]
    result = await cli("runbook", "run", "restart", "--incident", REF, "--wait", "--json")
    assert result.code == code
    assert result.json["outcome"] == outcome
    assert result.err.count("probe: recent") == 1
    assert "ended" in result.err
