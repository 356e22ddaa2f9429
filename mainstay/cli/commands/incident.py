"""``mainstay incident``: the tree, and the commands that read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from mainstay.cli import output, session, words
from mainstay.cli.arguments import Incident, group
from mainstay.cli.commands import finish, respond, vote
from mainstay.cli.commands.declare import declare
from mainstay.cli.commands.watch import watch
from mainstay.cli.output import Cell
from mainstay.cli.problem import usage

if TYPE_CHECKING:
    from datetime import datetime

    from mainstay.gen.mainstay.v1.incident_pb2 import IncidentSummary

Phase = Literal["declared", "investigating", "mitigating", "monitoring", "resolved", "closed", "cancelled", "merged"]

app = group("incident", "Declare, answer, follow and close incidents.")
for _name, _function in (
    ("declare", declare),
    ("ack", respond.acknowledge),
    ("page", respond.page),
    ("severity", respond.severity),
    ("role", respond.role),
    ("note", respond.note),
    ("decide", respond.decide),
    ("update", respond.update),
    ("approve", vote.approve),
    ("reject", vote.reject),
    ("withdraw", vote.withdraw),
    ("watch", watch),
    ("resolve", finish.resolve),
    ("reopen", finish.reopen),
    ("merge", finish.merge),
    ("cancel", finish.cancel),
    ("close", finish.close),
):
    app.command(_function, name=_name)


@app.command(name="list")
def list_(
    *,
    all_: Annotated[
        bool, Parameter(name=["--all", "-a"], negative="", help="Also closed, cancelled and merged ones.")
    ] = False,
    phase: Annotated[tuple[Phase, ...], Parameter(negative="", help="Only these; repeatable.")] = (),
    service: Annotated[str, Parameter(name=["--service", "-s"], help="Only of this service.")] = "",
    team: Annotated[str, Parameter(help="Only of this team.")] = "",
    severity: Annotated[str, Parameter(help="Only of this level.")] = "",
    limit: Annotated[int, Parameter(help="At most this many. [default: 50]")] = 50,
) -> None:
    """Incidents, newest first; those that are open unless you say otherwise."""
    from mainstay.cli.reading import incidents

    if limit < 1:
        raise usage("--limit must be at least 1", field="limit")
    found = incidents(
        phases=phase,
        open_only=not (all_ or phase),
        service=service,
        team=team,
        severity=severity,
        limit=limit,
    )
    if session.current().json:
        output.emit(found.as_json())
        return
    now = session.now()
    output.table(
        ("INCIDENT", "SEVERITY", "PHASE", "SERVICE", "DECLARED", "COMMANDER", "TITLE"),
        (_row(each, now) for each in found.incidents),
        "no such incidents" if all_ or phase else "no open incidents",
    )
    if found.degraded:
        output.aside("the record store does not answer: this is what Temporal lists, and may lack some")


def _row(each: IncidentSummary, now: datetime) -> tuple[Cell, ...]:
    from mainstay.cli.views.facts import PHASE, SEVERITY
    from mainstay.cli.views.incident import phase_of

    phase = phase_of(each)
    declared = words.moment(each.declared_at)
    return (
        Cell(each.number or each.key, "bold"),
        Cell(each.severity, SEVERITY.get(each.rank, "")),
        Cell(phase, PHASE.get(phase, "")),
        Cell(each.service),
        Cell(words.relative(declared, now) if declared else "", "", words.iso(each.declared_at)),
        Cell(each.commander),
        Cell(f"(exercise) {each.title}" if each.exercise else each.title),
    )


@app.command
def show(incident: Incident, /) -> None:
    """How an incident stands: who is on it, what it waits for, what runs, what happened last."""
    from mainstay.cli import values
    from mainstay.cli.reading import incident as read

    found = read(incident)
    if session.current().json:
        output.emit(values.of(found))
        return
    from mainstay.cli.views.incident import board

    output.show(board(found, found.timeline, session.now()))


@app.command
def timeline(incident: Incident, /) -> None:
    """Everything that happened, oldest first."""
    from mainstay.cli import calls, values
    from mainstay.cli.views.incident import who

    answer = calls.send(calls.incidents().GetTimeline, calls.incident_pb.GetTimelineRequest(incident=incident))
    if session.current().json:
        output.emit(values.of(answer))
        return
    now = session.now()
    output.table(
        ("AT", "WHO"),
        (
            (
                Cell(words.when(each.at, now), "dim", words.iso(each.at)),
                Cell(who(each), "cyan"),
                Cell(each.summary),
            )
            for each in answer.entries
        ),
        "nothing has happened yet",
    )
    if answer.degraded:
        output.aside("the record store does not answer: only the latest entries are here")
