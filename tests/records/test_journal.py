"""The journal: idempotent append, order of arrival does not matter, tampering shows."""

from __future__ import annotations

import asyncio
import itertools
import sqlite3
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text as sql

from mainstay.domain.errors import InvalidArgument
from mainstay.domain.timeline import Noted
from mainstay.domain.work import AppendRequest
from mainstay.records import Store
from tests.records.conftest import PATIENCE
from tests.records.samples import NOW, append, note, row

_keys = (f"key-{n}" for n in itertools.count())


async def test_append_twice_changes_nothing(store: Store) -> None:
    """The same (key, source, seq) again is answered the same and stored once, whatever it says."""
    assert await store.append(append("k", 1, 2, 3)) == 3
    before = await store.verify_chain("k")
    forged = AppendRequest(row=row("k"), entries=(note(2, "something else"),))
    assert await store.append(append("k", 1, 2, 3)) == 3
    assert await store.append(forged) == 3
    assert [entry.text for entry in await store.journal("k") if isinstance(entry, Noted)] == [
        "note 1",
        "note 2",
        "note 3",
    ]
    assert await store.verify_chain("k") == before


@pytest.mark.parametrize(
    ("sent", "answers", "missing"),
    [
        pytest.param([(1, 2), (3, 4)], [2, 4], (), id="in order"),
        pytest.param([(1, 2, 3), (2, 3, 4)], [3, 4], (), id="overlapping"),
        pytest.param([(1,), (4, 5)], [1, 5], ("incident: 2 to 3",), id="what was dropped at the cap"),
        pytest.param([(4, 5), (1, 2, 3)], [5, 5], (), id="filled later"),
        pytest.param([(1, 3)], [1], ("incident: 2 to 2",), id="a hole in one delivery"),
    ],
)
async def test_gaps(store: Store, sent: list[tuple[int, ...]], answers: list[int], missing: tuple[str, ...]) -> None:
    """The answer is how far the sender's own numbers are stored without a hole; holes are reported."""
    assert [await store.append(append("k", *seqs)) for seqs in sent] == answers
    report = await store.verify_chain("k")
    assert (report.intact, report.missing) == (True, missing)


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
async def test_any_order_and_any_repeats(store: Store, data: st.DataObject) -> None:
    """However two sources' deliveries are cut, repeated and mixed, the journal is the same and intact."""
    key = next(_keys)
    deliveries = [
        append(key, *range(first, min(first + size, 10)), source=source)
        for source in ("incident", "runbook/x/1")
        for first, size in data.draw(
            st.permutations([(first, data.draw(st.integers(2, 4), label="size")) for first in (1, 3, 5, 7, 9)]),
            label="order",
        )
    ]
    mixed = data.draw(st.permutations(deliveries), label="mix")
    for delivery in (*mixed, *mixed[: data.draw(st.integers(0, 4), label="repeats")]):
        await store.append(delivery)
    entries = await store.journal(key)
    assert [(e.source, e.seq) for e in sorted(entries, key=lambda e: (e.source, e.seq))] == [
        (source, seq) for source in ("incident", "runbook/x/1") for seq in range(1, 10)
    ]
    report = await store.verify_chain(key)
    assert (report.intact, report.entries, report.missing) == (True, 18, ())


async def test_appends_at_once(records_url: str) -> None:
    """Concurrent appends of several processes to one journal leave one intact chain."""
    stores = [await Store.connect(records_url, timeout=PATIENCE) for _ in range(2)]
    try:
        await asyncio.gather(
            *(stores[n % 2].append(append("k", *range(n, n + 5), source=f"run/{n % 3}")) for n in range(1, 25))
        )
        report = await stores[0].verify_chain("k")
    finally:
        for store in stores:
            await store.close()
    assert report.intact
    assert report.missing == ("run/0: 1 to 2", "run/2: 1 to 1")


@given(text=st.text(max_size=200))
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
async def test_text_is_stored_as_is(store: Store, text: str) -> None:
    """Whatever text an entry holds, control characters and NUL included, comes back unchanged."""
    key = next(_keys)
    await store.append(AppendRequest(row=row(key, title=text), entries=(note(1).model_copy(update={"text": text}),)))
    (entry,) = await store.journal(key)
    assert isinstance(entry, Noted)
    assert entry.text == text
    found = await store.find(key)
    assert found is not None
    assert found.title == text.replace("\x00", "\ufffd")
    assert (await store.verify_chain(key)).intact


@pytest.mark.parametrize(
    ("tamper", "place"),
    [
        ("UPDATE journal SET entry = replace(entry, 'note 2', 'note X') WHERE seq = 2", 2),
        ("DELETE FROM journal WHERE seq = 2", 2),
        ("DELETE FROM journal WHERE seq = 3", 3),
        ("UPDATE journal SET position = CASE position WHEN 1 THEN 11 WHEN 2 THEN 12 ELSE 3 END", 1),
        ("UPDATE incidents SET chain_length = 2, chain_hash = ''", 4),
        (
            """DELETE FROM journal WHERE seq = 2;
            UPDATE journal SET position = 2 WHERE seq = 3;
            UPDATE incidents SET chain_length = 2""",
            2,
        ),
    ],
    ids=["changed", "removed", "cut off", "moved", "appended", "removed with its traces"],
)
async def test_tampering_shows(store: Store, tamper: str, place: int) -> None:
    """A row that is changed, removed, moved or put in breaks the chain at its place."""
    await store.append(append("k", 1, 2, 3))
    for statement in tamper.split(";"):
        await store._engine.write(lambda connection: connection.execute(sql(statement)))  # noqa: B023 - awaited
    report = await store.verify_chain("k")
    assert not report.intact
    assert report.broken_at == place
    assert report.detail


async def test_entries_of_a_newer_version(tmp_path: Path) -> None:
    """An entry of an unknown kind is shown as such instead of failing the page, and the chain holds."""
    path = tmp_path / "records.db"
    async with await Store.connect(f"sqlite+aiosqlite:///{path}") as store:
        await store.append(append("k", 1))
        with sqlite3.connect(path) as connection:
            connection.execute("UPDATE journal SET kind = 'novel', entry = '{\"kind\": \"novel\"}'")
        connection.close()
        (entry,) = await store.journal("k")
    assert isinstance(entry, Noted)
    assert "novel" in entry.text
    assert (entry.source, entry.seq, entry.at) == ("incident", 1, note(1).at)


async def test_numbers_begin_at_one(store: Store) -> None:
    """An entry without a number of its own cannot be told from others and is refused."""
    with pytest.raises(InvalidArgument, match="count from 1"):
        await store.append(append("k", 0))
    assert await store.journal("k") == ()


async def test_a_thousand_entries(store: Store) -> None:
    """A long tail goes in with one call, and an unknown incident has an empty, intact journal."""
    assert await store.append(append("k", *range(1, 1001))) == 1000
    assert len(await store.journal("k")) == 1000
    assert await store.journal("nobody") == ()
    assert (await store.verify_chain("nobody")).intact
    assert (await store.journal("k"))[0].at == NOW + (note(1).at - NOW)
