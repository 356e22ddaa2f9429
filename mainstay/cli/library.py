"""Runbooks as files: found by name, file or folder, with all that they may call. Needs no server."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from mainstay.cli.problem import Problem, usage
from mainstay.config.folder import BUILT_IN
from mainstay.domain.positioned import Problem as Fault
from mainstay.domain.runbook import lint
from mainstay.domain.runbook.node import Runbook
from mainstay.domain.runbook.parse import RunbookErrors, parse

CASES = "cases"
"""Folder beside the runbooks with a case table for each, of the same file name."""


def operators_folder() -> Path:
    """``MAINSTAY_CONFIG_DIR``, or ``config`` here: the same default as the server's."""
    return Path(os.environ.get("MAINSTAY_CONFIG_DIR") or "config")


@dataclass(frozen=True)
class File:
    path: Path
    text: str

    @property
    def cases(self) -> Path:
        return self.path.parent / CASES / self.path.name


def files(named: tuple[Path, ...]) -> list[File]:
    """The runbook files that are meant; without any, those of the operators' folder and the built-in ones.

    Raises Problem for a path that does not exist, and for folders without a runbook.
    """
    found: list[Path] = []
    for path in named or _default():
        if path.is_dir():
            found += sorted(path.glob("*.yaml")) or sorted((path / "runbooks").glob("*.yaml"))
        elif path.exists():
            found.append(path)
        else:
            raise Problem("NotFound", f"there is no {path}", "name a runbook's file, or a folder of them")
    if not found:
        raise Problem("NotFound", f"no runbook in {', '.join(map(str, named))}", "a runbook is a file NAME.yaml")
    return [File(path, _text(path)) for path in dict.fromkeys(found)]


def _default() -> list[Path]:
    own = operators_folder() / "runbooks"
    return [own, BUILT_IN] if own.is_dir() else [BUILT_IN]


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise usage(f"{path} is not UTF-8 text") from None
    except OSError as error:
        raise usage(f"{path} cannot be read: {error.strerror}") from None


def one(name: str) -> tuple[File, Runbook]:
    """By path, or by name among the operators' and the built-in ones. Raises Problem."""
    path = Path(name)
    if path.suffix in (".yaml", ".yml") or path.is_file():
        found = files((path,))[0]
        return found, _parsed(found)
    known = {parsed.name: file for file in files(()) if (parsed := parsed_or_none(file))}
    if name not in known:
        raise Problem("NotFound", f"there is no runbook {name!r}", f"there are: {', '.join(sorted(known))}")
    return known[name], _parsed(known[name])


def _parsed(file: File) -> Runbook:
    try:
        return parse(file.text, str(file.path))
    except RunbookErrors as error:
        first = error.problems[0]
        hint = f"`mainstay runbook lint {file.path}` shows all {len(error.problems)} problems"
        raise usage(str(first), hint) from None


def parsed_or_none(file: File) -> Runbook | None:
    try:
        return parse(file.text, str(file.path))
    except RunbookErrors:
        return None


def around(found: list[File]) -> dict[str, Runbook]:
    """Everything that these may call: their neighbours, the operators' own, the built-in ones."""
    neighbours = {path for file in found for path in sorted(file.path.parent.glob("*.yaml"))}
    others = [File(path, _text(path)) for path in sorted(neighbours)]
    known = [*files(()), *others, *found]
    return {parsed.name: parsed for file in known if (parsed := parsed_or_none(file))}


def faults(file: File, library: dict[str, Runbook]) -> tuple[Fault, ...]:
    return lint.check(file.text, str(file.path), library)
