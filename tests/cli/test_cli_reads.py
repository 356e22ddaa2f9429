"""On call, action items, runbooks, runs, halt and status: what is asked, and the shapes of the answers."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from mainstay.gen.mainstay.v1 import (
    action_item_service_pb2,
    common_pb2,
    incident_pb2,
    on_call_service_pb2,
    runbook_service_pb2,
    system_service_pb2,
)
from tests.cli import samples
from tests.cli.conftest import Cli
from tests.cli.fakeserver import FakeServer

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)


async def test_who_is_on_call_now_and_at_a_moment(cli: Cli, server: FakeServer) -> None:
    """Nobody is an empty field for tools; a missing record store is said."""
    answer = on_call_service_pb2.WhoIsOnCallResponse(
        on_call=[
            on_call_service_pb2.OnCall(schedule="primary", person="alice", name="Alice", until=samples.stamp(AT)),
            on_call_service_pb2.OnCall(schedule="secondary"),
        ],
        degraded=True,
    )
    server.answers["WhoIsOnCall"] = answer
    result = await cli("oncall", "who")
    assert not server.last("WhoIsOnCall").HasField("at")
    assert result.out == "primary\talice\tAlice\t2026-03-02T09:00:00Z\t\nsecondary\t\t\t\t\n"
    assert "overrides" in result.err
    found = (await cli("oncall", "who", "primary", "--at", "2026-03-02T09:00Z", "--json")).json
    assert server.last("WhoIsOnCall").at.ToDatetime(tzinfo=UTC) == AT
    assert found["on_call"][1] == {
        "schedule": "secondary",
        "person": "",
        "name": "",
        "until": None,
        "layer": "",
    }


async def test_a_schedule_is_two_weeks_unless_said(cli: Cli, server: FakeServer) -> None:
    """The span is passed on; a gap is an empty person."""
    server.answers["ListShifts"] = on_call_service_pb2.ListShiftsResponse(
        shifts=[on_call_service_pb2.Shift(person="alice", start=samples.stamp(AT), end=samples.stamp(AT, days=1))]
    )
    result = await cli("oncall", "schedule", "primary", "--from", "2026-03-02")
    request = server.last("ListShifts")
    assert (request.end.ToDatetime() - request.start.ToDatetime()).days == 14
    assert result.out == "2026-03-02T09:00:00Z\t2026-03-03T09:00:00Z\talice\t\n"
    await cli("oncall", "schedule", "primary", "--from", "-2h", "--to", "2h")
    request = server.last("ListShifts")
    assert round((request.end.ToDatetime() - request.start.ToDatetime()).total_seconds()) == 4 * 3600


async def test_action_items_are_listed(cli: Cli, server: FakeServer) -> None:
    """Open ones only, unless all are wanted; filters are passed on."""
    pb = action_item_service_pb2
    server.answers["ListActionItems"] = pb.ListActionItemsResponse(
        items=[
            pb.ActionItem(
                id="ai-1",
                incident_number="INC-1",
                text="add an alert",
                owner="bob",
                due=samples.stamp(AT),
                kind=incident_pb2.ITEM_KIND_DETECT,
                priority=incident_pb2.ITEM_PRIORITY_P1,
                status=pb.ITEM_STATUS_IN_PROGRESS,
            )
        ]
    )
    result = await cli("action-item", "list", "--owner", "bob", "--incident", "INC-1")
    request = server.last("ListActionItems")
    assert (request.owner, request.incident, request.open_only) == ("bob", "INC-1", True)
    assert result.out == "ai-1\tP1\tin_progress\tbob\t2026-03-02T09:00:00Z\tINC-1\tadd an alert\n"
    (found,) = (await cli("action-item", "list", "--all", "--json")).json["items"]
    assert not server.last("ListActionItems").open_only
    assert (found["kind"], found["priority"], found["status"]) == ("detect", "P1", "in_progress")


async def test_runbooks_are_listed_with_their_inputs(cli: Cli, server: FakeServer) -> None:
    """Inputs that need not be given stand in brackets."""
    pb = runbook_service_pb2
    server.answers["ListRunbooks"] = pb.ListRunbooksResponse(
        runbooks=[
            pb.RunbookSummary(
                name="scale",
                title="Scale",
                inputs=[pb.RunbookInput(name="workload", required=True), pb.RunbookInput(name="by")],
            )
        ]
    )
    assert (await cli("runbook", "list")).out == "scale\tScale\tworkload, [by]\n"
    (found,) = (await cli("runbook", "list", "--json")).json["runbooks"]
    assert found["inputs"][0] == {
        "name": "workload",
        "type": "",
        "description": "",
        "required": True,
        "default_json": "",
    }


async def test_a_plan_shows_changes_approvals_and_problems(cli: Cli, server: FakeServer) -> None:
    """The whole difference of each change, as the cluster sees it now."""
    pb = runbook_service_pb2
    server.answers["PlanRunbook"] = pb.PlanRunbookResponse(
        steps=[
            pb.PlanStep(node="recent", kind="probe", text="look: recent_rollout", branches=["held → undo"]),
            pb.PlanStep(
                node="undo",
                kind="act",
                text="rollout_undo",
                risk=common_pb2.RISK_MEDIUM,
                approval="one person of on_call",
                change=samples.change(),
            ),
            pb.PlanStep(node="scale", kind="act", problem="the cluster does not answer"),
        ]
    )
    result = await cli("runbook", "plan", "rollback", "--service", "api", "-i", "to=previous")
    request = server.last("PlanRunbook")
    assert (request.runbook, request.service, request.inputs["to"]) == ("rollback", "api", "previous")
    for part in ("1. recent  probe", "held → undo", "2. undo  act  medium risk", "one person of on_call"):
        assert part in result.out
    assert "\n-    image: shop/pay:2\n+    image: shop/pay:1" in result.out
    assert "! the cluster does not answer" in result.out
    found = (await cli("runbook", "plan", "rollback", "--json")).json["steps"]
    assert found[1]["change"]["parameters"] == {"to": "revision", "revision": 3}
    assert found[0]["change"] is None


async def test_a_run_is_shown(cli: Cli, server: FakeServer) -> None:
    """Status, path, approval and change; as JSON with the whole digest."""
    server.answers["GetRun"] = samples.got_run(ask="Does it work?", ask_options=["works", "fails"])
    result = await cli("runbook", "show", samples.RUN)
    for part in (
        "waiting for approval",
        "recent:held",
        "1 approval of on_call, commander; 0 given",
        "Does it work?",
    ):
        assert part in result.out
    found = (await cli("runbook", "show", samples.RUN, "--json")).json
    assert found["approval"]["digest"] == samples.DIGEST
    assert found["approval"]["risk"] == "medium"


async def test_halt_status(cli: Cli, server: FakeServer) -> None:
    """Who, since when and why; or that nothing is halted."""
    pb = system_service_pb2
    server.answers["GetStatus"] = pb.GetStatusResponse(
        halted=True, halted_by="alice", halt_reason="loops", halted_at=samples.stamp(AT)
    )
    result = await cli("halt", "status")
    assert "halted by alice since 2026-03-02 09:00:00 UTC" in result.out
    assert "loops" in result.out
    found = (await cli("halt", "status", "--json")).json
    assert found == {
        "halted": True,
        "halted_by": "alice",
        "halt_reason": "loops",
        "halted_at": "2026-03-02T09:00:00Z",
    }
    server.answers["GetStatus"] = pb.GetStatusResponse()
    assert (await cli("halt", "status")).out.startswith("not halted")


@pytest.mark.parametrize(("answers", "code"), [(True, 0), (False, 6)])
async def test_status_fails_when_a_part_is_away(cli: Cli, server: FakeServer, answers: bool, code: int) -> None:
    """Every part with its state; 6 if one does not answer."""
    pb = system_service_pb2
    server.answers["GetStatus"] = pb.GetStatusResponse(
        version="1.2.3",
        config_digest="sha256:1",
        parts=[pb.PartStatus(name="temporal", answers=answers, detail="default")],
    )
    result = await cli("status")
    assert result.code == code
    assert f"temporal\t{'answers' if answers else 'is away'}\tdefault" in result.out
    found = await cli("status", "--json")
    assert (found.code, found.json["ok"], found.json["version"]) == (code, answers, "1.2.3")


async def test_version_of_both_sides(cli: Cli, server: FakeServer) -> None:
    """Without --server nothing is asked."""
    alone = await cli("version", "--json")
    assert (await cli("--version")).out.strip() == alone.json["version"]
    assert list(alone.json) == ["version"]
    assert not server.requests
    server.answers["GetStatus"] = system_service_pb2.GetStatusResponse(version="9.9")
    assert (await cli("version", "--server", "--json")).json["server_version"] == "9.9"


async def test_the_ledger_is_listed(cli: Cli, server: FakeServer) -> None:
    """What stands, since when, by whom, and how to take it back."""
    server.answers["GetIncident"] = samples.got()
    (line,) = (await cli("mitigation", "list", "INC-1")).out.splitlines()
    assert line.startswith("m1\ttemporary\t")
    (found,) = (await cli("mitigation", "list", "INC-1", "--json")).json["mitigations"]
    assert (found["id"], found["temporary"], found["removed"]) == ("m1", True, "")
