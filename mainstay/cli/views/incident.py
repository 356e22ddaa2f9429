"""One incident for people: a board that fits a terminal, and its time line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from rich.console import Group
from rich.table import Table
from rich.text import Text

from mainstay.cli import values, words
from mainstay.cli.views.facts import PHASE, SEVERITY, Fact, facts, heading

if TYPE_CHECKING:
    from google.protobuf.timestamp_pb2 import Timestamp

    from mainstay.gen.mainstay.v1 import common_pb2, incident_pb2

LATEST = 12


def phase_of(incident: incident_pb2.Incident | incident_pb2.IncidentSummary) -> str:
    return values.name_in(incident, "phase")


def board(incident: incident_pb2.Incident, entries: Iterable[common_pb2.TimelineEntry], now: datetime) -> Group:
    """Everything that somebody who just came in needs, most urgent first."""
    phase = phase_of(incident)
    title = heading(
        (incident.number or incident.key, "bold"),
        (incident.severity, SEVERITY.get(incident.rank, "")),
        (phase, PHASE.get(phase, "")),
        (incident.title, "bold"),
    )
    parts: list[Text | Table] = [title]
    if incident.needs_approval:
        reference = incident.number or incident.key
        parts.append(
            Text(
                f"A change waits for approval: mainstay incident approve {words.line(reference)}",
                "bold yellow",
            )
        )
    parts += [facts(_facts(incident, now))]
    if incident.runs:
        parts += [Text("\nRuns", "bold"), facts(_runs(incident))]
    if incident.mitigations:
        parts += [Text("\nMitigations", "bold"), facts(_mitigations(incident, now))]
    latest = list(entries)[-LATEST:]
    if latest:
        parts += [Text("\nLatest", "bold"), timeline(latest)]
    return Group(*parts)


def _facts(incident: incident_pb2.Incident, now: datetime) -> Iterator[Fact]:
    yield "service", incident.service + (f" (team {incident.team})" if incident.team else "")
    yield "declared", words.when(incident.declared_at, now)
    yield "commander", incident.commander
    yield "roles", _pairs(incident.roles)
    yield "responders", _pairs(incident.responders)
    yield "acknowledged", f"by {incident.acknowledged_by}" if incident.acknowledged_by else ""
    yield "next page", _at(incident.next_page, incident.next_page_at, now)
    yield "waits for", Text(words.line(incident.waits_for), "bold") if incident.waits_for else ""
    seen = f"{incident.firing} firing of {words.count(incident.alerts_seen, 'alert')} seen"
    names = ", ".join(incident.firing_names)
    yield "alerts", (f"{seen}: {names}" if names else seen) if incident.alerts_seen else ""
    yield "public", _public(incident)
    yield "update due", words.when(incident.next_update_due, now)
    yield "hold until", words.when(incident.hold_until, now)
    yield "resolved", words.when(incident.resolved_at, now)
    yield "unconfirmed", ", ".join(incident.missing_confirmations)
    yield "postmortem", incident.postmortem_id
    yield "linked", ", ".join(incident.linked)
    yield "key", incident.key
    yield "workflow", incident.workflow_id


def _pairs(pairs: object) -> str:
    return ", ".join(f"{name}: {value}" for name, value in sorted(dict(pairs).items()))  # type: ignore[call-overload]


def _at(what: str, at: Timestamp, now: datetime) -> str:
    return " ".join(part for part in (what, words.when(at, now)) if part)


def _public(incident: incident_pb2.Incident) -> str:
    return f"{incident.public_state}: {incident.public_text}" if incident.public_text else incident.public_state


def _runs(incident: incident_pb2.Incident) -> Iterator[Fact]:
    for run in incident.runs:
        waits = f", waits for {run.waits_for}" if run.waits_for and not run.ended else ""
        yield words.line(run.runbook, 80), f"{run.status}{waits}  {run.workflow_id}"


def _mitigations(incident: incident_pb2.Incident, now: datetime) -> Iterator[Fact]:
    for each in incident.mitigations:
        state = "gone" if each.removed else ("temporary" if each.temporary else "lasting")
        item = f", action item {each.action_item}" if each.action_item else ""
        yield words.line(each.id, 80), f"{each.text} ({state}{item}; {each.by}, {words.when(each.at, now)})"


def timeline(entries: Iterable[common_pb2.TimelineEntry]) -> Table:
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(style="cyan", no_wrap=True)
    grid.add_column(overflow="fold")
    for entry in entries:
        grid.add_row(words.clock(entry.at), Text(words.line(who(entry), 40)), Text(words.line(entry.summary, 2000)))
    return grid


def who(entry: common_pb2.TimelineEntry) -> str:
    return entry.actor.shown or entry.actor.person


def entry_line(entry: common_pb2.TimelineEntry) -> str:
    """One entry as a line of a log."""
    return words.line(f"{words.iso(entry.at)} {who(entry)}: {entry.summary}", 4000)
