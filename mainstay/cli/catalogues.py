"""The catalogues of actions, probes and channels as data and as tables. Needs no server."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from mainstay.cli import output, session
from mainstay.cli.output import Cell

if TYPE_CHECKING:
    from pydantic import BaseModel

    from mainstay.domain.catalogue.spec import ActionSpec, ChannelSpec, ProbeSpec, Verb


def show_actions(found: Iterable[ActionSpec]) -> None:
    specs = list(found)
    if session.current().json:
        output.emit({"actions": [_action(spec) for spec in specs]})
        return
    from mainstay.cli.views.facts import RISK

    output.table(
        ("ACTION", "RISK", "UNDO", "TARGET", "PARAMETERS", "TITLE"),
        (
            (
                Cell(spec.name, "bold"),
                Cell(spec.risk.value, RISK[spec.risk.value]),
                Cell(spec.undo),
                Cell(", ".join(spec.target_kinds)),
                Cell(_names(spec.parameters)),
                Cell(spec.title),
            )
            for spec in specs
        ),
        "",
    )


def _action(spec: ActionSpec) -> dict[str, Any]:
    return {
        "name": spec.name,
        "title": spec.title,
        "risk": spec.risk.value,
        "undo": spec.undo,
        "target_kinds": list(spec.target_kinds),
        "writes": _verbs(spec.writes),
        "reads": _verbs(spec.reads),
        "parameters": spec.parameters.model_json_schema(),
    }


def show_probes(found: Iterable[ProbeSpec]) -> None:
    specs = list(found)
    if session.current().json:
        output.emit({"probes": [_probe(spec) for spec in specs]})
        return
    output.table(
        ("PROBE", "PARAMETERS", "FACTS", "HELD MEANS", "TITLE"),
        (
            (
                Cell(spec.name, "bold"),
                Cell(_names(spec.parameters)),
                Cell(", ".join(spec.facts)),
                Cell(spec.held),
                Cell(spec.title),
            )
            for spec in specs
        ),
        "",
    )


def _probe(spec: ProbeSpec) -> dict[str, Any]:
    return {
        "name": spec.name,
        "title": spec.title,
        "held": spec.held,
        "failed": spec.failed,
        "facts": dict(spec.facts),
        "reads": _verbs(spec.reads),
        "parameters": spec.parameters.model_json_schema(),
    }


def show_channels(found: Iterable[ChannelSpec]) -> None:
    specs = list(found)
    if session.current().json:
        output.emit({"channels": [_channel(spec) for spec in specs]})
        return
    output.table(
        ("CHANNEL", "SUPPORTS", "SETTINGS", "SECRETS", "TITLE"),
        (
            (
                Cell(spec.name, "bold"),
                Cell(", ".join(_supported(spec))),
                Cell(_names(spec.settings)),
                Cell(", ".join(spec.secrets)),
                Cell(spec.title),
            )
            for spec in specs
        ),
        "",
    )


def _channel(spec: ChannelSpec) -> dict[str, Any]:
    return {
        "name": spec.name,
        "title": spec.title,
        "supports": spec.supports._asdict(),
        "secrets": list(spec.secrets),
        "settings": spec.settings.model_json_schema(),
    }


def _supported(spec: ChannelSpec) -> list[str]:
    return [name for name, able in spec.supports._asdict().items() if able]


def _names(model: type[BaseModel]) -> str:
    """Those in brackets need not be given."""
    return ", ".join(name if field.is_required() else f"[{name}]" for name, field in model.model_fields.items())


def _verbs(verbs: Iterable[Verb]) -> list[dict[str, Any]]:
    return [{"group": verb.group, "resource": verb.resource, "verbs": list(verb.verbs)} for verb in verbs]
