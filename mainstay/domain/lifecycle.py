"""What happens to an incident: every transition as a pure function of (state, event, now).

The incident workflow keeps one ``IncidentState`` and replaces it with the answer of these functions; its
validators call the same functions and drop the answer. A refusal is one of ``errors``.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from mainstay.domain import escalation
from mainstay.domain.access import SYSTEM, AccessRole, Actor
from mainstay.domain.alert import Alert, AlertBatch, AlertStatus
from mainstay.domain.errors import AlreadyDone, InvalidArgument, NotAllowed, NotFound, Stale, WrongState
from mainstay.domain.incident import (
    CONFIRMATIONS,
    MAX_FINGERPRINTS,
    MAX_TEXT,
    Acknowledge,
    AddNote,
    AssignRole,
    Cancel,
    Close,
    Escalate,
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
from mainstay.domain.model import digest
from mainstay.domain.pinned import PinnedConfig
from mainstay.domain.runbook.run import RunReport
from mainstay.domain.timeline import (
    INCIDENT,
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
    RunEnded,
    SeveritySet,
    UpdatePosted,
)
from mainstay.domain.triage import impact_of, triage

RECENT = 300
"""Entries at hand without the record store: the postmortem's time line is drawn from them."""
RETRY_UNDELIVERED = timedelta(seconds=30)
ROLES_LATE = "required roles"
ROLES_WITHIN = timedelta(minutes=5)
"""By when the severity's required roles are to be given (S-133)."""

# What follows bounds the one state that continue-as-new carries; the journal has the full texts.
MAX_KEY = 80
MAX_NAME = 200
MAX_MITIGATIONS = 100
MAX_MITIGATION = 300
MAX_RUNS = 50
MAX_PENDING_RUNS = 3
MAX_PENDING_PAGES = 20
MAX_PAGE_TEXT = 1000
MAX_ITEMS = 50
MAX_LINKED = 50


def log(state: IncidentState, *entries: AnyEntry) -> IncidentState:
    """Append to the journal; every entry gets the next number, those that a run reported as well.

    They are the incident's from then on: under the run's own name its numbers would look like gaps.
    """
    numbered = tuple(
        entry.model_copy(update={"seq": state.next_seq + offset, "source": INCIDENT})
        for offset, entry in enumerate(entries)
    )
    return state.model_copy(
        update={
            "tail": state.tail + numbered,
            "recent": (state.recent + numbered)[-RECENT:],
            "next_seq": state.next_seq + len(numbered),
        }
    )


def set_phase(state: IncidentState, phase: Phase, actor: Actor, now: datetime, why: str = "") -> IncidentState:
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
    firing, seen, untracked = dict.fromkeys(state.firing), dict.fromkeys(state.seen), state.untracked
    began: dict[str, None] = {}
    ended: dict[str, None] = {}
    fresh = gone = 0
    for alert in batch.alerts:
        key, name = _occurrence(alert), alert.name[:MAX_NAME]
        if alert.status is AlertStatus.FIRING and key not in firing:
            firing[key] = began[name] = None
            fresh += 1
        elif alert.status is AlertStatus.RESOLVED and key in firing:
            del firing[key]
            ended[name] = None
            gone += 1
        elif alert.status is AlertStatus.RESOLVED and key not in seen and untracked:
            untracked -= 1
            ended[name] = None
            gone += 1
        seen[key] = None
    if not fresh and not gone:
        return state
    untracked += max(len(firing) - MAX_FINGERPRINTS, 0)
    names = (*state.firing_names, *began) if firing or untracked else ()
    state = state.model_copy(
        update={
            "firing": tuple(firing)[-MAX_FINGERPRINTS:],
            "untracked": untracked,
            "firing_names": tuple(dict.fromkeys(names))[:20],
            "seen": tuple(seen)[-MAX_FINGERPRINTS:],
            "alerts_seen": state.alerts_seen + fresh,
        }
    )
    told = tuple(began or ended)[:5]
    state = log(state, Alerted(at=now, actor=actor, firing=fresh, resolved=gone, names=told))
    if fresh:
        state = _worsen(state, batch, pinned, now)
        if state.phase.quiet or state.phase.ended:
            # An incident that has ended still takes alerts until its workflow has completed: whoever joined
            # it was told that the alert is in good hands.
            state = reopen_round(state, pinned, "an alert fires again", actor, now)
    elif not firing and not untracked:
        state = _quiet(state, pinned, now, actor)
    return state


