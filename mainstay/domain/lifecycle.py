"""What happens to an incident: every transition as a pure function of (state, event, now).

The incident workflow keeps one ``IncidentState`` and replaces it with the answer of these functions; its
validators call the same functions and drop the answer. A refusal is one of ``errors``.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from mainstay.domain import escalation
from mainstay.domain.access import Actor
from mainstay.domain.alert import AlertBatch, AlertStatus
from mainstay.domain.errors import AlreadyDone, InvalidArgument, NotFound, Stale, WrongState
from mainstay.domain.incident import (
    CONFIRMATIONS,
    MAX_FINGERPRINTS,
    MAX_TEXT,
    Acknowledge,
    AddNote,
    AssignRole,
    Cancel,
    Close,
    IncidentState,
    ItemDraft,
    Merge,
    Mitigation,
    PagePeople,
    Phase,
    PostUpdate,
    RecordDecision,
    RecordMitigation,
    ReleaseRole,
    Reopen,
    Resolve,
    RunRef,
    RunRequest,
    SetSeverity,
    StartRunbook,
    public_state,
)
from mainstay.domain.pinned import PinnedConfig
from mainstay.domain.runbook.run import RunReport
from mainstay.domain.timeline import (
    Acknowledged,
    Alerted,
    AnyEntry,
    Decided,
    Late,
    Linked,
    Mitigated,
    MitigationRemoved,
    Noted,
    PhaseChanged,
    Refused,
    Reopened,
    Resolved,
    RoleAssigned,
    RoleReleased,
    SeveritySet,
    UpdatePosted,
)
from mainstay.domain.triage import impact_of, triage

RECENT = 60
TAIL = 200
"""Entries that wait for the record store; beyond it the oldest stay in the workflow's history only."""
RETRY_UNDELIVERED = timedelta(seconds=30)


def log(state: IncidentState, *entries: AnyEntry) -> IncidentState:
    """Append to the journal; every entry gets the next number."""
    numbered = tuple(
        entry.model_copy(update={"seq": state.next_seq + offset}) for offset, entry in enumerate(entries)
    )
    return state.model_copy(
        update={
            "tail": state.tail + numbered,
            "recent": (state.recent + numbered)[-RECENT:],
            "next_seq": state.next_seq + len(numbered),
        }
    )


def set_phase(
    state: IncidentState, phase: Phase, actor: Actor, now: datetime, why: str = ""
) -> IncidentState:
    """Change the phase, with its entry; nothing happens when it is that phase already."""
    if state.phase is phase:
        return state
    entry = PhaseChanged(at=now, actor=actor, former=state.phase, phase=phase, reason=why)
    return log(state.model_copy(update={"phase": phase}), entry)


# ---- alerts --------------------------------------------------------------------------------------


def take_alerts(
    state: IncidentState, batch: AlertBatch, pinned: PinnedConfig, now: datetime, actor: Actor
) -> IncidentState:
    """Join a batch: a repeat changes nothing, a new firing one may reopen, all resolved begins the hold."""
    firing = dict.fromkeys(state.firing)
    seen = dict.fromkeys(state.seen)
    fresh, gone, names = 0, 0, dict.fromkeys(state.firing_names)
    for alert in batch.alerts:
        key = alert.occurrence
        if alert.status is AlertStatus.FIRING and key not in firing:
            firing[key] = None
            names[alert.name] = None
            fresh += 1
        elif alert.status is AlertStatus.RESOLVED and key in firing:
            del firing[key]
            gone += 1
        seen[key] = None
    if not fresh and not gone:
        return state
    state = state.model_copy(
        update={
            "firing": tuple(firing)[-MAX_FINGERPRINTS:],
            "firing_names": tuple(names)[:20],
            "seen": tuple(seen)[-MAX_FINGERPRINTS:],
            "alerts_seen": state.alerts_seen + fresh,
        }
    )
    state = log(state, Alerted(at=now, actor=actor, firing=fresh, resolved=gone, names=tuple(names)[:5]))
    if fresh:
        state = _worsen(state, batch, pinned, now)
        if state.phase.quiet or state.phase.ended:
            # An incident that has ended still takes alerts until its workflow has completed: whoever joined
            # it was told that the alert is in good hands.
            state = reopen_round(state, pinned, "an alert fires again", actor, now)
    elif not firing:
        state = _quiet(state, pinned, now, actor)
    return state


