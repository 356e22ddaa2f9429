"""Votes: for exactly what was shown."""

from __future__ import annotations

import pytest

from mainstay.domain.errors import Expired, NotAllowed, Stale
from mainstay.gen.mainstay.v1 import incident_pb2
from tests.cli import samples
from tests.cli.conftest import Cli
from tests.cli.fakeserver import FakeServer

REF, R = "INC-2026-0042", samples.RUN
VOTES = [("approve", "Approve"), ("reject", "Reject")]


@pytest.fixture(autouse=True)
def waiting(server: FakeServer) -> None:
    server.answers["GetIncident"] = samples.got()
    server.answers["GetRun"] = samples.got_run()


@pytest.mark.parametrize(("command", "method"), VOTES)
@pytest.mark.parametrize("target", [REF, R])
async def test_a_vote_shows_the_change_and_carries_its_whole_digest(
    cli: Cli, server: FakeServer, command: str, method: str, target: str
) -> None:
    """With --yes nobody is asked, but what is voted on is still shown."""
    result = await cli("incident", command, target, "--yes", "--comment", "looks right")
    request = server.last(method)
    assert (request.run, request.digest, request.comment) == (R, samples.DIGEST, "looks right")
    assert result.out == f"{method} is done\n"
    for part in (
        "Roll payment-service back to revision 3  medium risk",
        "! 2 pods are not ready",
        "Deployment payments/payment-service in cluster default",
        "kubectl -n payments rollout undo deployment/payment-service --to-revision=3",
        "sha256:abababababab…",
        "-    image: shop/pay:2",
        "+    image: shop/pay:1",
        "(in 20m)",
    ):
        assert part in result.err


async def test_a_vote_by_digest_looks_at_nothing(cli: Cli, server: FakeServer) -> None:
    """A script votes on what it has seen, not on what is there now."""
    other = "sha256:" + "cd" * 32
    result = await cli("incident", "approve", R, "--digest", other, "--break-glass", "--json")
    assert [name for name, _ in server.requests] == ["Approve"]
    assert (server.last("Approve").digest, server.last("Approve").break_glass) == (other, True)
    assert result.json["digest"] == other


@pytest.mark.parametrize("digest", ["sha256:abababababab", "ab" * 32, "sha256:" + "AB" * 32])
async def test_a_shortened_digest_is_refused(cli: Cli, server: FakeServer, digest: str) -> None:
    """Part of a digest binds to nothing."""
    result = await cli("incident", "approve", R, "--digest", digest)
    assert (result.code, server.requests) == (2, [])
    assert "whole digest" in result.err


async def test_without_a_terminal_a_vote_needs_yes_or_a_digest(cli: Cli, server: FakeServer) -> None:
    """Nobody approves blindly because a pipe answered nothing."""
    result = await cli("incident", "approve", REF)
    assert (result.code, server.requests) == (2, [])
    assert "--digest" in result.err


async def test_nothing_to_approve_is_wrong_state(cli: Cli, server: FakeServer) -> None:
    """Exit code 5, for an incident as for a run."""
    quiet = samples.run(status="running")
    quiet.ClearField("approval")
    server.answers["GetRun"] = samples.got_run()
    server.answers["GetRun"].run.CopyFrom(quiet)
    for target in (REF, R):
        result = await cli("incident", "approve", target, "--yes")
        assert (result.code, server.of("Approve")) == (5, [])


async def test_of_several_waiting_runs_one_must_be_named(cli: Cli, server: FakeServer) -> None:
    """The vote is for one change; both runs are named."""
    runs = [incident_pb2.RunReference(workflow_id=each, runbook="x") for each in (R, "runbook/k/b/2")]
    server.answers["GetIncident"] = samples.got(runs=runs)
    server.answers["GetRun"] = lambda request: samples.got_run(workflow_id=request.run)
    result = await cli("incident", "approve", REF, "--yes")
    assert (result.code, server.of("Approve")) == (2, [])
    assert R in result.err
    assert "runbook/k/b/2" in result.err


async def test_a_change_that_is_not_the_one_asked_about_is_never_voted_on(cli: Cli, server: FakeServer) -> None:
    """Given a view in which change and question differ (planned anew), then nothing is sent."""
    server.answers["GetRun"] = samples.got_run(change=samples.change(digest="sha256:" + "00" * 32))
    result = await cli("incident", "approve", REF, "--yes")
    assert (result.code, server.of("Approve")) == (5, [])


@pytest.mark.parametrize(
    ("refusal", "code", "kind"),
    [
        (Stale("the plan has changed since"), 5, "Stale"),
        (Expired("the question expired at 03:00"), 5, "Expired"),
        (NotAllowed("bob may not approve medium risk", field="actor"), 4, "NotAllowed"),
    ],
)
async def test_refused_votes_keep_their_names(
    cli: Cli, server: FakeServer, refusal: Exception, code: int, kind: str
) -> None:
    """The server's word, its name in the JSON, and the request id."""
    server.answers["Approve"] = refusal
    result = await cli("incident", "approve", REF, "--yes", "--json")
    assert result.code == code
    assert not result.out
    assert (result.error["kind"], result.error["message"], result.error["exit_code"]) == (
        kind,
        str(refusal),
        code,
    )
    assert result.error["request_id"] == server.last("Approve").request_id


async def test_a_vote_is_withdrawn(cli: Cli, server: FakeServer) -> None:
    """Of the change that waits, without a question."""
    result = await cli("incident", "withdraw", REF)
    assert result.code == 0
    assert (server.last("Withdraw").run, server.last("Withdraw").digest) == (R, samples.DIGEST)