def _occurrence(alert: Alert) -> str:
    """Its identity, short enough to be carried. A bare client sends no fingerprint: the labels make it."""
    known = alert.fingerprint or digest([alert.labels, alert.raw])[7:23]
    key = alert.model_copy(update={"fingerprint": known}).occurrence
    return key if len(key) <= MAX_KEY else digest(key)


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
    """Everything that fired has stopped: hold, unless a run is still changing things.

    A hold that began while something still fired begins anew: symptoms must stay away for all of it.
    """
    busy = any(not run.ended for run in state.runs) or state.to_start
    if busy or state.phase is Phase.RESOLVED or state.phase.ended:
        return state
    return begin_hold(state, pinned, now, actor, "all alerts have resolved")


def begin_hold(state: IncidentState, pinned: PinnedConfig, now: datetime, actor: Actor, why: str) -> IncidentState:
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


def reopen_round(state: IncidentState, pinned: PinnedConfig, why: str, actor: Actor, now: datetime) -> IncidentState:
    """A new escalation round with new keys: people are paged anew.

    Within the monitoring hold it goes back to mitigating (S-258), later to where it began. Who wanted nobody
    woken the first time does not want it now.
    """
    round_ = state.escalation.round + 1
    paged = state.escalation.step > 0 or not _only_listed(state, pinned)
    begun = escalation.begin(pinned.policy, now, round_)
    state = log(state, Reopened(at=now, actor=actor, reason=why, round=round_))
    phase = Phase.MITIGATING if state.phase is Phase.MONITORING else Phase.DECLARED
    state = set_phase(state, phase, actor, now, why)
    every = pinned.profile.level(state.rank).update_every
    return state.model_copy(
        update={
            "escalation": begun if paged else begun.model_copy(update={"due": None}),
            "escalation_begun_at": now,
            "was_called": responders(state),
            "called": {},
            "asked": (),
            "calls": tuple(call for call in state.calls if call.step < MANUAL),
            "undelivered": 0,
            "passes": 0,
            "merged_into": "",
            "next_update_due": now + every if every else None,
            "hold_until": None,
            "resolved_at": None,
            "closed_at": None,
            "children_told": False,
            "missing_confirmations": (),
            "late": (),
        }
    )


MANUAL, HANDLED, TOLD = -1, -2, -3
"""Steps of calls outside of the escalation: a page by hand, "somebody has it", a status update."""


def begin_paging(state: IncidentState, pinned: PinnedConfig, now: datetime, *, known: bool) -> IncidentState:
    """Start the escalation, unless nobody is to be woken.

    Where triage had no facts to go by, somebody has to look: only a known low severity pages nobody.
    """
    if _only_listed(state, pinned) and (known or state.ticket):
        return state
    return state.model_copy(update={"escalation": escalation.begin(pinned.policy, now), "escalation_begun_at": now})


def _pages(state: IncidentState, pinned: PinnedConfig) -> bool:
    """The severity wakes people at any hour."""
    return pinned.profile.level(state.rank).page == "page"


def _only_listed(state: IncidentState, pinned: PinnedConfig) -> bool:
    return state.ticket or pinned.profile.level(state.rank).page == "ticket"