def _worsen(state: IncidentState, batch: AlertBatch, pinned: PinnedConfig, now: datetime) -> IncidentState:
    """New facts can only raise a severity that nobody set by hand; people lower it."""
    impact = impact_of(batch.alerts)
    merged = state.impact.model_copy(update=impact.model_dump(exclude_none=True))
    state = state.model_copy(update={"impact": merged})
    if state.severity_set_by_hand or not state.severity:
        return state
    found = triage(merged, pinned.service, pinned.profile)
    if found.rank >= state.rank:
        return state
    return _with_rank(state, pinned, found.rank, f"triage: {found.rule}", None, now)


def _quiet(state: IncidentState, pinned: PinnedConfig, now: datetime, actor: Actor) -> IncidentState:
    """Everything that fired has stopped: hold, unless a run is still changing things."""
    busy = any(not run.ended for run in state.runs) or state.to_start
    if busy or state.phase not in (Phase.DECLARED, Phase.INVESTIGATING, Phase.MITIGATING):
        return state
    return begin_hold(state, pinned, now, actor, "all alerts have resolved")


def begin_hold(
    state: IncidentState, pinned: PinnedConfig, now: datetime, actor: Actor, why: str
) -> IncidentState:
    """Symptoms are gone: watch for the severity's hold time before it counts as resolved."""
    hold = pinned.monitoring_hold or pinned.profile.level(state.rank).monitoring_hold
    state = set_phase(state, Phase.MONITORING, actor, now, why)
    return state.model_copy(
        update={
            "hold_until": now + hold,
            "hold_told": False,
            "mitigated_at": state.mitigated_at or now,
            "escalation": state.escalation.model_copy(update={"due": None}),
        }
    )


def reopen_round(
    state: IncidentState, pinned: PinnedConfig, why: str, actor: Actor, now: datetime
) -> IncidentState:
    """A new escalation round with new keys: people are paged anew."""
    round_ = state.escalation.round + 1
    state = log(state, Reopened(at=now, actor=actor, reason=why, round=round_))
    state = set_phase(state, Phase.DECLARED, actor, now, why)
    return state.model_copy(
        update={
            "escalation": escalation.begin(pinned.policy, now, round_),
            "escalation_begun_at": now,
            "called": {},
            "calls": (),
            "undelivered": 0,
            "hold_until": None,
            "resolved_at": None,
            "closed_at": None,
            "children_told": False,
            "missing_confirmations": (),
            "late": (),
        }
    )


# ---- people --------------------------------------------------------------------------------------


def _text(text: str, field: str) -> str:
    if not text.strip():
        raise InvalidArgument(f"{field} must not be empty", field=field)
    if len(text) > MAX_TEXT:
        raise InvalidArgument(f"{field} has {len(text)} characters; at most {MAX_TEXT}", field=field)
    return text.strip()


def _alive(state: IncidentState) -> None:
    if state.phase.ended:
        hint = f"; go on in {state.merged_into}" if state.merged_into else ""
        raise WrongState(f"the incident is {state.phase.value}{hint}")


