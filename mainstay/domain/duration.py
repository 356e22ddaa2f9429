"""Durations as people write them: ``90s``, ``5m``, ``72h``, ``14d``, ``1h30m``."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator, WithJsonSchema

from mainstay.domain.errors import InvalidArgument

_UNITS = {
    "ms": timedelta(milliseconds=1),
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}
_PART = r"([0-9]{1,9}(?:\.[0-9]{1,6})?)(ms|s|m|h|d|w)"
_PATTERN = rf"^0$|^(?:{_PART})+$"


def parse(text: str) -> timedelta:
    """The duration that ``text`` says. Raises InvalidArgument: a number without a unit is ambiguous."""
    compact = text.replace(" ", "")
    if not re.fullmatch(_PATTERN, compact):
        raise InvalidArgument(f"{text!r} is not a duration: write a number and a unit, such as 90s, 5m, 72h or 14d")
    try:
        return sum((float(n) * _UNITS[unit] for n, unit in re.findall(_PART, compact)), timedelta(0))
    except OverflowError:
        raise InvalidArgument(f"{text!r} is too long a duration") from None


def show(duration: timedelta) -> str:
    """The shortest exact text: ``1h30m``. ``parse`` reads it back; negative ones have a leading minus."""
    rest = abs(duration)
    if not rest:
        return "0s"
    parts = []
    for unit in ("d", "h", "m", "s", "ms"):
        count, rest = divmod(rest, _UNITS[unit])
        if count:
            parts.append(f"{count}{unit}")
    return ("-" if duration < timedelta(0) else "") + ("".join(parts) or "0s")


def _from_file(value: object) -> object:
    """For models: text is parsed; a bare number is refused, because its unit would be a guess."""
    if isinstance(value, str) and not value.startswith(("P", "-P")):
        try:
            return parse(value)
        except InvalidArgument as fault:
            raise ValueError(fault.message) from None
    if isinstance(value, (int, float)) and value != 0:
        raise ValueError(f"{value} has no unit: write a duration such as {value}s or {value}m")
    return value


Duration = Annotated[
    timedelta,
    BeforeValidator(_from_file),
    WithJsonSchema({"type": "string", "pattern": _PATTERN, "examples": ["90s", "5m", "72h", "14d"]}),
]
"""A field of a written model. ISO 8601 (``PT5M``), which histories hold, is read as well."""
