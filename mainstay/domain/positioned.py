"""YAML that remembers where every value stood, so that a mistake is shown as ``file:line:column``.

Scalars follow the YAML 1.2 core schema: ``on``, ``off``, ``yes`` and ``1:30`` are text, as people who write
``on:`` in a runbook expect. Keys are always text. A key written twice is a mistake, not a silent overwrite.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Literal, NamedTuple, TypeVar, cast

import yaml
from pydantic import BaseModel, JsonValue, ValidationError
from pydantic_core import ErrorDetails

Path = tuple[str | int, ...]
Position = tuple[int, int]
"""Line and column, both counted from 1."""
Positions = Mapping[Path, Position]
"""An entry of a mapping stands where its key does, an item of a list where it begins."""

MAX_NODES = 200_000
MAX_DEPTH = 60
MAX_DIGITS = 300
_Model = TypeVar("_Model", bound=BaseModel)


class Problem(NamedTuple):
    """One thing that is wrong in a file people write."""

    file: str
    line: int
    column: int
    message: str
    severity: Literal["error", "warning"] = "error"

    def __str__(self) -> str:
        kind = "" if self.severity == "error" else "warning: "
        return f"{self.file}:{self.line}:{self.column}: {kind}{self.message}"


class DocumentErrors(Exception):  # noqa: N818 - several at once
    """All problems of one document, in the order in which they stand in it."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda p: (p.file, p.line, p.column)))
        super().__init__("\n".join(map(str, self.problems)))


class _CoreSchema(yaml.CSafeLoader):
    """PyYAML's C parser with the scalars of YAML 1.2 instead of 1.1."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - PyYAML's own protocol


for _tag, _pattern, _first in (
    ("bool", r"^(?:true|True|TRUE|false|False|FALSE)$", "tTfF"),
    ("null", r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    ("int", r"^(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)$", "-+0123456789"),
    (
        "float",
        r"^(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$",
        "-+.0123456789",
    ),
    ("merge", r"^(?:<<)$", "<"),
):
    _CoreSchema.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), list(_first))


class _Reader:
    """Turns PyYAML's node tree into data, collecting positions and problems on the way."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.positions: dict[Path, Position] = {(): (1, 1)}
        self.problems: list[Problem] = []
        self.nodes = 0

    def report(self, node: yaml.Node, message: str) -> None:
        self.problems.append(Problem(self.file, *_at(node), message))

    def value(self, node: yaml.Node, path: Path) -> JsonValue:
        self.nodes += 1
        if self.nodes > MAX_NODES or len(path) > MAX_DEPTH:  # aliases of aliases grow without end
            raise DocumentErrors([Problem(self.file, *_at(node), "the document is too large or too deep")])
        if isinstance(node, yaml.MappingNode):
            return self.mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return self.sequence(node, path)
        return self.scalar(cast(yaml.ScalarNode, node))

    def sequence(self, node: yaml.SequenceNode, path: Path) -> JsonValue:
        items: list[JsonValue] = []
        for index, item in enumerate(node.value):
            self.positions[(*path, index)] = _at(item)
            items.append(self.value(item, (*path, index)))
        return items

    def mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, JsonValue]:
        found: dict[str, JsonValue] = {}
        merged: dict[str, JsonValue] = {}
        for key, item in node.value:
            if key.tag == "tag:yaml.org,2002:merge":
                merged = self.merge(item, path) | merged
            elif not isinstance(key, yaml.ScalarNode):
                self.report(key, "a key must be plain text")
            elif key.value in found:
                first = self.positions[(*path, key.value)][0]
                self.report(key, f"key {key.value!r} is already given in line {first}")
            else:
                self.positions[(*path, key.value)] = _at(key)
                found[key.value] = self.value(item, (*path, key.value))
        return merged | found

    def merge(self, node: yaml.Node, path: Path) -> dict[str, JsonValue]:
        """The mappings behind ``<<``; an earlier one wins over a later one."""
        sources = node.value if isinstance(node, yaml.SequenceNode) else [node]
        merged: dict[str, JsonValue] = {}
        for source in sources:
            if not isinstance(source, yaml.MappingNode):
                self.report(source, "only mappings can be merged with <<")
                continue
            own = _Reader(self.file)
            own.nodes = self.nodes
            merged = own.mapping(source, path) | merged
            self.nodes = own.nodes
            self.positions |= {p: at for p, at in own.positions.items() if p and p not in self.positions}
        return merged

    def scalar(self, node: yaml.ScalarNode) -> JsonValue:
        text = str(node.value)
        match node.tag.removeprefix("tag:yaml.org,2002:"):
            case "null":
                return None
            case "bool":
                return text.casefold() == "true"
            case "int" if len(text) > MAX_DIGITS:
                self.report(node, "the number has too many digits")
                return None
            case "int":
                return int(text, 0) if text[:2] in ("0x", "0o") else int(text)
            case "float":
                return float(re.sub(r"\.(inf|nan)$", r"\1", text.casefold()))
            case "str":
                return text
            case other:
                self.report(node, f"the tag {other!r} is not supported")
                return None


