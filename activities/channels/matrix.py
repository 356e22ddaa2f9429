"""Matrix: direct rooms and rooms, threads, edits. Its transactions make a retry the same message, not a second."""

from __future__ import annotations

import asyncio
import hashlib
from datetime import timedelta
from typing import Any, ClassVar

from activities.channels.channel import Later, Outgoing, refused
from mainstay.domain.catalogue.channels import CHANNELS
from mainstay.domain.catalogue.spec import Supports
from mainstay.domain.matrix_content import content
from mainstay.domain.work import Receipt
from mainstay.matrix import Matrix, MatrixError, MatrixLater

_LOUD = frozenset({"page", "approval", "question"})
DIRECT = "m.direct"


class MatrixChannel:
    """Posts one message. The address is a user (``@…``), a room's id (``!…``) or alias (``#…``)."""

    supports: ClassVar[Supports] = CHANNELS["matrix"].supports

    def __init__(self, api: Matrix, *, room: str = "", within: timedelta = timedelta(seconds=4.5)) -> None:
        self._api = api
        self._room = room
        self._within = within.total_seconds()

    async def send(self, outgoing: Outgoing) -> Receipt:
        """Raises Later for M_LIMIT_EXCEEDED (with its wait), 5xx, silence and broken connections."""
        place = outgoing.address or self._room
        if not place.startswith(("@", "!", "#")):
            return refused(f"Matrix channel {self._api.name}: the address must begin with @, ! or #")
        try:
            async with asyncio.timeout(self._within):
                return await self._say(place, outgoing)
        except TimeoutError:
            raise Later(f"Matrix channel {self._api.name} did not answer in {self._within:g} s") from None
        except MatrixLater as later:
            raise Later(later.message, retry_after=later.retry_after) from None
        except MatrixError as no:
            return refused(str(no))

    async def _say(self, place: str, outgoing: Outgoing) -> Receipt:
        loud = place if place.startswith("@") and outgoing.message.kind in _LOUD else ""
        said = content(outgoing.message, outgoing.links, mention=loud)
        if outgoing.replaces:
            changed = await self._change(outgoing.replaces, said, outgoing.key)
            if not outgoing.follows:
                return Receipt(accepted=True, provider_id=changed, detail="changed")
        room, _, root = outgoing.follows.partition(" ")
        if root:
            said["m.relates_to"] = {
                "rel_type": "m.thread",
                "event_id": root,
                "is_falling_back": True,
                "m.in_reply_to": {"event_id": root},
            }
        room = room or await self.room_of(place)
        event = await self._api.send(room, transaction(outgoing.key), said)
        return Receipt(accepted=True, provider_id=f"{room} {event}", detail="posted")

    async def _change(self, sent: str, said: dict[str, Any], key: str) -> str:
        room, _, event = sent.partition(" ")
        edit = {
            **said,
            "body": f"* {said['body']}",
            "m.new_content": said,
            "m.relates_to": {"rel_type": "m.replace", "event_id": event},
        }
        if len(str(edit).encode()) > 60_000:
            edit.pop("formatted_body", None)
        await self._api.send(room, transaction(f"{key}/edit"), edit)
        return sent

    async def room_of(self, place: str) -> str:
        """The room's id: looked up for an alias, and joined; made for a user, once."""
        if place.startswith("!"):
            return place
        if place.startswith("#"):
            return str((await self._api.post("join", place, body={})).get("room_id", ""))
        rooms = await self._api.account_data(DIRECT)
        for room in rooms.get(place) or ():
            if await self._is_there(room, place):
                return str(room)
        # An invitation to nobody would look like a page that was taken
        await self._api.get("profile", place)
        made = await self._api.post(
            "createRoom",
            body={"is_direct": True, "invite": [place], "preset": "trusted_private_chat", "name": "Mainstay"},
        )
        room = str(made.get("room_id", ""))
        await self._api.keep(DIRECT, {**rooms, place: [room, *(rooms.get(place) or ())][:5]})
        return room

    async def _is_there(self, room: str, user: str) -> bool:
        """Has this person neither left nor declined the room?"""
        try:
            state = await self._api.get("rooms", room, "state", "m.room.member", user)
        except MatrixError:
            return False
        return state.get("membership") in ("join", "invite")


def transaction(key: str) -> str:
    """The same key is the same transaction, in every process that uses the same access token."""
    return hashlib.sha256(key.encode()).hexdigest()[:40]
