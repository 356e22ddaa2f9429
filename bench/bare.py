"""The floor: bare Temporal with nothing of ours, in a process of its own as the product's worker is.

``python -m bench.bare ADDRESS`` serves it.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

QUEUE = "bare"
OTHER_QUEUE = "bare-other"
READY = "serving"


@activity.defn(name="touch")
async def touch() -> int:
    """When it ran, in nanoseconds since 1970."""
    return time.time_ns()


@workflow.defn(name="bare")
class Bare:
    """``count`` activities, one after the other; answers when each of them ran."""

    @workflow.run
    async def run(self, count: int = 1, queue: str = "") -> list[int]:
        return [
            await workflow.execute_activity(
                "touch",
                result_type=int,
                task_queue=queue or None,
                start_to_close_timeout=timedelta(seconds=5),
            )
            for _ in range(count)
        ]


@workflow.defn(name="bare-sink")
class Sink:
    """Takes signals and counts them."""

    def __init__(self) -> None:
        self._count = 0

    @workflow.run
    async def run(self, wanted: int) -> int:
        await workflow.wait_condition(lambda: self._count >= wanted)
        return self._count

    @workflow.signal(name="take")
    def take(self, _content: str = "") -> None:
        self._count += 1


async def serve(address: str) -> None:
    """Until SIGTERM."""
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    client = await Client.connect(address)
    # Without the sandbox, as the product's worker: with it the floor would be some 10 ms higher.
    runner = UnsandboxedWorkflowRunner()
    async with (
        Worker(client, task_queue=QUEUE, workflows=[Bare, Sink], activities=[touch], workflow_runner=runner),
        Worker(client, task_queue=OTHER_QUEUE, activities=[touch]),
    ):
        print(READY, flush=True)
        await stopping.wait()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1]))
