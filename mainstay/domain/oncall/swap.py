"""Swaps: one person offers a shift, another takes it, perhaps for a shift of theirs in return."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, assert_never

from mainstay.domain.errors import AlreadyDone, Expired, InvalidArgument, NotAllowed
from mainstay.domain.model import Record
from mainstay.domain.oncall.schedule import Override, Shift

Answer = Literal["accept", "decline", "withdraw"]
State = Literal["open", "accepted", "declined", "withdrawn"]


class Swap(Record):
    """``giver`` offers [``start``, ``end``). ``taker`` empty: whoever accepts first."""

    id: str
    schedule: str
    giver: str
    taker: str = ""
    start: datetime
    end: datetime
    return_start: datetime | None = None
    return_end: datetime | None = None
    """What the giver takes over from the taker in return."""
    note: str = ""
    state: State = "open"
    answered_by: str = ""
    created_at: datetime
    answered_at: datetime | None = None


def answered(swap: Swap, answer: Answer, person: str, at: datetime) -> Swap:
    """The swap after the answer; the same answer by the same person again changes nothing.

    Raises NotAllowed (whose answer it is), AlreadyDone (another answer came first), Expired (the shift is over).
    """
    state: State
    match answer:
        case "accept":
            allowed, state = swap.taker in ("", person) and person != swap.giver, "accepted"
        case "decline":
            allowed, state = person == swap.taker, "declined"
        case "withdraw":
            allowed, state = person == swap.giver, "withdrawn"
        case _:
            assert_never(answer)
    if not allowed:
        whom = swap.giver if answer == "withdraw" else swap.taker or f"anybody but {swap.giver}"
        raise NotAllowed(f"{person} cannot {answer} this swap: {whom} can")
    if swap.state == state and swap.answered_by == person:
        return swap
    if swap.state != "open":
        raise AlreadyDone(f"{swap.answered_by} has {swap.state} this swap already")
    if answer == "accept" and swap.end <= at:
        raise Expired("the shift of this swap is over")
    return swap.model_copy(update={"state": state, "answered_by": person, "answered_at": at})


def overrides(swap: Swap) -> tuple[Override, ...]:
    """What an accepted swap changes: the taker has the giver's shift, the giver what was given in return."""
    if swap.state != "accepted":
        return ()
    why = f"swap: {swap.answered_by} for {swap.giver}" + (f" ({swap.note})" if swap.note else "")
    given = Override(schedule=swap.schedule, person=swap.answered_by, start=swap.start, end=swap.end, note=why[:500])
    if swap.return_start is None or swap.return_end is None:
        return (given,)
    back = given.model_copy(update={"person": swap.giver, "start": swap.return_start, "end": swap.return_end})
    return given, back


def check_theirs(shifts: tuple[Shift, ...], person: str, field: str) -> None:
    """Nobody gives away what is not theirs. Raises InvalidArgument that names who is on call there."""
    other = next((shift for shift in shifts if shift.person != person), None)
    if other is not None:
        span = f"{other.start:%Y-%m-%d %H:%M} to {other.end:%Y-%m-%d %H:%M} UTC"
        who = f"{other.person} is" if other.person else "nobody is"
        raise InvalidArgument(
            f"from {span} {who} on call, not {person}: choose a span within {person}'s shifts", field=field
        )
