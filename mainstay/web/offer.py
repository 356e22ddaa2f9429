"""What a signed link offers, as the confirm page says it. Reads the incident or the run; changes nothing."""

from __future__ import annotations

from typing import assert_never, get_args

from pydantic import Field

from mainstay.desk.desk import Desk
from mainstay.desk.press import Presses, stale
from mainstay.domain.approval import Question
from mainstay.domain.change import Change
from mainstay.domain.errors import AlreadyDone, Expired, InvalidArgument, NotFound, Stale, WrongState
from mainstay.domain.incident import IncidentView, Phase
from mainstay.domain.message import IncidentRef, Link
from mainstay.domain.model import Record
from mainstay.domain.runbook.run import RunView
from mainstay.domain.signature import LinkClaim
from mainstay.domain.timeline import Acknowledged, ApprovalAnswered

PURPOSES: tuple[str, ...] = get_args(Link.model_fields["purpose"].annotation)


class Offer(Record):
    """One confirm page. ``button`` says what pressing it does."""

    title: str
    does: str
    button: str
    incident: IncidentRef = Field(default_factory=IncidentRef)
    state: str = ""
    """What the incident or run waits for."""
    change: Change | None = None
    question: Question | None = None
    ask: str = ""
    comment: bool = False
    break_glass: bool = False
    danger: bool = False


