"""``mainstay oncall``."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from mainstay.cli import completers, output, session, words
from mainstay.cli.arguments import group
from mainstay.cli.commands import oncall_feed, oncall_swap
from mainstay.cli.exits import Exit
from mainstay.cli.output import Cell
from mainstay.cli.problem import usage

if TYPE_CHECKING:
    from mainstay.gen.mainstay.v1 import on_call_service_pb2 as on_call_pb

app = group("oncall", "Who is on call, when, and who stands in.")
app.command(oncall_swap.app)
app.command(oncall_feed.app)

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
    from mainstay.cli import values
    from mainstay.cli.moments import instant

    start = instant(from_, "--from")
    end = instant(to, "--to") if to else start + _DAYS
    answer = _shifts(schedule, start, end)
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


@app.command
def next(schedule: Schedule, /) -> None:  # noqa: A001 - the word people use
    """Who comes after whoever is on call now, and when."""
    from mainstay.cli import values

    answer = _shifts(schedule, session.now(), session.now() + timedelta(days=60))
    present = answer.shifts[0].person if answer.shifts else ""
    following = [shift for shift in answer.shifts if shift.person and shift.person != present]
    if session.current().json:
        output.emit({"next": values.of(following[0]) if following else None, "degraded": answer.degraded})
    elif following:
        output.say(f"{following[0].person} from {_utc(following[0].start)} to {_utc(following[0].end)} UTC")
    else:
        output.say("nobody else within 60 days")


@app.command
def gaps(schedule: Schedule, /, *, days: Annotated[int, Parameter(help="How far ahead.")] = 28) -> int:
    """When nobody is on call. Ends with 7 if that happens without being meant."""
    from mainstay.cli import values

    answer = _shifts(schedule, session.now(), session.now() + timedelta(days=min(max(days, 1), 399)))
    found = [shift for shift in answer.shifts if not shift.person]
    unmeant = [shift for shift in found if not shift.layer]
    if session.current().json:
        output.emit({"gaps": [values.of(shift) | {"meant": bool(shift.layer)} for shift in found]})
    else:
        output.table(
            ("FROM", "TO", "MEANT"),
            (
                (
                    Cell(_utc(each.start)),
                    Cell(_utc(each.end)),
                    Cell("yes" if each.layer else "no", "" if each.layer else "bold red"),
                )
                for each in found
            ),
            "somebody is on call all the time",
        )
    return Exit.CHECK_FAILED if unmeant else Exit.OK


@app.command
def overrides(schedule: Schedule = "", /) -> None:
    """Who stands in from now on, and who arranged it. Where two overlap, the later one counts."""
    from mainstay.cli import calls, values

    answer = calls.send(calls.on_call().ListOverrides, calls.on_call_pb.ListOverridesRequest(schedule=schedule))
    if session.current().json:
        output.emit(values.of(answer))
        return
    output.table(
        ("SCHEDULE", "PERSON", "FROM", "TO", "BY", "WHY", "ID"),
        (
            (
                *(Cell(text) for text in (each.schedule, each.person or "nobody", _utc(each.start), _utc(each.end))),
                *(Cell(text) for text in (each.by, each.note, each.id)),
            )
            for each in answer.overrides
        ),
        "nobody stands in",
    )


@app.command
def remove(override: Annotated[str, Parameter(help="Id of an override, from: mainstay oncall overrides")], /) -> None:
    """Take an override back. It stays on record, with who took it back."""
    from mainstay.cli import calls

    answer = calls.send(calls.on_call().RemoveOverride, calls.on_call_pb.RemoveOverrideRequest(id=override))
    output.outcome(answer.message, changed=True)


@app.command
def temporary(
    schedule: Schedule,
    people: Annotated[list[str], Parameter(help="Handles, in the order of their turns.")],
    /,
    *,
    to: Annotated[str, Parameter(help=f"Last moment: {_MOMENT}.")],
    from_: Annotated[str, From] = "now",
    turn: Annotated[str, Parameter(help="How long each turn is.")] = "1d",
    note: Annotated[str, Parameter(help="Why.")] = "",
) -> None:
    """A rotation of its own for a while, over the schedule."""
    from mainstay.cli import calls
    from mainstay.cli.moments import instant, span

    request = calls.on_call_pb.AddTemporaryScheduleRequest(
        request_id=session.current().request_id,
        schedule=schedule,
        people=people,
        turn_seconds=int(span(turn, "--turn").total_seconds()),
        note=note,
    )
    request.start.FromDatetime(instant(from_, "--from"))
    request.end.FromDatetime(instant(to, "--to"))
    answer = calls.send(calls.on_call().AddTemporarySchedule, request)
    output.outcome(answer.message, changed=True)


_BANDS = {"healthy": "green", "watch": "yellow", "unhealthy": "bold red"}


@app.command
def health(
    *,
    from_: Annotated[str, From] = "-28d",
    to: Annotated[str, Parameter(help=f"Last moment: {_MOMENT}.", allow_leading_hyphen=True)] = "now",
) -> int:
    """How people and rotations bear it: hours, pages, after hours, false alarms, times. Ends with 7 if unhealthy."""
    from mainstay.cli import calls, values
    from mainstay.cli.moments import instant

    request = calls.on_call_pb.GetOnCallHealthRequest()
    request.start.FromDatetime(instant(from_, "--from"))
    request.end.FromDatetime(instant(to, "--to"))
    answer = calls.send(calls.on_call().GetOnCallHealth, request)
    code = Exit.CHECK_FAILED if any(each.band == "unhealthy" for each in answer.health) else Exit.OK
    if session.current().json:
        output.emit(values.of(answer))
        return code
    output.table(
        ("KIND", "NAME", "HOURS", "PAGES", "AFTER HOURS", "FALSE", "TO ACK", "TO MITIGATE", "STATE"),
        (
            (
                *(Cell(text) for text in (each.kind, each.name, f"{each.hours_on_call:.0f}", str(each.pages))),
                *(Cell(str(count)) for count in (each.after_hours, each.false_alarms)),
                Cell(_minutes(each.seconds_to_acknowledge) if each.HasField("seconds_to_acknowledge") else ""),
                Cell(_minutes(each.seconds_to_mitigate) if each.HasField("seconds_to_mitigate") else ""),
                Cell(each.band, _BANDS.get(each.band, "")),
            )
            for each in answer.health
        ),
        "nobody was on call",
    )
    for each in answer.health:
        for reason in each.reasons:
            output.aside(f"{each.name}: {reason}")
        if each.rest_days:
            output.aside(f"{each.name} answered in the night; a shorter day on {', '.join(each.rest_days)}")
    return code


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.0f}m"


@app.command
def handoff(schedule: Schedule, /) -> None:
    """What the next person must know: open incidents, standing mitigations, action items, risks, a checklist."""
    from mainstay.cli import calls, values

    answer = calls.send(calls.on_call().GetHandoff, calls.on_call_pb.GetHandoffRequest(schedule=schedule))
    if session.current().json:
        output.emit(values.of(answer))
        return
    for line in answer.text.splitlines():
        output.say(line)


@app.command
def lint(
    folder: Annotated[
        Path | None, Parameter(help="The operators' folder. [default: config]", env_var="MAINSTAY_CONFIG_DIR")
    ] = None,
    /,
    *,
    strict: Annotated[bool, Parameter(negative="", help="Advice fails too.")] = False,
) -> int:
    """What is unwise about schedules, policies and people, at its line; needs no server."""
    from mainstay.cli import faults, library
    from mainstay.config import check

    _, problems = check(folder or library.operators_folder())
    files = ("schedules", "policies", "people.yaml")
    found = tuple(one for one in problems if {Path(one.file).name, Path(one.file).parent.name} & {*files})
    code = faults.verdict(found, strict=strict)
    if session.current().json:
        output.emit({"ok": code == Exit.OK, "problems": faults.as_json(found)})
    else:
        faults.show(found)
        output.say(faults.count(found))
    return code


@app.command
def export(
    schedule: Schedule,
    /,
    *,
    from_: Annotated[str, From] = "now",
    to: Annotated[str, Parameter(help=f"Last moment: {_MOMENT}. [default: 14 days later]", show_default=False)] = "",
) -> None:
    """A schedule's shifts as an iCalendar text on standard output."""
    import sys

    from mainstay.cli.moments import instant
    from mainstay.domain.oncall import ical
    from mainstay.domain.oncall.schedule import Shift

    start = instant(from_, "--from")
    answer = _shifts(schedule, start, instant(to, "--to") if to else start + _DAYS)
    entries = [
        ical.CalendarShift(
            schedule=schedule,
            shift=Shift(
                person=each.person or None,
                start=each.start.ToDatetime(tzinfo=UTC),
                end=each.end.ToDatetime(tzinfo=UTC),
                layer=each.layer,
            ),
        )
        for each in answer.shifts
    ]
    text = ical.render(f"On call: {schedule}", entries, {})
    if session.current().json:
        output.emit({"calendar": text})
    else:
        sys.stdout.write(text)


