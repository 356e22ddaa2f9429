"""A real worker process with the cluster's activities, to be killed: ``python -m tests.cluster.crash.worker``.

Arguments: Temporal's address, task queue, kubeconfig. It prints ``serving`` once it does.
"""

from __future__ import annotations

import asyncio
import sys

from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from activities.cluster.actions import ClusterActions
from activities.cluster.client import Clusters
from activities.cluster.envelope import Envelope
from tests.cluster.crash.once import Once
from tests.cluster.lab import NoHalt


async def main(address: str, queue: str, kubeconfig: str) -> None:
    client = await Client.connect(address, data_converter=pydantic_data_converter)
    halt = NoHalt()
    async with Clusters({"default": (kubeconfig, "")}, halt) as clusters:
        actions = ClusterActions(clusters, halt, Envelope())
        async with Worker(
            client,
            task_queue=queue,
            workflows=[Once],
            activities=[actions.apply_change],
            workflow_runner=UnsandboxedWorkflowRunner(),
        ):
            print("serving", flush=True)
            await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
