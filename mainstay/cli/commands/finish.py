"""The ends of an incident: resolve, reopen, merge, cancel, close."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from mainstay.cli import output, prompts, session, words
from mainstay.cli.arguments import Incident, Reason
from mainstay.cli.problem import Problem, declined, usage

if TYPE_CHECKING:
    from datetime import datetime

    from mainstay.gen.mainstay.v1.incident_pb2 import Incident as Incident_
    from mainstay.gen.mainstay.v1.incident_pb2 import ItemDraft

_ITEM = "text;owner=alice;due=14d;kind=prevent;priority=P1;mitigation=m1"
_KINDS = {"prevent": 1, "detect": 2, "respond": 3}
_PRIORITIES = {"P0": 1, "P1": 2, "P2": 3}


def resolve(
    incident: Incident,
    /,
    *,
    confirm: Annotated[
        tuple[str, ...],
        Parameter(
            negative="",
            help="What is true: metrics,customers,errors,data,mitigations,status_page, or all.",
        ),
    ] = (),
    anyway: Annotated[str, Parameter(help="Why to resolve though points are missing.")] = "",
) -> None:
    """Say that it is over, point by point. An alert that fires again reopens it."""
    from mainstay.cli import calls

    points = _points(confirm)
    if not confirm and (prompts.possible() or not anyway):
        points, anyway = _asked(incident, anyway)
    request = calls.incident_pb.ResolveRequest(incident=incident, confirmations=points, anyway=anyway)
    calls.change(calls.incidents().Resolve, request)


def _points(given: tuple[str, ...]) -> list[str]:
    """Raises Problem for a point that does not exist."""
    from mainstay.domain.incident import CONFIRMATIONS

    named = [point.strip() for part in given for point in part.split(",") if point.strip()]
    if named == ["all"]:
        return list(CONFIRMATIONS)
    unknown = [point for point in named if point not in CONFIRMATIONS]
    if unknown:
        raise usage(
            f"there is no confirmation {unknown[0]!r}",
            f"use all, or of: {', '.join(CONFIRMATIONS)}",
            field="confirm",
        )
    return named


def _asked(reference: str, anyway: str) -> tuple[list[str], str]:
    """The points to which the person says yes, and why to resolve though something speaks against it."""
    from mainstay.cli.reading import incident as read
    from mainstay.domain.incident import CONFIRMATIONS

    if not prompts.possible():
        raise usage(
            "there is nobody to ask whether it is over: this is no terminal",
            "say what is true with --confirm metrics,customers,… or --confirm all, or why not with --anyway",
        )
    found = read(reference)
    output.aside(f"{found.number or found.key} {found.title}")
    against = list(_against(found))
    for line in against:
        output.aside(f"! {line}")
    points = [point for point, text in CONFIRMATIONS.items() if prompts.yes(f"{text}?")]
    missing = [point for point in CONFIRMATIONS if point not in points]
    if missing:
        against.append(f"not confirmed: {', '.join(missing)}")
    if not against or anyway:
        return points, anyway
    why = prompts.ask(f"{'; '.join(against)}. Why resolve anyway? (empty: do not)")
    if not why:
        raise declined(f"not resolved: {'; '.join(against)}")
    return points, why


def _against(found: Incident_) -> Iterator[str]:
    """What the server will want a reason for."""
    for run in found.runs:
        if not run.ended:
            yield f"runbook {run.runbook} is still running"
    if found.firing:
        yield f"{words.count(found.firing, 'alert')} still firing: {', '.join(found.firing_names)}"
    hold, now = words.moment(found.hold_until), session.now()
    if hold and hold > now:
        yield f"the monitoring hold lasts until {words.when(found.hold_until, now)}"


def reopen(incident: Incident, /, *, reason: Reason = "") -> None:
    """It is not over after all: people are paged again."""
    from mainstay.cli import calls

    request = calls.incident_pb.ReopenRequest(incident=incident, reason=reason)
    calls.change(calls.incidents().Reopen, request)


def merge(incident: Incident, /, *, into: Annotated[str, Parameter(help="The incident that goes on.")]) -> None:
    """It is the same as another incident, which goes on."""
    from mainstay.cli import calls

    request = calls.incident_pb.MergeRequest(incident=incident, into=into)
    calls.change(calls.incidents().Merge, request)


def cancel(incident: Incident, /, *, reason: Reason = "") -> None:
    """It was none: a false alarm, a mistake, a test."""
    from mainstay.cli import calls

    request = calls.incident_pb.CancelIncidentRequest(incident=incident, reason=reason)
    calls.change(calls.incidents().CancelIncident, request)


def close(
    incident: Incident,
    /,
    *,
    item: Annotated[tuple[str, ...], Parameter(negative="", help=f"An action item, repeatable: {_ITEM}.")] = (),
    reason: Reason = "",
) -> None:
    """Close a resolved incident. A temporary mitigation that stands needs an action item."""
    from mainstay.cli import calls

    request = calls.incident_pb.CloseRequest(incident=incident, reason=reason, items=[draft(each) for each in item])
    calls.change(calls.incidents().Close, request)


def draft(text: str) -> ItemDraft:
    """``text;owner=alice;due=14d;kind=prevent;priority=P1;mitigation=m1``. Raises Problem."""
    from mainstay.cli.moments import instant
    from mainstay.gen.mainstay.v1 import incident_pb2

    what, *rest = (part.strip() for part in text.split(";"))
    fields = {}
    for part in rest:
        name, equals, value = part.partition("=")
        if not equals or name.strip() not in ("owner", "due", "kind", "priority", "mitigation"):
            raise _wrong_item(f"{part!r} is no part of an action item")
        fields[name.strip()] = value.strip()
    if not what or not fields.get("owner") or not fields.get("due"):
        raise _wrong_item("an action item needs a text, an owner and a due date")
    kind, priority = fields.get("kind", "prevent"), fields.get("priority", "P1").upper()
    if kind not in _KINDS or priority not in _PRIORITIES:
        raise _wrong_item(f"kind is one of {', '.join(_KINDS)}, priority one of {', '.join(_PRIORITIES)}")
    made = incident_pb2.ItemDraft(
        text=what,
        owner=fields["owner"],
        kind=incident_pb2.ItemKind.ValueType(_KINDS[kind]),
        priority=incident_pb2.ItemPriority.ValueType(_PRIORITIES[priority]),
        mitigation=fields.get("mitigation", ""),
    )
    due: datetime = instant(fields["due"], "due", end_of_day=True)
    made.due.FromDatetime(due)
    return made


def _wrong_item(message: str) -> Problem:
    return usage(f"--item: {message}", f'--item "{_ITEM}"', field="item")
