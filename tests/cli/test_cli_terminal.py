"""A person at a terminal: a pseudo-terminal with the command as a process of its own."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Any

import pytest

from mainstay.domain.incident import CONFIRMATIONS
from mainstay.gen.mainstay.v1 import incident_service_pb2 as pb
from tests.cli import samples
from tests.cli.conftest import Terminal
from tests.cli.fakeserver import FakeServer

REF = "INC-2026-0042"
Start = Callable[..., Terminal]
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def bare(text: str) -> str:
    return _COLOUR.sub("", text)


async def shown(terminal: Terminal) -> int:
    """Until the command ends, while the server of this process goes on."""
    return await asyncio.to_thread(terminal.end)


async def test_lists_are_tables_with_headings_and_colour(server: FakeServer, terminal: Start) -> None:
    """Relative times, colour, and no hostile escape among our own."""
    server.answers["ListIncidents"] = pb.ListIncidentsResponse(
        incidents=[samples.summary(1, title=samples.HOSTILE, declared_at=samples.stamp(minutes=-5, seconds=-30))]
    )
    there = terminal("incident", "list")
    assert await shown(there) == 0
    heading, row = bare(there.seen).splitlines()
    assert heading.split() == ["INCIDENT", "SEVERITY", "PHASE", "SERVICE", "DECLARED", "COMMANDER", "TITLE"]
    assert "5m ago" in row
    assert samples.SHOWN in row
    assert _COLOUR.search(there.seen)
    assert not set(bare(there.seen)) & {"\x1b", "\x07", "\u202e"}


@pytest.mark.parametrize(("arguments", "environment"), [(["--no-color"], {}), ([], {"NO_COLOR": "1"})])
async def test_colour_can_be_switched_off(
    server: FakeServer, terminal: Start, arguments: list[str], environment: dict[str, str]
) -> None:
    """By option or by the usual variable."""
    server.answers["ListIncidents"] = pb.ListIncidentsResponse(incidents=[samples.summary(1)])
    there = terminal("incident", "list", *arguments, **environment)
    await shown(there)
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]", there.seen)
    assert "INC-2026-0001" in there.seen


async def test_an_empty_list_says_so(server: FakeServer, terminal: Start) -> None:
    """Silence would leave it open whether anything was asked."""
    there = terminal("incident", "list")
    assert await shown(there) == 0
    assert there.seen.strip() == "no open incidents"


@pytest.mark.parametrize(("answer", "votes", "code"), [("y", 1, 0), ("yes", 1, 0), ("n", 0, 1), ("", 0, 1)])
async def test_approval_is_asked_after_the_change_was_shown(
    server: FakeServer, terminal: Start, answer: str, votes: int, code: int
) -> None:
    """Only a clear yes is a vote, and it carries the whole digest."""
    server.answers["GetIncident"] = samples.got()
    server.answers["GetRun"] = samples.got_run(change=samples.change(title=samples.HOSTILE))
    there = terminal("incident", "approve", REF)
    seen = bare(await asyncio.to_thread(there.read_until, "Approve this change? [y/N]"))
    assert samples.SHOWN in seen
    assert "-    image: shop/pay:2" in seen
    assert "\x1b[32m+    image: shop/pay:1" in there.seen
    assert not server.of("Approve")
    there.type(f"{answer}\n")
    assert await shown(there) == code
    assert [request.digest for request in server.of("Approve")] == [samples.DIGEST] * votes
    assert ("Approve is done" if votes else "no vote was given") in there.seen


async def test_an_unclear_answer_is_asked_again(server: FakeServer, terminal: Start) -> None:
    """Neither yes nor no is neither."""
    server.answers["GetRun"] = samples.got_run()
    there = terminal("incident", "reject", samples.RUN)
    await asyncio.to_thread(there.read_until, "Reject this change? [y/N]")
    there.type("maybe\n")
    await asyncio.to_thread(there.read_until, "please answer y or n")
    there.type("y\n")
    assert await shown(there) == 0
    assert len(server.of("Reject")) == 1


async def test_resolving_asks_point_by_point(server: FakeServer, terminal: Start) -> None:
    """Given all points confirmed and nothing that speaks against it, then all of them are sent."""
    server.answers["GetIncident"] = samples.got(runs=[], firing=0, firing_names=[])
    there = terminal("incident", "resolve", REF)
    for text in CONFIRMATIONS.values():
        await asyncio.to_thread(there.read_until, f"{text}? [y/N]")
        there.type("y\n")
    assert await shown(there) == 0
    assert list(server.last("Resolve").confirmations) == list(CONFIRMATIONS)
    assert server.last("Resolve").anyway == ""


@pytest.mark.parametrize("reason", ["the customer agreed", ""])
async def test_a_point_that_is_not_true_needs_a_reason(server: FakeServer, terminal: Start, reason: str) -> None:
    """Without one nothing is resolved: exit code 1. What else speaks against it is told first."""
    server.answers["GetIncident"] = samples.got(runs=[], hold_until=samples.stamp(minutes=3, seconds=30))
    there = terminal("incident", "resolve", REF)
    for point, text in CONFIRMATIONS.items():
        await asyncio.to_thread(there.read_until, f"{text}? [y/N]")
        there.type("n\n" if point == "data" else "y\n")
    seen = await asyncio.to_thread(there.read_until, "not confirmed: data. Why resolve anyway?")
    assert "! 2 alerts still firing: HighErrors, SlowRequests" in seen
    assert "! the monitoring hold lasts until" in seen
    there.type(f"{reason}\n")
    assert await shown(there) == (0 if reason else 1)
    assert [request.anyway for request in server.of("Resolve")] == ([reason] if reason else [])


async def test_a_question_of_a_run_is_asked_here(server: FakeServer, terminal: Start) -> None:
    """With its options; what is none of them is not sent."""
    server.answers["GetRun"] = samples.got_run(ask="Does it work?", ask_options=["works", "fails"])
    there = terminal("runbook", "answer", samples.RUN)
    await asyncio.to_thread(there.read_until, "Does it work? (works, fails)")
    there.type("works\n")
    assert await shown(there) == 0
    assert server.last("Answer").option == "works"


async def test_the_live_board_follows_reconnects_and_ends(server: FakeServer, terminal: Start) -> None:
    """The state, then what changes, over a lost connection; the last board stays."""
    gone = asyncio.Event()
    from mainstay.domain.errors import Unavailable

    connections: list[list[Any]] = [
        [samples.snapshot(title=samples.HOSTILE), gone, Unavailable("stopping")],
        [samples.delta(3, samples.entry(3, "the third entry"), title="Another title"), samples.end()],
    ]
    server.answers["WatchIncident"] = lambda _: iter(connections.pop(0))
    there = terminal("incident", "watch", REF)
    await asyncio.to_thread(there.read_until, "declared SEV1 for api")
    assert samples.SHOWN in bare(there.seen)
    assert "\x1b]0;" not in there.seen
    gone.set()
    await asyncio.to_thread(there.read_until, "connecting again")
    assert await shown(there) == 0
    last = there.seen[there.seen.rindex("Another title") :]
    assert "the third entry" in last
    assert "The incident has ended." in last


async def test_interrupting_a_watch_is_quiet(server: FakeServer, terminal: Start) -> None:
    """Ctrl-C is how a watch ends: exit code 130, no error, the cursor is back."""
    never = asyncio.Event()
    server.answers["WatchIncident"] = lambda _: iter([samples.snapshot(), never])
    there = terminal("incident", "watch", REF)
    await asyncio.to_thread(there.read_until, "declared SEV1 for api")
    there.process.send_signal(2)
    assert await shown(there) == 130
    never.set()
    assert "Traceback" not in there.seen
    assert there.seen.rstrip().endswith("\x1b[?25h") or "\x1b[?25h" in there.seen