def responders(state: IncidentState) -> tuple[str, ...]:
    """Everybody who was called or holds a role, in any round."""
    handles = (*state.was_called, *state.called, *state.roles.values())
    return tuple(dict.fromkeys(handle for handle in handles if handle))[:MAX_NAME]


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
    _of_this_round(state, command.round)
    if state.escalation.acknowledged_by:
        return _join(state, actor, now)
    if actor.person in state.escalation.acks:
        raise AlreadyDone(f"you acknowledged before; {_acks_left(state, pinned)} more must")
    if _acks_left(state, pinned) > 1:
        return _one_of_several(state, pinned, actor, now)
    called = tuple(sorted(p for p, how in state.called.items() if how == "paged" and p != actor.person))
    state = log(state, Acknowledged(at=now, actor=actor, already_called=called))
    state = state.model_copy(
        update={
            "escalation": escalation.acknowledge(state.escalation, actor.shown, now),
            "acknowledged_at": state.acknowledged_at or now,
            "called": {**state.called, actor.person: "acknowledged"},
            "asked": tuple(person for person in state.asked if person != actor.person),
        }
    )
    if "commander" not in state.roles:
        state = _give(state, "commander", actor.person, actor, pinned, now)
    if state.phase is Phase.DECLARED:
        state = set_phase(state, Phase.INVESTIGATING, actor, now)
    return state


def _acks_left(state: IncidentState, pinned: PinnedConfig) -> int:
    return pinned.policy.acks_needed - len(state.escalation.acks)


def _one_of_several(state: IncidentState, pinned: PinnedConfig, actor: Actor, now: datetime) -> IncidentState:
    """The policy wants more people than this one: the escalation goes on, without calling them again."""
    left = _acks_left(state, pinned) - 1
    text = f"acknowledged; {left} more must before nobody else is paged"
    state = log(state, Noted(at=now, actor=actor, text=text))
    acks = (*state.escalation.acks, actor.person)
    state = state.model_copy(
        update={
            "escalation": state.escalation.model_copy(update={"acks": acks}),
            "acknowledged_at": state.acknowledged_at or now,
            "called": {**state.called, actor.person: "acknowledged"},
            "asked": tuple(person for person in state.asked if person != actor.person),
        }
    )
    if "commander" not in state.roles:
        state = _give(state, "commander", actor.person, actor, pinned, now)
    if state.phase is Phase.DECLARED:
        state = set_phase(state, Phase.INVESTIGATING, actor, now)
    return state


def _of_this_round(state: IncidentState, round_: int) -> None:
    if round_ and round_ != state.escalation.round:
        message = f"this page belongs to round {round_}; round {state.escalation.round} is on"
        raise Stale(message, field="round")


def _join(state: IncidentState, actor: Actor, now: datetime) -> IncidentState:
    """Somebody has it, and whoever was called by hand afterwards says: I am coming."""
    if actor.person not in state.asked:
        raise AlreadyDone(f"{state.escalation.acknowledged_by} acknowledged before")
    left = tuple(person for person in state.asked if person != actor.person)
    state = state.model_copy(update={"asked": left, "called": {**state.called, actor.person: "joined"}})
    return log(state, Noted(at=now, actor=actor, text="joined"))


def escalate(
    state: IncidentState, command: Escalate, pinned: PinnedConfig, actor: Actor, now: datetime
) -> IncidentState:
    """Page the next step now. It is that step, so it does not come again when its time has passed."""
    _alive(state)
    _of_this_round(state, command.round)
    if state.escalation.acknowledged_by:
        raise AlreadyDone(f"{state.escalation.acknowledged_by} acknowledged before: page somebody by name, if need be")
    if state.phase.quiet:
        raise WrongState(f"the incident is {state.phase.value}: reopen it, or page somebody by name")
    if state.escalation.due is None and state.escalation.step:
        raise WrongState("no step of the escalation is left: page somebody by name")
    why = f": {command.reason[:MAX_PAGE_TEXT].strip()}" if command.reason.strip() else ""
    stage = state.escalation.model_copy(update={"due": now, "hours_known": state.escalation.step})
    state = state.model_copy(
        update={"escalation": stage, "escalation_begun_at": state.escalation_begun_at or now, "ticket": False}
    )
    return log(state, Noted(at=now, actor=actor, text=f"asked for the next step of the escalation{why}"))


