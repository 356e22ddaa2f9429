"""Reading incidents: one, many, and all that happened. What the record store cannot answer, Temporal does."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from temporalio.client import Client, WorkflowExecution
from temporalio.common import SearchAttributeKey

from mainstay.desk.address import RECORDS_WITHIN_SECONDS, Address, AddressBook
from mainstay.desk.answers import IncidentFilter, IncidentPage, Timeline
from mainstay.desk.failure import answering
from mainstay.domain import names
from mainstay.domain.errors import InvalidArgument, NotFound, Refusal, Unavailable
from mainstay.domain.incident import IncidentView, Phase, public_state
from mainstay.domain.timeline import AnyEntry
from mainstay.domain.work import IncidentRow
from mainstay.records import Store

LIST_WITHIN = timedelta(seconds=5)
MAX_PAGE = 500
SHOWN_ENTRIES = 60


class Incidents:
    def __init__(self, client: Client, store: Store, book: AddressBook) -> None:
        self._client = client
        self._store = store
        self._book = book

    async def view(self, address: Address, timeout: timedelta) -> IncidentView:
        """The state as the workflow answers it; of one that is over, what the record store has.

        A workflow id is used again by later incidents, so an answer about another key is not taken.
        """
        shown = address.number or address.workflow_id
        handle = self._client.get_workflow_handle(address.workflow_id)
        try:
            async with answering(f"reading {shown}", timeout):
                view: IncidentView = await handle.query(names.VIEW, result_type=IncidentView)
                if view.key == address.key:
                    return view
        except NotFound:
            pass
        except Unavailable:
            # No worker, or an incident whose end is long past: then the record is better than nothing.
            row = await self._row(address.key)
            if row is None or not _over(row):
                raise
            return await self._recorded(row)
        row = await self._row(address.key)
        if row is None:
            raise NotFound(f"{shown} is over, and the record store has nothing of it", field="incident")
        return await self._recorded(row)

    async def page(self, wanted: IncidentFilter) -> IncidentPage:
        """Raises InvalidArgument for a foreign page token, Unavailable."""
        if not wanted.after.startswith(_TEMPORAL):
            found = await self._recorded_page(wanted)
            if found is not None:
                return found
        return await self._listed(wanted)

    async def _recorded_page(self, wanted: IncidentFilter) -> IncidentPage | None:
        """None when the record store does not answer: Temporal can list what is open."""
        try:
            async with asyncio.timeout(RECORDS_WITHIN_SECONDS):
                found = await self._store.incidents(wanted)
        except InvalidArgument:
            raise _foreign_token() from None
        except Exception:
            return None
        return IncidentPage(rows=found.rows, next=found.next)

    async def timeline(self, address: Address) -> Timeline:
        """The journal of the record store and what the workflow has not handed over yet."""
        try:
            async with asyncio.timeout(RECORDS_WITHIN_SECONDS):
                recorded = await self._store.journal(address.key)
        except Exception:  # then the latest entries are shown, and that they are not all
            recorded = None
        try:
            latest = (await self.view(address, LIST_WITHIN)).timeline
        except Refusal:
            if recorded is None:
                raise
            latest = ()
        return Timeline(entries=_merged(recorded or (), latest), degraded=recorded is None)

    async def _row(self, key: str) -> IncidentRow | None:
        try:
            async with asyncio.timeout(RECORDS_WITHIN_SECONDS):
                return await self._store.find(key)
        except Exception:  # as good as not there
            return None

    async def _recorded(self, row: IncidentRow) -> IncidentView:
        try:
            async with asyncio.timeout(RECORDS_WITHIN_SECONDS):
                return _view_of(row, await self._store.journal(row.key))
        except Exception:  # the row alone is an answer
            return _view_of(row, ())

    async def _listed(self, wanted: IncidentFilter) -> IncidentPage:
        """Temporal's own list: eventually consistent, and without what only the record store knows."""
        token = _token(wanted.after)
        runs = self._client.list_workflows(
            _query(wanted), page_size=min(max(wanted.limit, 1), MAX_PAGE), next_page_token=token
        )
        async with answering("listing incidents", LIST_WITHIN):
            await runs.fetch_next_page()
        rows = tuple(_row_of(run) for run in runs.current_page or ())
        more = _TEMPORAL + runs.next_page_token.hex() if runs.next_page_token else ""
        return IncidentPage(rows=rows, next=more, degraded=True)


_TEMPORAL = "temporal:"


def _token(after: str) -> bytes | None:
    if not after:
        return None
    try:
        return bytes.fromhex(after.removeprefix(_TEMPORAL))
    except ValueError:
        raise _foreign_token() from None


def _foreign_token() -> InvalidArgument:
    return InvalidArgument("this page token was not given out here", field="page_token")


def _query(wanted: IncidentFilter) -> str:
    terms = [f"WorkflowType = '{names.INCIDENT}'", "ExecutionStatus != 'ContinuedAsNew'"]
    if wanted.open_only:
        terms.append("ExecutionStatus = 'Running'")
    if wanted.phases:
        terms.append(f"Phase IN ({', '.join(_quote(phase.value) for phase in wanted.phases)})")
    for attribute, value in (
        ("Service", wanted.service),
        ("Team", wanted.team),
        ("Severity", wanted.severity),
    ):
        if value:
            terms.append(f"{attribute} = {_quote(value)}")
    return " AND ".join(terms)


def _quote(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"


def _row_of(run: WorkflowExecution) -> IncidentRow:
    def word(name: str) -> str:
        return run.typed_search_attributes.get(SearchAttributeKey.for_keyword(name)) or ""

    return IncidentRow(
        key=word("IncidentKey") or run.run_id,
        workflow_id=run.id,
        number=word("IncidentId"),
        title=word("Title"),
        service=word("Service"),
        team=word("Team"),
        severity=word("Severity"),
        phase=word("Phase"),
        commander=word("Commander"),
        declared_at=run.start_time,
        closed_at=run.close_time,
    )


def _over(row: IncidentRow) -> bool:
    return row.closed_at is not None or _phase(row).ended


def _phase(row: IncidentRow) -> Phase:
    try:
        return Phase(row.phase)
    except ValueError:
        return Phase.DECLARED


def _view_of(row: IncidentRow, entries: tuple[AnyEntry, ...]) -> IncidentView:
    return IncidentView(
        key=row.key,
        workflow_id=row.workflow_id,
        number=row.number,
        title=row.title,
        phase=_phase(row),
        public_state=row.public_state or public_state(_phase(row)),
        severity=row.severity,
        rank=row.rank,
        service=row.service,
        team=row.team,
        declared_at=row.declared_at,
        resolved_at=row.resolved_at,
        commander=row.commander,
        roles={"commander": row.commander} if row.commander else {},
        public_text=row.public_text,
        public_at=row.public_at,
        timeline=entries[-SHOWN_ENTRIES:],
        revision=max((entry.seq for entry in entries), default=0),
    )


def _merged(recorded: tuple[AnyEntry, ...], latest: tuple[AnyEntry, ...]) -> tuple[AnyEntry, ...]:
    known = {(entry.source, entry.seq) for entry in recorded}
    fresh = tuple(entry for entry in latest if (entry.source, entry.seq) not in known)
    return tuple(sorted((*recorded, *fresh), key=lambda entry: (entry.at, entry.source, entry.seq)))
