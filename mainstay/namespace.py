"""What Mainstay needs of a Temporal namespace: its search attributes. Without them every start is refused."""

from __future__ import annotations

import logging

from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.client import Client
from temporalio.service import RPCError

from mainstay.domain.names import BOOLS, KEYWORDS

WANTED: dict[str, IndexedValueType.ValueType] = {
    **dict.fromkeys(KEYWORDS, IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD),
    **dict.fromkeys(BOOLS, IndexedValueType.INDEXED_VALUE_TYPE_BOOL),
}
_log = logging.getLogger(__name__)


async def prepare(client: Client) -> None:
    """Register what is missing. Where that is not allowed, say in one line how an operator does it."""
    try:
        listed = await client.operator_service.list_search_attributes(
            ListSearchAttributesRequest(namespace=client.namespace)
        )
        missing = {name: kind for name, kind in WANTED.items() if name not in listed.custom_attributes}
        if missing:
            await client.operator_service.add_search_attributes(
                AddSearchAttributesRequest(namespace=client.namespace, search_attributes=missing)
            )
            _log.info("registered the search attributes %s", ", ".join(missing))
    except RPCError as fault:
        names = " ".join(f"--name {name}" for name in KEYWORDS)
        _log.warning(
            "search attributes could not be checked (%s); if incidents cannot be started: temporal operator "
            "search-attribute create --type Keyword %s, and --type Bool --name %s",
            fault.message,
            names,
            BOOLS[0],
        )
