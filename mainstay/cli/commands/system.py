"""``mainstay status``, ``version`` and ``completion``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from mainstay.cli import output, session
from mainstay.cli.exits import Exit
from mainstay.cli.output import Cell

if TYPE_CHECKING:
    from mainstay.gen.mainstay.v1.system_service_pb2 import GetStatusResponse


def status() -> int:
    """Does the server have all that it needs? Ends with 6 if a part does not answer."""
    from mainstay.cli import calls, values

    found = calls.send(calls.system().GetStatus, calls.system_pb.GetStatusRequest())
    whole = all(part.answers for part in found.parts)
    if session.current().json:
        output.emit({**values.of(found), "ok": whole})
    else:
        output.table(("PART", "STATE", "DETAIL"), _parts(found), "")
    return Exit.OK if whole else Exit.UNAVAILABLE


def _parts(found: GetStatusResponse) -> Iterator[tuple[Cell, ...]]:
    yield (
        Cell("server", "bold"),
        Cell("answers", "green"),
        Cell(f"{session.current().address}, version {found.version}"),
    )
    yield Cell("config", "bold"), Cell("loaded", "green"), Cell(found.config_digest)
    changes = ("halted", "bold red") if found.halted else ("allowed", "green")
    why = f"by {found.halted_by}: {found.halt_reason}" if found.halted else ""
    yield Cell("changes", "bold"), Cell(*changes), Cell(why)
    for part in found.parts:
        state = ("answers", "green") if part.answers else ("is away", "bold red")
        yield Cell(part.name, "bold"), Cell(*state), Cell(part.detail)


def version(
    *,
    server: Annotated[bool, Parameter(negative="", help="Ask the server for its version too.")] = False,
) -> None:
    """The version of this command, and of the server."""
    from mainstay.cli.app import own_version

    found: dict[str, str] = {"version": own_version()}
    if server:
        from mainstay.cli import calls

        found["server_version"] = calls.send(calls.system().GetStatus, calls.system_pb.GetStatusRequest()).version
    if session.current().json:
        output.emit(found)
        return
    output.say(f"mainstay {found['version']}")
    if server:
        output.say(f"server {found['server_version']} at {session.current().address}")


def completion(
    shell: Annotated[Literal["bash", "zsh", "fish"], Parameter(help="Your shell.")],
    /,
    *,
    install: Annotated[
        bool,
        Parameter(negative="", help="Put it where the shell looks, and name it in the shell's start file."),
    ] = False,
) -> None:
    """A completion script for your shell, on standard output; or with --install at its place."""
    from mainstay.cli.app import app

    if install:
        path = app.install_completion(shell=shell)
        output.outcome(f"completion for {shell} is in {path}; it works in a new shell", changed=True)
    else:
        sys.stdout.write(app.generate_completion(prog_name="mainstay", shell=shell))
