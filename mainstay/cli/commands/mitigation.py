"""``mainstay mitigation``: the ledger."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from mainstay.cli import output, session
from mainstay.cli.arguments import Incident, Words, group
from mainstay.cli.output import Cell
from mainstay.cli.problem import usage
from mainstay.cli.prompts import text_of

app = group("mitigation", "The ledger of what was done for a while.")


@app.command(name="list")
def list_(incident: Incident, /) -> None:
    """What was done against it, and what of that still stands."""
    from mainstay.cli import values, words
    from mainstay.cli.reading import incident as read

    found = read(incident).mitigations
    if session.current().json:
        output.emit({"mitigations": [values.of(each) for each in found]})
        return
    now = session.now()
    output.table(
        ("ID", "STATE", "SINCE", "BY", "TEXT", "TAKEN BACK BY"),
        (
            (
                Cell(each.id, "bold"),
                Cell("gone" if each.removed else "temporary" if each.temporary else "lasting"),
                Cell(words.when(each.at, now), "", words.iso(each.at)),
                Cell(each.by),
                Cell(each.text),
                Cell(each.inverse),
            )
            for each in found
        ),
        "the ledger is empty",
    )


@app.command
def record(
    incident: Incident,
    /,
    *text: Words,
    temporary: Annotated[
        bool,
        Parameter(name=["--temporary", "-t"], negative="", help="It must be taken back, or become an action item."),
    ] = False,
    inverse: Annotated[str, Parameter(help="How to take it back: words or a command.")] = "",
) -> None:
    """Record what you did against it."""
    from mainstay.cli import calls

    what = text_of(text)
    if not what:
        raise usage("there is no text", "write what you did behind the incident")
    request = calls.incident_pb.RecordMitigationRequest(
        incident=incident, text=what, temporary=temporary, inverse=inverse
    )
    calls.change(calls.incidents().RecordMitigation, request)


@app.command
def remove(
    incident: Incident,
    mitigation: Annotated[str, Parameter(help="Its id in the ledger, such as m1.")],
    /,
    *text: Annotated[str, Parameter(help="How it went away.")],
) -> None:
    """A temporary mitigation is gone."""
    from mainstay.cli import calls

    request = calls.incident_pb.RecordMitigationRequest(incident=incident, removes=mitigation, text=text_of(text))
    calls.change(calls.incidents().RecordMitigation, request)
