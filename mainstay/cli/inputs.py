"""A run's inputs, as the command line gives them."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from mainstay.cli.problem import usage
from mainstay.cli.prompts import STANDARD_INPUT

Inputs = Annotated[
    tuple[str, ...],
    Parameter(
        name=["--input", "-i"],
        negative="",
        help="NAME=VALUE, repeatable. The runbook's own type decides how the value is read.",
    ),
]
Service = Annotated[str, Parameter(name=["--service", "-s"], help="The service whose configuration it lives by.")]
InputFile = Annotated[Path | None, Parameter(name="--inputs", help="JSON file with inputs; - is standard input.")]


def given_inputs(pairs: tuple[str, ...], file: Path | None) -> dict[str, Any]:
    """The file's inputs, and over them those of the command line. Raises Problem."""
    found: dict[str, Any] = _from_file(file) if file else {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise usage(f"--input {pair!r} is not NAME=VALUE", "for example --input replicas=5", field="input")
        found[name] = value
    return found


def _from_file(file: Path) -> dict[str, Any]:
    try:
        text = sys.stdin.read() if str(file) == STANDARD_INPUT else file.read_text(encoding="utf-8")
        found = json.loads(text)
    except OSError as error:
        raise usage(f"{file} cannot be read: {error.strerror}", field="inputs") from None
    except ValueError as error:
        raise usage(f"{file} is not JSON: {error}", field="inputs") from None
    if not isinstance(found, dict):
        raise usage(f"{file} is not a JSON object", 'for example {"replicas": 5}', field="inputs")
    return found
