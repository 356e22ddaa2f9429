"""``mainstay runbook``: the tree, and the commands about runs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from mainstay.cli import completers, output, session
from mainstay.cli.arguments import Run, group
from mainstay.cli.commands import control, runbook_files
from mainstay.cli.commands.plan import plan
from mainstay.cli.exits import Exit
from mainstay.cli.inputs import InputFile, Inputs, Service, given_inputs
from mainstay.cli.output import Cell
from mainstay.cli.problem import Problem, usage

if TYPE_CHECKING:
    from mainstay.gen.mainstay.v1 import runbook_service_pb2

app = group("runbook", "Write, check, plan and run runbooks; control their runs.")
for _name, _function in (
    ("plan", plan),
    ("lint", runbook_files.lint),
    ("test", runbook_files.test),
    ("graph", runbook_files.graph),
    ("answer", control.answer),
    ("pause", control.pause),
    ("resume", control.resume),
    ("skip", control.skip),
    ("retry", control.retry),
    ("abort", control.abort),
    ("take-over", control.take_over),
):
    app.command(_function, name=_name)

Name = Annotated[str, Parameter(help="Name of a runbook.", completer=completers.runbooks)]
_GOOD = ("mitigated", "nothing_to_do")
_EVERY_SECONDS = 1.0


@app.command(name="list")
def list_() -> None:
    """Runbooks that can be run."""
    from mainstay.cli import calls, values

    answer = calls.send(calls.runbooks().ListRunbooks, calls.runbook_pb.ListRunbooksRequest())
    if session.current().json:
        output.emit(values.of(answer))
        return
    output.table(
        ("NAME", "TITLE"),
        ((Cell(each.name, "bold"), Cell(each.title), Cell(", ".join(_inputs(each)))) for each in answer.runbooks),
        "there are no runbooks",
    )


def _inputs(runbook: runbook_service_pb2.RunbookSummary) -> Iterator[str]:
    """Those in brackets need not be given."""
    for each in runbook.inputs:
        yield each.name if each.required else f"[{each.name}]"


@app.command
def run(
    runbook: Name,
    /,
    *,
    incident: Annotated[str, Parameter(help="Run it for this incident.", completer=completers.incidents)] = "",
    service: Service = "",
    input_: Inputs = (),
    inputs: InputFile = None,
    wait: Annotated[
        bool,
        Parameter(name=["--wait", "-w"], negative="", help="Wait for its end; ends with 7 unless it helped."),
    ] = False,
) -> int:
    """Start a run, for an incident or, with a service, of its own."""
    from mainstay.cli import calls

    if bool(incident) == bool(service):
        raise usage(
            "a run needs either --incident, or --service for a run of its own",
            f"mainstay runbook run {runbook} --incident INC-2026-0042",
        )
    request = calls.runbook_pb.RunRunbookRequest(
        request_id=session.current().request_id, runbook=runbook, incident=incident, service=service
    )
    request.inputs.update(given_inputs(input_, inputs))
    answer = calls.send(calls.runbooks().RunRunbook, request)
    if not wait:
        output.outcome(answer.outcome.message, changed=answer.outcome.changed, run=answer.run)
        if not session.current().json:
            output.aside(f"follow it with: mainstay runbook show {answer.run or incident} --wait")
        return Exit.OK
    output.aside(answer.outcome.message)
    return _followed(answer.run or _begun(incident, runbook))


def _begun(incident: str, runbook: str) -> str:
    """The run of an incident that has just been asked for: it may begin a moment later. Raises Problem."""
    from mainstay.cli import reading

    until = time.monotonic() + session.current().timeout.total_seconds()
    while time.monotonic() < until:
        found = [each for each in reading.incident(incident).runs if each.runbook == runbook and not each.ended]
        if found:
            return found[-1].workflow_id
        time.sleep(_EVERY_SECONDS)
    raise Problem("Unavailable", f"{runbook} has not begun yet", f"`mainstay incident show {incident}` tells when")


@app.command
def show(
    run: Run,
    /,
    *,
    wait: Annotated[
        bool,
        Parameter(name=["--wait", "-w"], negative="", help="Wait for its end; ends with 7 unless it helped."),
    ] = False,
) -> int:
    """How a run stands: its step, the change or question that waits, its time line."""
    from mainstay.cli import reading

    found = reading.run_id(run)
    return _followed(found) if wait else _told(reading.run(found))


def _told(found: runbook_service_pb2.Run) -> int:
    if session.current().json:
        from mainstay.cli import values

        output.emit(values.of(found))
    else:
        from mainstay.cli.views.run import run_view

        output.show(run_view(found, session.now()))
    return Exit.OK


def _followed(workflow_id: str) -> int:
    """Entries as they come, on standard error; at the end the run."""
    from mainstay.cli import reading
    from mainstay.cli.views.incident import entry_line

    last, waits_for = 0, ""
    while True:
        found = reading.run(workflow_id)
        for entry in found.timeline:
            if entry.seq > last:
                output.aside(entry_line(entry))
                last = entry.seq
        if found.outcome:
            _told(found)
            return Exit.OK if found.outcome in _GOOD else Exit.CHECK_FAILED
        if found.waits_for != waits_for:
            waits_for = found.waits_for
            output.aside(f"waits for {waits_for}" if waits_for else "goes on")
        time.sleep(_EVERY_SECONDS)
