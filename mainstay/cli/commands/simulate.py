"""``mainstay simulate``: see who would be called before it happens."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from mainstay.cli import output, session
from mainstay.cli.exits import Exit
from mainstay.cli.problem import Problem, usage

if TYPE_CHECKING:
    from mainstay.simulate.expectation import Expectation
    from mainstay.simulate.story import Answer, Event, Request, Story, Told

_AT = "The instant that is simulated: schedules are looked up then. 2026-03-29T00:30Z, or 2h from now."


def simulate(
    *,
    alert: Annotated[
        Path | None, Parameter(help="Alertmanager's webhook payload, one alert, or a list with `after:`.")
    ] = None,
    at: Annotated[str, Parameter(allow_leading_hyphen=True, help=_AT)] = "",
    nobody_answers: Annotated[bool, Parameter(negative="", help="Say so in a script; it is the default.")] = False,
    ack: Annotated[tuple[str, ...], Parameter(negative="", help="PERSON@DELAY acknowledges; repeatable.")] = (),
    decline: Annotated[
        tuple[str, ...], Parameter(negative="", help="PERSON@DELAY passes it on to the next step; repeatable.")
    ] = (),
    resolve_at: Annotated[str, Parameter(help="DELAY after which all alerts have stopped firing.")] = "",
    down: Annotated[tuple[str, ...], Parameter(negative="", help="A channel that accepts nothing; repeatable.")] = (),
    until: Annotated[str, Parameter(help="Go on for so long, status updates included.")] = "",
    config: Annotated[
        Path | None, Parameter(help="The operators' folder. [default: config]", env_var="MAINSTAY_CONFIG_DIR")
    ] = None,
    overlay: Annotated[str, Parameter(help="With the times of overlays/NAME.yaml.")] = "",
    expect: Annotated[
        Path | None, Parameter(help="Compare with this time line; ends with 7 if it differs. It may hold the options.")
    ] = None,
    update: Annotated[bool, Parameter(negative="", help="Write what happens into the file of --expect.")] = False,
    temporal: Annotated[str, Parameter(help="HOST:PORT of a Temporal server; without it one is started.")] = "",
) -> int:
    """Play an incident on virtual time and show who is told what, when and how. Nobody is really told."""
    from mainstay.cli import library
    from mainstay.cli.moments import instant, span
    from mainstay.simulate.expectation import Expectation
    from mainstay.simulate.story import Request

    if nobody_answers and (ack or decline):
        raise usage("--nobody-answers and --ack or --decline exclude each other")
    if update and expect is None:
        raise usage("--update writes the file of --expect: name one", field="update")
    asked = _expectation(expect, update=update) if expect else Expectation()
    file = alert or (expect.parent / asked.alert if expect and asked.alert else None)
    if file is None or not (at or asked.at):
        raise usage("say what happens and when: --alert FILE --at TIME", "or name both in the file of --expect")
    stops, ends = resolve_at or asked.resolve_at, until or asked.until
    silent = nobody_answers or bool(ack or decline)
    told = _played(
        Request(
            folder=str(config or library.operators_folder()),
            overlay=overlay,
            at=instant(at or asked.at, "--at"),
            file=str(file),
            answers=(
                *_answers(ack if silent else asked.ack, "acknowledge"),
                *_answers(decline if silent else asked.decline, "decline"),
            ),
            resolve_after=span(stops, "--resolve-at") if stops else None,
            until=span(ends, "--until") if ends else None,
            down=down or asked.down,
            temporal=temporal,
        )
    )
    if expect is None:
        _show(told)
        return Exit.OK
    return _update(told, expect, asked) if update else _compare(told, expect)


def _answers(given: tuple[str, ...], does: str) -> tuple[Answer, ...]:
    from mainstay.cli.moments import span
    from mainstay.simulate.story import Answer

    found = []
    option = "--ack" if does == "acknowledge" else "--decline"
    for text in given:
        person, at, delay = text.partition("@")
        if not person or not at:
            raise usage(f"{option}: {text!r} is not PERSON@DELAY", f"for example {option} alice@7m", field=option)
        found.append(Answer.model_validate({"does": does, "person": person, "after": span(delay, option)}))
    return tuple(found)


def _played(request: Request) -> Told:
    """In a process of its own: the command line knows neither workflows nor Temporal."""
    from mainstay.simulate.reply import Reply

    done = subprocess.run(
        [sys.executable, "-m", "mainstay.simulate"],
        input=request.model_dump_json(),
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode != 0 or not done.stdout.strip():
        raise Problem("Internal", f"the simulation ended with {done.returncode} and without an answer")
    reply = Reply.model_validate_json(done.stdout)
    if reply.problems:
        raise _mistakes(reply.problems)
    if reply.fault is not None:
        raise Problem(reply.fault.kind, reply.fault.message, field=reply.fault.field)
    assert reply.told is not None
    return reply.told


def _mistakes(problems: tuple[object, ...]) -> Problem:
    """All of them, each at its line; the last line counts them."""
    from mainstay.cli import words

    for problem in problems[:-1]:
        output.aside(str(problem))
    more = f" ({words.count(len(problems), 'problem')} in all)" if len(problems) > 1 else ""
    return Problem("InvalidArgument", f"{problems[-1]}{more}")


# ---- showing it ---------------------------------------------------------------------------------


def _show(told: Told) -> None:
    if session.current().json:
        output.emit(told.model_dump(mode="json"))
        return
    if told.dropped:
        output.aside(f"{told.dropped} alert(s) are dropped by their route")
    if not told.stories:
        output.say("no incident is opened")
    for story in told.stories:
        _story(told, story)


def _story(told: Told, story: Story) -> None:
    from zoneinfo import ZoneInfo

    from mainstay.cli.output import Cell

    zone = ZoneInfo(told.time_zone)
    if output.to_person():
        head = f"{story.title}: {story.severity}, service {story.service} (route {story.route}, policy {story.policy})"
        output.say(head)
    output.table(
        ("AFTER", "AT", "WHO", "HOW", "WHAT"),
        (_row(event, f"{event.at.astimezone(zone):%a %Y-%m-%d %H:%M:%S %Z}", Cell) for event in story.events),
        "nothing happens",
    )
    output.aside(f"{story.service}: the story ends here: {story.ends}")


def _row(event: Event, at: str, cell: type[output.Cell]) -> tuple[output.Cell, ...]:
    from mainstay.domain.duration import show

    after = show(timedelta(seconds=round(event.after.total_seconds())))
    raw = event.at.isoformat()
    if not event.told:
        return cell(after, "dim"), cell(at, "dim", raw), cell(""), cell(""), cell(event.text, "dim")
    how = f"{event.method or event.channel}" + ("" if event.delivered else " (fails)")
    style = "bold" if event.message == "page" else ""
    return (
        cell(after, style),
        cell(at, style, raw),
        cell(event.person, style),
        cell(how, style if event.delivered else "bold red"),
        cell(event.says or event.message, style),
    )


# ---- comparing it -------------------------------------------------------------------------------


def _expectation(file: Path, *, update: bool) -> Expectation:
    """Its mistakes are told before anything is played. One that is to be written need not be there yet."""
    from mainstay.domain.positioned import DocumentErrors
    from mainstay.simulate import expectation

    if update and not file.exists():
        return expectation.Expectation()
    try:
        return expectation.load(file)[0]
    except DocumentErrors as errors:
        raise _mistakes(errors.problems) from None


def _compare(told: Told, file: Path) -> int:
    from mainstay.simulate import expectation
    from mainstay.simulate.story import lines

    wanted, positions = expectation.load(file)
    came = lines(told, wanted.only)
    found = expectation.differences(wanted.story, came, str(file), positions)
    if session.current().json:
        output.emit({"ok": not found, "differences": found, "came": list(came), **told.model_dump(mode="json")})
    else:
        for text in found:
            output.say(text)
        verdict = f"it happens as {file} says" if not found else f"it does not happen as {file} says"
        (output.aside if found else output.say)(verdict)
    return Exit.CHECK_FAILED if found else Exit.OK


def _update(told: Told, file: Path, before: Expectation) -> int:
    from mainstay.simulate import expectation
    from mainstay.simulate.story import lines

    try:
        file.write_text(expectation.written(lines(told, before.only), before), encoding="utf-8")
    except OSError as error:
        raise usage(f"{file} cannot be written: {error.strerror}", field="expect") from None
    output.outcome(f"{file} now says what happens", changed=True)
    return Exit.OK
