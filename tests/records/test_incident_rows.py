"""Incidents' rows: forward only, found by every reference, listed in pages."""

from __future__ import annotations

from typing import Any

import pytest

from mainstay.domain.errors import InvalidArgument
from mainstay.domain.incident import Phase
from mainstay.domain.work import AppendRequest, HandledBefore
from mainstay.records import Store
from mainstay.records.rows import IncidentQuery
from tests.records.samples import MINUTE, NOW, append, note, row


async def test_rows_go_forward_only(store: Store) -> None:
    """A late retry of an earlier append brings no earlier state back; a run's report overwrites nothing."""
    await store.append(append("k", 1, phase="declared"))
    await store.append(append("k", 2, 3, phase="mitigating", commander="alice"))
    await store.append(append("k", 1, phase="declared"))
    await store.append(append("k", 1, source="runbook/k/x/1", phase="", title=""))
    found = await store.find("k")
    assert found is not None
    assert (found.phase, found.commander, found.title) == ("mitigating", "alice", "Payments fail")


async def test_a_row_alone(store: Store) -> None:
    """A row without entries is written as it is, and can take an instant back (a reopened incident)."""
    await store.append(append("k", 1, resolved_at=NOW, phase="resolved"))
    await store.append(append("k", phase="investigating", resolved_at=None))
    found = await store.find("k")
    assert found is not None
    assert (found.phase, found.resolved_at) == ("investigating", None)


async def test_found_by_every_reference(store: Store) -> None:
    """Number, key and workflow id lead to it; of two incidents of one workflow id to the later one."""
    again = row("k2", workflow_id=row("k1").workflow_id, declared_at=NOW + MINUTE)
    await store.append(append("k1", 1))
    await store.append(AppendRequest(row=again, entries=(note(1),)))
    number = await store.number("k1", NOW)
    found = [await store.find(ref) for ref in (number, "k1", "k2", again.workflow_id, "nothing")]
    assert [one.key if one else None for one in found] == ["k1", "k1", "k2", "k2", None]
    assert (await store.find("k1")) == row("k1", number=number)


async def test_two_incidents_cannot_share_a_number(store: Store) -> None:
    """Misuse is refused as what it is, and the refusal quotes no statement and no other row."""
    await store.append(AppendRequest(row=row("k1", number="INC-2026-0007")))
    with pytest.raises(InvalidArgument, match="refuses these values") as refusal:
        await store.append(AppendRequest(row=row("k2", number="INC-2026-0007")))
    assert "INSERT" not in refusal.value.message


@pytest.mark.parametrize(
    ("query", "keys"),
    [
        pytest.param({}, ["d", "c", "b", "a"], id="all, newest first"),
        pytest.param({"open_only": True}, ["d", "b"], id="open"),
        pytest.param({"phases": (Phase.CLOSED,)}, ["c"], id="phase"),
        pytest.param({"service": "search"}, ["b"], id="service"),
        pytest.param({"team": "payments"}, ["d", "c", "a"], id="team"),
        pytest.param({"severity": "P2"}, ["c"], id="severity"),
        pytest.param({"since": NOW + MINUTE, "until": NOW + 3 * MINUTE}, ["c", "b"], id="between"),
        pytest.param({"text": "50%"}, ["d"], id="text, with the wildcard as text"),
        pytest.param({"text": "PAYMENTS"}, ["c", "a"], id="text in any case"),
        pytest.param({"public_only": True}, ["a"], id="public"),
    ],
)
async def test_filters(store: Store, query: dict[str, Any], keys: list[str]) -> None:
    """Each filter takes away what it should and nothing else."""
    for number, (key, fields) in enumerate(
        {
            "a": {"phase": "cancelled", "public_name": "Payments"},
            "b": {"service": "search", "team": "platform", "title": "Search is slow"},
            "c": {"phase": "closed", "severity": "P2"},
            "d": {"title": "Errors at 50% of requests"},
        }.items()
    ):
        await store.append(append(key, 1, declared_at=NOW + number * MINUTE, **fields))
    found = await store.incidents(IncidentQuery(**query))
    assert [one.key for one in found.rows] == keys


async def test_pages_tile(store: Store) -> None:
    """Pages follow each other without a gap or a double, also where instants are equal or missing."""
    for number in range(7):
        at = None if number == 0 else NOW + (number // 3) * MINUTE
        await store.append(append(f"k{number}", 1, declared_at=at))
    seen: list[str] = []
    after = ""
    for _ in range(4):
        page = await store.incidents(IncidentQuery(limit=2, after=after))
        seen += [one.key for one in page.rows]
        after = page.next
    assert seen == ["k6", "k5", "k4", "k3", "k2", "k1", "k0"]
    assert after == ""


@pytest.mark.parametrize("cursor", ["nonsense", "[]", '["yesterday", "k"]', "{}", "5"])
async def test_a_page_that_nobody_gave_out(store: Store, cursor: str) -> None:
    """A made-up end of a page is refused by the name of its field."""
    with pytest.raises(InvalidArgument) as refusal:
        await store.incidents(IncidentQuery(after=cursor))
    assert refusal.value.field == "after"


@pytest.mark.parametrize(
    ("asked", "phase", "earlier"),
    [
        pytest.param(("f1@2026-03-01T02:00:00+00:00",), "closed", "old", id="the same firing"),
        pytest.param(("x@1", "f2@1"), "merged", "old", id="one of several"),
        pytest.param(("f1@2026-03-08T02:00:00+00:00",), "closed", "", id="fired again a week later"),
        pytest.param(("f2@1",), "monitoring", "", id="the other one is still open"),
        pytest.param(("@", "f3@", "@1"), "closed", "", id="what identifies no single firing"),
        pytest.param(("y" * 5000 + "@1",), "closed", "old", id="very long"),
        pytest.param((), "closed", "", id="none"),
    ],
)
async def test_handled_before(store: Store, asked: tuple[str, ...], phase: str, earlier: str) -> None:
    """An occurrence that an ended incident handled is known; a later firing of the same alert is not."""
    seen = ("f1@2026-03-01T02:00:00+00:00", "f2@1", "@", "f3@", "@1", "y" * 5000 + "@1")
    await store.append(append("old", 1, phase=phase, occurrences=seen))
    await store.append(append("new", 1, occurrences=asked))
    number = await store.number("old", NOW)
    found = await store.handled_before(HandledBefore(workflow_id="w", key="new", occurrences=asked))
    assert (found.key, found.number) == ((earlier, number) if earlier else ("", ""))


async def test_occurrences_come_back(store: Store) -> None:
    """Occurrences gather over the appends of one incident."""
    await store.append(append("k", 1, occurrences=("a@1",)))
    await store.append(append("k", 2, occurrences=("b@1", "a@1")))
    found = await store.find("k")
    assert found is not None
    assert found.occurrences == ("a@1", "b@1")
