"""``mainstay halt``: the kill switch."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from mainstay.cli import output, prompts, session, words
from mainstay.cli.arguments import Yes, group
from mainstay.cli.problem import declined, usage
from mainstay.cli.prompts import text_of

app = group("halt", "Stop every change to every cluster, and go on again.")
Why = Annotated[str, Parameter(help="Why; everybody sees it. Quotes are not needed.")]


@app.command
def start(
    *reason: Why,
    allow_undo: Annotated[bool, Parameter(negative="", help="Taking back what was done stays allowed.")] = False,
) -> None:
    """Stop every change to every cluster, now. Paging and telling go on."""
    from mainstay.cli import calls

    request = calls.system_pb.HaltRequest(reason=_reason(reason), allow_undo=allow_undo)
    calls.change(calls.system().Halt, request)


@app.command
def clear(*reason: Why, yes: Yes = False) -> None:
    """Changes are allowed again."""
    from mainstay.cli import calls

    why = _reason(reason)
    if not yes and prompts.possible() and not prompts.yes("Allow changes to clusters again?"):
        raise declined()
    calls.change(calls.system().ClearHalt, calls.system_pb.ClearHaltRequest(reason=why))


@app.command
def status() -> None:
    """Is it halted, by whom, and why?"""
    from mainstay.cli import calls

    found = calls.send(calls.system().GetStatus, calls.system_pb.GetStatusRequest())
    if session.current().json:
        output.emit(
            {
                "halted": found.halted,
                "halted_by": found.halted_by,
                "halt_reason": found.halt_reason,
                "halted_at": words.iso(found.halted_at) or None,
            }
        )
    elif found.halted:
        since = words.when(found.halted_at, session.now())
        output.say(f"halted by {found.halted_by} since {since}: {found.halt_reason}")
    else:
        output.say("not halted: approved changes are carried out")


def _reason(words_: tuple[str, ...]) -> str:
    text = text_of(words_)
    if not text:
        raise usage("say why", "mainstay halt start the rollback loops")
    return text
