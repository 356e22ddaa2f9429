"""Names and values below each other, the form in which one thing is shown."""

from __future__ import annotations

from collections.abc import Iterable

from rich.table import Table
from rich.text import Text

from mainstay.cli import words

Fact = tuple[str, str | Text]


def facts(pairs: Iterable[Fact]) -> Table:
    """Those that are known; the names dim, the values aligned."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in pairs:
        if value:
            grid.add_row(name, value if isinstance(value, Text) else Text(words.line(value, 2000)))
    return grid


def heading(*parts: tuple[str, str]) -> Text:
    """(text, style) one after the other, each made harmless."""
    made = Text()
    for text, style in parts:
        if text:
            made.append(("  " if made else "") + words.line(text, 300), style=style)
    return made


SEVERITY = {0: "bold red", 1: "red", 2: "yellow"}
"""Style by rank; others are plain."""
PHASE = {
    "declared": "bold red",
    "investigating": "red",
    "mitigating": "yellow",
    "monitoring": "cyan",
    "resolved": "green",
    "closed": "dim",
    "cancelled": "dim",
    "merged": "dim",
}
RISK = {"low": "green", "medium": "yellow", "high": "bold red"}
