"""The incident: its input, its commands, the one state that survives continue-as-new, and its view."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any, Literal, Self

from pydantic import Field, JsonValue, ModelWrapValidatorHandler, ValidationError, model_validator

from mainstay.domain.access import Actor, Command
from mainstay.domain.alert import Alert
from mainstay.domain.escalation import EscalationState
from mainstay.domain.message import AnyMessage
from mainstay.domain.model import Record, canonical, digest
from mainstay.domain.people import ResolvedMethod, ResolvedTarget
from mainstay.domain.pinned import PinnedConfig
from mainstay.domain.timeline import AnyEntry

MAX_STATE_BYTES = 256 * 1024
MAX_FINGERPRINTS = 500
MAX_TEXT = 8 * 1024
"""Longest text of one command, in characters; updates refuse more than 64 KiB in all."""
MAX_COMMAND_BYTES = 64 * 1024
MAX_RAW = 16 * 1024


class Phase(StrEnum):
    """Internal states; ``public_state`` maps them to what the public is told (D-16)."""

    DECLARED = "declared"
    INVESTIGATING = "investigating"
    MITIGATING = "mitigating"
    MONITORING = "monitoring"
    RESOLVED = "resolved"
    CLOSED = "closed"
    CANCELLED = "cancelled"
    MERGED = "merged"

    @property
    def ended(self) -> bool:
        return self in (Phase.CLOSED, Phase.CANCELLED, Phase.MERGED)

    @property
    def quiet(self) -> bool:
        """A firing alert that meets one of these reopens the incident."""
        return self in (Phase.MONITORING, Phase.RESOLVED)


PublicState = Literal["Investigating", "Identified", "Monitoring", "Resolved"]

_PUBLIC: dict[Phase, PublicState] = {
    Phase.DECLARED: "Investigating",
    Phase.INVESTIGATING: "Investigating",
    Phase.MITIGATING: "Identified",
    Phase.MONITORING: "Monitoring",
}


def public_state(phase: Phase) -> PublicState:
    return _PUBLIC.get(phase, "Resolved")


class Impact(Record):
    """Facts that triage needs (S-031): from alert labels and annotations, or from the person declaring."""

    error_rate: float | None = None
    """Share from 0 to 1."""
    users_affected: int | None = None
    all_users: bool | None = None
    revenue_loss_per_hour: float | None = None
    """US dollars."""
    revenue_impacting: bool | None = None
    """Revenue is lost, by however much (S-026)."""
    data_loss: bool | None = None
    security_breach: bool | None = None
    complete_loss: bool | None = None
    degradation: Literal["none", "some", "most"] | None = None
    services_affected: int | None = None
    vip_affected: bool | None = None
    workaround: bool | None = None


class Declaration(Record):
    """A person's declaration of an incident."""

    title: str
    service: str
    severity: str = ""
    """Empty: triage decides from ``impact``."""
    description: str = ""
    impact: Impact = Field(default_factory=Impact)
    actor: Actor | None = None
    request_id: str = ""
    exercise: bool = False


class IncidentInput(Record):
    """Input of the incident workflow. Everything is optional: a bare client sends just an alert.

    A door fills in ``pinned`` and ``first_target``, so that the first page waits for nothing.
    """

    alerts: tuple[Alert, ...] = ()
    declaration: Declaration | None = None
    title: str = ""
    route: str = ""
    severity: str = ""
    """A label that the route fixes; empty: triage decides."""
    mode: Literal["page", "ticket"] = "page"
    """What the route wants: wake people, or only keep it in the lists until somebody looks."""
    pinned: PinnedConfig | None = None
    first_targets: tuple[ResolvedTarget, ...] = ()
    state: IncidentState | None = None
    """Set by continue-as-new only."""

    @model_validator(mode="before")
    @classmethod
    def _just_an_alert(cls, value: Any) -> Any:
        """``{"labels": {...}}`` and ``{"alert": {...}}`` are enough to start an incident."""
        if not isinstance(value, dict):
            return value
        if "alert" in value and "alerts" not in value:
            value = {**value, "alerts": [value["alert"]]}
        if "labels" in value and "alerts" not in value:
            return {"alerts": [value]}
        return value

    @model_validator(mode="wrap")
    @classmethod
    def _something_is_wrong_all_the_same(cls, value: Any, read: ModelWrapValidatorHandler[Self]) -> Self:
        """What a bare client sent and nobody can read still opens an incident, with the text as its alert.

        Otherwise its workflow would wait for a repair, and nobody would be paged. What a door or
        continue-as-new wrote is never taken for such: there a mistake is ours, and has to stay loud.
        """
        try:
            return read(value)
        except ValidationError:
            if isinstance(value, dict) and (value.get("pinned") or value.get("state")):
                raise
            raw = canonical(value)[:MAX_RAW]
            return cls(alerts=(Alert(source="unreadable start", raw=raw, fingerprint=digest(raw)[7:23]),))