def _with_rank(
    state: IncidentState, pinned: PinnedConfig, rank: int, reason: str, actor: Actor | None, now: datetime
) -> IncidentState:
    level = pinned.profile.level(rank)
    entry = SeveritySet(at=now, former=state.severity, severity=level.label, reason=reason)
    if actor is not None:
        entry = entry.model_copy(update={"actor": actor})
    change: dict[str, object] = {"rank": level.rank, "severity": level.label}
    if level.rank < state.rank:
        change |= {"roles_from": now, "late": tuple(name for name in state.late if name != ROLES_LATE)}
    state = state.model_copy(update=change)
    if level.update_every is not None and not (state.phase.ended or state.phase is Phase.RESOLVED):
        due = now + level.update_every
        known = state.next_update_due
        state = state.model_copy(update={"next_update_due": min(known, due) if known else due})
    return _wake(log(state, entry), pinned, now)


def _wake(state: IncidentState, pinned: PinnedConfig, now: datetime) -> IncidentState:
    """An incident that paged nobody has become one that does."""
    stage = state.escalation
    if stage.due is not None and stage.due > now and stage.hours_known == stage.step and _pages(state, pinned):
        # It waited for business hours; the level that it has now does not.
        return state.model_copy(update={"escalation": stage.model_copy(update={"due": now})})
    untouched = stage.due is None and not stage.step and not stage.acknowledged_by
    if not untouched or state.phase.quiet or state.phase.ended or _only_listed(state, pinned):
        return state
    return state.model_copy(
        update={
            "escalation": escalation.begin(pinned.policy, now, stage.round),
            "escalation_begun_at": now,
            "late": (),
        }
    )


def set_severity(
    state: IncidentState, command: SetSeverity, pinned: PinnedConfig, actor: Actor, now: datetime
) -> IncidentState:
    _alive(state)
    level = pinned.profile.parse(_text(command.severity, "severity"))
    if level.label == state.severity:
        raise AlreadyDone(f"the severity is {level.label} already")
    state = state.model_copy(update={"severity_set_by_hand": True, "ticket": False})
    return _with_rank(state, pinned, level.rank, command.reason[:MAX_TEXT], actor, now)


def _give(
    state: IncidentState, role: str, person: str, actor: Actor, pinned: PinnedConfig, now: datetime
) -> IncidentState:
    state = state.model_copy(update={"roles": {**state.roles, role: person}})
    state = log(state, RoleAssigned(at=now, actor=actor, role=role, person=person))
    required = pinned.profile.level(state.rank).required_roles
    if state.roles_complete_at or not required or missing_roles(state, pinned):
        return state
    begun = state.declared_at or now
    text = f"all required roles are assigned, {_minutes(now - begun)} after the declaration"
    return log(state.model_copy(update={"roles_complete_at": now}), Noted(at=now, text=text))


def _minutes(span: timedelta) -> str:
    return f"{int(span.total_seconds()) // 60} min {int(span.total_seconds()) % 60} s"


def missing_roles(state: IncidentState, pinned: PinnedConfig) -> tuple[str, ...]:
    """Roles that the present severity requires and nobody holds (S-133)."""
    required = pinned.profile.level(state.rank).required_roles
    return tuple(role for role in required if role not in state.roles)


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
ROLE_ALIASES = {
    "incident_commander": "commander",
    "ic": "commander",
    "deputy_commander": "deputy",
    "technical_lead": "operations_lead",
    "ops_lead": "operations_lead",
    "comms_lead": "communications_lead",
    "documentation_lead": "scribe",
    "planner": "planning_lead",
    "sme": "subject_expert",
}
"""What the guides call the same roles (S-129, M-20): either name means one slot."""


def role_named(text: str) -> str:
    """The role that ``text`` means: ``Technical Lead`` is the operations lead. An unknown one stays as it is."""
    folded = text.strip().casefold().replace("-", "_").replace(" ", "_")
    known = ROLE_ALIASES.get(folded, folded)
    return known if known in ROLES else text


