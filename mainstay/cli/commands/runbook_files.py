"""``mainstay runbook lint``, ``test`` and ``graph``: the files alone, no server."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from mainstay.cli import output, session, words
from mainstay.cli.exits import Exit

if TYPE_CHECKING:
    from mainstay.cli.library import File
    from mainstay.domain.runbook.cases import CaseResult

Paths = Annotated[Path, Parameter(help="Files or folders. Without any: the operators' folder and the built-in ones.")]


def lint(
    *paths: Paths,
    strict: Annotated[bool, Parameter(negative="", help="Warnings fail too.")] = False,
) -> int:
    """Check runbooks: their form, and every name, type and way in them. Ends with 7 if there are errors."""
    from mainstay.cli import faults, library

    found = library.files(paths)
    known = library.around(found)
    problems = [problem for file in found for problem in library.faults(file, known)]
    code = faults.verdict(problems, strict=strict)
    if session.current().json:
        checked = [str(file.path) for file in found]
        output.emit({"ok": code == Exit.OK, "files": checked, "problems": faults.as_json(problems)})
        return code
    faults.show(problems)
    output.aside(f"{words.count(len(found), 'runbook')} checked: {faults.count(problems)}")
    return code


def test(*paths: Paths) -> int:
    """Play the case tables (cases/NAME.yaml beside NAME.yaml). Ends with 7 if one does not hold."""
    from mainstay.cli import library

    played = [(file, *_played(file)) for file in library.files(paths)]
    failed = any(problem or not all(result.passed for result in results) for _, results, problem in played)
    if session.current().json:
        output.emit({"ok": not failed, "runbooks": [_as_json(*each) for each in played]})
    else:
        for file, results, problem in played:
            _show(file, results, problem)
    return Exit.CHECK_FAILED if failed else Exit.OK


def _played(file: File) -> tuple[tuple[CaseResult, ...], str]:
    """(results, why it could not be played)."""
    from mainstay.cli import library
    from mainstay.domain.runbook.cases import parse_cases, run_cases

    runbook = library.parsed_or_none(file)
    if runbook is None:
        return (), f"it does not load: mainstay runbook lint {file.path}"
    if not file.cases.is_file():
        return (), f"there is no case table {file.cases}"
    table, problems = parse_cases(file.cases.read_text(encoding="utf-8"), str(file.cases))
    if table is None:
        return (), "; ".join(map(str, problems))
    return run_cases(runbook, table), ""


def _as_json(file: File, results: tuple[CaseResult, ...], problem: str) -> dict[str, Any]:
    cases = [{**each._asdict(), "path": list(each.path), "passed": each.passed} for each in results]
    return {"file": str(file.path), "problem": problem, "cases": cases}


def _show(file: File, results: tuple[CaseResult, ...], problem: str) -> None:
    from mainstay.domain.runbook.cases import report

    sys.stdout.write(words.line(f"{file.path}", 1000) + "\n")
    sys.stdout.write(words.block(report(results) if results else f"FAIL {problem}") + "\n\n")


def graph(
    runbook: Annotated[str, Parameter(help="Name or file of a runbook.")],
    /,
    *,
    path: Annotated[
        tuple[str, ...], Parameter(negative="", help="Steps to draw as visited (NODE:BRANCH), repeatable.")
    ] = (),
) -> None:
    """A runbook as a Mermaid flowchart."""
    from mainstay.cli import library
    from mainstay.domain.runbook.graph import mermaid

    _, parsed = library.one(runbook)
    made = mermaid(parsed, path)
    if session.current().json:
        output.emit({"runbook": parsed.name, "mermaid": made})
    else:
        sys.stdout.write(made)
