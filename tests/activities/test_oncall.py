"""Who is on call, with a real record store and with one that is down."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from temporalio.testing import ActivityEnvironment

from activities.oncall import OnCall
from mainstay.domain.escalation import Target
from mainstay.domain.work import ResolvedTargets, ResolveRequest
from mainstay.records.rows import OverrideRow
from mainstay.records.store import Store
from tests.activities.shop import PRIMARY, holding, shop

NOON = datetime(2026, 4, 8, 12, tzinfo=UTC)
NIGHT = datetime(2026, 4, 8, 23, tzinfo=UTC)


async def ask(store: Store, at: datetime, *targets: Target) -> ResolvedTargets:
    oncall = OnCall(holding(shop()), store, within=timedelta(seconds=0.5))
    request = ResolveRequest(targets=targets or (PRIMARY,), at=at)
    found = await ActivityEnvironment().run(oncall.resolve_targets, request)
    assert isinstance(found, ResolvedTargets)
    return found


@pytest.mark.parametrize(("at", "person"), [(NOON, "alice"), (NIGHT, "bob")])
async def test_the_schedule_answers_with_methods_and_without_addresses(
    tmp_path: Path, at: datetime, person: str
) -> None:
    async with await Store.connect(f"sqlite+aiosqlite:///{tmp_path}/records.db") as store:
        found = await ask(store, at)
    assert [target.person for target in found.people] == [person]
    assert found.people[0].methods[0].channel == "mail"
    assert found.degraded == ""
    assert "@" not in found.model_dump_json()


async def test_an_override_of_the_record_store_wins_while_it_lasts(tmp_path: Path) -> None:
    async with await Store.connect(f"sqlite+aiosqlite:///{tmp_path}/records.db") as store:
        swap = OverrideRow(
            id="swap-1",
            schedule="payments-primary",
            person="bob",
            start=NOON,
            end=NOON + timedelta(hours=1),
            by="alice",
            created_at=NOON - timedelta(days=1),
        )
        await store.save_override(swap)
        during = await ask(store, NOON)
        after = await ask(store, NOON + timedelta(hours=1))
        before = await ask(store, NOON - timedelta(microseconds=1))
    assert [t.person for t in during.people] == ["bob"]
    assert [t.person for t in (*after.people, *before.people)] == ["alice", "alice"]


async def test_without_the_record_store_the_schedules_answer_and_it_is_said(tmp_path: Path) -> None:
    store = Store(f"sqlite+aiosqlite:///{tmp_path}/no/such/folder/records.db")
    async with store:
        found = await ask(store, NOON)
    assert [target.person for target in found.people] == ["alice"]
    assert "overrides are not known" in found.degraded


async def test_a_record_store_that_hangs_holds_a_page_up_only_for_its_deadline() -> None:
    """The store here is a PostgreSQL that accepts connections and never answers."""

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, Store(f"postgresql+psycopg://m:m@127.0.0.1:{port}/m") as store:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        found = await ask(store, NIGHT)
        took = loop.time() - begun
    assert [target.person for target in found.people] == ["bob"]
    assert "did not answer within 0.5 s: overrides are not known" in found.degraded
    assert took < 2


async def test_a_target_behind_which_nobody_is_is_named(tmp_path: Path) -> None:
    async with await Store.connect(f"sqlite+aiosqlite:///{tmp_path}/records.db") as store:
        found = await ask(store, NOON, Target(kind="team", name="ghosts"), PRIMARY)
    assert found.empty == ("team ghosts",)
    assert [target.person for target in found.people] == ["alice"]
