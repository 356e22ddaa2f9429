"""Action items: when to remind, chase and escalate, and what their states are called (D-09, D-30, M-17)."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from mainstay.domain.errors import InvalidArgument
from mainstay.domain.incident import ItemDraft
from mainstay.domain.message import IncidentRef
from mainstay.domain.model import Record
from mainstay.domain.names import action_item_workflow_id
from mainstay.domain.pinned import PinnedConfig
from mainstay.domain.text import plain
from mainstay.domain.work import ActionItemInput, ItemRow

Status = Literal["open", "in progress", "done", "deferred"]
Guide = Literal["002", "003"]

_LABELS: dict[Guide, dict[str, Status]] = {
    "002": {"Not Started": "open", "In Progress": "in progress", "Completed": "done", "Deferred": "deferred"},
    "003": {"To Do": "open", "In Progress": "in progress", "Done": "done"},
}
"""The guides' words for the states; guide 003 has none for deferred."""
VAGUE = ("be more careful", "be careful", "pay more attention", "pay attention", "try harder", "do better")
"""Resolutions that change no system (S-304)."""


class ItemEvent(Record):
    """What is to be said about an item, to whom and when. ``kind`` is that of the message."""

    kind: Literal["reminder", "overdue", "escalated"]
    at: datetime
    to: str


class ItemCounts(Record):
    """A report's line: every item is in exactly one of the first three."""

    done: int = 0
    in_progress: int = 0
    overdue: int = 0
    other: int = 0


def opening(draft: ItemDraft, id_: str, incident: IncidentRef, pinned: PinnedConfig, now: datetime) -> ActionItemInput:
    """The input of the item's workflow. Told at the end: the owner's manager, else the team's."""
    person = pinned.people.get(draft.owner)
    return ActionItemInput(
        item=ItemRow(
            id=id_,
            incident_key=incident.key,
            incident_number=incident.number,
            text=draft.text,
            owner=draft.owner,
            due=draft.due,
            kind=draft.kind,
            priority=draft.priority,
            created_at=now,
            workflow_id=action_item_workflow_id(id_),
        ),
        manager=(person.manager if person else None) or pinned.team.manager or "",
        incident=incident,
        pinned=pinned,
    )


def next_event(given: ActionItemInput, now: datetime) -> ItemEvent | None:
    """The next thing to say; it may be due already. None once the item is done.

    The owner is reminded ``remind_before`` the date, unless the item was made later than that, and chased
    each ``chase_every`` after it, for as long as it takes (S-302). Overdue for ``escalate_after``, the
    owner's manager is told once. However late the call comes, nothing is said twice to catch up.
    """
    item = given.item
    if item.status == "done":
        return None
    events = [ItemEvent(kind="overdue", at=_next_chase(given), to=item.owner)]
    remind_at = item.due - given.remind_before
    in_time = now <= item.due and (item.created_at is None or item.created_at < remind_at)
    if not given.reminded and in_time:
        events.append(ItemEvent(kind="reminder", at=remind_at, to=item.owner))
    if not given.escalated and given.manager and given.manager != item.owner:
        events.append(ItemEvent(kind="escalated", at=item.due + given.escalate_after, to=given.manager))
    return min(events, key=lambda event: event.at)


def _next_chase(given: ActionItemInput) -> datetime:
    last = given.last_chase
    return (last if last is not None and last > given.item.due else given.item.due) + given.chase_every


def after(given: ActionItemInput, event: ItemEvent, now: datetime) -> ActionItemInput:
    """The state once ``event`` has been said at ``now``."""
    item = given.item.model_copy(update={"reminders": given.item.reminders + 1})
    match event.kind:
        case "reminder":
            return given.model_copy(update={"item": item, "reminded": True})
        case "overdue":
            return given.model_copy(update={"item": item, "last_chase": now, "chases": given.chases + 1})
        case "escalated":
            return given.model_copy(update={"item": item, "escalated": True})


def overdue(item: ItemRow, now: datetime, *, deferred_too: bool = True) -> bool:
    """Past its date (not at it) and not done; a deferred item too, unless told otherwise (D-30)."""
    ended = ("done",) if deferred_too else ("done", "deferred")
    return item.status not in ended and now > item.due


def counts(items: tuple[ItemRow, ...], now: datetime, *, deferred_too: bool = True) -> ItemCounts:
    """How many are done, overdue, in progress in time, and the rest (S-296)."""
    late = sum(overdue(item, now, deferred_too=deferred_too) for item in items)
    done = sum(item.status == "done" for item in items)
    begun = sum(item.status == "in progress" and not overdue(item, now, deferred_too=deferred_too) for item in items)
    return ItemCounts(done=done, in_progress=begun, overdue=late, other=len(items) - done - begun - late)


def parse_status(text: str, guide: Guide = "002") -> Status:
    """The state that ``text`` names in the words of ``guide``. Raises InvalidArgument naming all of them."""
    labels = _LABELS[guide]
    for label, status in labels.items():
        if label.casefold() == text.strip().casefold():
            return status
    raise InvalidArgument(
        f"{plain(text, 40)!r} is no status of an action item: use {', '.join(labels)}", field="status"
    )


def status_label(status: str, guide: Guide = "002") -> str:
    """The guide's word for a state; guide 003 shows deferred items as to do."""
    known: dict[str, str] = {state: label for label, state in _LABELS[guide].items()}
    return known.get(status, known["open"])


def warnings(text: str) -> tuple[str, ...]:
    """Why the text of an item is too vague to be done; empty: it is concrete enough (S-304)."""
    folded = " ".join(text.casefold().split()).rstrip(".!")
    if any(phrase in folded for phrase in VAGUE):
        return ("resolving to be careful changes nothing: name what will be changed in a system",)
    if len(folded.split()) < 3:
        return ("say what is to be done to what, such as: add memory limits to the deployment template",)
    return ()
