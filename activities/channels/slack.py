"""Slack: a message with buttons, to a person or a room, in one thread an incident; changed as the state does.

Slack has no idempotency keys: a double is possible only where a worker dies between Slack's acceptance and
its record. The key goes along as message metadata, so that such a double can be told by its key.
"""

from __future__ import annotations

import asyncio
import hashlib
from datetime import timedelta
from typing import Any, ClassVar

from activities.channels.channel import Later, Outgoing, refused
from activities.channels.slack_api import SlackApi, SlackError
from mainstay.domain.catalogue.channels import CHANNELS
from mainstay.domain.catalogue.spec import Supports
from mainstay.domain.slack_blocks import Posted, render
from mainstay.domain.work import Receipt

_LOUD = frozenset({"page", "approval", "question"})
"""Said in a thread, these are shown in the conversation as well: somebody is needed."""
_BLOCKS = frozenset({"invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long"})
_GONE = frozenset(
    {"message_not_found", "thread_not_found", "cant_update_message", "edit_window_closed", "cannot_reply_to_message"}
)
"""The earlier message is not there any more: this one stands alone."""


class Slack:
    """Posts one message."""

    supports: ClassVar[Supports] = CHANNELS["slack"].supports

    def __init__(self, api: SlackApi, *, room: str = "", within: timedelta = timedelta(seconds=4.5)) -> None:
        self._api = api
        self._room = room
        self._within = within.total_seconds()

    async def send(self, outgoing: Outgoing) -> Receipt:
        """Raises Later for 429 (with the wait that was asked for), 5xx, silence and broken connections."""
        place = outgoing.address or self._room
        if not place:
            return refused(f"Slack channel {self._api.name} has no room for messages to nobody in particular")
        try:
            async with asyncio.timeout(self._within):
                return await self._say(place, outgoing)
        except TimeoutError:
            raise Later(f"Slack channel {self._api.name} did not answer in {self._within:g} s") from None
        except SlackError as no:
            return refused(str(no))

    async def _say(self, place: str, outgoing: Outgoing) -> Receipt:
        said = render(outgoing.message, outgoing.links)
        if outgoing.replaces and (changed := await self._change(outgoing.replaces, said)) and not outgoing.follows:
            return Receipt(accepted=True, provider_id=changed, detail="changed")
        arguments: dict[str, Any] = {
            "channel": place,
            "unfurl_links": False,
            "unfurl_media": False,
            "metadata": {"event_type": "mainstay_message", "event_payload": {"key": _short(outgoing.key)}},
        }
        conversation, _, thread = outgoing.follows.partition(":")
        if thread:
            arguments |= {"channel": conversation, "thread_ts": thread}
            arguments["reply_broadcast"] = outgoing.message.kind in _LOUD
        answer = await self._post(arguments, said)
        return Receipt(accepted=True, provider_id=f"{answer.get('channel')}:{answer.get('ts')}", detail="posted")

    async def _post(self, arguments: dict[str, Any], said: Posted) -> dict[str, Any]:
        try:
            return await self._with_blocks("chat.postMessage", arguments, said)
        except SlackError as no:
            if no.code not in _GONE or "thread_ts" not in arguments:
                raise
            alone = {k: v for k, v in arguments.items() if k not in ("thread_ts", "reply_broadcast")}
            return await self._with_blocks("chat.postMessage", alone, said)

    async def _change(self, sent: str, said: Posted) -> str:
        """The id of the changed message; empty where it cannot be changed (any more)."""
        conversation, _, at = sent.partition(":")
        try:
            await self._with_blocks("chat.update", {"channel": conversation, "ts": at}, said)
        except SlackError as no:
            if no.code not in _GONE:
                raise
            return ""
        return sent

    async def _with_blocks(self, method: str, arguments: dict[str, Any], said: Posted) -> dict[str, Any]:
        """Should Slack not like the blocks, the words alone are better than nothing."""
        try:
            return await self._api.call(method, **arguments, text=said.text, blocks=said.blocks)
        except SlackError as no:
            if no.code not in _BLOCKS:
                raise
            return await self._api.call(method, **arguments, text=said.text)


def _short(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:32]
