"""Did you mean …?: the closest name that is known."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel

from mainstay.domain.positioned import Problem

_UNKNOWN = re.compile(r"unknown field '(.+)'")


def close(name: str, known: Iterable[str]) -> str:
    """``: did you mean 'payments'?``, or nothing when no known name is close."""
    found = get_close_matches(name, sorted(known), n=1, cutoff=0.6)
    return f": did you mean {found[0]!r}?" if found else ""


def with_suggestion(problem: Problem, model: type[BaseModel]) -> Problem:
    """An unknown field's problem, naming the field of the same model that was probably meant."""
    unknown = _UNKNOWN.fullmatch(problem.message)
    if not unknown:
        return problem
    *parents, name = unknown[1].split(".")
    fields = {field for owner in _models(model, parents) for field in _field_names(owner)}
    return problem._replace(message=problem.message + close(name, fields))


def _field_names(model: type[BaseModel]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        yield field.alias or name


def _models(model: type[BaseModel], path: list[str]) -> set[type[BaseModel]]:
    """The models that may stand at ``path`` of a document of this form; several where there is a union."""
    here: set[Any] = {model}
    for step in path:
        here = {inner for kind in here for inner in _below(kind, step)}
    return {kind for kind in here if isinstance(kind, type) and issubclass(kind, BaseModel)}


def _below(kind: Any, step: str) -> Iterator[Any]:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        for name, field in kind.model_fields.items():
            if step in (name, field.alias):
                yield from _plain(field.annotation)
        return
    arguments = [argument for argument in get_args(kind) if argument is not Ellipsis]
    if arguments:  # a mapping or a list: what it holds comes last
        yield from _plain(arguments[-1])


def _plain(annotation: Any) -> Iterator[Any]:
    """Each member of a union or of an annotated type; a mapping or a list stays as it is."""
    if isinstance(annotation, type) and not get_args(annotation):
        yield annotation
    elif hasattr(annotation, "__metadata__"):
        yield from _plain(get_args(annotation)[0])
    elif getattr(annotation, "__origin__", None) in (dict, tuple, list):
        yield annotation
    else:
        for member in get_args(annotation):
            yield from _plain(member)
