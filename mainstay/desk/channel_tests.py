"""A test message by a channel, on the way that pages take: workers send it, with their secrets and network."""

from __future__ import annotations

from datetime import timedelta

from temporalio.client import Client, WorkflowFailureError
from temporalio.common import WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError

from mainstay.config import Config
from mainstay.desk import check
from mainstay.desk.answers import ChannelTested
from mainstay.desk.failure import Later, answering
from mainstay.domain import access_rules, names
from mainstay.domain.access import Actor
from mainstay.domain.catalogue import CHANNELS
from mainstay.domain.channel_advice import advice
from mainstay.domain.errors import InvalidArgument, NotFound
from mainstay.domain.message import NoticeMessage
from mainstay.domain.people import ContactMethod
from mainstay.domain.text import markdown
from mainstay.domain.work import Receipt, SendRequest

WITHIN = timedelta(seconds=14)
AT_MOST = timedelta(minutes=1)
"""After that a test that no worker took is over: nobody wants its message hours later."""


class ChannelTests:
    def __init__(self, client: Client, config: Config) -> None:
        self._client = client
        self._config = config

    async def test(
        self, channel: str, person: str, caller: Actor, request_id: str, timeout: timedelta = WITHIN
    ) -> ChannelTested:
        """Send one message to ``person``, or to nobody in particular where the channel can, else to the caller.

        Raises NotAllowed, NotFound (channel, person or contact), InvalidArgument, Unavailable (no worker).
        """
        access_rules.check_allowed(access_rules.TEST_CHANNEL, caller)
        request_id = check.request_id(request_id)
        channel = check.name(channel, "channel", required=True)
        kind = self._config.channel(channel).type
        contact, person = self._recipient(channel, kind, check.name(person, "person"), caller)
        request = SendRequest(
            key=f"channel-test/{request_id}",
            person=person,
            method=contact.name if contact else "",
            channel=channel,
            message=_message(channel, caller),
        )
        async with answering(f"testing channel {channel}", min(timeout, WITHIN)):
            receipt = await self._sent(request, f"channel-test/{channel}/{person}/{request_id}", caller)
        return ChannelTested(
            channel=channel,
            kind=kind,
            person=person,
            method=request.method,
            receipt=receipt,
            advice=advice(kind, receipt),
        )

    def _recipient(self, channel: str, kind: str, person: str, caller: Actor) -> tuple[ContactMethod | None, str]:
        """(contact, handle); neither for what is said to nobody in particular."""
        wanted = person or (caller.person if CHANNELS[kind].supports.address else "")
        if not wanted:
            return None, ""
        if not person and wanted not in self._config.people:
            raise InvalidArgument(f"channel {channel} needs a recipient: name one with person", field="person")
        contacts = self._config.person(wanted).contacts
        found = next((contact for contact in contacts if contact.channel == channel), None)
        if found is None:
            known = ", ".join(contact.channel for contact in contacts) or "none"
            raise NotFound(f"{wanted} has no contact on channel {channel}; theirs are on: {known}", field="person")
        return found, wanted

    async def _sent(self, request: SendRequest, workflow_id: str, caller: Actor) -> Receipt:
        """The same request id again is the same test: it sends nothing, and gets the first answer."""
        try:
            handle = await self._client.start_workflow(
                names.CHANNEL_TEST,
                request,
                id=workflow_id,
                task_queue=names.INCIDENT_QUEUE,
                id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                execution_timeout=AT_MOST,
                result_type=Receipt,
                static_summary=markdown(f"Test of channel {request.channel} by {caller.shown}", 200),
            )
        except WorkflowAlreadyStartedError:
            handle = self._client.get_workflow_handle(workflow_id, result_type=Receipt)
        try:
            receipt: Receipt = await handle.result()
        except WorkflowFailureError:
            raise Later(f"testing channel {request.channel}: no worker sent it within a minute") from None
        return receipt


def _message(channel: str, caller: Actor) -> NoticeMessage:
    return NoticeMessage(
        subject=f"Test of channel {channel}",
        text=f"{caller.shown} tests whether Mainstay reaches you here. There is no incident, and nothing to do.",
    )