@app.command(name="import")
def import_(
    schedule: Schedule,
    file: Annotated[Path, Parameter(help="An iCalendar file (.ics).")],
    /,
    *,
    dry_run: Annotated[bool, Parameter(negative="", help="Say what would change, and change nothing.")] = False,
) -> None:
    """Overrides from a calendar. The same file again changes nothing; an event is known by its UID."""
    from mainstay.cli import calls, values

    try:
        text = file.read_text()
    except (OSError, UnicodeDecodeError) as fault:
        raise usage(f"{file} cannot be read: {fault}", "give the path of a calendar in UTF-8") from None
    request = calls.on_call_pb.ImportOverridesRequest(
        request_id=session.current().request_id, schedule=schedule, calendar=text, dry_run=dry_run
    )
    answer = calls.send(calls.on_call().ImportOverrides, request)
    if session.current().json:
        output.emit(values.of(answer))
        return
    for line in answer.lines:
        output.say(line)
    would = "would be " if dry_run else ""
    output.say(f"{would}added: {answer.added}, {would}removed: {answer.removed}, unchanged: {answer.unchanged}")


def _shifts(schedule: str, start: datetime, end: datetime) -> on_call_pb.ListShiftsResponse:
    from mainstay.cli import calls

    request = calls.on_call_pb.ListShiftsRequest(schedule=schedule)
    request.start.FromDatetime(start)
    request.end.FromDatetime(end)
    return calls.send(calls.on_call().ListShifts, request)


def _utc(at: object) -> str:
    found = words.moment(at)  # type: ignore[arg-type]
    return f"{found:%a %Y-%m-%d %H:%M}" if found else ""
