"""The command against the real server: gRPC door, desk, Temporal, workflows and record store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
import pytest_asyncio

from devstack.processes import eventually
from mainstay.api.server import ApiServer
from mainstay.desk.auth import Authenticator
from mainstay.desk.desk import Desk
from mainstay.domain.approval import ApprovalPolicy, ApprovalRule
from mainstay.domain.service import Service, Workload
from tests.cli.conftest import Cli, Result
from tests.desk.fixtures import lab
from tests.desk.lab import RUNBOOK, TOKENS, Lab, make_config

__all__ = ["lab"]

ROLLBACK = """
name: roll-back
title: Roll the service back
start: undo
nodes:
  undo:
    act: rollout_undo
    with: {target: {namespace: shop, name: api}}
    verify: {looks: [{probe: rollout_status, with: {target: {namespace: shop, name: api}}}], within: 5m}
    undo: never
    on: {done: fixed, not_helped: gone, failed: gone, denied: gone}
  fixed: {end: mitigated}
  gone: {end: failed}
"""


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def door(lab: Lab) -> AsyncIterator[str]:
    """The address of a server of its own, with services that no other test declares for."""
    workload = Workload(namespace="shop", name="api")
    config = make_config(
        services={
            "api": Service(name="api", team="shop", workload=workload),
            "cli-cart": Service(name="cli-cart", team="shop", workload=workload),
            "cli-search": Service(name="cli-search", team="shop", workload=workload, runbooks={"Slow": "roll-back"}),
        },
        runbooks={"ask-first": RUNBOOK, "roll-back": ROLLBACK},
        routes=(),
        approvals=ApprovalPolicy(medium=ApprovalRule(votes=1, by=("on_call", "access:responder"))),
    )
    desk = Desk(lab.client, config, lab.store, lab.signer, heartbeat=timedelta(seconds=0.5))
    server = ApiServer(desk, Authenticator(config, "grpc"), "127.0.0.1:0")
    port = await server.start()
    yield f"127.0.0.1:{port}"
    await server.stop(timedelta(0))
    await desk.close()


@pytest.fixture
def real(cli: Cli, door: str, monkeypatch: pytest.MonkeyPatch) -> Cli:
    monkeypatch.setenv("MAINSTAY_ADDRESS", door)
    monkeypatch.setenv("MAINSTAY_TOKEN", TOKENS["alice"])
    return cli


async def declared(real: Cli, title: str, service: str, severity: str) -> str:
    """The number of a new incident."""
    result = await real("incident", "declare", title, "-s", service, "--severity", severity, "--json")
    key = result.json["incident"]["key"]
    found: list[str] = []

    async def numbered() -> bool:
        found.append((await real("incident", "show", key, "--json")).json["number"])
        return bool(found[-1])

    await eventually(numbered, 20, "it has its number")
    return found[-1]


async def until(real: Cli, *command: str, has: str) -> Result:
    seen: list[Result] = []

    async def ok() -> bool:
        seen.append(await real(*command))
        return has in seen[-1].out

    await eventually(ok, 20, f"{command} shows {has}")
    return seen[-1]


async def test_an_incident_from_declaration_to_close(real: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """Declare, acknowledge, note, mitigate, resolve, close with an action item; the time line tells it."""
    number = await declared(real, "Cart fails", "cli-cart", "SEV2")
    for command in (
        ["incident", "ack", number],
        ["incident", "role", number, "scribe"],
        ["incident", "note", number, "the cache is full"],
        ["incident", "decide", number, "clean it", "--because", "fast"],
        ["incident", "update", number, "We are on it", "--public"],
        ["incident", "severity", number, "SEV3", "--reason", "smaller"],
        ["incident", "page", number, "bob"],
        ["mitigation", "record", number, "half the traffic", "--temporary", "--inverse", "all of it"],
        ["incident", "resolve", number, "--confirm", "metrics,customers", "--anyway", "a quiet night"],
    ):
        result = await real(*command)
        assert (result.code, result.err) == (0, ""), (command, result)
        assert result.out.strip()
    shown = (await real("incident", "show", number, "--json")).json
    assert (shown["severity"], shown["acknowledged_by"], shown["commander"]) == ("SEV3", "alice", "alice")
    refused = await real("incident", "close", number)
    assert refused.code == 5
    item = f"a bigger cache;owner=bob;due=14d;mitigation={shown['mitigations'][0]['id']}"
    monkeypatch.setenv("MAINSTAY_TOKEN", TOKENS["carol"])
    assert (await real("incident", "close", number, "--item", item)).code == 0
    await until(real, "incident", "timeline", number, has="closed")
    again = await real("incident", "ack", number)
    assert again.code in (3, 5)
    listed = await real("incident", "list", "--phase", "closed", "--service", "cli-cart")
    assert number in listed.out


async def test_a_run_is_approved_and_followed(real: Cli) -> None:
    """Run, look, approve by incident, wait for the end: exit code 0 for a run that helped."""
    number = await declared(real, "Search is slow", "cli-search", "SEV2")
    started = await real("runbook", "run", "roll-back", "--incident", number, "--json")
    assert started.code == 0, started
    await until(real, "incident", "show", number, has="A change waits for approval")
    run = (await real("incident", "show", number, "--json")).json["runs"][0]["workflow_id"]
    voted = await real("incident", "approve", number, "--yes", "--json")
    assert voted.code == 0, voted
    assert (voted.json["run"], voted.json["changed"]) == (run, True)
    assert voted.json["digest"].startswith("sha256:")
    followed = await real("runbook", "show", run, "--wait", "--json")
    assert (followed.code, followed.json["outcome"]) == (0, "mitigated")
    stale = await real("incident", "approve", run, "--digest", voted.json["digest"])
    assert stale.code in (3, 5)


async def test_a_question_is_answered(real: Cli) -> None:
    """A run of its own asks; the answer decides its way."""
    started = await real("runbook", "run", "ask-first", "--service", "cli-cart", "--json")
    run = started.json["run"]
    await until(real, "runbook", "show", run, has="Does it help to wait?")
    assert (await real("runbook", "answer", run, "perhaps")).code == 2
    assert (await real("runbook", "answer", run, "yes")).code == 0
    assert (await real("runbook", "show", run, "--wait")).code == 0


async def test_watching_sees_what_others_do(real: Cli) -> None:
    """Given a watch, when somebody notes and resolves, then it ends with the note told."""
    number = await declared(real, "Cart is slow", "cli-cart", "SEV3")
    watching = asyncio.ensure_future(real("incident", "watch", number, "--until", "monitoring"))
    from mainstay.cli.app import run

    for command in (("note", number, "somebody noted"), ("resolve", number, "--confirm", "all")):
        assert await asyncio.to_thread(run, ("incident", *command)) == 0
    result = await asyncio.wait_for(watching, 30)
    assert result.code == 0
    assert "somebody noted" in result.out


async def test_refusals_of_the_real_server(real: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """No such incident, no right, no token: 3, 4 and 4, in the server's words."""
    assert (await real("incident", "ack", "INC-1999-0001")).code == 3
    monkeypatch.setenv("MAINSTAY_TOKEN", TOKENS["vera"])
    assert (await real("incident", "ack", "INC-1999-0001")).code == 4
    monkeypatch.setenv("MAINSTAY_TOKEN", "nobody's")
    result = await real("status", "--json")
    assert (result.code, result.error["kind"]) == (4, "Unauthenticated")


