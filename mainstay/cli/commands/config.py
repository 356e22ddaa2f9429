"""``mainstay config``: the operators' folder, checked without a server."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from mainstay.cli import output, session, words
from mainstay.cli.arguments import group
from mainstay.cli.exits import Exit
from mainstay.cli.problem import Problem

app = group("config", "The operators' folder.")


@app.command
def check(
    folder: Annotated[
        Path | None, Parameter(help="The folder. [default: config]", env_var="MAINSTAY_CONFIG_DIR")
    ] = None,
    /,
    *,
    overlay: Annotated[str, Parameter(help="With the times of overlays/NAME.yaml.")] = "",
    strict: Annotated[bool, Parameter(negative="", help="Warnings fail too.")] = False,
) -> int:
    """Every problem at once, at its line. Ends with 7 if there are errors."""
    from mainstay.cli import faults, library
    from mainstay.config import check as checked

    place = folder or library.operators_folder()
    config, problems = checked(place, overlay)
    code = faults.verdict(problems, strict=strict)
    if session.current().json:
        output.emit(
            {
                "ok": code == Exit.OK,
                "folder": str(place),
                "digest": config.digest if config else None,
                "problems": faults.as_json(problems),
            }
        )
        return code
    faults.show(problems)
    if config is None:
        output.aside(f"{place}: {faults.count(problems)}")
        return code
    counts = (
        words.count(len(config.services), "service"),
        words.count(len(config.teams), "team"),
        words.count(len(config.people), "person", "people"),
        words.count(len(config.schedules), "schedule"),
        words.count(len(config.runbooks), "runbook"),
    )
    output.say(f"{place} is fine: {', '.join(counts)} ({faults.count(problems)}; {words.short(config.digest)})")
    return code


@app.command
def schema(
    kind: Annotated[
        str, Parameter(help="Kind of file: mainstay, people, service, runbook …; without it, their list.")
    ] = "",
    /,
    *,
    out: Annotated[Path | None, Parameter(help="Write KIND.schema.json for every kind into this folder.")] = None,
) -> None:
    """JSON Schemas of the folder's files, for editors that complete and check while you type."""
    from mainstay.config import schemas

    if out is not None:
        written = schemas.export(out)
        output.outcome(
            f"{words.count(len(written), 'schema')} in {out}",
            changed=True,
            files=[str(path) for path in written],
        )
    elif kind:
        if kind not in schemas.PATTERNS:
            raise Problem("NotFound", f"there is no kind of file {kind!r}", f"there are: {', '.join(schemas.PATTERNS)}")
        sys.stdout.write(output.dump(schemas.schema(kind)) + "\n")
    elif session.current().json:
        output.emit({"kinds": dict(schemas.PATTERNS)})
    else:
        output.table(("KIND", "FILES"), schemas.PATTERNS.items(), "")
