"""What activities are asked and what they answer: one record in, one record out, for each.

The activity's signature is the port; the names of the activity types are in ``ACTIVITIES``.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

from pydantic import Field, JsonValue

from mainstay.domain.alert import Alert
from mainstay.domain.escalation import Target
from mainstay.domain.incident import Declaration, ItemDraft
from mainstay.domain.message import AnyMessage, IncidentRef
from mainstay.domain.model import Record
from mainstay.domain.people import ResolvedTarget
from mainstay.domain.pinned import PinnedConfig
from mainstay.domain.timeline import AnyEntry
from mainstay.domain.verdict import Verdict

# Activity type names, by queue.
# incident: pin_config resolve_targets send ask_lease holder_state
# local:    resolve_pinned render meeting_slot next_open
# cluster:  plan_change apply_change
# bulk:     look verify draw_number append_journal handled_before save_effect save_item find_orphans
#           draft_postmortem


Urgency = Literal["high", "low"]
"""``low``: the severity's level does not page at any hour."""


class PinRequest(Record):
    """``pin_config``: which slice of the configuration these alerts (or this declaration) live by."""

    alerts: tuple[Alert, ...] = ()
    declaration: Declaration | None = None
    at: datetime


class Pinned(Record):
    """Answer of ``pin_config``."""

    pinned: PinnedConfig
    title: str
    route: str = ""
    severity: str = ""
    """A label that the route fixes; empty: triage decides."""
    first_targets: tuple[ResolvedTarget, ...] = ()
    mode: Literal["page", "ticket"] = "page"
    """What the route wants: wake people, or only keep it in the lists."""


class ResolveRequest(Record):
    """``resolve_targets``: who is behind these targets at ``at``. Overrides come from the record store."""

    targets: tuple[Target, ...]
    at: datetime
    service: str = ""
    urgency: Urgency = "high"


class ResolvedTargets(Record):
    people: tuple[ResolvedTarget, ...] = ()
    empty: tuple[str, ...] = ()
    """Targets behind which nobody is, such as a gap of a schedule."""
    degraded: str = ""
    """Why runtime overrides could not be read, if they could not."""


class SendRequest(Record):
    """``send``: hand one message to one channel. ``key`` is the idempotency key of this notification.

    A person's address is looked up by (person, method) in the worker's configuration; histories hold none.
    ``person`` may be empty for a channel with an address of its own (a webhook, a status feed).
    """

    key: str
    person: str = ""
    method: str = ""
    channel: str
    message: AnyMessage
    number: str = ""
    room: str = ""
    """A room of the channel, for what is said to everybody there; ``person`` is empty then."""
    follows: str = ""
    """``provider_id`` of an earlier message about the same: said in its thread, where the channel has threads."""
    replaces: str = ""
    """``provider_id`` of a message that this one takes the place of, where the channel can change what it sent."""


class Receipt(Record):
    """``accepted``: the provider has it. ``permanent``: trying this method again cannot help."""

    accepted: bool
    permanent: bool = False
    provider_id: str = ""
    detail: str = ""


class HandledBefore(Record):
    """``handled_before``: was one of these occurrences part of an incident that is closed?"""

    workflow_id: str
    key: str
    occurrences: tuple[str, ...]


class Earlier(Record):
    key: str = ""
    number: str = ""


class LookRequest(Record):
    """``look``: one probe. Parameters are rendered with ``values`` (inputs and facts) before use."""

    probe: str
    parameters: dict[str, JsonValue] = Field(default_factory=dict)
    values: dict[str, JsonValue] = Field(default_factory=dict)
    cases: tuple[tuple[str, str], ...] = ()
    at: datetime
    timeout: timedelta = timedelta(seconds=10)


class Look(Record):
    """What a probe saw. ``branch`` is the matching case, or the verdict's name if there are no cases."""

    verdict: Verdict
    branch: str
    facts: dict[str, JsonValue] = Field(default_factory=dict)
    detail: str = ""


class VerifyRequest(Record):
    """``verify``: repeat these looks until all hold, or ``within`` has passed; heartbeats between."""

    looks: tuple[LookRequest, ...]
    within: timedelta
    every: timedelta = timedelta(seconds=2)
    settle: timedelta = timedelta(0)
    hold: timedelta = timedelta(0)
    """All looks must hold for this long in a row (S-251); one that does not begins it anew."""


class PlanRequest(Record):
    """``plan_change``: render the parameters, then let the action pin itself on the live target."""

    action: str
    parameters: dict[str, JsonValue] = Field(default_factory=dict)
    values: dict[str, JsonValue] = Field(default_factory=dict)
    allowed_namespaces: tuple[str, ...] = ()
    run_id: str = ""
    step: str = ""
    at: datetime


