"""Reading incidents, and declaring one."""

from __future__ import annotations

import pytest

from mainstay.domain.errors import NotFound
from mainstay.gen.mainstay.v1 import incident_pb2
from mainstay.gen.mainstay.v1 import incident_service_pb2 as pb
from tests.cli import samples
from tests.cli.conftest import Cli
from tests.cli.fakeserver import FakeServer


async def test_declare_sends_what_was_said_and_nothing_else(cli: Cli, server: FakeServer) -> None:
    """What is not said about the impact stays unset: unknown is not none."""
    server.answers["DeclareIncident"] = pb.DeclareIncidentResponse(
        incident=incident_pb2.IncidentAddress(workflow_id="incident/api/x", key="key-1")
    )
    result = await cli("incident", "declare", "Checkout", "fails", "-s", "api", "--error-rate", "0.3", "--no-data-loss")
    request = server.last("DeclareIncident")
    assert (request.title, request.service, request.severity) == ("Checkout fails", "api", "")
    assert request.impact.error_rate == 0.3
    assert request.impact.HasField("data_loss")
    assert not request.impact.data_loss
    assert not request.impact.HasField("all_users")
    assert (result.code, result.out) == (0, "key-1 is declared\n")


async def test_declare_as_json_has_all_names_and_the_request_id(cli: Cli, server: FakeServer) -> None:
    """The request id is the caller's handle on a retry."""
    wanted = "0e37df36-f698-11e6-8dd4-cb9ced3df976"
    server.answers["DeclareIncident"] = pb.DeclareIncidentResponse(
        incident=incident_pb2.IncidentAddress(workflow_id="w", key="k", number="INC-1"), existed=True
    )
    result = await cli("incident", "declare", "x", "--service", "api", "--json", "--request-id", wanted.upper())
    assert server.last("DeclareIncident").request_id == wanted
    assert result.json == {
        "incident": {"workflow_id": "w", "key": "k", "number": "INC-1"},
        "existed": True,
        "request_id": wanted,
    }


async def test_declare_without_a_title_is_wrong_usage(cli: Cli, server: FakeServer) -> None:
    """An incident without a title helps nobody."""
    result = await cli("incident", "declare", "--service", "api")
    assert result.code == 2
    assert "needs a title" in result.err
    assert not server.requests


async def test_list_shows_the_open_ones_as_tab_separated_lines(cli: Cli, server: FakeServer) -> None:
    """Elsewhere than on a terminal: no heading, full instants."""
    server.answers["ListIncidents"] = pb.ListIncidentsResponse(
        incidents=[samples.summary(2, title="Two"), samples.summary(1, exercise=True)]
    )
    result = await cli("incident", "list")
    assert server.last("ListIncidents").open_only
    first, second = result.out.splitlines()
    assert first.split("\t") == [
        "INC-2026-0002",
        "SEV2",
        "monitoring",
        "api",
        "2026-03-02T03:00:00Z",
        "",
        "Two",
    ]
    assert second.endswith("(exercise) Incident 1")


async def test_list_passes_filters_on_and_follows_pages(cli: Cli, server: FakeServer) -> None:
    """Given more incidents than a page holds, when a limit spans pages, then all up to it come, once."""
    server.answers["ListIncidents"] = [
        pb.ListIncidentsResponse(incidents=[samples.summary(n) for n in (4, 3)], next_page_token="next"),
        pb.ListIncidentsResponse(incidents=[samples.summary(2)], degraded=True, next_page_token="more"),
    ]
    result = await cli(
        "incident", "list", "--json", "--limit", "3", "--phase", "resolved", "--phase", "closed",
        "--service", "api", "--team", "shop", "--severity", "SEV2",
    )  # fmt: skip
    first, second = server.of("ListIncidents")
    assert list(first.phases) == [incident_pb2.PHASE_RESOLVED, incident_pb2.PHASE_CLOSED]
    assert (first.service, first.team, first.severity, first.open_only) == ("api", "shop", "SEV2", False)
    assert (first.page_size, second.page_size, second.page_token) == (3, 1, "next")
    assert [each["number"] for each in result.json["incidents"]] == [
        "INC-2026-0004",
        "INC-2026-0003",
        "INC-2026-0002",
    ]
    assert (result.json["degraded"], result.json["more"]) == (True, True)


async def test_list_all_asks_for_ended_ones_too(cli: Cli, server: FakeServer) -> None:
    """--all is every phase."""
    await cli("incident", "list", "--all")
    assert not server.last("ListIncidents").open_only


async def test_a_phase_that_does_not_exist_is_wrong_usage(cli: Cli, server: FakeServer) -> None:
    """The known ones are named."""
    result = await cli("incident", "list", "--phase", "burning")
    assert result.code == 2
    assert "monitoring" in result.err


async def test_show_tells_what_is_needed_now(cli: Cli, server: FakeServer) -> None:
    """Approval, roles, what it waits for, runs, mitigations and the latest entries are there."""
    server.answers["GetIncident"] = samples.got()
    result = await cli("incident", "show", "INC-2026-0042")
    assert server.last("GetIncident").incident == "INC-2026-0042"
    for part in (
        "INC-2026-0042  SEV1  mitigating  Checkout fails",
        "mainstay incident approve INC-2026-0042",
        "approval of the rollback",
        "(5m ago)",
        "alice: acknowledged, bob: paged",
        "2 firing of 3 alerts seen: HighErrors, SlowRequests",
        "Traffic is at half (temporary; bob",
        samples.RUN,
        "declared SEV1 for api",
    ):
        assert part in result.out


async def test_show_as_json_has_every_field(cli: Cli, server: FakeServer) -> None:
    """Names of enumerations are short, instants RFC 3339, what is not set is null."""
    server.answers["GetIncident"] = samples.got()
    found = (await cli("incident", "show", "key-1", "--json")).json
    assert (found["phase"], found["rank"], found["revision"]) == ("mitigating", 0, 2)
    assert found["declared_at"].endswith("Z")
    assert found["resolved_at"] is None
    assert found["roles"] == {"commander": "alice"}
    assert found["timeline"][0]["details"] is None
    assert set(found) == {each.name for each in incident_pb2.Incident.DESCRIPTOR.fields}


async def test_an_unknown_incident_ends_with_3_and_says_where_to_look(cli: Cli, server: FakeServer) -> None:
    """One line what, one line what to do."""
    server.answers["GetIncident"] = NotFound("there is no incident 'INC-2026-0099'", field="incident")
    result = await cli("incident", "show", "INC-2026-0099")
    assert result.code == 3
    assert result.err == (
        "error: there is no incident 'INC-2026-0099'\n  try: `mainstay incident list` shows what there is\n"
    )
    assert not result.out


@pytest.mark.parametrize("json", [False, True])
async def test_timeline_has_everything_oldest_first(cli: Cli, server: FakeServer, json: bool) -> None:
    """Lines for people and tools, documents for programs; a degraded answer says so."""
    server.answers["GetTimeline"] = pb.GetTimelineResponse(
        entries=[samples.entry(1, "declared"), samples.entry(2, "note: hello")], degraded=True
    )
    result = await cli("incident", "timeline", "INC-1", *(["--json"] if json else []))
    if json:
        assert [each["summary"] for each in result.json["entries"]] == ["declared", "note: hello"]
        assert result.json["degraded"] is True
    else:
        assert result.out.splitlines()[1].split("\t") == ["2026-03-02T03:00:02Z", "alice", "note: hello"]
        assert "record store" in result.err