def acknowledge(
    state: IncidentState, command: Acknowledge, pinned: PinnedConfig, actor: Actor, now: datetime
) -> IncidentState:
    """Somebody has it: nobody else is paged in this round. A second one is AlreadyDone."""
    _alive(state)
    if command.round and command.round != state.escalation.round:
        message = f"this page belongs to round {command.round}; round {state.escalation.round} is on"
        raise Stale(message, field="round")
    if state.escalation.acknowledged_by:
        raise AlreadyDone(f"{state.escalation.acknowledged_by} acknowledged before")
    called = tuple(sorted(p for p, how in state.called.items() if how == "paged" and p != actor.person))
    state = log(state, Acknowledged(at=now, actor=actor, already_called=called))
    state = state.model_copy(
        update={
            "escalation": escalation.acknowledge(state.escalation, actor.shown, now),
            "acknowledged_at": state.acknowledged_at or now,
            "called": {**state.called, actor.person: "acknowledged"},
        }
    )
    if "commander" not in state.roles:
        state = _give(state, "commander", actor.person, actor, now)
    if state.phase is Phase.DECLARED:
        state = set_phase(state, Phase.INVESTIGATING, actor, now)
    return state


def _with_rank(
    state: IncidentState, pinned: PinnedConfig, rank: int, reason: str, actor: Actor | None, now: datetime
) -> IncidentState:
    level = pinned.profile.level(rank)
    entry = SeveritySet(at=now, former=state.severity, severity=level.label, reason=reason)
    if actor is not None:
        entry = entry.model_copy(update={"actor": actor})
    state = state.model_copy(update={"rank": level.rank, "severity": level.label})
    if level.update_every is not None and not state.phase.ended:
        due = now + level.update_every
        known = state.next_update_due
        state = state.model_copy(update={"next_update_due": min(known, due) if known else due})
    state = log(state, entry)
    stage = state.escalation
    silent = stage.due is None and stage.step == 0 and not stage.acknowledged_by and not state.called
    if silent and level.page != "ticket" and not (state.phase.quiet or state.phase.ended):
        # Until now nobody was to be woken: a level that pages begins the escalation that was left out.
        begun = escalation.begin(pinned.policy, now, stage.round)
        state = state.model_copy(update={"escalation": begun, "escalation_begun_at": now})
    return state


def set_severity(
    state: IncidentState, command: SetSeverity, pinned: PinnedConfig, actor: Actor, now: datetime
) -> IncidentState:
    _alive(state)
    level = pinned.profile.parse(_text(command.severity, "severity"))
    if level.label == state.severity:
        raise AlreadyDone(f"the severity is {level.label} already")
    state = _with_rank(state, pinned, level.rank, command.reason[:MAX_TEXT], actor, now)
    return state.model_copy(update={"severity_set_by_hand": True})


def _give(state: IncidentState, role: str, person: str, actor: Actor, now: datetime) -> IncidentState:
    state = state.model_copy(update={"roles": {**state.roles, role: person}})
    return log(state, RoleAssigned(at=now, actor=actor, role=role, person=person))


ROLES = (
    "commander",
    "deputy",
    "operations_lead",
    "communications_lead",
    "scribe",
    "planning_lead",
    "customer_liaison",
    "subject_expert",
)
"""Incident roles (ICS; M-20)."""


def assign_role(
    state: IncidentState, command: AssignRole, pinned: PinnedConfig, actor: Actor, now: datetime
) -> IncidentState:
    _alive(state)
    if command.role not in ROLES:
        raise InvalidArgument(f"role {command.role!r} is unknown: use {', '.join(ROLES)}", field="role")
    if command.person not in pinned.people:
        raise NotFound(f"nobody called {command.person!r} in the configuration", field="person")
    if state.roles.get(command.role) == command.person:
        raise AlreadyDone(f"{command.person} is {command.role} already")
    return _give(state, command.role, command.person, actor, now)


def release_role(
    state: IncidentState, command: ReleaseRole, _pinned: PinnedConfig, actor: Actor, now: datetime
) -> IncidentState:
    _alive(state)
    if command.role not in state.roles:
        raise NotFound(f"nobody holds the role {command.role!r}", field="role")
    person = state.roles[command.role]
    rest = {role: who for role, who in state.roles.items() if role != command.role}
    entry = RoleReleased(at=now, actor=actor, role=command.role, person=person)
    return log(state.model_copy(update={"roles": rest}), entry)


