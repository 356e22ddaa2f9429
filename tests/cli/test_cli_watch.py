"""Following an incident: lines, documents, reconnections."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from mainstay.domain.errors import KINDS, NotFound, Unavailable
from mainstay.gen.mainstay.v1 import incident_pb2
from mainstay.gen.mainstay.v1 import incident_service_pb2 as pb
from tests.cli import samples
from tests.cli.conftest import Cli
from tests.cli.fakeserver import FakeServer

REF = "INC-2026-0042"


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mainstay.cli.commands.watch._FIRST_WAIT", 0.01)


def connections(*each: list[Any]) -> Callable[[Any], Any]:
    """What each connection brings, one after the other."""
    rest = list(each)
    return lambda request: iter(rest.pop(0))


async def test_entries_come_as_lines_until_the_end(cli: Cli, server: FakeServer) -> None:
    """Each entry once, then why it ended, exit code 0."""
    server.answers["WatchIncident"] = connections(
        [
            samples.snapshot(),
            samples.delta(3, samples.entry(3, samples.HOSTILE)),
            samples.end("closed by alice"),
        ]
    )
    result = await cli("incident", "watch", REF)
    assert result.out.splitlines() == [
        "2026-03-02T03:00:01Z alice: declared SEV1 for api",
        "2026-03-02T03:00:02Z alice: acknowledged",
        f"2026-03-02T03:00:03Z alice: {samples.SHOWN}",
        "closed by alice",
    ]
    assert result.code == 0


async def test_a_lost_connection_is_resumed_by_revision(cli: Cli, server: FakeServer) -> None:
    """Given a server that goes away twice, then watching goes on where it was, and nothing is told twice."""
    server.answers["WatchIncident"] = connections(
        [
            samples.snapshot(),
            samples.delta(3, samples.entry(3, "three")),
            Unavailable("this server is stopping"),
        ],
        [Unavailable("not yet")],
        [samples.delta(4, samples.entry(3, "three"), samples.entry(4, "four")), samples.end()],
    )
    result = await cli("incident", "watch", REF, "-v")
    assert [request.after_revision for request in server.of("WatchIncident")] == [0, 3, 3]
    assert [line.split(": ")[-1] for line in result.out.splitlines()] == [
        "declared SEV1 for api",
        "acknowledged",
        "three",
        "four",
        "closed",
    ]
    assert "from revision 3" in result.err


@pytest.mark.parametrize(
    ("refusal", "code"), [(NotFound("no such incident", field="incident"), 3), (KINDS["NotAllowed"]("no"), 4)]
)
async def test_what_no_reconnection_mends_ends_it(cli: Cli, server: FakeServer, refusal: Exception, code: int) -> None:
    """Once is enough to know."""
    server.answers["WatchIncident"] = lambda _: iter([refusal])
    result = await cli("incident", "watch", REF)
    assert (result.code, len(server.of("WatchIncident"))) == (code, 1)


async def test_no_answer_at_the_beginning_is_told(cli: Cli, server: FakeServer) -> None:
    """Who never saw the incident does not wait for it forever: exit code 6."""
    server.answers["WatchIncident"] = lambda _: iter([Unavailable("Temporal is away")])
    result = await cli("incident", "watch", REF)
    assert result.code == 6
    assert "Temporal is away" in result.err


async def test_json_is_a_document_a_line(cli: Cli, server: FakeServer) -> None:
    """Snapshot, delta, heartbeat and end, each with its name."""
    beat = pb.WatchIncidentResponse(heartbeat=pb.WatchHeartbeat(revision=2))
    server.answers["WatchIncident"] = connections(
        [samples.snapshot(), beat, samples.delta(3, samples.entry(3, "three")), samples.end()]
    )
    result = await cli("incident", "watch", REF, "--json")
    documents = [json.loads(line) for line in result.out.splitlines()]
    assert [each["event"] for each in documents] == ["snapshot", "heartbeat", "delta", "end"]
    assert documents[0]["snapshot"]["phase"] == "mitigating"
    assert documents[2]["delta"]["entries"][0]["summary"] == "three"
    assert documents[3]["end"] == {"reason": "closed", "revision": 9}


async def test_until_ends_with_success_once_it_has_come_so_far(cli: Cli, server: FakeServer) -> None:
    """A script waits for the resolution, and not for the close."""
    server.answers["WatchIncident"] = connections(
        [samples.snapshot(), samples.delta(3, phase=incident_pb2.PHASE_RESOLVED), samples.delta(4)]
    )
    assert (await cli("incident", "watch", REF, "--until", "resolved")).code == 0
