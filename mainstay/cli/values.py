"""Messages of the API as plain JSON values: the shape that ``--json`` promises.

Field names are those of proto/mainstay/v1. Enumerations are their short names in lower case (``monitoring``,
``high``; priorities ``P0``), unspecified is empty. Instants are RFC 3339 in UTC. What is
not set (an instant, an optional number, a message) is null. Every field is always there.
"""

from __future__ import annotations

import re
from typing import Any

from google.protobuf.message import Message
from google.protobuf.struct_pb2 import ListValue, Struct, Value
from google.protobuf.timestamp_pb2 import Timestamp

from mainstay.cli import words


def of(message: Message) -> dict[str, Any]:
    """Every field of ``message``, set or not."""
    return {field.name: _field(message, field) for field in message.DESCRIPTOR.fields}


def name_in(message: Message, field: str) -> str:
    """The name of the enumeration's value in this field."""
    return enum_name(message.DESCRIPTOR.fields_by_name[field].enum_type, getattr(message, field))


def enum_name(kind: Any, number: int) -> str:
    """``PHASE_MONITORING`` → ``monitoring``; a number that this version does not know stays a number.

    ``kind`` is the EnumDescriptor.
    """
    value = kind.values_by_number.get(number)
    if value is None:
        return str(number)
    prefix = re.sub(r"(?<!^)(?=[A-Z])", "_", kind.name).upper() + "_"
    name: str = value.name.removeprefix(prefix)
    if name == "UNSPECIFIED":
        return ""
    return name if re.fullmatch(r"P\d", name) else name.lower()


def enum_number(kind: Any, name: str) -> int | None:
    """The number of a name as ``enum_name`` writes it."""
    return next((v.number for v in kind.values if name and enum_name(kind, v.number) == name), None)


def _field(message: Message, field: Any) -> Any:
    value = getattr(message, field.name)
    if field.is_repeated:
        entry = field.message_type
        if entry is not None and entry.GetOptions().map_entry:
            return {str(key): _value(entry.fields_by_name["value"], each) for key, each in sorted(value.items())}
        return [_value(field, each) for each in value]
    if field.has_presence and not message.HasField(field.name):
        return None
    return _value(field, value)


def _value(field: Any, value: Any) -> Any:
    match value:
        case Timestamp():
            return words.iso(value) or None
        case Struct() | ListValue() | Value():
            return structure(value)
        case Message():
            return of(value)
        case int() if field.enum_type is not None:
            return enum_name(field.enum_type, value)
        case _:
            return value


def structure(value: Any) -> Any:
    """A google.protobuf.Struct; whole numbers become integers again, which is what people wrote."""
    match value:
        case Struct():
            return {key: structure(each) for key, each in sorted(value.fields.items())}
        case ListValue():
            return [structure(each) for each in value.values]
    kind = value.WhichOneof("kind")
    if kind in (None, "null_value"):
        return None
    found = getattr(value, kind)
    if kind == "number_value":
        return int(found) if found.is_integer() and abs(found) < 2**53 else found
    return structure(found) if kind in ("struct_value", "list_value") else found
