"""Runs of many actions at once, all held at one point of the write, and the worker killed there."""

from __future__ import annotations

import asyncio
import itertools
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from temporalio.client import Client, WorkflowHandle

from devstack.cluster import Cluster
from devstack.processes import eventually
from mainstay.domain.change import Applied, ApplyRequest, Change
from tests.cluster.crash.once import Once

POINTS = ("apply.before_call", "apply.after_call", "apply.after_answer")
PATIENCE = 120
_numbers = itertools.count(1)


@dataclass
class Harness:
    """``client`` and ``cluster`` are the session's; the worker is a process of its own."""

    client: Client
    address: str
    cluster: Cluster
    folder: Path

    async def round(self, changes: Mapping[str, Change], point: str, *, undo: bool) -> dict[str, Applied]:
        """Start all, wait until each stands at ``point``, kill -9, go on with a new worker; the answers by run."""
        number = next(_numbers)
        queue, arrived = f"crash-{os.getpid()}-{number}", self.folder / f"arrived-{number}"
        arrived.touch()
        doomed = await self._worker(queue, f"{point}=hang@{arrived}")
        handles = {}
        for run, change in changes.items():
            request = ApplyRequest(change=change, run_id=run, step="crash", fence=3, undo=undo)
            handle: WorkflowHandle[Once, Applied] = await self.client.start_workflow(
                Once.run, request, id=f"{queue}-{run}", task_queue=queue
            )
            handles[run] = handle

        async def all_there() -> bool:
            return arrived.stat().st_size == len(changes)

        try:
            await eventually(all_there, PATIENCE, f"{len(changes)} runs at {point}")
        finally:
            doomed.kill()
            await doomed.wait()
        heir = await self._worker(queue, "")
        try:
            answers = await asyncio.wait_for(asyncio.gather(*(h.result() for h in handles.values())), PATIENCE)
        finally:
            with suppress(ProcessLookupError):
                heir.kill()
            await heir.wait()
        return dict(zip(handles, answers, strict=True))

    async def _worker(self, queue: str, fail_points: str) -> asyncio.subprocess.Process:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.cluster.crash.worker",
            self.address,
            queue,
            str(self.cluster.kubeconfig),
            env={**os.environ, "MAINSTAY_FAILPOINTS": fail_points},
            stdout=asyncio.subprocess.PIPE,
        )
        assert process.stdout is not None
        line = await asyncio.wait_for(process.stdout.readline(), PATIENCE)
        assert line == b"serving\n", line
        return process
