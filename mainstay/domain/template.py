"""Templates of runbooks and messages: the one wrapper around Jinja2.

The sandbox refuses attributes that begin with an underscore and changes to the values it is given; a name
that does not exist is a mistake, not an empty text. Output is bounded. Nothing is escaped here: text for a
medium is escaped by ``mainstay.domain.text`` for that medium.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final, TypeGuard

from jinja2 import StrictUndefined, Template, TemplateError, Undefined, nodes
from jinja2.environment import TemplateExpression
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from pydantic import JsonValue

from mainstay.domain.errors import InvalidArgument

MAX_OUTPUT: Final = 64 * 1024
"""Characters that one template may render to."""
MAX_SOURCE: Final = 64 * 1024
_MAX_FACTOR: Final = 10_000
_ONE_EXPRESSION = re.compile(r"\s*\{\{-?(?P<inner>(?:(?!\{\{).)*?)-?\}\}\s*", re.DOTALL)

Reference = tuple[str, ...]
"""A name that a template uses, with what follows it: ``("inputs", "workload", "name")``."""


class _Environment(ImmutableSandboxedEnvironment):
    """``x * n`` and ``x ** n`` could ask for more memory than there is, so both are bounded."""

    def getattr(self, obj: Any, attribute: str) -> Any:
        """``inputs.items`` is the input of that name, not the method of a mapping."""
        if isinstance(obj, Mapping) and attribute in obj:
            return obj[attribute]
        return super().getattr(obj, attribute)

    intercepted_binops = frozenset(["*", "**"])

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        if not all(isinstance(side, int | float) and abs(side) <= _MAX_FACTOR for side in (left, right)):
            raise TemplateError(f"{operator} is for numbers up to {_MAX_FACTOR}")
        return super().call_binop(context, operator, left, right)


_ENVIRONMENT = _Environment(undefined=StrictUndefined, autoescape=False, keep_trailing_newline=True)


def is_template(value: JsonValue) -> bool:
    """Does this text hold something to fill in?"""
    return isinstance(value, str) and ("{{" in value or "{%" in value)


def render(text: str, values: Mapping[str, JsonValue]) -> str:
    """Fill in one template. Raises InvalidArgument that names the template and what is missing."""
    if not is_template(text) and "{#" not in text:
        return text
    try:
        parts, size = [], 0
        for part in _template(text).generate(values):
            parts.append(part)
            size += len(part)
            if size > MAX_OUTPUT:
                raise TemplateError(f"renders to more than {MAX_OUTPUT} characters")
        return "".join(parts)
    except InvalidArgument:
        raise
    except Exception as error:  # a filter may raise anything, and all of it is the template's fault
        raise _refusal(text, error) from None


def render_value(value: JsonValue, values: Mapping[str, JsonValue]) -> JsonValue:
    """Fill in every text of a JSON value.

    A text that is one expression and nothing else keeps the expression's type: ``"{{ inputs.replicas }}"``
    becomes a number. Keys are not templates.
    """
    if isinstance(value, str):
        return _render_text(value, values)
    if isinstance(value, list):
        return [render_value(item, values) for item in value]
    if isinstance(value, dict):
        return {key: render_value(item, values) for key, item in value.items()}
    return value


def problems(text: str) -> tuple[str, ...]:
    """What is wrong with a template's syntax, filters or tests; nothing if it is fine."""
    try:
        if is_template(text):
            _template(text)
    except InvalidArgument as error:
        return (error.message,)
    return ()


@lru_cache(maxsize=512)
def references(text: str) -> tuple[Reference, ...]:
    """The outside names that a template uses, each as far as it is fixed; empty if it does not parse."""
    try:
        tree = _ENVIRONMENT.parse(text)
    except TemplateError:
        return ()
    inner = {id(node.node) for node in tree.find_all((nodes.Getattr, nodes.Getitem)) if _is_access(node)}
    own = {name.name for name in tree.find_all(nodes.Name) if name.ctx in ("store", "param")}
    chains = [
        _chain(node) for node in tree.find_all((nodes.Name, nodes.Getattr, nodes.Getitem)) if id(node) not in inner
    ]
    return tuple(dict.fromkeys(chain for chain in chains if chain and chain[0] not in own))


def _is_access(node: nodes.Node) -> TypeGuard[nodes.Getattr | nodes.Getitem]:
    return isinstance(node, nodes.Getattr | nodes.Getitem)


def _chain(node: nodes.Node) -> Reference:
    if isinstance(node, nodes.Name):
        return (node.name,)
    if isinstance(node, nodes.Getattr):
        before = _chain(node.node)
        return (*before, node.attr) if before else ()
    if isinstance(node, nodes.Getitem):
        before = _chain(node.node)
        if before and isinstance(node.arg, nodes.Const) and isinstance(node.arg.value, str):
            return (*before, node.arg.value)
        return before
    return ()


def _render_text(text: str, values: Mapping[str, JsonValue]) -> JsonValue:
    match = _ONE_EXPRESSION.fullmatch(text)
    if not match:
        return render(text, values)
    try:
        result = _expression(text, match["inner"])(values)
        if isinstance(result, Undefined):
            str(result)  # raises, and names what is missing
    except InvalidArgument:
        raise
    except Exception as error:  # see render
        raise _refusal(text, error) from None
    if not isinstance(result, str | int | float | bool | list | dict | None):
        raise InvalidArgument(f"template {_short(text)} gives a {type(result).__name__}, which is no value")
    if isinstance(result, str) and len(result) > MAX_OUTPUT:
        raise InvalidArgument(f"template {_short(text)} renders to more than {MAX_OUTPUT} characters")
    return result


@lru_cache(maxsize=512)
def _template(text: str) -> Template:
    if len(text) > MAX_SOURCE:
        raise InvalidArgument(f"template {_short(text)} is longer than {MAX_SOURCE} characters")
    try:
        return _ENVIRONMENT.from_string(text)
    except TemplateError as error:
        raise _refusal(text, error) from None


@lru_cache(maxsize=512)
def _expression(text: str, inner: str) -> TemplateExpression:
    try:
        return _ENVIRONMENT.compile_expression(inner, undefined_to_none=False)
    except TemplateError as error:
        raise _refusal(text, error) from None


def _refusal(text: str, error: Exception) -> InvalidArgument:
    return InvalidArgument(f"template {_short(text)}: {error}")


def _short(text: str) -> str:
    one_line = " ".join(text.split())
    return repr(one_line if len(one_line) <= 80 else one_line[:77] + "…")
