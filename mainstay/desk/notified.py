"""What became of notifications: the ledger, and what providers say of them afterwards."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta

from temporalio.client import Client

from mainstay.config import Config
from mainstay.desk.address import Address, AddressBook
from mainstay.desk.failure import answering
from mainstay.domain import names
from mainstay.domain.errors import InvalidArgument, NotFound, Unavailable
from mainstay.domain.incident import Bounce
from mainstay.domain.text import plain
from mainstay.records import Store
from mainstay.records.rows import DeliveryReported, DeliveryRow

SIGNAL_WITHIN = timedelta(seconds=5)


def check_target(config: Config, target: str) -> None:
    """Refuse to page a name that the whole configuration does not have (an incident knows only its slice)."""
    kind, _, name = target.partition(":")
    known: dict[str, Collection[str]] = {
        "person": config.people,
        "team": config.teams,
        "schedule": config.schedules,
    }
    if kind not in known or not name:
        raise InvalidArgument("say whom: person:HANDLE, team:NAME or schedule:NAME", field="target")
    if name not in known[kind]:
        raise NotFound(f"no {kind} called {name!r} in the configuration", field="target")


class Notified:
    def __init__(self, client: Client, store: Store, book: AddressBook) -> None:
        self._client = client
        self._store = store
        self._book = book

    async def list(self, address: Address) -> tuple[DeliveryRow, ...]:
        """Oldest first. Raises Unavailable."""
        return await self._store.deliveries(address.key)

    async def report(self, report: DeliveryReported) -> bool:
        """Write it down and, when it bounced, tell the incident. False: no such notification.

        The incident is told even while the record store is down: a person is to be paged, and the key is
        enough to find who. Repeated callbacks change nothing.
        """
        report = report.model_copy(update={"detail": plain(report.detail, 300)})
        silent: Unavailable | None = None
        row: DeliveryRow | None = None
        try:
            row = await self._store.report_delivery(report)
        except Unavailable as refusal:
            silent = refusal
        key = row.id if row else report.key
        if report.state == "dead" and key and (row is None or row.state == "dead"):
            await self._tell(key, report.detail)
        if silent is not None:
            raise silent
        return row is not None

    async def _tell(self, key: str, detail: str) -> None:
        """An incident that is over, or never was, pages nobody any more."""
        try:
            address = await self._book.find(key.partition("/")[0])
            handle = self._client.get_workflow_handle(address.workflow_id, first_execution_run_id=address.key)
            async with answering("telling the incident of a bounce", SIGNAL_WITHIN):
                await handle.signal(names.BOUNCED, Bounce(key=key, detail=detail))
        except NotFound:
            return