def read(text: str, filename: str = "") -> tuple[JsonValue, Positions]:
    """Parse one YAML document. Raises DocumentErrors with every duplicate key, or the syntax error."""
    try:
        root = yaml.compose(text, Loader=_CoreSchema)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        at = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        message = " ".join(part for part in (error.context, error.problem) if part)
        raise DocumentErrors([Problem(filename, *at, message)]) from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise DocumentErrors([Problem(filename, 1, 1, f"cannot be read as YAML: {error}")]) from None
    if root is None:
        return None, {(): (1, 1)}
    reader = _Reader(filename)
    data = reader.value(root, ())
    if reader.problems:
        raise DocumentErrors(reader.problems)
    return data, reader.positions


def validate(model: type[_Model], text: str, filename: str = "") -> tuple[_Model | None, list[Problem]]:
    """Read ``text`` as ``model``: the value, or None and every problem at its place."""
    try:
        data, positions = read(text, filename)
    except DocumentErrors as error:
        return None, list(error.problems)
    return check(model, {} if data is None else data, positions, filename)


def check(
    model: type[_Model], data: JsonValue, positions: Positions, filename: str = "", under: Path = ()
) -> tuple[_Model | None, list[Problem]]:
    """``validate`` for a part (at path ``under``) of a document that was read already."""
    try:
        return model.model_validate(data), []
    except ValidationError as error:
        return None, problems_of(error, positions, filename, under)


def problems_of(error: ValidationError, positions: Positions, filename: str = "", under: Path = ()) -> list[Problem]:
    """What pydantic found, each at the line where it stands."""
    found = [_problem(detail, positions, filename, under) for detail in error.errors(include_url=False)]
    return sorted(set(found), key=lambda p: (p.line, p.column, p.message))


def locate(positions: Positions, path: Path) -> Position:
    """Where ``path`` stands, or the closest thing around it that exists."""
    while path and path not in positions:
        path = path[:-1]
    return positions.get(path, (1, 1))


def _problem(detail: ErrorDetails, positions: Positions, filename: str, under: Path) -> Problem:
    path = _existing(positions, under, detail["loc"])
    line, column = locate(positions, path)
    return Problem(filename, line, column, _message(detail, path[len(under) :]))


def _existing(positions: Positions, path: Path, rest: Path) -> Path:
    """The deepest path of the document that pydantic's location means.

    A location also holds tags of unions and names of validators, which are no part of the document.
    """
    if not rest:
        return path
    taken = path
    if (*path, rest[0]) in positions:
        taken = _existing(positions, (*path, rest[0]), rest[1:])
    skipped = _existing(positions, path, rest[1:])
    return taken if len(taken) >= len(skipped) else skipped


def _message(detail: ErrorDetails, path: Path) -> str:
    where = ".".join(map(str, path))
    last = str(detail["loc"][-1]) if detail["loc"] else ""
    match detail["type"]:
        case "extra_forbidden":
            return f"unknown field {where!r}"
        case "missing":
            return f"field {last!r} is required" + (f" in {where}" if where else "")
        case _:
            text = detail["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
            return f"{where}: {text}" if where else text


def _at(node: yaml.Node) -> Position:
    return node.start_mark.line + 1, node.start_mark.column + 1
