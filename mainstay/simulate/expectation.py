"""A committed time line, and how a simulation differs from it. Pure."""

from __future__ import annotations

import difflib
import re
from pathlib import Path

import yaml
from pydantic import Field, field_validator

from mainstay.domain.duration import parse, show
from mainstay.domain.errors import InvalidArgument
from mainstay.domain.model import Strict
from mainstay.domain.positioned import DocumentErrors, Positions, Problem, read, validate

_FORM = re.compile(
    r"(?P<after>\S+) (?P<message>[a-z]+) (?P<who>\S+) by (?P<way>\S+)(?P<fails> fails)?(?: for (?P<for>.+))?"
)
_HINT = "write AFTER KIND PERSON by METHOD, such as: 5m page bob by email"
KINDS = ("page", "handled", "approval", "question", "status", "invitation", "notice", "item")


class Expectation(Strict):
    """``--expect FILE``: every notification in the order of time, or only those of some kinds.

    What is asked may stand here, too, so that the file alone is a test; options of the command line win.
    """

    alert: str = ""
    """The file with the alerts, seen from this file's folder."""
    at: str = ""
    ack: tuple[str, ...] = ()
    decline: tuple[str, ...] = ()
    resolve_at: str = ""
    until: str = ""
    down: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    """Kinds of message that are compared; none: all."""
    story: tuple[str, ...] = Field(default=())

    @field_validator("only")
    @classmethod
    def _known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        unknown = [kind for kind in value if kind not in KINDS]
        if unknown:
            raise ValueError(f"{unknown[0]!r} is no kind of message: there are {', '.join(KINDS)}")
        return value

    @field_validator("story")
    @classmethod
    def _normal(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(_normal(text) for text in value)


def _normal(text: str) -> str:
    """One spelling of a line: ``300s page bob by email`` is ``5m page bob by email``."""
    words = " ".join(text.split())
    found = _FORM.fullmatch(words)
    if found is None or found["message"] not in KINDS:
        raise ValueError(f"{text!r}: {_HINT}")
    try:
        after = show(parse(found["after"]))
    except InvalidArgument as fault:
        raise ValueError(fault.message) from None
    return words.replace(found["after"], after, 1)


def load(file: Path) -> tuple[Expectation, Positions]:
    """The file and where its lines stand. Raises DocumentErrors."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise DocumentErrors([Problem(str(file), 1, 1, f"cannot be read: {why}")]) from None
    found, problems = validate(Expectation, text, str(file))
    if found is None:
        raise DocumentErrors(problems)
    return found, read(text, str(file))[1]


def differences(expected: tuple[str, ...], came: tuple[str, ...], file: str, positions: Positions) -> list[str]:
    """Nothing when they agree; else both time lines merged, ``-`` for what did not come, ``+`` for what did."""
    if expected == came:
        return []
    shown: list[str] = []
    matcher = difflib.SequenceMatcher(None, expected, came, autojunk=False)
    for what, i1, i2, j1, j2 in matcher.get_opcodes():
        if what == "equal":
            shown += [f"  {text}" for text in expected[i1:i2]]
            continue
        for index in range(i1, i2):
            line, column = positions.get(("story", index), (1, 1))
            shown.append(f"- {expected[index]}   ({file}:{line}:{column}: expected, and did not happen)")
        shown += [f"+ {text}   (happens, and is not expected)" for text in came[j1:j2]]
    return shown


def written(came: tuple[str, ...], before: Expectation) -> str:
    """The file that expects exactly this, and asks what it asked before."""
    head = "# Who is told what, when, by which means. Checked with: mainstay simulate --expect THIS_FILE\n"
    asked = before.model_dump(mode="json", exclude={"story"}, exclude_defaults=True)
    kept = yaml.safe_dump(asked, sort_keys=False, allow_unicode=True, width=1000) if asked else ""
    return head + kept + yaml.safe_dump({"story": list(came)}, sort_keys=False, allow_unicode=True, width=1000)