async def test_the_rest_of_the_real_server(real: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """On call, schedule, override, action items, runbooks, plan, halt and status answer."""
    assert "alice" in (await real("oncall", "who", "primary", "--at", "2026-01-06")).out
    assert len((await real("oncall", "schedule", "primary", "--json")).json["shifts"]) >= 2
    assert (await real("oncall", "override", "primary", "bob", "--for", "1h")).code == 0
    assert (await real("oncall", "who", "primary", "--json")).json["on_call"][0]["person"] == "bob"
    assert (await real("action-item", "list")).code == 0
    assert "ask-first" in (await real("runbook", "list")).out
    assert "1. undo  act" in (await real("runbook", "plan", "roll-back", "--service", "cli-cart")).out
    assert (await real("status")).code == 0
    assert (await real("halt", "status", "--json")).json["halted"] is False
    assert (await real("halt", "start", "a drill")).code == 0
    await until(real, "halt", "status", has="a drill")
    assert (await real("halt", "clear", "done")).code == 4
    monkeypatch.setenv("MAINSTAY_TOKEN", TOKENS["carol"])
    assert (await real("halt", "clear", "done")).code == 0
    await until(real, "halt", "status", has="not halted")


@pytest.mark.capability("S-414")
async def test_one_place_lists_all_incidents(real: Cli, lab: Lab) -> None:
    """Given five incidents, then list and filters by severity, state and service return the right ones, with
    the command line and with Temporal's search attributes."""
    wanted = [("A", "cli-cart", "SEV1"), ("B", "cli-cart", "SEV2"), ("C", "cli-search", "SEV2")]
    wanted += [("D", "cli-search", "SEV3"), ("E", "cli-search", "SEV1")]
    number = {title: await declared(real, f"Tracked {title}", *rest) for title, *rest in wanted}
    assert (await real("incident", "resolve", number["E"], "--confirm", "all")).code == 0
    assert len(set(number.values())) == 5
    cases = [
        ((), "", "ABCDE"),
        (("--severity", "SEV2"), 'Severity = "SEV2"', "BC"),
        (("--service", "cli-cart"), 'Service = "cli-cart"', "AB"),
        (("--phase", "resolved"), 'Phase = "resolved"', "E"),
        (
            ("--service", "cli-search", "--severity", "SEV1"),
            'Service = "cli-search" AND Severity = "SEV1"',
            "E",
        ),
    ]
    for filters, query, titles in cases:
        right = {number[title] for title in titles}

        async def by_command(filters: tuple[str, ...] = filters, right: set[str] = right) -> bool:
            found = (await real("incident", "list", "--json", "--limit", "500", *filters)).json["incidents"]
            return {each["number"] for each in found} & set(number.values()) == right

        async def by_attributes(query: str = query, right: set[str] = right) -> bool:
            said = " AND ".join(part for part in ('WorkflowType = "incident"', query) if part)
            keyword = "IncidentId"
            found = {
                str(values[0])
                async for each in lab.client.list_workflows(said)
                if (values := each.search_attributes.get(keyword))
            }
            return found & set(number.values()) == right

        await eventually(by_command, 20, f"the command filters by {filters}")
        await eventually(by_attributes, 20, f"Temporal filters by {query}")