def add_note(
    state: IncidentState, command: AddNote, _pinned: PinnedConfig, actor: Actor, now: datetime
) -> IncidentState:
    _alive(state)
    return log(state, Noted(at=now, actor=actor, text=_text(command.text, "text")))


def record_decision(
    state: IncidentState, command: RecordDecision, _pinned: PinnedConfig, actor: Actor, now: datetime
) -> IncidentState:
    _alive(state)
    text = _text(command.text, "text")
    return log(state, Decided(at=now, actor=actor, text=text, rationale=command.rationale[:MAX_TEXT]))


def post_update(
    state: IncidentState,
    command: PostUpdate,
    pinned: PinnedConfig,
    actor: Actor,
    now: datetime,
    *,
    automatic: bool = False,
) -> IncidentState:
    """Tell people; the cadence starts anew."""
    _alive(state)
    entry = UpdatePosted(
        at=now,
        actor=actor,
        text=_text(command.text, "text"),
        public=command.public,
        public_state=public_state(state.phase),
        automatic=automatic,
    )
    level = pinned.profile.level(state.rank)
    quiet = state.phase is Phase.RESOLVED
    change: dict[str, object] = {
        "announced": public_state(state.phase),
        "next_update_due": None if quiet or not level.update_every else now + level.update_every,
    }
    if command.public:
        change |= {"public_text": entry.text, "public_at": now}
    return log(state.model_copy(update=change), entry)


def start_runbook(
    state: IncidentState, command: StartRunbook, pinned: PinnedConfig, actor: Actor, now: datetime
) -> IncidentState:
    _alive(state)
    if command.runbook not in pinned.runbooks:
        known = ", ".join(sorted(pinned.runbooks)) or "none"
        raise NotFound(f"this incident has no runbook {command.runbook!r}; it has: {known}", field="runbook")
    wanted = RunRequest(runbook=command.runbook, inputs=command.inputs, requester=actor)
    return state.model_copy(update={"to_start": (*state.to_start, wanted)})


def page_people(
    state: IncidentState, command: PagePeople, pinned: PinnedConfig, actor: Actor, now: datetime
) -> IncidentState:
    """Page somebody by hand, whatever the escalation does."""
    _alive(state)
    kind, _, name = command.target.partition(":")
    known: dict[str, Iterable[str]] = {
        "person": pinned.people,
        "team": pinned.teams,
        "schedule": pinned.schedules,
    }
    if kind not in known or not name:
        message = "say whom: person:HANDLE, team:NAME or schedule:NAME"
        raise InvalidArgument(message, field="target")
    if name not in set(known[kind]):
        raise NotFound(f"no {kind} called {name!r} in the configuration", field="target")
    entry = Noted(at=now, actor=actor, text=f"asked to page {command.target}")
    asked = f"{command.target}\n{command.message[:MAX_TEXT]}"
    return log(state.model_copy(update={"to_page": (*state.to_page, asked)}), entry)


def record_mitigation(
    state: IncidentState, command: RecordMitigation, pinned: PinnedConfig, actor: Actor, now: datetime
) -> IncidentState:
    """Something was done by hand, or a temporary mitigation is gone."""
    _alive(state)
    if command.removes:
        return remove_mitigation(state, command.removes, command.text or "removed", actor, now)
    text = _text(command.text, "text")
    entry = Mitigated(
        at=now,
        actor=actor,
        mitigation=f"m{len(state.mitigations) + 1}",
        text=text,
        temporary=command.temporary,
        inverse=command.inverse,
    )
    state = set_phase(state, Phase.MITIGATING, actor, now) if not state.phase.quiet else state
    state = _note_mitigation(log(state, entry), entry)
    return begin_hold(state, pinned, now, actor, "mitigated by hand") if not state.firing else state


