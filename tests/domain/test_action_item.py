"""Action items as time lines: ``d-2 reminder alice`` means two days before the date."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from mainstay.domain.action_item import (
    after,
    counts,
    next_event,
    opening,
    overdue,
    parse_status,
    status_label,
    warnings,
)
from mainstay.domain.errors import InvalidArgument
from mainstay.domain.incident import ItemDraft
from mainstay.domain.message import IncidentRef
from mainstay.domain.work import ActionItemInput, ItemRow
from tests.domain.made_incidents import pinned

DUE = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def item(owner: str = "alice", due: datetime = DUE, status: str = "open", **fields: object) -> ItemRow:
    return ItemRow.model_validate({"id": "i", "text": "t", "owner": owner, "due": due, "status": status, **fields})


def begun(manager: str = "chief", **fields: object) -> ActionItemInput:
    return ActionItemInput(item=item(**fields), manager=manager)  # type: ignore[arg-type]


def timeline(given: ActionItemInput, first: int, last: int, done: int | None = None) -> str:
    """Look once a day at noon, from day ``first`` to day ``last`` counted from the date."""
    said = []
    for day in range(first, last + 1):
        now = DUE + day * DAY
        if day == done:
            given = given.model_copy(update={"item": given.item.model_copy(update={"status": "done"})})
        while (event := next_event(given, now)) is not None and event.at <= now:
            said.append(f"d{day:+} {event.kind} {event.to}")
            given = after(given, event, now)
    return ", ".join(said)


@pytest.mark.parametrize(
    ("given", "days", "done", "expected"),
    [
        pytest.param(begun(), (-5, 0), None, "d-2 reminder alice", id="reminded, not yet late at its date"),
        pytest.param(
            begun(),
            (-5, 3),
            None,
            "d-2 reminder alice, d+1 overdue alice, d+2 overdue alice, d+3 overdue alice",
            id="chased daily",
        ),
        pytest.param(begun(), (-5, 3), 2, "d-2 reminder alice, d+1 overdue alice", id="done ends it"),
        pytest.param(begun(created_at=DUE - DAY), (-1, 0), None, "", id="no reminder right after it was assigned"),
        pytest.param(
            begun(),
            (6, 8),
            None,
            "d+6 overdue alice, d+7 overdue alice, d+7 escalated chief, d+8 overdue alice",
            id="the manager once",
        ),
        pytest.param(
            begun(manager=""),
            (7, 8),
            None,
            "d+7 overdue alice, d+8 overdue alice",
            id="no manager: still chased",
        ),
        pytest.param(begun(manager="alice"), (7, 7), None, "d+7 overdue alice", id="no word to oneself"),
        pytest.param(begun(status="deferred"), (1, 1), None, "d+1 overdue alice", id="deferred counts (D-30)"),
        pytest.param(begun(status="done"), (-5, 30), None, "", id="done from the start"),
    ],
)
def test_chasing(given: ActionItemInput, days: tuple[int, int], done: int | None, expected: str) -> None:
    """Reminder before, chased daily after, the manager once after a week, silence when done."""
    assert timeline(given, *days, done=done) == expected


def test_an_outage_is_not_made_up_for() -> None:
    """After ten days without looking, one chase and one word to the manager, not ten."""
    assert timeline(begun(), 10, 10) == "d+10 overdue alice, d+10 escalated chief"


def test_it_goes_on_for_weeks() -> None:
    """Reminders do not stop by themselves (S-302)."""
    assert timeline(begun(), 1, 60).count("overdue") == 60


def test_a_new_date_starts_anew() -> None:
    """After a deferral the next thing is the reminder before the new date."""
    late = begun().model_copy(update={"item": item(status="deferred", due=DUE + 30 * DAY), "last_chase": DUE + DAY})
    event = next_event(late, DUE + 2 * DAY)
    assert event is not None
    assert (event.kind, event.at) == ("reminder", DUE + 28 * DAY)


@pytest.mark.capability("S-295")
def test_overdue() -> None:
    """Given Deferred with its date yesterday, then overdue; exactly at the date, not."""
    late = DUE + DAY
    assert overdue(item(status="deferred"), late)
    assert not overdue(item(status="deferred"), late, deferred_too=False)
    assert not overdue(item(), DUE)
    assert overdue(item(), DUE + timedelta(microseconds=1))
    assert not overdue(item(status="done"), late)


def rows(*lines: str) -> tuple[ItemRow, ...]:
    """``OWNER DATE STATUS`` in the words of guide 002 or 003."""
    found = []
    for line in lines:
        guide, owner, day, status = line.split(maxsplit=3)
        due = datetime.fromisoformat(day).replace(tzinfo=UTC)
        found.append(item(owner=owner, due=due, status=parse_status(status, guide)))  # type: ignore[arg-type]
    return tuple(found)


@pytest.mark.capability("S-298", "S-299")
@pytest.mark.parametrize(
    ("today", "items", "late"),
    [
        (
            "2025-04-18",
            rows(
                "002 alice 2025-04-15 In Progress",
                "002 bob 2025-04-20 Not Started",
                "002 charlie 2025-04-12 Completed",
            ),
            ["alice"],
        ),
        (
            "2025-04-02",
            rows(
                "003 alice 2025-03-20 Done",
                "003 bob 2025-03-22 In Progress",
                "003 carol 2025-04-01 To Do",
                "003 dave 2025-04-15 To Do",
                "003 bob 2025-04-30 To Do",
            ),
            ["bob", "carol"],
        ),
    ],
)
def test_the_guides_samples(today: str, items: tuple[ItemRow, ...], late: list[str]) -> None:
    """Given the samples on their dates, then exactly the guides' items are overdue."""
    now = datetime.fromisoformat(today).replace(tzinfo=UTC)
    assert [i.owner for i in items if overdue(i, now)] == late


