"""What every request must be before it is passed on. Refusals name the field."""

from __future__ import annotations

import re
from datetime import datetime
from uuid import UUID

from pydantic import BaseModel

from mainstay.domain.errors import InvalidArgument
from mainstay.domain.incident import MAX_COMMAND_BYTES, MAX_TEXT

MAX_NAME = 200
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_BREAK = re.compile(r"[\r\n\t]")


def request_id(value: str) -> str:
    """A UUID in its canonical spelling: two spellings of one must not be two intents."""
    try:
        return str(UUID(value))
    except ValueError:
        raise InvalidArgument(
            "request_id must be a UUID, chosen once and repeated with every retry", field="request_id"
        ) from None


def text(value: str, field: str, *, required: bool = False, limit: int = MAX_TEXT) -> str:
    """Text of several lines: no control characters but line breaks and tabs, no lone surrogates."""
    if required and not value.strip():
        raise InvalidArgument(f"{field} is required", field=field)
    if len(value) > limit:
        raise InvalidArgument(f"{field} has {len(value)} characters, at most {limit} are allowed", field=field)
    if found := _CONTROL.search(value):
        raise InvalidArgument(
            f"{field} has a control character (U+{ord(found[0]):04X}) at {found.start()}", field=field
        )
    return value


def name(value: str, field: str, *, required: bool = False, limit: int = MAX_NAME) -> str:
    """Text of one line."""
    text(value, field, required=required, limit=limit)
    if _BREAK.search(value):
        raise InvalidArgument(f"{field} must be one line", field=field)
    return value.strip()


def instant(value: datetime, field: str) -> datetime:
    """An aware instant of a year that calendars have."""
    if value.tzinfo is None or not 1970 <= value.year <= 9000:
        raise InvalidArgument(f"{field} must be an instant between the years 1970 and 9000", field=field)
    return value


def size(command: BaseModel, field: str | None = None) -> None:
    """Refuses what no validator would take: more than 64 KiB in all."""
    got = len(command.model_dump_json().encode())
    if got > MAX_COMMAND_BYTES:
        raise InvalidArgument(f"the request has {got} bytes, at most {MAX_COMMAND_BYTES} are allowed", field=field)