def _note_mitigation(state: IncidentState, entry: Mitigated) -> IncidentState:
    line = Mitigation(
        id=entry.mitigation,
        text=entry.text,
        temporary=entry.temporary,
        by=entry.actor.shown,
        at=entry.at,
        run=entry.run,
        inverse=entry.inverse,
    )
    return state.model_copy(
        update={
            "mitigations": (*state.mitigations, line),
            "mitigated_at": state.mitigated_at or entry.at,
        }
    )


def remove_mitigation(
    state: IncidentState, mitigation: str, how: str, actor: Actor, now: datetime
) -> IncidentState:
    """Strike a line of the ledger. NotFound names those that stand."""
    standing = [m for m in state.mitigations if not m.removed]
    if mitigation not in {m.id for m in standing}:
        known = ", ".join(m.id for m in standing) or "none"
        raise NotFound(f"no standing mitigation {mitigation!r}; standing: {known}", field="removes")
    lines = tuple(
        m.model_copy(update={"removed": how}) if m.id == mitigation else m for m in state.mitigations
    )
    entry = MitigationRemoved(at=now, actor=actor, mitigation=mitigation, how=how)
    return log(state.model_copy(update={"mitigations": lines}), entry)


def standing(state: IncidentState) -> tuple[Mitigation, ...]:
    """Temporary mitigations that block closing."""
    return tuple(m for m in state.mitigations if m.temporary and not m.removed and not m.action_item)


def resolve(
    state: IncidentState, command: Resolve, _pinned: PinnedConfig, actor: Actor, now: datetime
) -> IncidentState:
    """The commander says it is over. Points of the list that are missing need a reason (RB-7, S-250)."""
    _alive(state)
    if state.phase is Phase.RESOLVED:
        raise AlreadyDone("the incident is resolved already")
    unknown = [point for point in command.confirmations if point not in CONFIRMATIONS]
    if unknown:
        known = ", ".join(CONFIRMATIONS)
        raise InvalidArgument(f"{unknown[0]!r} is not a confirmation: use {known}", field="confirmations")
    if not command.anyway.strip():
        _ready_to_resolve(state, now)
    missing = tuple(point for point in CONFIRMATIONS if point not in command.confirmations)
    if missing and not command.anyway.strip():
        message = f"not confirmed: {', '.join(missing)}; confirm them or give a reason with 'anyway'"
        raise InvalidArgument(message, field="confirmations")
    state = set_phase(state, Phase.RESOLVED, actor, now, command.anyway[:MAX_TEXT])
    entry = Resolved(at=now, actor=actor, confirmations=command.confirmations, missing=missing)
    return log(
        state.model_copy(
            update={
                "resolved_at": now,
                "mitigated_at": state.mitigated_at or now,
                "hold_until": None,
                "missing_confirmations": missing,
                "next_update_due": None,
                "escalation": state.escalation.model_copy(update={"due": None}),
            }
        ),
        entry,
    )


def _ready_to_resolve(state: IncidentState, now: datetime) -> None:
    running = [run.runbook for run in state.runs if not run.ended]
    if running:
        raise WrongState(f"runbook {running[0]} is still running; abort it, wait, or say why with 'anyway'")
    if state.firing:
        names = ", ".join(state.firing_names[:3])
        raise WrongState(f"{len(state.firing)} alert(s) still fire ({names}); say why with 'anyway'")
    if state.hold_until is not None and now < state.hold_until:
        until = state.hold_until.strftime("%H:%M:%S")
        raise WrongState(f"the monitoring hold lasts until {until} UTC; say why with 'anyway'")


def reopen(
    state: IncidentState, command: Reopen, pinned: PinnedConfig, actor: Actor, now: datetime
) -> IncidentState:
    _alive(state)
    if not state.phase.quiet:
        raise WrongState(f"the incident is open ({state.phase.value})")
    return reopen_round(state, pinned, _text(command.reason, "reason"), actor, now)


