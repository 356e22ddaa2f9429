"""``mainstay oncall``."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from cyclopts import Parameter

from mainstay.cli import completers, output, session, words
from mainstay.cli.arguments import group
from mainstay.cli.output import Cell
from mainstay.cli.problem import usage

app = group("oncall", "Who is on call, when, and who stands in.")

Schedule = Annotated[str, Parameter(help="Name of a schedule.", completer=completers.schedules)]
_MOMENT = "a duration from now (2h), a date, or an instant in UTC"
At = Parameter(allow_leading_hyphen=True, help=f"When: {_MOMENT}. [default: now]", show_default=False)
From = Parameter(name=["--from", "-f"], allow_leading_hyphen=True, help=f"First moment: {_MOMENT}.")
_DAYS = timedelta(days=14)
_WITHOUT_RECORDS = "the record store does not answer: overrides made at run time are missing here"


@app.command
def who(schedule: Schedule = "", /, *, at: Annotated[str, At] = "now") -> None:
    """Who is on call, on one schedule or on all."""
    from mainstay.cli import calls, values
    from mainstay.cli.moments import instant

    request = calls.on_call_pb.WhoIsOnCallRequest(schedule=schedule)
    if at != "now":
        request.at.FromDatetime(instant(at, "--at"))
    answer = calls.send(calls.on_call().WhoIsOnCall, request)
    if session.current().json:
        output.emit(values.of(answer))
        return
    now = session.now()
    output.table(
        ("SCHEDULE", "ON CALL", "NAME", "UNTIL", "LAYER"),
        (
            (
                Cell(each.schedule, "bold"),
                Cell(each.person or ("nobody" if output.to_person() else ""), "" if each.person else "bold red"),
                Cell(each.name),
                Cell(words.when(each.until, now), "", words.iso(each.until)),
                Cell(each.layer),
            )
            for each in answer.on_call
        ),
        "there is no schedule",
    )
    if answer.degraded:
        output.aside(_WITHOUT_RECORDS)


@app.command
def schedule(
    schedule: Schedule,
    /,
    *,
    from_: Annotated[str, From] = "now",
    to: Annotated[str, Parameter(help=f"Last moment: {_MOMENT}. [default: 14 days later]", show_default=False)] = "",
) -> None:
    """Every shift of a schedule, without gap or overlap; where nobody is on call it says so."""
    from mainstay.cli import calls, values
    from mainstay.cli.moments import instant

    start = instant(from_, "--from")
    end = instant(to, "--to") if to else start + _DAYS
    request = calls.on_call_pb.ListShiftsRequest(schedule=schedule)
    request.start.FromDatetime(start)
    request.end.FromDatetime(end)
    answer = calls.send(calls.on_call().ListShifts, request)
    if session.current().json:
        output.emit(values.of(answer))
        return
    output.table(
        ("FROM", "TO", "ON CALL", "LAYER"),
        (
            (
                Cell(_utc(each.start), "", words.iso(each.start)),
                Cell(_utc(each.end), "", words.iso(each.end)),
                Cell(each.person or ("nobody" if output.to_person() else ""), "" if each.person else "bold red"),
                Cell(each.layer),
            )
            for each in answer.shifts
        ),
        "no shifts",
    )
    if answer.degraded:
        output.aside(_WITHOUT_RECORDS)


@app.command
def override(
    schedule: Schedule,
    person: Annotated[str, Parameter(help="Handle of who stands in.")],
    /,
    *,
    from_: Annotated[str, From] = "now",
    to: Annotated[str, Parameter(help=f"Last moment: {_MOMENT}.")] = "",
    for_: Annotated[str, Parameter(name="--for", help="How long, instead of --to: 2h, 1d.")] = "",
    note: Annotated[str, Parameter(help="Why.")] = "",
) -> None:
    """Somebody stands in for a while."""
    from mainstay.cli import calls
    from mainstay.cli.moments import instant, span

    if bool(to) == bool(for_):
        raise usage("say how long: either --to or --for", f"mainstay oncall override {schedule} {person} --for 2h")
    start = instant(from_, "--from")
    end = instant(to, "--to") if to else start + span(for_, "--for")
    request = calls.on_call_pb.AddOverrideRequest(
        request_id=session.current().request_id, schedule=schedule, person=person, note=note
    )
    request.start.FromDatetime(start)
    request.end.FromDatetime(end)
    answer = calls.send(calls.on_call().AddOverride, request)
    output.outcome(answer.message, changed=True)


def _utc(at: object) -> str:
    found = words.moment(at)  # type: ignore[arg-type]
    return f"{found:%a %Y-%m-%d %H:%M}" if found else ""