def assign_role(
    state: IncidentState, command: AssignRole, pinned: PinnedConfig, actor: Actor, now: datetime
) -> IncidentState:
    _alive(state)
    role = role_named(command.role)
    if role not in ROLES:
        raise InvalidArgument(f"role {command.role!r} is unknown: use {', '.join(ROLES)}", field="role")
    if command.person not in pinned.people and command.person not in state.called:
        hint = "page that person first, if it is one of another team"
        raise NotFound(f"nobody called {command.person!r} is part of this incident: {hint}", field="person")
    holder = state.roles.get(role)
    if holder == command.person:
        raise AlreadyDone(f"{command.person} is {role} already")
    if holder and not _commands(state, actor) and actor.person != holder:
        raise NotAllowed(
            f"{holder} is {role}: {holder} or the commander hands it over (S-136), or it is released",
            field="role",
        )
    return _give(state, role, command.person, actor, pinned, now)


def _commands(state: IncidentState, actor: Actor) -> bool:
    """The commander, the deputy, or somebody whose access role stands above both."""
    leads = (state.roles.get("commander"), state.roles.get("deputy"))
    return actor.person in leads or any(role in actor.roles for role in (AccessRole.COMMANDER, AccessRole.ADMIN))


def release_role(
    state: IncidentState, command: ReleaseRole, _pinned: PinnedConfig, actor: Actor, now: datetime
) -> IncidentState:
    _alive(state)
    role = role_named(command.role)
    if role not in state.roles:
        raise NotFound(f"nobody holds the role {command.role!r}", field="role")
    person = state.roles[role]
    rest = {name: who for name, who in state.roles.items() if name != role}
    entry = RoleReleased(at=now, actor=actor, role=role, person=person)
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
        every = level.public_update_every
        due = None if quiet or not every else now + every
        change |= {"public_text": entry.text, "public_at": now, "next_public_update_due": due}
    return log(state.model_copy(update=change), entry)


def start_runbook(
    state: IncidentState, command: StartRunbook, pinned: PinnedConfig, actor: Actor, now: datetime
) -> IncidentState:
    _alive(state)
    if command.runbook not in pinned.runbooks:
        known = ", ".join(sorted(pinned.runbooks)) or "none"
        raise NotFound(f"this incident has no runbook {command.runbook!r}; it has: {known}", field="runbook")
    if state.run_count >= MAX_RUNS:
        raise WrongState(f"{MAX_RUNS} runbooks have been started for this incident: go on by hand")
    if len(state.to_start) >= MAX_PENDING_RUNS:
        raise WrongState("other runbooks are being started: try again in a moment")
    wanted = RunRequest(runbook=command.runbook, inputs=command.inputs, requester=actor)
    return state.model_copy(update={"to_start": (*state.to_start, wanted)})


PAGED_BY_HAND = ("person", "team", "schedule")


def page_people(
    state: IncidentState, command: PagePeople, _pinned: PinnedConfig, actor: Actor, now: datetime
) -> IncidentState:
    """Page somebody by hand, whatever the escalation does, also whom the pinned slice does not know (S-114).

    Doors refuse names that the configuration does not have; the look-up notes one that nobody is behind.
    """
    _alive(state)
    kind, _, name = command.target.partition(":")
    if kind not in PAGED_BY_HAND or not name or len(name) > MAX_NAME:
        message = "say whom: person:HANDLE, team:NAME or schedule:NAME"
        raise InvalidArgument(message, field="target")
    if len(state.to_page) >= MAX_PENDING_PAGES:
        raise WrongState("many people are being called at this moment: try again in a few seconds")
    entry = Noted(at=now, actor=actor, text=f"asked to page {command.target}")
    asked = f"{command.target}\n{command.message[:MAX_PAGE_TEXT]}"
    return log(state.model_copy(update={"to_page": (*state.to_page, asked)}), entry)


