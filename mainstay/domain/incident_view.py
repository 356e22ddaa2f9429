"""The incident as doors, pages and Temporal's web UI show it: functions of the one state."""

from __future__ import annotations

from datetime import datetime

from mainstay.domain import lifecycle
from mainstay.domain.incident import IncidentState, IncidentView, Phase, public_state
from mainstay.domain.message import IncidentRef
from mainstay.domain.model import canonical
from mainstay.domain.pinned import PinnedConfig
from mainstay.domain.text import markdown
from mainstay.domain.work import IncidentRow

SHOWN = 60
"""Entries of the time line in the view; the record store has all of them."""


def ref(state: IncidentState, pinned: PinnedConfig, workflow_id: str) -> IncidentRef:
    """What every message says about this incident."""
    return IncidentRef(
        key=state.key,
        workflow_id=workflow_id,
        number=state.number,
        title=state.title,
        severity=state.severity,
        service=pinned.service.name,
        exercise=state.exercise,
    )


def row(state: IncidentState, pinned: PinnedConfig, workflow_id: str) -> IncidentRow:
    """The incident as the record store lists it."""
    return IncidentRow(
        key=state.key,
        workflow_id=workflow_id,
        number=state.number,
        title=state.title,
        service=pinned.service.name,
        team=pinned.team.name,
        severity=state.severity,
        rank=state.rank,
        phase=state.phase,
        declared_at=state.declared_at,
        acknowledged_at=state.acknowledged_at,
        mitigated_at=state.mitigated_at,
        resolved_at=state.resolved_at,
        closed_at=state.closed_at,
        commander=state.roles.get("commander", ""),
        public_name=pinned.service.public_name,
        public_state=public_state(state.phase),
        public_text=state.public_text,
        public_at=state.public_at,
        exercise=state.exercise,
        occurrences=state.seen,
    )


def view(state: IncidentState, pinned: PinnedConfig, workflow_id: str, now: datetime) -> IncidentView:
    """The whole state as one model."""
    return IncidentView(
        key=state.key,
        workflow_id=workflow_id,
        number=state.number,
        title=state.title,
        phase=state.phase,
        public_state=public_state(state.phase),
        severity=state.severity,
        rank=state.rank,
        service=pinned.service.name,
        team=pinned.team.name,
        declared_at=state.declared_at,
        resolved_at=state.resolved_at,
        commander=state.roles.get("commander", ""),
        roles=state.roles,
        responders=state.called,
        asked=state.asked,
        acknowledged_by=state.escalation.acknowledged_by,
        next_page_at=state.escalation.due,
        next_page=_next_page(state, pinned),
        waits_for=waits_for(state, pinned, now),
        firing=lifecycle.still_firing(state),
        alerts_seen=state.alerts_seen,
        firing_names=state.firing_names,
        runs=state.runs,
        needs_approval=any("approval" in run.status for run in state.runs if not run.ended),
        mitigations=state.mitigations,
        missing_confirmations=state.missing_confirmations,
        next_update_due=state.next_update_due,
        hold_until=state.hold_until,
        public_text=state.public_text,
        public_at=state.public_at,
        timeline=state.recent[-SHOWN:],
        revision=state.next_seq - 1,
        postmortem_id=state.postmortem_id,
        linked=state.linked,
        merged_into=state.merged_into,
        missing_roles=() if state.phase.ended else lifecycle.missing_roles(state, pinned),
    )


def _next_page(state: IncidentState, pinned: PinnedConfig) -> str:
    if state.escalation.due is None:
        return ""
    steps = pinned.policy.steps
    if not steps or state.escalation.step >= len(steps) * (pinned.policy.repeat + 1):
        return "last resort"
    return ", ".join(str(target) for target in steps[state.escalation.step % len(steps)].targets)


