"""Which incident is meant: a number, a key or a workflow id, whatever a person has at hand."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta
from typing import Literal
from uuid import UUID

from temporalio.client import Client, WorkflowExecution, WorkflowExecutionStatus
from temporalio.common import SearchAttributeKey

from mainstay.desk import check
from mainstay.desk.failure import answering
from mainstay.domain import names
from mainstay.domain.errors import NotFound
from mainstay.domain.model import Record
from mainstay.domain.work import IncidentRow
from mainstay.records import Store

RECORDS_WITHIN_SECONDS = 1.0
"""A dead record store must not hold up an acknowledgement: then Temporal's own list is asked."""
WITHIN = timedelta(seconds=5)
NUMBER = re.compile(r"[A-Za-z]{2,10}-\d{4}-\d{1,9}")
MAX_ID = 1000
REMEMBERED = 10_000

_ID = SearchAttributeKey.for_keyword("IncidentId")
_KEY = SearchAttributeKey.for_keyword("IncidentKey")


class Address(Record):
    """The three names of one incident. ``key`` is what tells it from earlier ones of the same workflow id."""

    workflow_id: str
    key: str
    number: str = ""
    ended: bool = False
    """Its workflow was seen to be over: it can be read, and takes no more updates."""
    existed: bool = False
    """Answer to a declaration: this request had declared it before."""
    last_run: str = ""
    """Run id of its latest execution, where that is known; continue-as-new changes it."""


def kind_of(ref: str) -> Literal["number", "key", "workflow_id"]:
    """Raises InvalidArgument for what cannot be any of them."""
    check.name(ref, "incident", required=True, limit=MAX_ID)
    if NUMBER.fullmatch(ref.strip()):
        return "number"
    try:
        UUID(ref)
    except ValueError:
        return "workflow_id"
    return "key"


class AddressBook:
    """Number and key by the record store, or by Temporal's search attributes where it is silent."""

    def __init__(self, client: Client, store: Store) -> None:
        self._client = client
        self._store = store
        self._known: dict[str, Address] = {}

    async def find(self, ref: str) -> Address:
        """Raises InvalidArgument, NotFound and Unavailable."""
        kind = kind_of(ref)
        ref = ref.strip()
        if kind == "workflow_id":
            return await self.by_workflow_id(ref)
        wanted = ref.upper() if kind == "number" else ref.lower()
        if wanted in self._known:
            return self._known[wanted]
        row = await self._row(wanted)
        if row is not None:
            return self.remember(Address(workflow_id=row.workflow_id, key=row.key, number=row.number))
        attribute = "IncidentId" if kind == "number" else "IncidentKey"
        return self.remember(await self._by_attribute(attribute, wanted))

    def remember(self, address: Address) -> Address:
        """Which names belong together never changes, so it is asked once."""
        while len(self._known) >= REMEMBERED:
            self._known.pop(next(iter(self._known)))
        for name in (address.key, address.number):
            if name and address.key and address.workflow_id:
                self._known[name] = address.model_copy(update={"ended": False, "last_run": ""})
        return address

    async def by_workflow_id(self, workflow_id: str) -> Address:
        """The incident that this workflow id means now: the running one, or the latest."""
        try:
            async with answering(f"finding {workflow_id}", WITHIN):
                found = await self._client.get_workflow_handle(workflow_id).describe()
        except NotFound:
            row = await self._row(workflow_id)
            if row is None:
                raise NotFound(f"no incident has the workflow id {workflow_id}", field="incident") from None
            return Address(workflow_id=workflow_id, key=row.key, number=row.number, ended=True)
        if found.workflow_type != names.INCIDENT:
            raise NotFound(f"{workflow_id} is a {found.workflow_type}, not an incident", field="incident")
        return _address(found, found.raw_description.workflow_execution_info.first_run_id)

    async def of_key(self, address: Address) -> Address:
        """The same incident with ``ended`` and ``last_run`` as they are now. Raises NotFound."""
        doing = f"finding {address.number or address.key}"
        async with answering(doing, WITHIN):
            latest = await self._client.get_workflow_handle(address.workflow_id).describe()
        info = latest.raw_description.workflow_execution_info
        if info.first_run_id == address.key:
            return _address(latest, address.key, address.number)
        # A later incident has taken over the workflow id, so this one is over.
        async with answering(doing, WITHIN):
            query = f"WorkflowId = '{_quoted(address.workflow_id)}' AND IncidentKey = '{_quoted(address.key)}'"
            async for run in self._client.list_workflows(query, page_size=20, limit=20):
                if run.status is not WorkflowExecutionStatus.CONTINUED_AS_NEW:
                    return _address(run, address.key, address.number)
        return address.model_copy(update={"ended": True, "last_run": ""})

    async def of_room(self, room: str) -> str:
        """Key of the running incident with this chat room, the latest first; empty: none."""
        query = f"Room = '{_quoted(room)}' AND ExecutionStatus = 'Running'"
        async with answering("finding the incident of this room", WITHIN):
            async for run in self._client.list_workflows(query, page_size=1, limit=1):
                return run.typed_search_attributes.get(_KEY) or ""
        return ""

    async def _row(self, ref: str) -> IncidentRow | None:
        try:
            async with asyncio.timeout(RECORDS_WITHIN_SECONDS):
                return await self._store.find(ref)
        except Exception:  # whatever is wrong with it, Temporal's list is asked
            return None

    async def _by_attribute(self, attribute: str, value: str) -> Address:
        async with answering(f"finding {value}", WITHIN):
            query = f"{attribute} = '{_quoted(value)}'"
            async for run in self._client.list_workflows(query, page_size=1, limit=1):
                handle = self._client.get_workflow_handle(run.id, run_id=run.run_id)
                described = await handle.describe()
                return _address(run, described.raw_description.workflow_execution_info.first_run_id)
        raise NotFound(
            f"no incident {value}: check the spelling; one whose workflow id is known can be named by that",
            field="incident",
        )


def _address(run: WorkflowExecution, key: str, number: str = "") -> Address:
    return Address(
        workflow_id=run.id,
        key=key,
        number=number or run.typed_search_attributes.get(_ID) or "",
        ended=run.status not in (WorkflowExecutionStatus.RUNNING, WorkflowExecutionStatus.CONTINUED_AS_NEW, None),
        last_run=run.run_id,
    )


def _quoted(value: str) -> str:
    """For a visibility query: quotes doubled, as in SQL."""
    return value.replace("\\", "\\\\").replace("'", "''")
