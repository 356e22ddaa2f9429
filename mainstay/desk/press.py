"""A pressed button or a followed link: one intent of one person, done at the desk.

What the button stands for is a ``LinkClaim``, whether a signed link carried it or a chat vouched for it.
"""

from __future__ import annotations

from uuid import NAMESPACE_URL, uuid5

from mainstay.desk.desk import Desk
from mainstay.domain import names
from mainstay.domain.access import Actor, Command
from mainstay.domain.errors import InvalidArgument, NotFound, Stale, WrongState
from mainstay.domain.incident import Acknowledge, Escalate, IncidentView, Outcome
from mainstay.domain.item_commands import ItemControl
from mainstay.domain.runbook.run import AnswerQuestion, CastVote
from mainstay.domain.signature import LinkClaim

MAX_COMMENT = 2000


class Presses:
    """Does what a claim allows. Raises every refusal of the desk."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def do(
        self, claim: LinkClaim, actor: Actor, request_id: str, *, comment: str = "", alone: bool = False
    ) -> Outcome:
        """``alone``: vote by break-glass."""
        match claim.purpose:
            case "acknowledge":
                command = Acknowledge(round=_round(claim.argument))
                return await self._update(claim, names.ACKNOWLEDGE, command, actor, request_id)
            case "escalate":
                step = Escalate(round=_round(claim.argument), reason=comment)
                return await self._update(claim, names.ESCALATE, step, actor, request_id)
            case "approve" | "reject":
                name = names.APPROVE if claim.purpose == "approve" else names.REJECT
                vote = CastVote(digest=claim.argument, comment=comment, break_glass=alone)
                return await self._desk.run_update(claim.workflow_id, name, vote, actor, request_id)
            case "answer":
                answer = AnswerQuestion(option=claim.argument, comment=comment)
                return await self._desk.run_update(claim.workflow_id, names.ANSWER, answer, actor, request_id)
            case "item_done":
                item = claim.argument or claim.workflow_id.removeprefix("action-item/")
                done = ItemControl(comment=comment)
                return await self._desk.item_update(item, names.DONE_ITEM, done, actor, request_id)
            case _:
                raise InvalidArgument(f"this link is for {claim.purpose}, which is not done here")

    async def incident(self, claim: LinkClaim) -> IncidentView:
        """The incident that the claim was made for, and no other of the same workflow id. Raises Stale."""
        address = await self._desk.find(claim.workflow_id)
        if address.key == claim.incident_key:
            return await self._desk.view(claim.workflow_id)
        try:
            view = await self._desk.view(claim.incident_key)
        except NotFound:
            raise stale(address.number or "another incident") from None
        if claim.purpose != "view":
            raise stale(address.number or "another incident")
        return view

    async def _update(self, claim: LinkClaim, name: str, command: Command, actor: Actor, request_id: str) -> Outcome:
        """By incident key, so that it can only reach the incident that the link was made for.

        The key of an incident that has just begun may not be listed yet; then its workflow id serves, after
        a look that it still means the same incident.
        """
        try:
            return await self._desk.update(claim.incident_key, name, command, actor, request_id)
        except NotFound:
            view = await self.incident(claim)
            return await self._desk.update(view.workflow_id, name, command, actor, request_id)
        except WrongState:
            # Of an incident that is over: where another has begun since, that is what the person has to know.
            await self.incident(claim)
            raise


def intent(*parts: str) -> str:
    """The request id of one intent: the same parts again are the same intent."""
    return str(uuid5(NAMESPACE_URL, ":".join(parts)))


def stale(now: str) -> Stale:
    """A button or link of an incident that is over, while ``now`` is on."""
    return Stale(
        f"this link belongs to an earlier incident, which is over. {now} has begun since: "
        "use the link in the message about it"
    )


def _round(argument: str) -> int:
    return int(argument) if argument.isascii() and argument.isdigit() and len(argument) < 9 else 0
