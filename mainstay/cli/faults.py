"""Problems in files: one line each, ``FILE:LINE:COLUMN: message``, which editors and CI can follow."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from mainstay.cli import output, words
from mainstay.cli.exits import Exit
from mainstay.domain.positioned import Problem


def as_json(problems: Sequence[Problem]) -> list[dict[str, Any]]:
    return [problem._asdict() for problem in problems]


def show(problems: Sequence[Problem]) -> None:
    """On standard output: they are the answer of a check."""
    from rich.text import Text

    screen = output.console(sys.stdout)
    for problem in problems:
        colour = "bold red" if problem.severity == "error" else "yellow"
        place = words.line(f"{problem.file}:{problem.line}:{problem.column}:", 1000)
        screen.print(
            Text.assemble(
                (place, "bold"),
                " ",
                (f"{problem.severity}:", colour),
                f" {words.line(problem.message, 2000)}",
            ),
            soft_wrap=True,
        )


def count(problems: Sequence[Problem]) -> str:
    errors = sum(problem.severity == "error" for problem in problems)
    warnings = len(problems) - errors
    return f"{words.count(errors, 'error')}, {words.count(warnings, 'warning')}"


def verdict(problems: Sequence[Problem], *, strict: bool) -> Exit:
    """Errors fail a check; with ``strict`` warnings do too."""
    bad = [problem for problem in problems if strict or problem.severity == "error"]
    return Exit.CHECK_FAILED if bad else Exit.OK