def cancel(
    state: IncidentState, command: Cancel, _pinned: PinnedConfig, actor: Actor, now: datetime
) -> IncidentState:
    """A false alarm or a mistake. Runs are told to undo and stop."""
    _alive(state)
    state = set_phase(state, Phase.CANCELLED, actor, now, _text(command.reason, "reason"))
    return _end(state, now)


def merge(
    state: IncidentState, command: Merge, _pinned: PinnedConfig, actor: Actor, now: datetime
) -> IncidentState:
    _alive(state)
    into = _text(command.into, "into")
    if standing(state):
        raise WrongState("temporary mitigations stand here; remove them or turn them into action items")
    state = log(state, Linked(at=now, actor=actor, relation="merged into", other=into))
    state = set_phase(state.model_copy(update={"merged_into": into}), Phase.MERGED, actor, now)
    return _end(state, now)


def close(
    state: IncidentState, command: Close, pinned: PinnedConfig, actor: Actor, now: datetime
) -> IncidentState:
    """Resolved is not closed (D-39): temporary mitigations must be gone or have an owner and a date."""
    _alive(state)
    if state.phase is not Phase.RESOLVED:
        raise WrongState(f"resolve it first: the incident is {state.phase.value}")
    running = [run.runbook for run in state.runs if not run.ended]
    if running:
        raise WrongState(f"runbook {running[0]} is still running; abort it or wait for its end")
    for index, item in enumerate(command.items):
        _check_item(item, index, state, pinned, now)
    taken = {item.mitigation: item for item in command.items if item.mitigation}
    left = [m for m in standing(state) if m.id not in taken]
    if left:
        raise WrongState(
            f"temporary mitigation {left[0].id} ({left[0].text}) stands; remove it, or close with an action "
            "item that names it, an owner and a date"
        )
    lines = tuple(
        m.model_copy(update={"action_item": taken[m.id].text}) if m.id in taken else m
        for m in state.mitigations
    )
    state = state.model_copy(update={"mitigations": lines, "items": state.items + command.items})
    return _end(set_phase(state, Phase.CLOSED, actor, now, command.reason[:MAX_TEXT]), now)


def _check_item(
    item: ItemDraft, index: int, state: IncidentState, pinned: PinnedConfig, now: datetime
) -> None:
    where = f"items[{index}]"
    _text(item.text, f"{where}.text")
    if item.owner not in pinned.people:
        raise NotFound(f"nobody called {item.owner!r} in the configuration", field=f"{where}.owner")
    if item.due <= now:
        raise InvalidArgument(f"{item.due.date()} is not in the future", field=f"{where}.due")
    if item.mitigation and item.mitigation not in {m.id for m in state.mitigations}:
        raise NotFound(f"no mitigation {item.mitigation!r} in the ledger", field=f"{where}.mitigation")


def _end(state: IncidentState, now: datetime) -> IncidentState:
    return state.model_copy(
        update={
            "closed_at": now,
            "hold_until": None,
            "next_update_due": None,
            "escalation": state.escalation.model_copy(update={"due": None}),
            "calls": (),
        }
    )


# ---- runs ----------------------------------------------------------------------------------------