class RunRef(Record):
    """A runbook run as its incident knows it."""

    workflow_id: str
    run_id: str = ""
    runbook: str
    status: str = "running"
    """``running``, ``waiting for approval``, ``waiting for an answer``, ``paused``, ``halted`` or an outcome."""
    waits_for: str = ""
    last_seq: int = 0
    """Highest sequence number of its report that was taken: reports are idempotent."""
    ended: bool = False


class Mitigation(Record):
    """One line of the ledger. A temporary one blocks closing until it is removed or has an action item."""

    id: str
    text: str
    temporary: bool
    by: str = ""
    at: datetime
    run: str = ""
    inverse: str = ""
    """How to take it back, in words or as a command."""
    removed: str = ""
    """How it went away; empty while it stands."""
    action_item: str = ""


class ItemDraft(Record):
    """An action item to be."""

    text: str
    owner: str
    due: datetime
    kind: Literal["prevent", "detect", "respond"] = "prevent"
    priority: Literal["P0", "P1", "P2"] = "P1"
    mitigation: str = ""
    """The ledger id that this item replaces."""


class Call(Record):
    """One person being notified: methods are tried in order, the next at once when one fails."""

    key: str
    """Prefix of the idempotency keys: incident key, round, step, person."""
    person: str
    methods: tuple[ResolvedMethod, ...] = ()
    index: int = 0
    """The next method to use."""
    begun_at: datetime
    message: AnyMessage
    step: int = -1
    """Step of the escalation, or -1 for a call outside of it."""
    round: int = 0
    accepted: tuple[str, ...] = ()
    """Names of the methods that a provider accepted."""


class Bounce(Record):
    """A notification that a provider took and could not deliver after all. ``key`` is its idempotency key."""

    key: str
    detail: str = ""


class RunRequest(Record):
    """A runbook that is to be started."""

    runbook: str
    inputs: dict[str, JsonValue] = Field(default_factory=dict)
    requester: Actor | None = None


class IncidentState(Record):
    """All that outlives one run of the workflow. At most 256 KiB, asserted before continue-as-new."""

    key: str = ""
    number: str = ""
    title: str = ""
    route: str = ""
    how: str = "alert"
    exercise: bool = False
    ticket: bool = False
    """The route wants nobody to be woken: paging begins when a person raises it or asks for it."""
    phase: Phase = Phase.DECLARED
    rank: int = 0
    severity: str = ""
    severity_set_by_hand: bool = False
    impact: Impact = Field(default_factory=Impact)
    declared_at: datetime | None = None
    escalation: EscalationState = Field(default_factory=EscalationState)
    escalation_begun_at: datetime | None = None
    called: dict[str, str] = Field(default_factory=dict)
    """Handle → state in this round: paged, acknowledged, joined, released."""
    asked: tuple[str, ...] = ()
    """Who was called by hand in this round and has not answered yet."""
    was_called: tuple[str, ...] = ()
    """Who was called in earlier rounds: the postmortem invites them too."""
    calls: tuple[Call, ...] = ()
    """Notifications under way."""
    undelivered: int = 0
    """Steps in a row that reached nobody."""
    passes: int = 0
    """How often in this round everybody was tried in vain and the list begun anew; part of a page's key."""
    step_accepted: bool = False
    """A provider accepted a page of the present step."""
    accepted_keys: tuple[str, ...] = ()
    """Keys of this round's pages that a provider accepted and that have not bounced, the latest 100."""
    bounced: tuple[str, ...] = ()
    """Keys of notifications that came back, the latest 100."""
    reached: dict[str, ResolvedMethod] = Field(default_factory=dict)
    """Handle → the method by which a person was reached last."""
    paged_as: dict[str, str] = Field(default_factory=dict)
    """``HANDLE/METHOD`` → the provider's id of the first page: what is said later follows it in its thread."""
    to_page: tuple[str, ...] = ()
    """Targets of page updates whose people have not been looked up yet, with the message after a newline."""
    checked_earlier: bool = False
    children_told: bool = False
    """Runs were cancelled, action items started: nothing more to do for children."""
    roles: dict[str, str] = Field(default_factory=dict)
    roles_told: dict[str, str] = Field(default_factory=dict)
    """The roles as the runs know them."""
    roles_complete_at: datetime | None = None
    """When the last of the severity's required roles was given (S-133)."""
    runs: tuple[RunRef, ...] = ()
    to_start: tuple[RunRequest, ...] = ()
    run_count: int = 0
    mitigations: tuple[Mitigation, ...] = ()
    items: tuple[ItemDraft, ...] = ()
    firing: tuple[str, ...] = ()
    """Occurrences that fire now, at most 500."""
    untracked: int = 0
    """How many more fire that did not fit into ``firing``."""
    firing_names: tuple[str, ...] = ()
    alerts_seen: int = 0
    """Occurrences taken in all."""
    seen: tuple[str, ...] = ()
    """The latest occurrences taken, at most 500, for de-duplication."""
    acknowledged_at: datetime | None = None
    """The first acknowledgement of the whole incident."""
    mitigated_at: datetime | None = None
    closed_at: datetime | None = None
    announced: str = ""
    """The public state that people were told last."""
    hold_told: bool = False
    roles_from: datetime | None = None
    """Since when the present severity requires its roles."""
    update_reminded_for: datetime | None = None
    """The due time of the status update that its owner was reminded of last."""
    late: tuple[str, ...] = ()
    """Deadlines whose passing has been recorded."""
    late_once: tuple[str, ...] = ()
    """Like ``late``, and a reopening does not begin them anew."""
    first_step_done: bool = False
    tail: tuple[AnyEntry, ...] = ()
    """Journal entries that the record store has not confirmed yet."""
    next_seq: int = 1
    flushed_seq: int = 0
    dropped_from: tuple[str, ...] = ()
    """Run ids whose histories hold entries that did not fit into the tail."""
    recent: tuple[AnyEntry, ...] = ()
    """The last entries, for the view; bounded."""
    next_update_due: datetime | None = None
    next_public_update_due: datetime | None = None
    public_text: str = ""
    public_at: datetime | None = None
    hold_until: datetime | None = None
    resolved_at: datetime | None = None
    missing_confirmations: tuple[str, ...] = ()
    response_late: int = 0
    """0 in time, 1 warned, 2 breached."""
    seen_updates: tuple[str, ...] = ()
    """Ids of updates that earlier runs of this incident answered."""
    postmortem_id: str = ""
    merged_into: str = ""
    linked: tuple[str, ...] = ()
    ending: str = ""
    """Why the workflow is about to complete."""


