"""Reference pages made from the code: ``python -m docs.generate`` writes, ``docs.check`` compares."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from mainstay.cli.catalogues import rights
from mainstay.cli.reference import reference as cli_reference
from mainstay.config.files import KINDS
from mainstay.config.schemas import PATTERNS
from mainstay.config.settings import Settings
from mainstay.domain.catalogue import ACTIONS, CHANNELS, PROBES
from mainstay.domain.catalogue.spec import Supports, Verb
from mainstay.domain.runbook import node

DOCS = Path(__file__).resolve().parent
HEAD = "<!-- Made by `make docs` from the code. Change the code, not this page. -->\n\n"
NODES = (
    node.ProbeNode,
    node.AskNode,
    node.ActNode,
    node.WaitNode,
    node.NotifyNode,
    node.PageNode,
    node.CallNode,
    node.ParallelNode,
    node.EndNode,
)


def pages() -> dict[Path, str]:
    """Path → text of every generated page."""
    reference = DOCS / "reference"
    return {
        reference / "settings.md": HEAD + _settings(),
        reference / "catalogue.md": HEAD + _catalogue(),
        reference / "runbook.md": HEAD + _runbook(),
        reference / "config.md": HEAD + _config(),
        reference / "cli.md": cli_reference(),
    }


def main() -> None:
    for path, text in pages().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def _settings() -> str:
    lines = [
        "# Settings of the processes",
        "",
        "Environment variables of `mainstay-worker` and `mainstay-server`.",
        "What the organisation decides is in the [operators' folder](config.md) instead.",
        "",
        "| Variable | Default | Meaning |",
        "|---|---|---|",
    ]
    notes = _field_docs(Settings)
    for name, field in Settings.model_fields.items():
        default = _shown(field.default if field.default is not PydanticUndefined else "")
        lines.append(f"| `MAINSTAY_{name.upper()}` | {default} | {notes.get(name, '')} |")
    return "\n".join(lines) + "\n"


def _catalogue() -> str:
    parts = [
        "# Actions, probes and channels\n",
        "The same as `mainstay action list`, `mainstay probe list` and their `show NAME`, which need no server.",
        "A probe's `inconclusive` is never a success: no data, cut data or a status that is not up to date.\n",
        "## All of them\n",
        "| Name | Kind, group | What it does | Target | Least risk | Undo | Kubernetes verbs | Beyond kubectl |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for action in ACTIONS.values():
        what = f"| `{action.name}` | action, {action.group} | {action.title} | {', '.join(action.target_kinds)} "
        verbs = _rights((*action.reads, *action.writes))
        parts.append(f"{what}| {action.risk.value} | {action.undo} | {verbs} | {action.beyond or '–'} |")
    for probe in PROBES.values():
        what = f"| `{probe.name}` | probe, {probe.group} | {probe.title} | {', '.join(probe.target_kinds) or '–'} "
        parts.append(f"{what}| – | – | {_rights(probe.reads)} | {probe.beyond or '–'} |")
    parts.append("\n## Actions")
    for action in ACTIONS.values():
        parts += [f"\n### `{action.name}`\n", _fields(action.parameters)]
    parts.append("\n## Probes\n")
    for probe in PROBES.values():
        parts += [f"\n### `{probe.name}`\n", f"{probe.title}. Held: {probe.held}. Failed: {probe.failed}.\n"]
        parts.append(_fields(probe.parameters))
        parts.append(f"\nFacts: {', '.join(f'`{fact}`' for fact in probe.facts)}\n")
    parts.append("\n## Channels\n")
    names = Supports._fields
    parts.append(f"| Channel | {' | '.join(names)} |\n|---|{'---|' * len(names)}")
    for channel in CHANNELS.values():
        able = " | ".join("yes" if getattr(channel.supports, name) else "–" for name in names)
        parts.append(f"| `{channel.name}` | {able} |")
    for channel in CHANNELS.values():
        parts += [f"\n### `{channel.name}`\n", channel.title + "\n", _fields(channel.settings)]
    return "\n".join(parts) + "\n"


def _rights(verbs: Iterable[Verb]) -> str:
    return rights(verbs).replace("; ", "<br>") or "–"


def _runbook() -> str:
    parts = [
        "# Runbook format\n",
        _doc(node.Runbook),
        _fields(node.Runbook),
        "\n## Inputs\n",
        _fields(node.Input),
    ]
    parts += ["\n## About\n", _doc(node.About), _fields(node.About), "\n## Nodes\n"]
    parts.append("A node has exactly one of the keys that name its kind.\n")
    for kind in NODES:
        parts += [f"\n### {kind.__name__.removesuffix('Node').lower()}\n", _doc(kind), _fields(kind)]
    parts += [
        "\n## Verification\n",
        _doc(node.Verify),
        _fields(node.Verify),
        "\n### Looks\n",
        _fields(node.Look),
    ]
    return "\n".join(parts) + "\n"


def _config() -> str:
    parts = ["# The operators' folder\n"]
    parts.append("`mainstay config check FOLDER` reports every mistake at once, with file, line and column; ")
    parts.append("`mainstay config schema` writes JSON Schemas for editors.\n")
    for kind, model in sorted(KINDS.items()):
        parts.append(f"\n## {kind}: `{PATTERNS.get(kind, kind)}`\n")
        if isinstance(model, type) and issubclass(model, BaseModel):
            parts += [_doc(model), _fields(model)]
    return "\n".join(parts) + "\n"


def _doc(model: type[BaseModel]) -> str:
    return " ".join((inspect.getdoc(model) or "").split()) + "\n"


def _fields(model: type[BaseModel]) -> str:
    if not model.model_fields:
        return "No parameters.\n"
    notes = _field_docs(model)
    lines = ["| Key | Needed | Meaning |", "|---|---|---|"]
    for name, field in model.model_fields.items():
        needed = "yes" if field.is_required() else f"default {_shown(field.default)}"
        meaning = notes.get(name) or field.description or ""
        lines.append(f"| `{field.alias or name}` | {needed} | {meaning} |")
    return "\n".join(lines) + "\n"


def _field_docs(model: type[BaseModel]) -> dict[str, str]:
    """The strings below the fields of a model and its bases."""
    found: dict[str, str] = {}
    for base in reversed(model.__mro__):
        if not (isinstance(base, type) and issubclass(base, BaseModel)) or base is BaseModel:
            continue
        try:
            tree = ast.parse(inspect.cleandoc("\n" + inspect.getsource(base)))
        except (OSError, TypeError, SyntaxError):
            continue
        body = getattr(tree.body[0], "body", [])
        found.update(_notes(body))
    return found


def _notes(body: list[Any]) -> Iterable[tuple[str, str]]:
    for field, text in pairwise(body):
        if (
            isinstance(field, ast.AnnAssign)
            and isinstance(field.target, ast.Name)
            and isinstance(text, ast.Expr)
            and isinstance(text.value, ast.Constant)
        ):
            yield field.target.id, " ".join(str(text.value.value).split()).replace("|", "\\|")


def _shown(value: object) -> str:
    if value is PydanticUndefined or value is None or value in ("", (), {}, []):
        return "–"
    if isinstance(value, BaseModel):
        return "see there"
    return f"`{value}`"


if __name__ == "__main__":
    main()
