"""One runbook run for people."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.text import Text

from mainstay.cli import words
from mainstay.cli.views.change import approval_facts, change_view
from mainstay.cli.views.facts import Fact, facts, heading
from mainstay.cli.views.incident import timeline

if TYPE_CHECKING:
    from mainstay.gen.mainstay.v1 import runbook_service_pb2


def run_view(run: runbook_service_pb2.Run, now: datetime) -> Group:
    """Where it stands, what it waits for, and the change in question."""
    style = "green" if run.outcome in ("mitigated", "nothing_to_do") else "yellow"
    parts: list[RenderableType] = [
        heading((run.runbook, "bold"), (run.outcome or run.status, style)),
        facts(_facts(run)),
    ]
    if run.HasField("approval"):
        parts += [Text("\nWaits for approval", "bold yellow"), facts(approval_facts(run.approval, now))]
    if run.HasField("change"):
        parts += [Text(""), change_view(run.change)]
    if run.timeline:
        parts += [Text("\nTime line", "bold"), timeline(run.timeline)]
    return Group(*parts)


def _facts(run: runbook_service_pb2.Run) -> Iterator[Fact]:
    yield "run", run.workflow_id
    yield "incident", run.incident.number or run.incident.key
    yield "status", run.status
    yield "waits for", Text(words.line(run.waits_for), "bold") if run.waits_for else ""
    yield "at", run.node
    yield "path", " → ".join(run.path)
    yield "question", f"{run.ask} ({' / '.join(run.ask_options)})" if run.ask else ""
    yield "standing", ", ".join(run.standing)
    yield "outcome", run.outcome
    yield "summary", run.summary
