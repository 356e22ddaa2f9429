"""References to secrets: ``env:NAME`` and ``file:PATH``. Resolved late, and never shown.

The operators' folder lies in git, so a value in it is a leak; what is written there is where the value is.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, WithJsonSchema

from mainstay.domain.errors import InvalidArgument

_REFERENCE = r"^(?:env:[A-Za-z_][A-Za-z0-9_]*|file:.+)$"
MAX_BYTES = 64 * 1024


def is_reference(text: str) -> bool:
    return re.fullmatch(_REFERENCE, text) is not None


def resolve(reference: str) -> str:
    """The value behind a reference. Raises InvalidArgument that names the reference, never the value.

    A file's last line break does not count: editors and ``kubectl create secret`` disagree about it.
    """
    kind, _, name = reference.partition(":")
    if not is_reference(reference):
        # Not quoted: somebody may have written the secret itself
        raise InvalidArgument("a secret is given by reference: env:NAME or file:PATH")
    value = _from_environment(name) if kind == "env" else _from_file(name)
    if not value:
        raise InvalidArgument(f"{reference} is empty")
    return value


def value_of(text: str) -> str:
    """``text`` itself, or what it refers to: for settings that need not be secret, such as a host."""
    return resolve(text) if is_reference(text) else text


def _from_environment(name: str) -> str:
    try:
        return os.environ[name]
    except KeyError:
        raise InvalidArgument(f"the environment variable {name} is not set (env:{name})") from None


def _from_file(path: str) -> str:
    try:
        with Path(path).expanduser().open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
        if len(raw) > MAX_BYTES:
            raise InvalidArgument(f"file:{path} is larger than any secret")
        return raw.decode().removesuffix("\n").removesuffix("\r")
    except OSError as fault:
        raise InvalidArgument(f"file:{path} cannot be read: {fault.strerror}") from None
    except UnicodeDecodeError:
        raise InvalidArgument(f"file:{path} is not text") from None


def _must_refer(text: str) -> str:
    if not is_reference(text):
        raise ValueError("give a reference such as env:NAME or file:PATH, never the secret itself")
    return text


Reference = Annotated[str, AfterValidator(_must_refer), WithJsonSchema({"type": "string", "pattern": _REFERENCE})]
"""A field that holds where a secret is. A value in its place is refused without being shown."""
