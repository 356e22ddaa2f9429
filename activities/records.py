"""Writing down what happened: the record store, behind activities that may be repeated at will.

A dead store is transient and only delays records; what the store refuses (values that break its rules) is
permanent. Every write is idempotent, so an attempt that timed out but went through does no harm.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from temporalio import activity
from temporalio.client import Client, WorkflowExecution, WorkflowExecutionStatus
from temporalio.common import SearchAttributeKey

from activities.failures import classify
from mainstay.domain import names
from mainstay.domain.errors import Refusal
from mainstay.domain.timeline import Paged
from mainstay.domain.work import (
    Appended,
    AppendRequest,
    Earlier,
    HandledBefore,
    IncidentRow,
    ItemRow,
    Number,
    NumberRequest,
    Orphan,
    Orphans,
    OrphansRequest,
    Saved,
    SaveEffect,
)
from mainstay.records import Store
from mainstay.records.rows import DeliveryRow

LOOK_BACK = timedelta(days=7)
"""How long ago an owner may have ended abnormally for what it left to be looked for."""
MOST = 1000
_NEEDS_APPROVAL = SearchAttributeKey.for_bool("NeedsApproval")
_ABNORMAL = "('Terminated', 'Failed', 'TimedOut')"
_FINE = (
    WorkflowExecutionStatus.RUNNING,
    WorkflowExecutionStatus.COMPLETED,
    WorkflowExecutionStatus.CONTINUED_AS_NEW,
    WorkflowExecutionStatus.CANCELED,
)


class Records:
    """Needs the store, and Temporal's client for ``find_orphans`` alone."""

    def __init__(self, store: Store, client: Client | None = None) -> None:
        self._store = store
        self._client = client

    @activity.defn(name="draw_number")
    async def draw_number(self, request: NumberRequest) -> Number:
        """The incident's number: drawn once per key, however often it is asked (S-048)."""
        async with _told("draw the incident's number"):
            return Number(number=await self._store.number(request.key, request.at))

    @activity.defn(name="append_journal")
    async def append_journal(self, request: AppendRequest) -> Appended:
        """Journal entries, the incident's row, and a delivery for each notification that the entries tell of.

        The journal is the truth of every page; the deliveries are made from it, so that they cannot differ.
        """
        async with _told("write the journal"):
            for entry in request.entries:
                if isinstance(entry, Paged) and entry.key:
                    await self._store.save_delivery(_delivery(request.row.key, entry))
            return Appended(flushed_seq=await self._store.append(request))

    @activity.defn(name="handled_before")
    async def handled_before(self, request: HandledBefore) -> Earlier:
        """The closed incident that handled one of these occurrences, if one did."""
        async with _told("look for an earlier incident"):
            return await self._store.handled_before(request)

    @activity.defn(name="find_incident")
    async def find_incident(self, ref: str) -> IncidentRow | None:
        """By number, key or workflow id; None if the store knows none."""
        async with _told("find the incident"):
            return await self._store.find(ref)

    @activity.defn(name="save_item")
    async def save_item(self, item: ItemRow) -> Saved:
        """The action item as it is now."""
        async with _told("record the action item"):
            await self._store.save_item(item)
        return Saved(id=item.id)

    @activity.defn(name="save_effect")
    async def save_effect(self, effect: SaveEffect) -> Saved:
        """A change that stands, or no longer does."""
        async with _told("record the standing change"):
            await self._store.save_effect(effect)
        return Saved(id=effect.id)

    @activity.defn(name="find_orphans")
    async def find_orphans(self, request: OrphansRequest) -> Orphans:
        """What stands though its owner was terminated, failed or timed out: changes, approvals, leases.

        A run that ended by itself has left its changes on purpose, and one that was reset lives on under
        the same id; both are left alone.
        """
        if self._client is None:
            return Orphans()
        dead = [one for one in await self._abnormal(request.at) if await self._is_dead(one.id)]
        runs = {one.id: one for one in dead if one.workflow_type == names.RUNBOOK}
        async with _told("read the ledger of changes"):
            standing = await self._store.effects(runs=sorted(runs)) if runs else ()
        leases = (one for one in dead if one.workflow_type == names.LEASE)
        return Orphans(
            found=(
                *(_change(effect) for effect in standing),
                *(_approval(one) for one in runs.values() if _waited(one)),
                *(_lease(one) for one in leases),
            )
        )

    async def _abnormal(self, at: datetime) -> list[WorkflowExecution]:
        assert self._client is not None
        since = (at - LOOK_BACK).astimezone(UTC).isoformat().replace("+00:00", "Z")
        query = (
            f"WorkflowType IN ('{names.RUNBOOK}', '{names.LEASE}') "
            f"AND ExecutionStatus IN {_ABNORMAL} AND CloseTime > '{since}'"
        )
        found = {one.id: one async for one in self._client.list_workflows(query, limit=MOST)}
        return list(found.values())

    async def _is_dead(self, workflow_id: str) -> bool:
        assert self._client is not None
        latest = await self._client.get_workflow_handle(workflow_id).describe()
        return latest.status not in _FINE


@asynccontextmanager
async def _told(doing: str) -> AsyncIterator[None]:
    """A refusal as what Temporal retries or does not; anything else is shown as what it is."""
    try:
        yield
    except Refusal as refusal:
        raise classify(refusal, doing) from refusal


def _change(effect: SaveEffect) -> Orphan:
    return Orphan(
        kind="change",
        id=effect.id,
        text=f"{effect.title} ({effect.target})",
        owner=effect.run,
        undo=f"look at it first, then undo what this did: {effect.command}" if effect.command else "",
    )


def _waited(run: WorkflowExecution) -> bool:
    return bool(run.typed_search_attributes.get(_NEEDS_APPROVAL, False))


def _approval(run: WorkflowExecution) -> Orphan:
    text = "An approval was asked for and will never be acted upon"
    return Orphan(kind="approval", id=f"{run.id}/{run.run_id}", text=text, owner=run.id)


def _lease(lease: WorkflowExecution) -> Orphan:
    target = lease.id.removeprefix("lease/")
    text = f"The lease of {target} ended without handing on; runs that wait for it wait in vain"
    return Orphan(kind="lease", id=f"{lease.id}/{lease.run_id}", text=text, owner=lease.id)


def _delivery(incident_key: str, entry: Paged) -> DeliveryRow:
    return DeliveryRow(
        id=entry.key,
        incident_key=incident_key,
        person=entry.person,
        method=entry.method,
        channel=entry.channel,
        reason=entry.reason,
        state="accepted" if entry.delivered else "dead",
        provider_id=entry.provider_id,
        detail=entry.detail,
        at=entry.at,
    )
