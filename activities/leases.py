"""Asking for the right to change a target, and whether whoever holds one is still alive."""

from __future__ import annotations

from temporalio import activity
from temporalio.client import Client, WorkflowExecutionDescription, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from activities.failures import classify
from mainstay.domain import names
from mainstay.domain.errors import InvalidArgument, Refusal
from mainstay.domain.runbook.run import Lease
from mainstay.domain.work import HolderRequest, HolderState, Saved


class Leases:
    """A lease is an entity workflow: asking starts it if need be, in one call that needs no worker."""

    def __init__(self, client: Client) -> None:
        self._client = client

    @activity.defn(name="ask_lease")
    async def ask_lease(self, lease: Lease) -> Saved:
        """Queue up for ``lease.target``; the grant comes as a signal. Asking twice is asking once.

        The lease workflow de-duplicates by ``request_id``, so a retry after a lost answer is harmless.
        """
        try:
            workflow_id = _lease_id(lease.target)
        except Refusal as refusal:
            raise classify(refusal) from None
        await self._client.start_workflow(
            names.LEASE,
            id=workflow_id,
            task_queue=names.INCIDENT_QUEUE,
            start_signal=names.LEASE_ASK,
            start_signal_args=[lease],
            static_summary=f"Who may change {lease.target}",
        )
        return Saved(id=workflow_id)

    @activity.defn(name="holder_state")
    async def holder_state(self, request: HolderRequest) -> HolderState:
        """Does the run of ``request`` still live? It does so over continue-as-new; a namesake is another."""
        latest = await self._describe(request.workflow_id)
        if latest is None:
            return HolderState(open=False, status="not found")
        if request.run_id and not await self._same_chain(latest, request):
            return HolderState(open=False, status="ended; another run has taken its workflow id")
        status = latest.status.name.lower() if latest.status else "unknown"
        return HolderState(open=latest.status is WorkflowExecutionStatus.RUNNING, status=status)

    async def _same_chain(self, latest: WorkflowExecutionDescription, request: HolderRequest) -> bool:
        first = _first_run_id(latest)
        if request.run_id in (latest.run_id, first):
            return True
        asked = await self._describe(request.workflow_id, request.run_id)
        return asked is not None and _first_run_id(asked) == first

    async def _describe(self, workflow_id: str, run_id: str = "") -> WorkflowExecutionDescription | None:
        handle = self._client.get_workflow_handle(workflow_id, run_id=run_id or None)
        try:
            return await handle.describe()
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return None
            raise


def _lease_id(target: str) -> str:
    """``CLUSTER/NAMESPACE/KIND/NAME``, or the lease's whole id. Raises InvalidArgument for anything else."""
    parts = target.removeprefix("lease/").split("/")
    if len(parts) != 4 or not (parts[0] and parts[2] and parts[3]):
        raise InvalidArgument(f"a lease is on CLUSTER/NAMESPACE/KIND/NAME, not on {target!r}", field="target")
    cluster, namespace, kind, name = parts
    return names.lease_workflow_id(cluster, namespace, kind, name)


def _first_run_id(description: WorkflowExecutionDescription) -> str:
    return description.raw_description.workflow_execution_info.first_run_id or description.run_id
