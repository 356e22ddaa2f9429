"""Conditions in the Common Expression Language: the one wrapper around the engine.

CEL terminates, has no side effects and is type-checked, so that a mistake is found when the runbook is
linted and not at 3 a.m. A condition sees the answer's facts by their own names, and ``inputs``, ``facts``
(of earlier nodes, by node), ``incident`` and ``verdict``. What cannot be evaluated is an error, never false.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, Literal, NamedTuple

from cel_expr_python import cel
from pydantic import JsonValue

from mainstay.domain.errors import InvalidArgument
from mainstay.domain.verdict import Verdict

Type = Literal["string", "integer", "number", "boolean", "list", "map", "any"]
"""``number`` compares with whole and fractional literals alike; ``integer`` is checked more strictly."""

SCOPE: Final[dict[str, Type]] = {"inputs": "map", "facts": "map", "incident": "map", "verdict": "string"}
"""The names that every condition may use."""
MAX_LENGTH: Final = 2_000

_Declarations = tuple[tuple[str, Type], ...]


class Chosen(NamedTuple):
    """The branch that a look's answer leads to, with the reason if it is not a case."""

    branch: str
    detail: str = ""


def check(expression: str, names: Mapping[str, Type] | None = None) -> tuple[str, ...]:
    """What is wrong with a condition: syntax, unknown names, types that do not match. Empty if it is fine.

    ``names`` are the facts of the answer with their types, beside those of ``SCOPE``.
    """
    try:
        compiled = _compile(expression, _declare({**SCOPE, **(names or {})}))
    except InvalidArgument as error:
        return (error.message,)
    kind = compiled.return_type().name()
    return () if kind in ("BOOL", "DYN") else (f"condition {expression!r} gives {kind}, not true or false",)


def evaluate(expression: str, values: Mapping[str, JsonValue]) -> bool:
    """Is it true for these values? Raises InvalidArgument when that cannot be said."""
    compiled = _compile(expression, _declare(dict.fromkeys(values, "any")))
    try:
        result = compiled.eval(data=dict(values))
    except (RuntimeError, ValueError, TypeError, OverflowError) as error:  # budget used up, number too large
        raise InvalidArgument(f"condition {expression!r} cannot be evaluated: {_reason(str(error))}") from None
    if result.type() == cel.Type.BOOL:
        return bool(result.value())
    found = f": {result.value()}" if result.type() == cel.Type.ERROR else f" gives {result.type().name()}"
    raise InvalidArgument(f"condition {expression!r} cannot be evaluated{found}")


def matching(pattern: str, lines: Sequence[str]) -> list[str]:
    """The lines that a pattern is found in, by CEL's own ``matches``: RE2, whose time is linear in the text.

    Raises InvalidArgument for a pattern that is none.
    """
    compiled = _compile("line.matches(pattern)", _declare({"line": "string", "pattern": "string"}))
    if compiled.eval(data={"line": "", "pattern": pattern}).type() != cel.Type.BOOL:
        raise InvalidArgument(f"{pattern[:100]!r} is no pattern of RE2", field="pattern")
    return [line for line in lines if compiled.eval(data={"line": line, "pattern": pattern}).value() is True]


def choose(
    cases: Sequence[tuple[str, str]],
    verdict: Verdict,
    facts: Mapping[str, JsonValue],
    values: Mapping[str, JsonValue],
) -> Chosen:
    """The first case whose condition is true for this answer; without cases, the verdict.

    A look that failed or saw nothing is never put into a case. When no case matches, the answer is
    inconclusive; when a condition cannot be evaluated, it is an error.
    """
    if not cases or verdict in (Verdict.ERROR, Verdict.INCONCLUSIVE):
        return Chosen(verdict.value)
    scope: dict[str, JsonValue] = {**facts, **_empty(), **values, "verdict": verdict.value}
    for branch, expression in cases:
        try:
            if evaluate(expression, scope):
                return Chosen(branch)
        except InvalidArgument as error:
            return Chosen(Verdict.ERROR.value, error.message)
    return Chosen(Verdict.INCONCLUSIVE.value, "none of the cases matches: " + ", ".join(c for c, _ in cases))


def _empty() -> dict[str, JsonValue]:
    return {"inputs": {}, "facts": {}, "incident": {}}


def _declare(names: Mapping[str, Type]) -> _Declarations:
    return tuple(sorted(names.items()))


@lru_cache(maxsize=64)
def _environment(names: _Declarations) -> Any:
    return cel.NewEnv(variables={name: _cel_type(kind) for name, kind in names})


@lru_cache(maxsize=512)
def _compile(expression: str, names: _Declarations) -> Any:
    if not expression.strip() or len(expression) > MAX_LENGTH:
        raise InvalidArgument(f"a condition has 1 to {MAX_LENGTH} characters")
    try:
        return _environment(names).compile(expression)
    except RuntimeError as error:
        raise InvalidArgument(f"condition {expression!r}: {_reason(str(error))}") from None


def _cel_type(kind: Type) -> Any:
    match kind:
        case "string":
            return cel.Type.STRING
        case "integer":
            return cel.Type.INT
        case "boolean":
            return cel.Type.BOOL
        case "list":
            return cel.Type.List(cel.Type.DYN)
        case "map":
            return cel.Type.Map(cel.Type.STRING, cel.Type.DYN)
        case "number" | "any":
            return cel.Type.DYN


def _reason(text: str) -> str:
    """The first line of the engine's message, without its decoration."""
    first = text.splitlines()[0] if text else "cannot be read"
    first = re.sub(r"^\w+: ERROR: <input>:\d+:", "column ", first)
    return first.replace(" (in container '')", "").removesuffix(" [INVALID_ARGUMENT]")