class IncidentView(Record):
    """The whole state as one model: the answer of the query ``view``, what doors and pages show."""

    key: str
    workflow_id: str
    number: str = ""
    title: str
    phase: Phase
    public_state: str
    severity: str
    rank: int
    service: str
    team: str
    declared_at: datetime | None = None
    resolved_at: datetime | None = None
    commander: str = ""
    roles: dict[str, str] = Field(default_factory=dict)
    responders: dict[str, str] = Field(default_factory=dict)
    asked: tuple[str, ...] = ()
    """Who was called by hand and has not answered: their acknowledgement counts though somebody has it."""
    acknowledged_by: str = ""
    next_page_at: datetime | None = None
    next_page: str = ""
    waits_for: str = ""
    """One line: what it waits for and until when."""
    firing: int = 0
    alerts_seen: int = 0
    firing_names: tuple[str, ...] = ()
    runs: tuple[RunRef, ...] = ()
    needs_approval: bool = False
    mitigations: tuple[Mitigation, ...] = ()
    missing_confirmations: tuple[str, ...] = ()
    next_update_due: datetime | None = None
    hold_until: datetime | None = None
    public_text: str = ""
    public_at: datetime | None = None
    timeline: tuple[AnyEntry, ...] = ()
    revision: int = 0
    """Grows with every journal entry: watchers resume by it."""
    postmortem_id: str = ""
    linked: tuple[str, ...] = ()
    merged_into: str = ""
    missing_roles: tuple[str, ...] = ()
    """Roles that the severity requires and nobody holds."""


class Outcome(Record):
    """Answer of every update: one line for people, and whether anything changed."""

    message: str
    changed: bool = True


# Arguments of the incident's updates, one record each. Fields are added with defaults, never repurposed.


class Acknowledge(Command):
    round: int = 0
    """The escalation round of the page; 0 means whichever is on. An older round is Stale."""


class Escalate(Command):
    """Page the next step now, without waiting for its time."""

    round: int = 0
    """As in ``Acknowledge``."""
    reason: str = ""


class SetSeverity(Command):
    severity: str = ""
    reason: str = ""


class AssignRole(Command):
    role: str = ""
    person: str = ""


class ReleaseRole(Command):
    role: str = ""


class AddNote(Command):
    text: str = ""


class RecordDecision(Command):
    text: str = ""
    rationale: str = ""


class PostUpdate(Command):
    text: str = ""
    public: bool = False


class PagePeople(Command):
    target: str = ""
    """``person:bob``, ``team:payments`` or ``schedule:payments-primary``."""
    message: str = ""


class StartRunbook(Command):
    runbook: str = ""
    inputs: dict[str, JsonValue] = Field(default_factory=dict)


class RecordMitigation(Command):
    text: str = ""
    temporary: bool = False
    inverse: str = ""
    removes: str = ""
    """Ledger id of the temporary mitigation that is hereby gone."""


class Resolve(Command):
    confirmations: tuple[str, ...] = ()
    """Which points of the confirmation list (RB-7) are true."""
    anyway: str = ""
    """Reason to resolve though points are missing."""


class Reopen(Command):
    reason: str = ""


class Cancel(Command):
    reason: str = ""


class Merge(Command):
    into: str = ""
    """Workflow id or number of the incident that goes on."""


class Close(Command):
    reason: str = ""
    items: tuple[ItemDraft, ...] = ()
    """Action items that take over temporary mitigations still standing."""


CONFIRMATIONS: dict[str, str] = {
    "metrics": "Metrics are back to normal",
    "customers": "The customer function works",
    "errors": "The error rate is at its baseline",
    "data": "Data is consistent",
    "mitigations": "Temporary mitigations are gone or have an action item",
    "status_page": "The status page says Resolved",
}
"""The resolution list of RB-7."""

IncidentInput.model_rebuild()
