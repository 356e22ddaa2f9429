"""Arguments that several commands share, so that they are called and explained the same everywhere."""

from __future__ import annotations

from typing import Annotated

from cyclopts import App, Group, Parameter

from mainstay.cli import completers

OPTIONS = Group("Options", sort_key=1)
"""Everywhere above the global ones."""
QUIET = Parameter(show_default=False)
"""Defaults that say something are told in the help's own words."""


def group(name: str, help_: str) -> App:
    """A command with commands below it. The exit codes are told once, at the root."""
    return App(name=name, help=help_, help_epilogue="", group_parameters=OPTIONS, default_parameter=QUIET)


Incident = Annotated[
    str,
    Parameter(help="Number (INC-2026-0042), key or workflow id.", completer=completers.incidents),
]
RunOrIncident = Annotated[
    str,
    Parameter(help="Workflow id of a run, or an incident, one of whose runs waits.", completer=completers.incidents),
]
Run = Annotated[
    str,
    Parameter(help="Workflow id of a run, or an incident with one run under way.", completer=completers.incidents),
]
Words = Annotated[
    str,
    Parameter(help="The text; quotes are not needed. A single - reads standard input."),
]
Reason = Annotated[str, Parameter(help="Why; it is kept in the time line.")]
Comment = Annotated[str, Parameter(help="A word with it; it is kept in the time line.")]
Yes = Annotated[bool, Parameter(name=["--yes", "-y"], negative="", help="Do not ask.")]