class RenderRequest(Record):
    """``render``: templates to text, in an activity so that an engine's fix changes no run in flight."""

    templates: dict[str, JsonValue]
    values: dict[str, JsonValue] = Field(default_factory=dict)


class Rendered(Record):
    texts: dict[str, JsonValue]


class NumberRequest(Record):
    """``draw_number``: once per incident key, however often it is asked."""

    key: str
    at: datetime


class Number(Record):
    number: str


class IncidentRow(Record):
    """The incident as the record store lists it."""

    key: str
    workflow_id: str
    number: str = ""
    title: str = ""
    service: str = ""
    team: str = ""
    severity: str = ""
    rank: int = 0
    phase: str = ""
    declared_at: datetime | None = None
    acknowledged_at: datetime | None = None
    mitigated_at: datetime | None = None
    resolved_at: datetime | None = None
    closed_at: datetime | None = None
    commander: str = ""
    public_name: str = ""
    public_state: str = ""
    public_text: str = ""
    public_at: datetime | None = None
    exercise: bool = False
    occurrences: tuple[str, ...] = ()
    """Occurrences handled by it, for ``handled_before``."""


class AppendRequest(Record):
    """``append_journal``: idempotent by (key, source, seq); also updates the incident's row."""

    row: IncidentRow
    entries: tuple[AnyEntry, ...] = ()


class Appended(Record):
    flushed_seq: int


class ItemRow(Record):
    """An action item as the record store keeps it."""

    id: str
    incident_key: str = ""
    incident_number: str = ""
    text: str
    owner: str
    due: datetime
    kind: str = "prevent"
    priority: str = "P1"
    status: str = "open"
    """``open``, ``in progress``, ``done``, ``deferred``."""
    created_at: datetime | None = None
    done_at: datetime | None = None
    reminders: int = 0
    workflow_id: str = ""


class Saved(Record):
    id: str


class PostmortemInput(Record):
    """Input of the postmortem workflow, and of the activities that draft and invite."""

    incident: IncidentRef
    row: IncidentRow
    timeline: tuple[AnyEntry, ...] = ()
    items: tuple[ItemDraft, ...] = ()
    responders: tuple[str, ...] = ()
    owner: str = ""
    pinned: PinnedConfig
    at: datetime | None = None


class Draft(Record):
    """Where the document is, and its digest."""

    path: str
    digest: str


class ActionItemInput(Record):
    """Input of the action item workflow."""

    item: ItemRow
    manager: str = ""
    incident: IncidentRef = Field(default_factory=IncidentRef)
    pinned: PinnedConfig | None = None
    remind_before: timedelta = timedelta(days=2)
    chase_every: timedelta = timedelta(days=1)
    escalate_after: timedelta = timedelta(days=7)
    """Overdue for this long: the owner's manager is told."""
    announced: bool = False
    """State carried over continue-as-new, from here on: the owner has been told."""
    reminded: bool = False
    last_chase: datetime | None = None
    chases: int = 0
    """How often it has been chased."""
    escalated: bool = False


class HolderRequest(Record):
    """``holder_state``: does the run that holds a lease still live?"""

    workflow_id: str
    run_id: str = ""


class HolderState(Record):
    open: bool
    status: str = ""


class PinnedResolveRequest(Record):
    """``resolve_pinned`` (local): like ``resolve_targets``, from the pinned schedules alone."""

    targets: tuple[Target, ...]
    at: datetime
    pinned: PinnedConfig
    urgency: Urgency = "high"


class HoursRequest(Record):
    """``next_open`` (local): when the organisation's business hours begin, in its zone, without its holidays."""

    at: datetime
    business_hours: tuple[str, ...]
    time_zone: str
    holidays: tuple[str, ...] = ()


class NextOpen(Record):
    at: datetime
    """The asked instant itself where it is within business hours."""


class MeetingRequest(Record):
    """``meeting_slot`` (local): when to hold the postmortem (D-10: 48 to 72 hours, in business hours)."""

    after: datetime
    business_hours: tuple[str, ...]
    time_zone: str
    holidays: tuple[str, ...] = ()


class MeetingSlot(Record):
    starts_at: datetime
    ends_at: datetime
    note: str = ""
    """Says why, where the window held no business hours."""


class SaveEffect(Record):
    """``save_effect``: a change that stands (or, with ``undone``, no longer does)."""

    id: str
    incident_key: str = ""
    run: str
    step: str
    target: str
    title: str
    command: str = ""
    digest: str = ""
    at: datetime
    undone: bool = False


class OrphansRequest(Record):
    at: datetime


class Orphan(Record):
    """Something that stands though nobody looks after it any more."""

    kind: str
    """``change``, ``lease`` or ``approval``."""
    id: str
    text: str
    owner: str
    service: str = ""
    undo: str = ""


class Orphans(Record):
    """Answer of ``find_orphans``."""

    found: tuple[Orphan, ...] = ()