class Offers:
    """Builds the offer of a claim, or raises the refusal that pressing the button would meet."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._presses = Presses(desk)

    async def of(self, claim: LinkClaim) -> Offer:
        """Raises Stale, AlreadyDone, WrongState, Expired, NotFound, Unavailable, InvalidArgument."""
        match claim.purpose:
            case "acknowledge":
                return _acknowledge(await self.incident(claim), claim)
            case "escalate":
                return _escalate(await self.incident(claim))
            case "approve" | "reject":
                return _vote(await self.run(claim), claim)
            case "answer":
                return _answer(await self.run(claim), claim)
            case "item_done":
                return await self._item(claim)
            case "view":
                return _view(await self.incident(claim))
            case _:
                raise InvalidArgument(f"this link is for {claim.purpose}, which is not done here")

    async def incident(self, claim: LinkClaim) -> IncidentView:
        """The incident that the link was made for, and no other of the same workflow id."""
        return await self._presses.incident(claim)

    async def run(self, claim: LinkClaim) -> RunView:
        view = await self._desk.run_view(claim.workflow_id)
        if claim.incident_key and view.incident.key and view.incident.key != claim.incident_key:
            raise stale(view.incident.shown)
        return view

    async def _item(self, claim: LinkClaim) -> Offer:
        wanted = claim.argument or claim.workflow_id.removeprefix("action-item/")
        found = [item for item in await self._desk.items(owner=claim.person) if item.id == wanted]
        if not found:
            raise NotFound("this action item is not yours any more: ask who has it now")
        item = found[0]
        if item.status == "done":
            raise AlreadyDone("this action item is done")
        return Offer(
            title="Action item",
            does=f"Marks “{item.text}” as done, due {item.due:%Y-%m-%d}. Its reminders stop.",
            button="Mark as done",
            incident=IncidentRef(key=item.incident_key, number=item.incident_number),
            comment=True,
        )


def _ref(view: IncidentView) -> IncidentRef:
    return IncidentRef(
        key=view.key,
        workflow_id=view.workflow_id,
        number=view.number,
        title=view.title,
        severity=view.severity,
        service=view.service,
    )


def _open(view: IncidentView) -> None:
    if view.phase.ended:
        raise WrongState(f"this incident is {view.phase.value}: there is nothing left to do with this link")


def _acknowledge(view: IncidentView, claim: LinkClaim) -> Offer:
    _open(view)
    if claim.person in view.asked and view.acknowledged_by:
        return Offer(
            title="Join",
            does=f"Says that you are coming: you were called by hand, and {view.acknowledged_by} has it.",
            button="I am coming",
            incident=_ref(view),
            state=view.waits_for,
        )
    if view.acknowledged_by:
        whom = "you" if view.acknowledged_by == claim.person else view.acknowledged_by
        at = [f" at {e.at:%H:%M:%S} UTC" for e in view.timeline if isinstance(e, Acknowledged)]
        raise AlreadyDone(f"{whom} acknowledged it{at[-1] if at else ''}: nobody else is paged")
    return Offer(
        title="Acknowledge",
        does="Stops the paging: you take it from here, and whoever else was called is told so.",
        button="Acknowledge",
        incident=_ref(view),
        state=view.waits_for,
    )


def _escalate(view: IncidentView) -> Offer:
    _open(view)
    if not view.next_page:
        raise WrongState(_nobody_next(view))
    return Offer(
        title="Page the next now",
        does=f"Pages {view.next_page} now, without waiting for the next step.",
        button="Page now",
        incident=_ref(view),
        state=view.waits_for,
    )


def _nobody_next(view: IncidentView) -> str:
    if view.acknowledged_by:
        return f"{view.acknowledged_by} has acknowledged it, so nobody is next: page somebody by name"
    return "no further escalation step is left: page a person from the incident"


def _vote(run: RunView, claim: LinkClaim) -> Offer:
    question = run.question
    if question is None or question.digest != claim.argument:
        raise _no_longer_asked(run, claim.argument)
    if any(vote.actor.person == claim.person for vote in question.votes):
        raise AlreadyDone(f"you have voted on this change already; it waits for {run.waits_for or 'others'}")
    yes = claim.purpose == "approve"
    does = (
        "Your yes counts for exactly the change shown here. If its target changes first, you are asked again."
        if yes
        else "This change is not made. The runbook goes on without it."
    )
    return Offer(
        title="Approve this change" if yes else "Reject this change",
        does=does,
        button="Approve" if yes else "Reject",
        incident=run.incident,
        state=run.waits_for,
        change=run.change,
        question=question,
        comment=True,
        break_glass=yes and question.rule.break_glass,
        danger=not yes,
    )


def _no_longer_asked(run: RunView, digest: str) -> AlreadyDone | Expired | Stale:
    answered = [e for e in run.timeline if isinstance(e, ApprovalAnswered) and e.digest == digest]
    if answered:
        last = answered[-1]
        told = f"{last.answer} at {last.at:%H:%M:%S} UTC by {last.actor.shown}"
        if "expired" in last.answer:
            return Expired(f"the question was {told}")
        return AlreadyDone(f"this change was {told}")
    if run.question is not None:
        return Stale("the plan has changed since this message: use the link in the newer one")
    return Stale(f"this change is not waiting for approval any more; the run is {run.outcome or run.status}")


def _answer(run: RunView, claim: LinkClaim) -> Offer:
    if not run.ask:
        raise AlreadyDone(f"the question has been answered; the run is {run.outcome or run.status}")
    if claim.argument not in run.ask_options:
        raise Stale("the runbook asks something else now: use the link in the newer message")
    return Offer(
        title="Answer the runbook",
        does=f"Continues the runbook {run.runbook} with the answer “{claim.argument}”.",
        button=f"Answer “{claim.argument}”",
        incident=run.incident,
        state=run.waits_for,
        ask=run.ask,
        comment=True,
    )


def _view(view: IncidentView) -> Offer:
    return Offer(
        title="Open the incident",
        does="Shows the incident to you on this device until the link expires. Changes nothing.",
        button="Open",
        incident=_ref(view),
        state=_phase_line(view),
    )


def _phase_line(view: IncidentView) -> str:
    match view.phase:
        case Phase.CLOSED | Phase.CANCELLED | Phase.MERGED:
            return f"It is {view.phase.value}."
        case Phase.DECLARED | Phase.INVESTIGATING | Phase.MITIGATING | Phase.MONITORING | Phase.RESOLVED:
            return view.waits_for
        case _:
            assert_never(view.phase)