def waits_for(state: IncidentState, pinned: PinnedConfig, _now: datetime) -> str:
    """One line: what it waits for and until when. Never empty while the incident is open."""
    parts = [f"{run.runbook}: {run.waits_for}" for run in state.runs if run.waits_for and not run.ended]
    if state.escalation.due is not None:
        at = _clock(state.escalation.due)
        parts.append(f"an acknowledgement; at {at} it pages {_next_page(state, pinned)}")
    match state.phase:
        case Phase.CLOSED | Phase.CANCELLED | Phase.MERGED:
            return "; ".join([*parts, "its journal to be recorded"] if state.tail else parts)
        case Phase.MONITORING if state.hold_until is not None and lifecycle.still_firing(state):
            parts.append(f"{lifecycle.still_firing(state)} alert(s) to resolve")
        case Phase.MONITORING if state.hold_until is not None and not state.hold_told:
            parts.append(f"the monitoring hold to pass at {_clock(state.hold_until)}")
        case Phase.MONITORING:
            parts.append("the commander to confirm the resolution")
        case Phase.RESOLVED:
            parts.append("the commander to close it")
        case Phase.DECLARED | Phase.INVESTIGATING | Phase.MITIGATING:
            running = any(not run.ended for run in state.runs)
            if not parts:
                parts.append("a runbook" if running else "the responders to mitigate it")
    return "; ".join(parts)


def _clock(at: datetime) -> str:
    return at.strftime("%H:%M:%S UTC")


def details(view: IncidentView, pinned: PinnedConfig) -> str:
    """Markdown for Temporal's web UI: state, who has it, what it waits for, what one can do with which JSON.

    Commands stand in backticks: the UI's renderer rewrites dashes, quotes and dollar signs outside of them.
    """
    lines = [
        f"### {markdown(view.number or 'number pending')} · {view.severity} · {view.phase.value}",
        f"**{markdown(view.title)}** — service `{view.service}`, team `{view.team}`",
        "",
        f"- Waits for: {markdown(view.waits_for) or 'nothing'}",
        f"- Commander: {markdown(view.commander) or 'nobody'}",
        f"- Acknowledged by: {markdown(view.acknowledged_by) or 'nobody'}",
        f"- Alerts firing: {view.firing} of {view.alerts_seen}",
    ]
    if view.missing_roles:
        lines.append(f"- Roles nobody holds: {', '.join(f'`{role}`' for role in view.missing_roles)}")
    if view.merged_into:
        lines.append(f"- Goes on in: {markdown(view.merged_into)}")
    for run in view.runs:
        state = run.status + (f" — {run.waits_for}" if run.waits_for else "")
        lines.append(f"- Runbook `{run.workflow_id}`: {markdown(state)}")
    lines += [f"- Mitigation `{m.id}`: {markdown(m.text)}" for m in view.mitigations if not m.removed]
    lines += ["", "**What you can do here** (More actions → Send an Update)", ""]
    lines += [f"- `{name}` with `{json}`" for name, json in _moves(view)]
    if pinned.public_url:
        lines += ["", f"Incident page: {pinned.public_url}/incidents/{view.number or view.key}"]
    return "\n".join(lines)


def _moves(view: IncidentView) -> list[tuple[str, str]]:
    me = {"actor": {"person": "YOUR-HANDLE"}}
    moves: list[tuple[str, dict[str, object]]] = []
    if not view.acknowledged_by:
        moves += [("acknowledge", {}), ("escalate", {})]
    match view.phase:
        case Phase.MONITORING | Phase.DECLARED | Phase.INVESTIGATING | Phase.MITIGATING:
            moves.append(("resolve", {"confirmations": ["metrics"], "anyway": "why not all"}))
        case Phase.RESOLVED:
            moves += [("close", {}), ("reopen", {"reason": "why"})]
        case Phase.CLOSED | Phase.CANCELLED | Phase.MERGED:
            return []
    moves += [("add_note", {"text": "what you saw"}), ("set_severity", {"severity": view.severity})]
    return [(name, canonical(me | body)) for name, body in moves]