def record_mitigation(
    state: IncidentState, command: RecordMitigation, pinned: PinnedConfig, actor: Actor, now: datetime
) -> IncidentState:
    """Something was done by hand, or a temporary mitigation is gone."""
    _alive(state)
    if command.removes:
        return remove_mitigation(state, command.removes, command.text[:MAX_TEXT] or "removed", actor, now)
    text = _text(command.text, "text")
    if len(state.mitigations) >= MAX_MITIGATIONS:
        raise WrongState(f"the ledger has {MAX_MITIGATIONS} lines already: add a note instead")
    entry = Mitigated(
        at=now,
        actor=actor,
        mitigation=f"m{len(state.mitigations) + 1}",
        text=text,
        temporary=command.temporary,
        inverse=command.inverse[:MAX_TEXT],
    )
    state = set_phase(state, Phase.MITIGATING, actor, now) if not state.phase.quiet else state
    state = _note_mitigation(log(state, entry), entry)
    if still_firing(state) or state.phase is Phase.RESOLVED:
        return state
    return begin_hold(state, pinned, now, actor, "mitigated by hand")


def _note_mitigation(state: IncidentState, entry: Mitigated) -> IncidentState:
    line = Mitigation(
        id=entry.mitigation[:MAX_NAME],
        text=entry.text[:MAX_MITIGATION],
        temporary=entry.temporary,
        by=entry.actor.shown,
        at=entry.at,
        run=entry.run,
        inverse=entry.inverse[:MAX_MITIGATION],
    )
    return state.model_copy(
        update={
            "mitigations": (*state.mitigations, line),
            "mitigated_at": state.mitigated_at or entry.at,
        }
    )


def remove_mitigation(state: IncidentState, mitigation: str, how: str, actor: Actor, now: datetime) -> IncidentState:
    """Strike a line of the ledger. NotFound names those that stand."""
    standing = [m for m in state.mitigations if not m.removed]
    if mitigation not in {m.id for m in standing}:
        known = ", ".join(m.id for m in standing) or "none"
        raise NotFound(f"no standing mitigation {mitigation!r}; standing: {known}", field="removes")
    lines = tuple(
        m.model_copy(update={"removed": how[:MAX_MITIGATION]}) if m.id == mitigation else m for m in state.mitigations
    )
    entry = MitigationRemoved(at=now, actor=actor, mitigation=mitigation, how=how)
    return log(state.model_copy(update={"mitigations": lines}), entry)


def still_firing(state: IncidentState) -> int:
    """How many alerts fire."""
    return len(state.firing) + state.untracked


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
    _by_the_commander(state, actor, "resolves")
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
                "next_public_update_due": None,
                "escalation": state.escalation.model_copy(update={"due": None}),
            }
        ),
        entry,
    )


def _by_the_commander(state: IncidentState, actor: Actor, what: str) -> None:
    """Who leads it says when it is over (S-122, D-39). Where nobody leads, anybody may."""
    commander = state.roles.get("commander")
    if commander and actor != SYSTEM and not _commands(state, actor):
        raise NotAllowed(
            f"{commander} is the commander and {what} it; to do it yourself, take that role over first",
            field="actor",
        )


def _ready_to_resolve(state: IncidentState, now: datetime) -> None:
    running = [run.runbook for run in state.runs if not run.ended]
    if running:
        raise WrongState(f"runbook {running[0]} is still running; abort it, wait, or say why with 'anyway'")
    if fire := still_firing(state):
        names = ", ".join(state.firing_names[:3])
        raise WrongState(f"{fire} alert(s) still fire ({names}); say why with 'anyway'")
    if state.hold_until is not None and now < state.hold_until:
        until = state.hold_until.strftime("%H:%M:%S")
        raise WrongState(f"the monitoring hold lasts until {until} UTC; say why with 'anyway'")


def reopen(state: IncidentState, command: Reopen, pinned: PinnedConfig, actor: Actor, now: datetime) -> IncidentState:
    _alive(state)
    if not state.phase.quiet:
        raise WrongState(f"the incident is open ({state.phase.value})")
    return reopen_round(state, pinned, _text(command.reason, "reason"), actor, now)


