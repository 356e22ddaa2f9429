"""The kill switch against a real Temporal server: nothing leaves later than two seconds after the stop."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client
from temporalio.exceptions import ApplicationError

from activities.cluster.halt import HaltWatch
from devstack.processes import eventually
from devstack.temporal import TemporalServer
from mainstay.domain.errors import Halted, Refusal, Unavailable
from mainstay.domain.names import HALT, HALT_WORKFLOW_ID
from tests.cluster.lab import Lab


@contextlib.asynccontextmanager
async def halted(client: Client, memo: dict[str, Any] | None = None) -> AsyncIterator[None]:
    """A stop without any worker, taken away at the end."""
    handle = await client.start_workflow(HALT, id=HALT_WORKFLOW_ID, task_queue="nobody-polls-this", memo=memo)
    try:
        yield
    finally:
        await handle.terminate("test over")


def refusal(watch: HaltWatch, *, undo: bool = False) -> type[Refusal] | None:
    try:
        watch.check(undo=undo)
    except Refusal as refused:
        return type(refused)
    return None


async def comes(watch: HaltWatch, wanted: type[Refusal] | None, *, undo: bool = False) -> None:
    async def so() -> bool:
        return refusal(watch, undo=undo) is wanted

    await eventually(so, 5, f"check answering {wanted}")


async def test_no_change_leaves_later_than_two_seconds_after_the_stop(
    lab: Lab, temporal_server: TemporalServer
) -> None:
    """A worker changes things without a pause: its last write is at most 2 s after the acknowledged stop;
    when the stop is cleared it goes on."""
    client = await temporal_server.client()
    await lab.workload("shop", "v1")
    async with HaltWatch(client) as watch:
        actions = lab.with_halt(watch)
        lab.actions = actions
        last = await scale_until_refused(lab, client)
        assert last <= 2.0
        await comes(watch, None)
        assert (await lab.apply(await scaled(lab))).outcome == "changed"


async def scaled(lab: Lab) -> Any:
    now = (await lab.live("shop"))["spec"]["replicas"]
    return await lab.plan("scale", {"target": {"name": "shop"}, "replicas": 3 - now})


async def scale_until_refused(lab: Lab, client: Client) -> float:
    """Seconds between the acknowledged stop and the last write that got through."""
    written: list[float] = []
    for _ in range(3):
        await lab.apply(await scaled(lab))
    async with halted(client):
        stopped = time.monotonic()
        with pytest.raises(ApplicationError) as refused:
            await write_on(lab, written)
        assert (refused.value.type, refused.value.non_retryable) == ("Halted", True)
    return max(written, default=stopped) - stopped


async def write_on(lab: Lab, written: list[float]) -> None:
    """Write for 10 s, or until refused."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        await lab.apply(await scaled(lab))
        written.append(time.monotonic())


async def test_a_running_halt_refuses_and_its_end_clears(temporal_server: TemporalServer) -> None:
    """Undo is allowed unless the memo says otherwise."""
    client = await temporal_server.client()
    async with HaltWatch(client, interval=0.05) as watch:
        assert refusal(watch) is None
        async with halted(client):
            await comes(watch, Halted)
            assert refusal(watch, undo=True) is None
        await comes(watch, None)


async def test_a_halt_can_forbid_undo(temporal_server: TemporalServer) -> None:
    """The memo ``undo_allowed: false`` stops undo as well."""
    client = await temporal_server.client()
    async with HaltWatch(client, interval=0.05) as watch, halted(client, {"undo_allowed": False}):
        await comes(watch, Halted, undo=True)
        assert refusal(watch) is Halted


async def test_what_is_not_known_refuses(temporal_server: TemporalServer) -> None:
    """Never asked, or the last answer too old: no change, and trying again may help."""
    client = await temporal_server.client()
    watch = HaltWatch(client, interval=0.05, stale_after=0.2)
    assert refusal(watch) is Unavailable
    async with watch:
        assert refusal(watch) is None
    await comes(watch, Unavailable, undo=True)
    await watch.refresh()
    assert refusal(watch) is None


async def test_a_dead_server_refuses(tmp_path: Path) -> None:
    """Without an answer from Temporal nothing leaves."""
    client = await Client.connect("127.0.0.1:9", lazy=True)
    async with HaltWatch(client, interval=0.05, stale_after=0.2) as watch:
        with pytest.raises(Unavailable, match="is not known"):
            watch.check(undo=True)


async def test_a_local_file_only_adds_a_stop(temporal_server: TemporalServer, tmp_path: Path) -> None:
    """It halts this worker at once, undo included; its absence clears nothing that the workflow halts."""
    client = await temporal_server.client()
    file = tmp_path / "halt"
    async with HaltWatch(client, interval=0.05, halt_file=file) as watch:
        assert refusal(watch) is None
        file.touch()
        assert (refusal(watch), refusal(watch, undo=True)) == (Halted, Halted)
        file.unlink()
        async with halted(client):
            await comes(watch, Halted)


async def test_the_watch_does_not_stop_at_a_fault(temporal_server: TemporalServer) -> None:
    """A question that fails is asked again: the watch outlives it."""
    client = await temporal_server.client()
    watch = HaltWatch(client, interval=0.05, stale_after=0.3)
    real, watch._client = watch._client, await Client.connect("127.0.0.1:9", lazy=True)
    async with watch:
        assert refusal(watch) is Unavailable
        watch._client = real
        await comes(watch, None)
        await asyncio.sleep(0)
