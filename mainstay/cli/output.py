"""Everything that is written: one JSON document or text on standard output, the rest on standard error.

Rich never interprets what comes from elsewhere: consoles have markup, emoji and highlighting off, and every
text passes ``words.line`` or ``words.block`` first.
"""

from __future__ import annotations

import json
import re
import sys
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TextIO

from mainstay.cli import session, words

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from mainstay.cli.problem import Problem

_UNSAFE = re.compile(r"[\x7f-\x9f]|[^\x00-\x7f]")


class Cell(NamedTuple):
    """One cell: ``raw`` is what a program gets (a full instant, say), ``text`` what a person sees."""

    text: str
    style: str = ""
    raw: str | None = None


def console(file: TextIO | None = None) -> Console:
    """A console for standard output, or for ``file``. On a terminal as wide as that; elsewhere unbounded."""
    from rich.console import Console

    stream = file or sys.stdout
    width = None if stream.isatty() else 10_000
    return Console(
        file=stream,
        width=width,
        markup=False,
        highlight=False,
        emoji=False,
        no_color=True if not session.current().colour else None,
        soft_wrap=not stream.isatty(),
    )


def to_person() -> bool:
    """A terminal, and no ``--json``: tables, colour, relative times."""
    return sys.stdout.isatty() and not session.current().json


def dump(value: Any, *, indent: int | None = 2) -> str:
    """JSON that shows every character as it is, unless a terminal could be fooled by it."""
    return _UNSAFE.sub(_escaped, json.dumps(value, ensure_ascii=False, indent=indent))


def _escaped(match: re.Match[str]) -> str:
    char = match[0]
    if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp", "Co", "Cn"):
        return json.dumps(char)[1:-1]
    return char


def emit(value: Any) -> None:
    """The one document of ``--json``."""
    sys.stdout.write(dump(value) + "\n")


def emit_line(value: Any) -> None:
    """One of several documents (``watch --json``): each is a line, and is there at once."""
    sys.stdout.write(dump(value, indent=None) + "\n")
    sys.stdout.flush()


def say(text: str) -> None:
    """One line for people."""
    sys.stdout.write(words.line(text, 4000) + "\n")


def show(*parts: RenderableType) -> None:
    """Rich renderables, on standard output."""
    screen = console()
    if screen.is_terminal:
        screen.print(*parts, sep="\n")
        return
    with screen.capture() as captured:
        screen.print(*parts, sep="\n")
    # Columns are padded to their width, which is noise in a file.
    sys.stdout.writelines(f"{row.rstrip()}\n" for row in captured.get().splitlines())


def aside(text: str) -> None:
    """A remark that is no answer: standard error, one line."""
    sys.stderr.write(words.line(text, 4000) + "\n")


def verbose(text: str) -> None:
    """With ``--verbose`` only."""
    if session.current().verbose:
        aside(text)


def table(columns: Sequence[str], rows: Iterable[Sequence[Cell | str]], empty: str) -> None:
    """Aligned, with a heading, on a terminal; elsewhere tab-separated lines without one, for other tools."""
    made = [[cell if isinstance(cell, Cell) else Cell(cell) for cell in row] for row in rows]
    if not sys.stdout.isatty():
        for row in made:
            raw = (cell.text if cell.raw is None else cell.raw for cell in row)
            sys.stdout.write("\t".join(words.line(text, 4000) for text in raw) + "\n")
        return
    if not made:
        aside(empty)
        return
    _grid(columns, made)


def _grid(columns: Sequence[str], rows: Iterable[Sequence[Cell]]) -> None:
    from rich.table import Table
    from rich.text import Text

    grid = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for column in columns:
        grid.add_column(column, overflow="fold")
    for row in rows:
        grid.add_row(*(Text(words.line(cell.text), style=cell.style) for cell in row))
    show(grid)


def outcome(message: str, *, changed: bool, **more: Any) -> None:
    """The answer of everything that changes something."""
    if session.current().json:
        emit({"message": message, "changed": changed, **more, "request_id": session.current().request_id})
    else:
        say(message)


def answer(document: Mapping[str, Any] | None, *parts: RenderableType) -> None:
    """``document`` with ``--json``, else the parts."""
    if session.current().json:
        emit(document)
    else:
        show(*parts)


def tell(problem: Problem, *, as_json: bool) -> None:
    """What went wrong and what to do, on standard error."""
    if as_json:
        sys.stderr.write(dump(problem.as_json()) + "\n")
        return
    from rich.text import Text

    screen = console(sys.stderr)
    screen.print(Text.assemble(("error: ", "bold red"), words.line(problem.message, 4000)))
    if problem.hint:
        screen.print(Text.assemble(("  try: ", "bold"), words.line(problem.hint, 1000)))


def say_now(text: str) -> None:
    """One line of several that come as they happen."""
    say(text)
    sys.stdout.flush()
