"""Composition root of the worker: settings → clients → activities → Workers. No logic."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import signal
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
)
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from activities.channels.opening import Channels
from activities.cluster.actions import ClusterActions
from activities.cluster.client import Clusters
from activities.cluster.halt import HaltWatch
from activities.documents import Documents
from activities.holder import ConfigHolder
from activities.leases import Leases
from activities.library import Library
from activities.oncall import OnCall
from activities.paging import Paging
from activities.pinned import PinnedRules
from activities.probes.every import every
from activities.probes.look import Probes
from activities.records import Records
from activities.render import render
from mainstay.config import ConfigErrors, load
from mainstay.config.keys import load_signer
from mainstay.config.settings import Settings
from mainstay.connect import connect
from mainstay.domain.errors import Refusal
from mainstay.domain.names import BULK_QUEUE, CLUSTER_QUEUE, INCIDENT_QUEUE, RECONCILE
from mainstay.domain.signature import Signer
from mainstay.namespace import prepare
from mainstay.records.store import Store
from mainstay.rooms import check_rooms
from mainstay.telemetry import setup_logging, setup_tracing
from workflows.action_item import ActionItemWorkflow
from workflows.channel_test import ChannelTestWorkflow
from workflows.halt import HaltWorkflow
from workflows.incident import IncidentWorkflow
from workflows.lease import LeaseWorkflow
from workflows.messages import INTERCEPTORS
from workflows.postmortem import PostmortemWorkflow
from workflows.reconcile import ReconcileWorkflow
from workflows.runbook import RunbookWorkflow

QUEUES = (INCIDENT_QUEUE, CLUSTER_QUEUE, BULK_QUEUE)
WORKFLOWS = (
    IncidentWorkflow,
    RunbookWorkflow,
    PostmortemWorkflow,
    ActionItemWorkflow,
    LeaseWorkflow,
    HaltWorkflow,
    ChannelTestWorkflow,
    ReconcileWorkflow,
)
GRACE = timedelta(seconds=10)
STICKY = timedelta(seconds=2)
"""A worker that died keeps its workflows' next tasks from the others for at most this long."""
SLOTS = {INCIDENT_QUEUE: 200, CLUSTER_QUEUE: 50, BULK_QUEUE: 200}
CACHED = 1200
"""Workflows kept in memory, about 260 KiB each: 600 MB with everything else (docs/benchmarks.md)."""

_log = logging.getLogger("mainstay.worker")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run until SIGTERM or SIGINT."""
    check_rooms(Path(__file__))
    parser = argparse.ArgumentParser(prog="mainstay-worker", description="Runs Mainstay's workflows and activities.")
    parser.add_argument(
        "--queue",
        action="append",
        choices=QUEUES,
        help="serve this task queue only (repeatable; default: all three)",
    )
    chosen = parser.parse_args(arguments)
    try:
        asyncio.run(serve(Settings(), tuple(chosen.queue or QUEUES)))
    except Refusal as refusal:
        raise SystemExit(f"mainstay-worker: {refusal.message}") from None
    except ConfigErrors as errors:
        raise SystemExit("\n".join(str(problem) for problem in errors.problems)) from None


async def serve(settings: Settings, queues: tuple[str, ...] = QUEUES) -> None:
    """Everything from the first connection to the graceful end."""
    setup_logging(json=settings.log_json)
    tracing = setup_tracing("mainstay-worker", settings.otlp_endpoint)
    stopping = asyncio.Event()
    for wanted in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(wanted, stopping.set)
    signer = load_signer(settings.signing_key_path)
    config = ConfigHolder(
        settings.config_dir, lambda folder: load(folder, settings.config_overlay).with_keys(signer.public())
    )
    async with contextlib.AsyncExitStack() as stack:
        if tracing is not None:
            stack.callback(tracing.shutdown)
        client = await connect(settings, tracing)
        await prepare(client)
        store = await stack.enter_async_context(Store(settings.records_url, timeout=settings.records_timeout))
        http = await stack.enter_async_context(httpx2.AsyncClient())
        halt = await stack.enter_async_context(HaltWatch(client, halt_file=settings.halt_file))
        clusters = Clusters(config.current.kubeconfigs(settings.kubeconfigs), halt)
        stack.push_async_callback(clusters.close)
        by_queue = activities(settings, config, signer, client, store, http, clusters, halt)
        for task in (config.watch(), store.migrate_when_up(), reconcile(client)):
            stack.enter_context(_background(task))
        for queue in queues:
            await stack.enter_async_context(worker(client, queue, by_queue[queue]))
        _log.info("serving %s", ", ".join(queues))
        await stopping.wait()


def worker(client: Client, queue: str, served: Sequence[Callable[..., Any]]) -> Worker:
    """One task queue's worker; workflows live on the queue that pages are sent from.

    Workflows run without the SDK's sandbox, which imports their modules anew for every incident: 60 ms on the
    way to the first page. Tests run the same workflows inside it, and that is where a clock or a random
    number in workflow code is caught.
    """
    return Worker(
        client,
        task_queue=queue,
        workflows=WORKFLOWS if queue == INCIDENT_QUEUE else (),
        workflow_runner=UnsandboxedWorkflowRunner(),
        activities=served,
        max_concurrent_activities=SLOTS[queue],
        interceptors=INTERCEPTORS,
        max_cached_workflows=CACHED if queue == INCIDENT_QUEUE else 0,
        sticky_queue_schedule_to_start_timeout=STICKY,
        graceful_shutdown_timeout=GRACE,
    )


def activities(
    settings: Settings,
    config: ConfigHolder,
    signer: Signer,
    client: Client,
    store: Store,
    http: httpx2.AsyncClient,
    clusters: Clusters,
    halt: HaltWatch,
) -> dict[str, list[Callable[..., Any]]]:
    """Every activity, by the queue that serves it."""
    paging = Paging(config, signer, Channels(http), settings.public_url)
    # Not the bound method of today: the folder may be reloaded.
    cluster = ClusterActions(clusters, halt, freezes=lambda: config.current.freezes())  # noqa: PLW0108
    probes = Probes(*every(clusters, http, config, store))
    leases, rules, records = Leases(client), PinnedRules(), Records(store, client)
    return {
        INCIDENT_QUEUE: [
            paging.send,
            Library(config, signer).pin_config,
            OnCall(config, store).resolve_targets,
            leases.ask_lease,
            leases.holder_state,
            rules.resolve_pinned,
            rules.meeting_slot,
            render,
        ],
        CLUSTER_QUEUE: [cluster.plan_change, cluster.apply_change],
        BULK_QUEUE: [
            probes.look,
            probes.verify,
            records.draw_number,
            records.append_journal,
            records.handled_before,
            records.save_effect,
            records.save_item,
            records.find_orphans,
            Documents(settings.data_dir).draft_postmortem,
        ],
    }


async def reconcile(client: Client) -> None:
    """A Temporal Schedule looks every minute for what stands without its owner."""
    every_minute = Schedule(
        action=ScheduleActionStartWorkflow(RECONCILE, id=RECONCILE, task_queue=INCIDENT_QUEUE),
        spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(every=timedelta(minutes=1))]),
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=timedelta(minutes=1)),
    )
    with contextlib.suppress(ScheduleAlreadyRunningError):
        await client.create_schedule(RECONCILE, every_minute)


@contextlib.contextmanager
def _background(work: Any) -> Any:
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()


if __name__ == "__main__":
    main()
