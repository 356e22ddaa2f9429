"""Reads the folder's files, keeping where everything stands and collecting every problem."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, JsonValue, ValidationError

from mainstay.config.suggest import close, with_suggestion
from mainstay.domain.positioned import (
    DocumentErrors,
    Positions,
    Problem,
    locate,
    problems_of,
    read,
)
from mainstay.domain.positioned import Path as Keys

M = TypeVar("M", bound=BaseModel)
MAX_BYTES = 1024 * 1024
_ROUNDS = 200
_TOO_SHORT = re.compile(r"([\w.-]+): \w+ should have at least \d+ items? after validation")


@dataclass
class Document(Generic[M]):
    """One file as its form: the whole of it, or (if it has problems) as much as could be read."""

    file: str
    value: M
    positions: Positions
    names: tuple[str, ...] = ()
    """What the file declares, even where a declaration is wrong in itself: a second problem
    ("nobody is called bob") would only hide the first one (in bob's entry)."""

    whole: bool = True
    """False: parts with mistakes in them were left out of ``value``."""

    def problem(self, path: Keys, message: str, *, warning: bool = False) -> Problem:
        line, column = locate(self.positions, path)
        return Problem(self.file, line, column, message, "warning" if warning else "error")


@dataclass
class Documents:
    """The files of one folder."""

    folder: Path
    problems: list[Problem] = field(default_factory=list)

    def text(self, path: Path) -> str | None:
        try:
            raw = path.read_bytes()
            if len(raw) > MAX_BYTES:
                self.problems.append(Problem(str(path), 1, 1, "the file is larger than 1 MiB"))
                return None
            return raw.decode()
        except UnicodeDecodeError as fault:
            line = raw[: fault.start].count(b"\n") + 1
            column = fault.start - (raw.rfind(b"\n", 0, fault.start) + 1) + 1
            self.problems.append(Problem(str(path), line, column, "not UTF-8 text"))
        except OSError as fault:
            self.problems.append(Problem(str(path), 1, 1, f"cannot be read: {fault.strerror}"))
        return None

    def one(self, name: str, model: type[M], *, holds: str = "", required: bool = False) -> Document[M] | None:
        """The file called ``name``; ``holds`` is the key under which its names stand."""
        path = self.folder / name
        if not path.exists():
            if required:
                self.problems.append(Problem(str(path), 1, 1, "this file is missing"))
            return None
        return self.document(path, model, holds=holds)

    def many(self, folder: str, model: type[M]) -> Iterator[Document[M]]:
        """Every ``*.yaml`` of a folder, in the order of names."""
        for path in self.paths(folder):
            found = self.document(path, model)
            if found:
                yield found

    def paths(self, folder: str, pattern: str = "*.yaml") -> list[Path]:
        return sorted(path for path in (self.folder / folder).glob(pattern) if path.is_file())

    def document(self, path: Path, model: type[M], *, holds: str = "") -> Document[M] | None:
        text = self.text(path)
        if text is None:
            return None
        try:
            data, positions = read(text, str(path))
        except DocumentErrors as fault:
            self.problems.extend(fault.problems)
            return None
        return self.checked(path, model, {} if data is None else data, positions, holds)

    def checked(
        self, path: Path, model: type[M], data: JsonValue, positions: Positions, holds: str = ""
    ) -> Document[M] | None:
        names = _declared(data, holds)
        try:
            return Document(str(path), model.model_validate(data), positions, names)
        except ValidationError as fault:
            found = _without_echoes(problems_of(fault, positions, str(path)))
            self.problems.extend(with_suggestion(problem, model) for problem in found)
        rest, where = _without_faults(model, data, dict(positions))
        if rest is None:
            return None
        return Document(str(path), rest, where, names, whole=False)

    def unknown_files(self, files: set[str], folders: set[str]) -> None:
        """A file that nobody reads is a file whose author believes that it works."""
        for path in sorted(self.folder.glob("*")):
            known = folders if path.is_dir() else files
            if path.is_dir() and path.suffix == "" and not any(path.glob("*.y*ml")):
                continue
            if path.name not in known and (path.is_dir() or path.suffix in (".yaml", ".yml")):
                hint = close(path.name, known)
                self.problems.append(Problem(str(path), 1, 1, f"Mainstay does not read this{hint}"))
        for path in sorted(self.folder.glob("*/*.yml")):
            self.problems.append(Problem(str(path), 1, 1, "only *.yaml is read: rename this file"))


def _without_echoes(problems: list[Problem]) -> list[Problem]:
    """Pydantic also calls a list too short when its only item is wrong, which is told already."""
    lists = [(problem, _TOO_SHORT.match(problem.message)) for problem in problems]
    return [
        problem
        for problem, short in lists
        if not short or not any(one.message.startswith(f"{short[1]}.") for one in problems)
    ]


def _declared(data: JsonValue, holds: str) -> tuple[str, ...]:
    if not isinstance(data, dict):
        return ()
    held = data.get(holds) if holds else data.get("name")
    if isinstance(held, dict):
        return tuple(held)
    return (held,) if isinstance(held, str) else ()


def _without_faults(
    model: type[M], data: Any, positions: dict[Keys, tuple[int, int]]
) -> tuple[M | None, dict[Keys, tuple[int, int]]]:
    """What is left of a document when everything that is wrong in itself is taken out.

    So that names which lead nowhere are found in the same go, in the parts that could be read.
    """
    for _ in range(_ROUNDS):
        try:
            return model.model_validate(data), positions
        except ValidationError as fault:
            path = _existing(data, fault.errors(include_url=False)[0]["loc"])
            if not path:
                return None, positions
            data, positions = _cut(data, path), _shifted(positions, path)
    return None, positions


def _existing(data: Any, loc: Keys) -> Keys:
    """The part of pydantic's location that is in the document (it also names tags of unions)."""
    path: Keys = ()
    for part in loc:
        inside = part in data if isinstance(data, dict) else isinstance(data, list) and _holds(data, part)
        if not inside:
            continue
        data = data[part]
        path = (*path, part)
    return path


def _holds(items: list[Any], index: str | int) -> bool:
    return isinstance(index, int) and index < len(items)


def _cut(data: Any, path: Keys) -> Any:
    first, *rest = path
    if isinstance(data, dict):
        if not rest:
            return {key: value for key, value in data.items() if key != first}
        return {**data, first: _cut(data[first], tuple(rest))}
    assert isinstance(first, int)
    if not rest:
        return [*data[:first], *data[first + 1 :]]
    return [*data[:first], _cut(data[first], tuple(rest)), *data[first + 1 :]]


def _shifted(positions: dict[Keys, tuple[int, int]], path: Keys) -> dict[Keys, tuple[int, int]]:
    """After an item of a list is gone, those behind it have another number but stand where they stood."""
    *above, gone = path
    if not isinstance(gone, int):
        return positions
    depth = len(above)
    moved = {}
    for key, at in positions.items():
        step = key[depth] if len(key) > depth and list(key[:depth]) == above else None
        if isinstance(step, int) and step == gone:
            continue
        if isinstance(step, int) and step > gone:
            key = (*key[:depth], step - 1, *key[depth + 1 :])  # noqa: PLW2901
        moved[key] = at
    return moved
