"""``mainstay action-item``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from mainstay.cli import completers, output, session, words
from mainstay.cli.output import Cell

if TYPE_CHECKING:
    from datetime import datetime

    from mainstay.gen.mainstay.v1.action_item_service_pb2 import ActionItem

from mainstay.cli.arguments import group

app = group("action-item", "What must happen so that it does not happen again.")
Item = Annotated[str, Parameter(help="Id of the action item.")]


@app.command(name="list")
def list_(
    *,
    owner: Annotated[str, Parameter(name=["--owner", "-o"], help="Only those of this person.")] = "",
    incident: Annotated[str, Parameter(help="Only those of this incident.", completer=completers.incidents)] = "",
    all_: Annotated[bool, Parameter(name=["--all", "-a"], negative="", help="Also those that are done.")] = False,
) -> None:
    """Action items that are not done yet."""
    from mainstay.cli import calls, values

    request = calls.item_pb.ListActionItemsRequest(owner=owner, incident=incident, open_only=not all_)
    answer = calls.send(calls.action_items().ListActionItems, request)
    if session.current().json:
        output.emit(values.of(answer))
        return
    now = session.now()
    output.table(
        ("ID", "PRIORITY", "STATUS", "OWNER", "DUE", "INCIDENT", "TEXT"),
        (_row(each, now) for each in answer.items),
        "no action items" if all_ else "no open action items",
    )


def _row(each: ActionItem, now: datetime) -> tuple[Cell, ...]:
    from mainstay.cli import values

    due, status = words.moment(each.due), values.name_in(each, "status")
    late = due is not None and due < now and status != "done"
    return (
        Cell(each.id, "bold"),
        Cell(values.name_in(each, "priority")),
        Cell(status),
        Cell(each.owner),
        Cell(words.when(each.due, now), "bold red" if late else "", words.iso(each.due)),
        Cell(each.incident_number or each.incident_key),
        Cell(each.text),
    )


@app.command
def start(item: Item, /) -> None:
    """You are at it."""
    from mainstay.cli import calls

    calls.change(calls.action_items().StartActionItem, calls.item_pb.StartActionItemRequest(item=item))


@app.command
def done(item: Item, /, *note: Annotated[str, Parameter(help="What was done, or a link to it.")]) -> None:
    """It is done."""
    from mainstay.cli import calls
    from mainstay.cli.prompts import text_of

    request = calls.item_pb.CompleteActionItemRequest(item=item, note=text_of(note))
    calls.change(calls.action_items().CompleteActionItem, request)


@app.command
def defer(
    item: Item,
    /,
    *,
    due: Annotated[str, Parameter(help="The new date: 14d, 2026-12-01.")],
    reason: Annotated[str, Parameter(help="Why it has to wait.")],
) -> None:
    """It has to wait; say why."""
    from mainstay.cli import calls
    from mainstay.cli.moments import instant

    request = calls.item_pb.DeferActionItemRequest(item=item, reason=reason)
    request.due.FromDatetime(instant(due, "--due", end_of_day=True))
    calls.change(calls.action_items().DeferActionItem, request)
