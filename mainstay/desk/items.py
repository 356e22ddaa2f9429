"""Action items: what the record store lists, and updates of the workflow that chases one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

from temporalio.client import Client

from mainstay.desk import check
from mainstay.desk.address import RECORDS_WITHIN_SECONDS, Address, AddressBook
from mainstay.desk.failure import MAY_STILL_APPLY, answering
from mainstay.desk.update import ask, signed
from mainstay.domain import names
from mainstay.domain.access import Actor, Command
from mainstay.domain.access_rules import check_allowed
from mainstay.domain.errors import NotFound, WrongState
from mainstay.domain.incident import Outcome
from mainstay.domain.signature import Signer
from mainstay.domain.work import ItemRow
from mainstay.records import Store


class Items:
    def __init__(
        self,
        client: Client,
        store: Store,
        book: AddressBook,
        signer: Signer,
        clock: Callable[[], datetime],
    ) -> None:
        self._client = client
        self._store = store
        self._book = book
        self._signer = signer
        self._clock = clock

    async def list(self, owner: str, incident: str, open_only: bool) -> tuple[ItemRow, ...]:
        """Raises NotFound for an unknown incident, Unavailable when the record store is silent."""
        key = (await self._book.find(incident)).key if incident else ""
        return await self._store.items(owner=owner, incident=key, open_only=open_only)

    async def update(
        self, item: str, name: str, command: Command, caller: Actor, request_id: str, timeout: timedelta
    ) -> Outcome:
        """Raises NotFound, WrongState when the item is done, NotAllowed, Unavailable."""
        check_allowed(name, caller)
        request_id = check.request_id(request_id)
        check.size(command)
        check.name(item, "item", required=True)
        address = await self._address(item)
        ready = signed(command, caller, self._signer, key=address.key, update_id=request_id, now=self._clock())
        handle = self._client.get_workflow_handle(address.workflow_id, first_execution_run_id=address.key)
        try:
            async with answering(f"changing action item {item}", timeout, unsure=MAY_STILL_APPLY):
                return await ask(handle, name, ready, request_id)
        except NotFound:
            raise WrongState(f"action item {item} is done") from None

    async def _address(self, item: str) -> Address:
        workflow_id = names.action_item_workflow_id(item)
        try:
            async with answering(f"finding action item {item}", timedelta(seconds=5)):
                found = await self._client.get_workflow_handle(workflow_id).describe()
        except NotFound:
            if await self._known(item):
                raise WrongState(f"action item {item} is done") from None
            raise NotFound(f"there is no action item {item!r}", field="item") from None
        key = found.raw_description.workflow_execution_info.first_run_id
        return Address(workflow_id=workflow_id, key=key)

    async def _known(self, item: str) -> bool:
        try:
            async with asyncio.timeout(RECORDS_WITHIN_SECONDS):
                return await self._store.item(item) is not None
        except Exception:  # as good as not there
            return False
