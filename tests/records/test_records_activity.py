"""The activities of the record store: what is transient, what is permanent, what is an orphan."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from temporalio.client import Client
from temporalio.exceptions import ApplicationError

from activities.records import Records
from devstack.processes import free_ports
from devstack.temporal import TemporalServer
from mainstay.domain import names
from mainstay.domain.timeline import Paged
from mainstay.domain.work import (
    AppendRequest,
    HandledBefore,
    ItemRow,
    NumberRequest,
    Orphan,
    OrphansRequest,
    SaveEffect,
)
from mainstay.records import Store
from tests.records.samples import NOW, append, row


async def test_each_activity(store: Store) -> None:
    """Each answers its record, and the same again when it is retried."""
    records = Records(store)
    for _ in range(2):
        assert (await records.draw_number(NumberRequest(key="k", at=NOW))).number == "INC-2026-0001"
        assert (await records.append_journal(append("k", 1, 2, phase="closed", occurrences=("f@1",)))).flushed_seq == 2
        found = await records.find_incident("INC-2026-1")
        assert found is not None
        assert found.key == "k"
        earlier = await records.handled_before(HandledBefore(workflow_id="w", key="n", occurrences=("f@1",)))
        assert (earlier.key, earlier.number) == ("k", "INC-2026-0001")
        item = ItemRow(id="i", text="Add a canary", owner="alice", due=NOW)
        assert (await records.save_item(item)).id == "i"
        effect = SaveEffect(id="e", run="r", step="s", target="t", title="x", at=NOW)
        assert (await records.save_effect(effect)).id == "e"
        assert (await records.find_orphans(OrphansRequest(at=NOW))).found == ()
    assert len(await store.journal("k")) == 2


async def test_deliveries_are_made_from_the_journal(store: Store) -> None:
    """Given two pages in the journal, one of them refused, when it is recorded (twice), then the delivery report
    counts one accepted and one dead."""
    pages = tuple(
        Paged(
            seq=seq,
            at=NOW,
            person="alice",
            method=method,
            channel=method,
            delivered=delivered,
            reason="page",
            key=f"k/1/0/alice/{seq}/{method}",
        )
        for seq, method, delivered in ((1, "pager", False), (2, "email", True))
    )
    request = AppendRequest(row=row("k"), entries=pages)
    for _ in range(2):
        await Records(store).append_journal(request)
    found = {(each.method, each.state) for each in await store.deliveries("k")}
    assert found == {("pager", "dead"), ("email", "accepted")}


async def test_a_dead_store_is_transient() -> None:
    """What trying again may mend is retried."""
    (port,) = free_ports(1)
    async with Store(f"postgresql+psycopg://127.0.0.1:{port}/r", timeout=timedelta(seconds=1)) as store:
        with pytest.raises(ApplicationError) as failure:
            await Records(store).draw_number(NumberRequest(key="k", at=NOW))
    assert (failure.value.type, failure.value.non_retryable) == ("Unavailable", False)


async def test_misuse_is_permanent(store: Store) -> None:
    """What the store refuses is not tried again."""
    records = Records(store)
    await records.append_journal(AppendRequest(row=row("a", number="INC-2026-0009")))
    with pytest.raises(ApplicationError) as failure:
        await records.append_journal(AppendRequest(row=row("b", number="INC-2026-0009")))
    assert (failure.value.type, failure.value.non_retryable) == ("InvalidArgument", True)


async def test_orphans(tmp_path: Path, temporal_server: TemporalServer) -> None:
    """A change whose run was terminated is an orphan; one whose run lives, or was reset, is not."""
    client = await temporal_server.client()
    effects = {name: await _run_with_effect(client, name) for name in ("dead", "alive")}
    await client.get_workflow_handle(effects["dead"].run).terminate("a test")
    async with await Store.connect(f"sqlite+aiosqlite:///{tmp_path / 'r.db'}") as store:
        for effect in effects.values():
            await store.save_effect(effect)
        records = Records(store, client)
        try:
            found = await _until_found(records, {effect.run for effect in effects.values()})
        finally:
            await client.get_workflow_handle(effects["alive"].run).terminate("the test is over")
    assert [(one.kind, one.id, one.owner) for one in found] == [("change", "dead", effects["dead"].run)]
    assert "kubectl" in found[0].undo


async def _run_with_effect(client: Client, name: str) -> SaveEffect:
    started = await client.start_workflow(
        names.RUNBOOK, id=f"runbook/orphans-{name}/{time.time_ns()}", task_queue="nobody-works-here"
    )
    now = datetime.now(UTC)
    return SaveEffect(id=name, run=started.id, step="s", target="t", title="x", command="kubectl …", at=now)


async def _until_found(records: Records, owners: set[str]) -> tuple[Orphan, ...]:
    """Those of ``owners``: other tests leave orphans of their own on the shared server."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        listed = (await records.find_orphans(OrphansRequest(at=datetime.now(UTC)))).found
        found = tuple(orphan for orphan in listed if orphan.owner in owners)
        if found:
            return found
        await asyncio.sleep(0.1)  # visibility follows a moment later
    raise AssertionError("the orphan was not found in time")
