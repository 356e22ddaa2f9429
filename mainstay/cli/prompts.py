"""Questions at a terminal, on standard error, so that standard output stays the answer."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from mainstay.cli import session, words
from mainstay.cli.problem import declined


def possible() -> bool:
    """Somebody sits there: both ends are a terminal, and nobody asked for JSON."""
    return sys.stdin.isatty() and sys.stderr.isatty() and not session.current().json


def ask(question: str) -> str:
    """One line. Raises Problem when the input ends."""
    sys.stderr.write(f"{words.line(question, 1000)} ")
    sys.stderr.flush()
    answer = sys.stdin.readline()
    if not answer:
        sys.stderr.write("\n")
        raise declined("no answer; nothing was changed")
    return answer.strip()


def yes(question: str) -> bool:
    """Only a clear yes is one."""
    while True:
        match ask(f"{question} [y/N]").casefold():
            case "y" | "yes":
                return True
            case "" | "n" | "no":
                return False
            case _:
                sys.stderr.write("please answer y or n\n")


STANDARD_INPUT = "/dev/stdin"
"""What a lone ``-`` stands for; the parser would take that for an option without a name."""


def with_standard_input(arguments: Sequence[str]) -> list[str]:
    """Every lone ``-`` as the name that the parser understands."""
    return [STANDARD_INPUT if argument == "-" else argument for argument in arguments]


def text_of(parts: tuple[str, ...]) -> str:
    """Words of the command line as one text; a single ``-`` is standard input."""
    if parts == (STANDARD_INPUT,):
        return sys.stdin.read().strip()
    return " ".join(parts).strip()