@pytest.mark.capability("S-297")
def test_the_words_of_both_guides() -> None:
    """Given Done and To Do of guide 003, then they are Completed and Not Started of guide 002 (D-09)."""
    assert [status_label(parse_status(text, "003")) for text in ("Done", "To Do", "in progress")] == [
        "Completed",
        "Not Started",
        "In Progress",
    ]
    assert status_label("deferred", "003") == "To Do"


def test_a_foreign_word_is_refused() -> None:
    """In guide 002's words, ``Done`` is none; the message names the four (S-294)."""
    with pytest.raises(InvalidArgument, match="Not Started, In Progress, Completed, Deferred"):
        parse_status("Done", "002")


def test_a_report_s_counts() -> None:
    """Eight done, five in progress, two overdue: every item counts once (S-296)."""
    items = (*[item(status="done")] * 8, *[item(status="in progress", due=DUE + 9 * DAY)] * 5, *[item()] * 2)
    found = counts(items, DUE + DAY)
    assert (found.done, found.in_progress, found.overdue, found.other) == (8, 5, 2, 0)


@pytest.mark.capability("S-304")
@pytest.mark.parametrize(
    ("text", "vague"),
    [
        ("Be more careful!", True),
        ("We must pay more  attention", True),
        ("improve", True),
        ("add memory limits to deployment template", False),
    ],
)
def test_vague_items_are_warned_about(text: str, vague: bool) -> None:
    """Given a resolution to be careful, or no verb and object, then a warning asks for more."""
    assert bool(warnings(text)) == vague


@pytest.mark.capability("S-293")
def test_a_new_item_has_not_begun() -> None:
    """Given an improvement type that is none of prevent, detect and respond, then it is refused; a new item has the
    status Not Started and no completion date."""
    fields = {"text": "add an alert on the pool", "owner": "alice", "due": DUE}
    with pytest.raises(ValidationError, match="'prevent', 'detect' or 'respond'"):
        ItemDraft.model_validate({**fields, "kind": "cure"})
    for kind in ("prevent", "detect", "respond"):
        drafted = ItemDraft.model_validate({**fields, "kind": kind})
        made = opening(drafted, "i1", IncidentRef(key="k"), pinned(), DUE - 30 * DAY).item
        assert (made.kind, made.incident_key, made.owner, made.due) == (kind, "k", "alice", DUE)
        assert (status_label(made.status), made.done_at) == ("Not Started", None)