def take_report(
    state: IncidentState, report: RunReport, pinned: PinnedConfig, now: datetime, actor: Actor
) -> IncidentState:
    """What a runbook run says. Entries already taken are skipped, so a report may come twice."""
    if report.incident_key and report.incident_key != state.key:
        why = f"it belongs to incident {report.incident_key}"
        return log(state, Refused(at=now, what=f"report of {report.workflow_id}", why=why))
    known = next((run for run in state.runs if run.workflow_id == report.workflow_id), None)
    if known is None and _called_by(state, report.workflow_id):
        known = RunRef(workflow_id=report.workflow_id, runbook=report.runbook)
        state = state.model_copy(update={"runs": (*state.runs, known)})
    if known is None:
        return log(state, Refused(at=now, what=f"report of {report.workflow_id}", why="unknown run"))
    fresh = report.entries[max(known.last_seq + 1 - report.first_seq, 0) :]
    state = log(state, *fresh)
    for entry in fresh:
        state = _effect_of(state, entry, now)
    ref = known.model_copy(
        update={
            "run_id": report.run_id,
            "status": report.outcome if report.ended else report.status,
            "waits_for": "" if report.ended else report.waits_for,
            "ended": report.ended or known.ended,
            "last_seq": max(known.last_seq, report.first_seq + len(report.entries) - 1),
        }
    )
    runs = tuple(ref if run.workflow_id == ref.workflow_id else run for run in state.runs)
    state = state.model_copy(update={"runs": runs})
    if report.ended and not known.ended and not _called_by(state, report.workflow_id):
        state = _run_ended(state, report, pinned, now, actor)
    return state


def _called_by(state: IncidentState, workflow_id: str) -> bool:
    """Was this run called by another run of the incident? Its id continues the caller's."""
    return any(workflow_id.startswith(f"{run.workflow_id}/") for run in state.runs)


def _effect_of(state: IncidentState, entry: AnyEntry, now: datetime) -> IncidentState:
    """What a run's entry means for the incident itself."""
    if isinstance(entry, Mitigated):
        state = _note_mitigation(state, entry)
        if state.phase in (Phase.DECLARED, Phase.INVESTIGATING):
            state = set_phase(state, Phase.MITIGATING, entry.actor, now, entry.text)
    elif isinstance(entry, MitigationRemoved):
        lines = tuple(
            m.model_copy(update={"removed": entry.how}) if m.id == entry.mitigation else m
            for m in state.mitigations
        )
        state = state.model_copy(update={"mitigations": lines})
    return state


def _run_ended(
    state: IncidentState, report: RunReport, pinned: PinnedConfig, now: datetime, actor: Actor
) -> IncidentState:
    if state.phase.quiet or state.phase.ended:
        return state
    if report.outcome == "mitigated":
        return begin_hold(state, pinned, now, actor, report.summary or f"{report.runbook} mitigated it")
    if not state.firing and state.alerts_seen:
        return _quiet(state, pinned, now, actor)
    return state


# ---- time ----------------------------------------------------------------------------------------


def note_late(state: IncidentState, pinned: PinnedConfig, now: datetime) -> IncidentState:
    """Record response targets that have passed (S-003, S-004), each once."""
    if state.escalation.acknowledged_by or state.escalation_begun_at is None:
        return state
    for name, due in response_deadlines(state, pinned):
        if now >= due and name not in state.late:
            state = state.model_copy(update={"late": (*state.late, name)})
            state = log(state, Late(at=now, what=name, due=due))
    return state


def response_deadlines(state: IncidentState, pinned: PinnedConfig) -> Iterable[tuple[str, datetime]]:
    """Names and instants of the response targets of the present severity."""
    level = pinned.profile.level(state.rank)
    begun = state.escalation_begun_at
    if begun is None:
        return ()
    wanted = (("response warning", level.response_warn), ("response target", level.response_breach))
    return tuple((name, begun + after) for name, after in wanted if after is not None)


def undelivered(state: IncidentState, pinned: PinnedConfig, now: datetime) -> IncidentState:
    """A step reached nobody: the next one is due at once, or, after all were tried, in half a minute."""
    streak = state.undelivered + 1
    everyone_tried = streak % (len(pinned.policy.steps) + 1) == 0
    due = now + RETRY_UNDELIVERED if everyone_tried else now
    step = state.escalation
    known = step.due
    if known is None:  # acknowledged meanwhile
        return state
    return state.model_copy(
        update={"undelivered": streak, "escalation": step.model_copy(update={"due": min(known, due)})}
    )