def cancel(state: IncidentState, command: Cancel, _pinned: PinnedConfig, actor: Actor, now: datetime) -> IncidentState:
    """A false alarm or a mistake. Runs are told to undo and stop."""
    _alive(state)
    state = set_phase(state, Phase.CANCELLED, actor, now, _text(command.reason, "reason"))
    return _end(state, now)


def merge(state: IncidentState, command: Merge, _pinned: PinnedConfig, actor: Actor, now: datetime) -> IncidentState:
    _alive(state)
    into = _text(command.into, "into")[:MAX_NAME]
    if into in (state.key, state.number):
        raise InvalidArgument("an incident cannot be merged into itself", field="into")
    if standing(state):
        raise WrongState("temporary mitigations stand here; remove them or turn them into action items")
    state = log(state, Linked(at=now, actor=actor, relation="merged into", other=into))
    state = set_phase(state.model_copy(update={"merged_into": into}), Phase.MERGED, actor, now)
    return _end(state, now)


def close(state: IncidentState, command: Close, pinned: PinnedConfig, actor: Actor, now: datetime) -> IncidentState:
    """Resolved is not closed (D-39): temporary mitigations must be gone or have an owner and a date."""
    _alive(state)
    if state.phase is not Phase.RESOLVED:
        raise WrongState(f"resolve it first: the incident is {state.phase.value}")
    _by_the_commander(state, actor, "closes")
    running = [run.runbook for run in state.runs if not run.ended]
    if running:
        raise WrongState(f"runbook {running[0]} is still running; abort it or wait for its end")
    if len(state.items) + len(command.items) > MAX_ITEMS:
        raise InvalidArgument(f"at most {MAX_ITEMS} action items", field="items")
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
        m.model_copy(update={"action_item": taken[m.id].text[:MAX_MITIGATION]}) if m.id in taken else m
        for m in state.mitigations
    )
    state = state.model_copy(update={"mitigations": lines, "items": state.items + command.items})
    return _end(set_phase(state, Phase.CLOSED, actor, now, command.reason[:MAX_TEXT]), now)


def _check_item(item: ItemDraft, index: int, state: IncidentState, pinned: PinnedConfig, now: datetime) -> None:
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
            "next_public_update_due": None,
            "escalation": state.escalation.model_copy(update={"due": None}),
            "calls": tuple(call for call in state.calls if call.step < MANUAL),
            "to_start": (),
            "to_page": (),
        }
    )


def unmerge(state: IncidentState, pinned: PinnedConfig, why: str, now: datetime) -> IncidentState:
    """The incident that was to go on does not run, so this one does. Whoever has it keeps it."""
    state = log(state, Refused(at=now, what=f"merge into {state.merged_into}", why=why))
    held = state.escalation.acknowledged_by
    if not held:
        return reopen_round(state, pinned, "the merge failed", SYSTEM, now)
    state = set_phase(state, Phase.INVESTIGATING, SYSTEM, now, "the merge failed")
    every = pinned.profile.level(state.rank).update_every
    due = now + every if every else None
    return state.model_copy(
        update={"merged_into": "", "closed_at": None, "children_told": False, "next_update_due": due}
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
            "status": (report.outcome if report.ended else report.status)[:MAX_NAME],
            "waits_for": "" if report.ended else report.waits_for[:MAX_MITIGATION],
            "ended": report.ended or known.ended,
            "last_seq": max(known.last_seq, report.first_seq + len(report.entries) - 1),
        }
    )
    state = _with_run(state, ref)
    if report.ended and not known.ended and not _called_by(state, report.workflow_id):
        state = _run_ended(state, report, pinned, now, actor)
    return state


def _with_run(state: IncidentState, ref: RunRef) -> IncidentState:
    """Replace a run's line; of called runs that have ended the oldest give way."""
    runs = tuple(ref if run.workflow_id == ref.workflow_id else run for run in state.runs)
    called = [run for run in runs if run.ended and _called_by(state, run.workflow_id)]
    gone = {run.workflow_id for run in called[: max(len(runs) - 2 * MAX_RUNS, 0)]}
    kept = tuple(run for run in runs if run.workflow_id not in gone)
    return state.model_copy(update={"runs": kept})


