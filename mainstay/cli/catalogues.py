"""The catalogues of actions, probes and channels as data and as tables. Needs no server."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, TypeVar

from mainstay.cli import output, session
from mainstay.cli.output import Cell
from mainstay.cli.problem import Problem

if TYPE_CHECKING:
    from pydantic import BaseModel

    from mainstay.domain.catalogue.spec import ActionSpec, ChannelSpec, ProbeSpec, Verb


Spec = TypeVar("Spec")


def show_actions(found: Iterable[ActionSpec]) -> None:
    specs = list(found)
    if session.current().json:
        output.emit({"actions": [_action(spec) for spec in specs]})
        return
    from mainstay.cli.views.facts import RISK

    output.table(
        ("ACTION", "GROUP", "RISK", "UNDO", "TARGET", "VERBS", "PARAMETERS", "TITLE"),
        (
            (
                Cell(spec.name, "bold"),
                Cell(spec.group),
                Cell(spec.risk.value, RISK[spec.risk.value]),
                Cell(spec.undo),
                Cell(", ".join(spec.target_kinds)),
                Cell(rights((*spec.reads, *spec.writes))),
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
        "group": spec.group,
        "title": spec.title,
        "beyond_kubectl": spec.beyond,
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
        ("PROBE", "GROUP", "TARGET", "VERBS", "PARAMETERS", "FACTS", "HELD MEANS", "TITLE"),
        (
            (
                Cell(spec.name, "bold"),
                Cell(spec.group),
                Cell(", ".join(spec.target_kinds) or "–"),
                Cell(rights(spec.reads) or "–"),
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
        "group": spec.group,
        "title": spec.title,
        "beyond_kubectl": spec.beyond,
        "target_kinds": list(spec.target_kinds),
        "held": spec.held,
        "failed": spec.failed,
        "facts": dict(spec.facts),
        "reads": _verbs(spec.reads),
        "parameters": spec.parameters.model_json_schema(),
    }


def show_action(spec: ActionSpec) -> None:
    """One action whole, with the JSON Schema of its parameters."""
    undo = "can be taken back" if spec.reversible else "cannot be taken back"
    said = (f"{spec.title}. At least {spec.risk.value} risk; {undo}.", *_also(spec.beyond))
    _one(_action(spec), spec, said, (*spec.reads, *spec.writes))


def show_probe(spec: ProbeSpec) -> None:
    """One probe whole, with the JSON Schema of its parameters and the types of its facts."""
    facts = ", ".join(f"{name} ({kind})" for name, kind in spec.facts.items())
    said = (
        spec.title,
        f"Held: {spec.held}. Failed: {spec.failed}. Without data: inconclusive.",
        f"Facts: {facts or 'none'}",
        *_also(spec.beyond),
    )
    _one(_probe(spec), spec, said, spec.reads)


def find(known: Mapping[str, Spec], name: str, what: str) -> Spec:
    """Raises Problem with the names that are close."""
    if name in known:
        return known[name]
    near = get_close_matches(name, known, n=3)
    hint = f"did you mean {' or '.join(near)}?" if near else f"mainstay {what} list"
    raise Problem("NotFound", f"there is no {what} {name!r}", hint)


def _also(beyond: str) -> tuple[str, ...]:
    return (f"Beyond kubectl: {beyond}",) if beyond else ()


def _one(document: dict[str, Any], spec: ActionSpec | ProbeSpec, said: Iterable[str], verbs: Iterable[Verb]) -> None:
    if session.current().json:
        output.emit(document)
        return
    output.say(f"{spec.name} ({spec.group})")
    for line in (*said, f"Looks at or changes: {', '.join(spec.target_kinds) or 'nothing in a cluster'}"):
        output.say(line)
    output.say(f"Kubernetes verbs: {rights(verbs) or 'none'}")
    output.say("Parameters:")
    sys.stdout.write(output.dump(spec.parameters.model_json_schema()) + "\n")


def rights(verbs: Iterable[Verb]) -> str:
    """``get, patch deployments.apps; list pods``."""
    shown = (f"{', '.join(v.verbs)} {'.'.join(part for part in (v.resource, v.group) if part)}" for v in verbs)
    return "; ".join(shown)


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
