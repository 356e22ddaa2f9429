"""A person at the gRPC door, with their token: what the demo and the end-to-end tests do by hand."""

from __future__ import annotations

import re
import secrets
import urllib.parse
import urllib.request
import uuid
from collections.abc import Sequence
from datetime import datetime
from email.message import EmailMessage
from typing import Any

import grpc.aio

from mainstay.gen.mainstay.v1 import (
    action_item_service_pb2 as items,
)
from mainstay.gen.mainstay.v1 import (
    action_item_service_pb2_grpc as items_grpc,
)
from mainstay.gen.mainstay.v1 import (
    incident_pb2,
)
from mainstay.gen.mainstay.v1 import (
    incident_service_pb2 as incidents,
)
from mainstay.gen.mainstay.v1 import (
    incident_service_pb2_grpc as incidents_grpc,
)
from mainstay.gen.mainstay.v1 import (
    runbook_service_pb2 as runbooks,
)
from mainstay.gen.mainstay.v1 import (
    runbook_service_pb2_grpc as runbooks_grpc,
)

TIMEOUT_SECONDS = 20.0
LINK = re.compile(r"https?://\S+/a/[\w.~-]+")


class Player:
    """Calls the doors as one person."""

    def __init__(self, address: str, token: str) -> None:
        self._channel = grpc.aio.insecure_channel(address)
        self._metadata = (("authorization", f"Bearer {token}"),)
        self.incidents: Any = incidents_grpc.IncidentServiceStub(self._channel)
        self.runbooks: Any = runbooks_grpc.RunbookServiceStub(self._channel)
        self.items: Any = items_grpc.ActionItemServiceStub(self._channel)

    async def call(self, method: Any, request: Any) -> Any:
        """One call, with the token and a deadline; mutating requests get a request id."""
        if "request_id" in request.DESCRIPTOR.fields_by_name and not request.request_id:
            request.request_id = str(uuid.UUID(bytes=secrets.token_bytes(16), version=4))
        return await method(request, metadata=self._metadata, timeout=TIMEOUT_SECONDS)

    async def open_incidents(self) -> Sequence[Any]:
        """Summaries of the incidents that are not over."""
        answer = await self.call(
            self.incidents.ListIncidents, incidents.ListIncidentsRequest(open_only=True, page_size=50)
        )
        return list(answer.incidents)

    async def incident(self, ref: str) -> Any:
        answer = await self.call(self.incidents.GetIncident, incidents.GetIncidentRequest(incident=ref))
        return answer.incident

    async def timeline(self, ref: str) -> Sequence[Any]:
        answer = await self.call(self.incidents.GetTimeline, incidents.GetTimelineRequest(incident=ref))
        return list(answer.entries)

    async def run(self, workflow_id: str) -> Any:
        answer = await self.call(self.runbooks.GetRun, runbooks.GetRunRequest(run=workflow_id))
        return answer.run

    async def acknowledge(self, ref: str) -> Any:
        return await self.call(self.incidents.Acknowledge, incidents.AcknowledgeRequest(incident=ref))

    async def approve(self, run: str, digest: str, comment: str = "") -> Any:
        request = runbooks.ApproveRequest(run=run, digest=digest, comment=comment)
        return await self.call(self.runbooks.Approve, request)

    async def reject(self, run: str, digest: str, comment: str = "") -> Any:
        request = runbooks.RejectRequest(run=run, digest=digest, comment=comment)
        return await self.call(self.runbooks.Reject, request)

    async def resolve(self, ref: str, confirmations: Sequence[str], anyway: str = "") -> Any:
        request = incidents.ResolveRequest(incident=ref, confirmations=confirmations, anyway=anyway)
        return await self.call(self.incidents.Resolve, request)

    async def page(self, ref: str, target: str) -> Any:
        request = incidents.PagePeopleRequest(incident=ref, target=target)
        return await self.call(self.incidents.PagePeople, request)

    async def note(self, ref: str, text: str) -> Any:
        return await self.call(self.incidents.AddNote, incidents.AddNoteRequest(incident=ref, text=text))

    async def cancel(self, ref: str, reason: str) -> Any:
        request = incidents.CancelIncidentRequest(incident=ref, reason=reason)
        return await self.call(self.incidents.CancelIncident, request)

    async def close_incident(self, ref: str, text: str, owner: str, due: datetime) -> Any:
        """Close it with one action item."""
        item = incident_pb2.ItemDraft(text=text, owner=owner)
        item.due.FromDatetime(due)
        return await self.call(self.incidents.Close, incidents.CloseRequest(incident=ref, items=[item]))

    async def close_plainly(self, ref: str) -> Any:
        """Close it; there is nothing left to do."""
        return await self.call(self.incidents.Close, incidents.CloseRequest(incident=ref))

    async def items_of(self, ref: str) -> Sequence[Any]:
        answer = await self.call(self.items.ListActionItems, items.ListActionItemsRequest(incident=ref))
        return list(answer.items)

    async def close(self) -> None:
        await self._channel.close()


def links_of(mail: EmailMessage) -> dict[str, str]:
    """Label → signed link of a mail's text part, as a reader finds them."""
    part = mail.get_body(("plain",))
    text = part.get_content() if part else ""
    found: dict[str, str] = {}
    label = ""
    for line in text.splitlines():
        link = LINK.search(line)
        if link:
            found[(line[: link.start()].strip(" :-–—*") or label).casefold()] = link.group()
        elif line.strip():
            label = line.split(" – ")[0].strip(" :-–—*")
    return found


def press(link: str, fields: dict[str, str] | None = None) -> tuple[int, str]:
    """Open a signed link and press its button, as a person in a browser would: (status, page)."""
    with urllib.request.urlopen(link, timeout=10) as page:
        page.read()
    body = urllib.parse.urlencode(fields or {}).encode()
    request = urllib.request.Request(link, data=body, method="POST")
    with urllib.request.urlopen(request, timeout=20) as answer:
        return answer.status, answer.read().decode()