def run_lost(state: IncidentState, workflow_id: str, why: str, now: datetime) -> IncidentState:
    """A run is over and will not report any more: terminated, or it never began."""
    known = next((run for run in state.runs if run.workflow_id == workflow_id and not run.ended), None)
    if known is None:
        return state
    ref = known.model_copy(update={"ended": True, "status": why[:MAX_NAME], "waits_for": ""})
    return log(_with_run(state, ref), RunEnded(at=now, run=workflow_id, outcome="failed", summary=why[:500]))


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
            m.model_copy(update={"removed": entry.how[:MAX_MITIGATION]}) if m.id == entry.mitigation else m
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
    if not still_firing(state) and state.alerts_seen:
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


def unmitigated_due(state: IncidentState, pinned: PinnedConfig) -> tuple[tuple[datetime, int], ...]:
    """(when, which rule) of the policy's rules for incidents that nothing has helped yet."""
    if state.declared_at is None or state.mitigated_at or state.phase.quiet or state.phase.ended or state.ticket:
        return ()
    rules = enumerate(pinned.policy.unmitigated)
    return tuple(
        (state.declared_at + rule.after, index)
        for index, rule in rules
        if f"{UNMITIGATED}{index}" not in state.late_once
    )


def still_unmitigated(state: IncidentState, pinned: PinnedConfig, index: int, now: datetime) -> IncidentState:
    """Page whom the rule names, whoever has acknowledged; once per incident (T-7)."""
    rule = pinned.policy.unmitigated[index]
    why = f"not mitigated {_minutes(rule.after)} after the declaration"
    pages = tuple(f"{target.kind}:{target.name}\n{why}" for target in rule.targets)
    entry = Late(at=now, what=f"{why}: {', '.join(map(str, rule.targets))} paged", due=now)
    once = (*state.late_once, f"{UNMITIGATED}{index}")
    return log(state.model_copy(update={"to_page": (*state.to_page, *pages), "late_once": once}), entry)


UNMITIGATED = "unmitigated "


def roles_due(state: IncidentState, pinned: PinnedConfig) -> datetime | None:
    """By when the missing roles are to be given; None when none is missing."""
    begun = state.roles_from or state.declared_at
    if begun is None or state.phase.quiet or state.phase.ended or not missing_roles(state, pinned):
        return None
    return begun + ROLES_WITHIN


def response_deadlines(state: IncidentState, pinned: PinnedConfig) -> Iterable[tuple[str, datetime]]:
    """Names and instants of the response targets of the present severity."""
    level = pinned.profile.level(state.rank)
    begun = state.escalation_begun_at
    if begun is None:
        return ()
    wanted = (("response warning", level.response_warn), ("response target", level.response_breach))
    return tuple((name, begun + after) for name, after in wanted if after is not None)


def undelivered(state: IncidentState, pinned: PinnedConfig, now: datetime) -> IncidentState:
    """A step reached nobody: the next one is due at once; all tried in vain, the list begins anew in 30 s.

    After a step each has failed, the last resort is next, whatever repeats the policy still has.
    """
    stage, policy = state.escalation, pinned.policy
    if stage.due is None:  # acknowledged, or quiet, meanwhile
        return state
    streak, steps = state.undelivered + 1, len(policy.steps)
    total = steps * (policy.repeat + 1)
    if stage.resorts or (streak >= steps and not policy.last_resort):
        return begin_anew(state, now)
    update: dict[str, object] = {"due": min(stage.due, now)}
    if streak >= steps:
        update["step"] = total
    return state.model_copy(update={"undelivered": streak, "escalation": stage.model_copy(update=update)})


def begin_anew(state: IncidentState, now: datetime) -> IncidentState:
    """Everybody was tried and nobody could be reached: from the first step again, with new keys."""
    stage = state.escalation.model_copy(update={"step": 0, "resorts": 0, "due": now + RETRY_UNDELIVERED})
    return state.model_copy(update={"escalation": stage, "undelivered": 0, "passes": state.passes + 1})
