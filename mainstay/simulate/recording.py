"""Activities that do nothing to the outside and remember what they were asked.

They answer from a script: what a probe sees, which channels are dead, whether the record store is up.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.pinned import PinnedRules
from mainstay.domain.change import Applied, ApplyRequest, Change, Risk, TargetRef
from mainstay.domain.oncall.resolve import resolve
from mainstay.domain.pinned import PinnedConfig
from mainstay.domain.runbook.run import Lease
from mainstay.domain.template import render_value
from mainstay.domain.verdict import Verdict
from mainstay.domain.work import (
    Appended,
    AppendRequest,
    Draft,
    Earlier,
    HandledBefore,
    HolderRequest,
    HolderState,
    ItemRow,
    Look,
    LookRequest,
    Number,
    NumberRequest,
    Orphans,
    OrphansRequest,
    Pinned,
    PinRequest,
    PlanRequest,
    PostmortemInput,
    Receipt,
    Rendered,
    RenderRequest,
    ResolvedTargets,
    ResolveRequest,
    Saved,
    SaveEffect,
    SendRequest,
    VerifyRequest,
)

HELD = Look(verdict=Verdict.HELD, branch="held")


def _no_leases(wanted: Lease) -> None:
    """Where nobody else changes anything, a lease need not be granted by anybody."""


@dataclass
class Recorder:
    """What was asked, in order, and what is answered."""

    pinned: PinnedConfig
    sent: list[SendRequest] = field(default_factory=list)
    dead_channels: set[str] = field(default_factory=set)
    looks: dict[str, list[Look]] = field(default_factory=dict)
    """Probe → what it sees, one after the other; the last one stays."""
    planned: list[PlanRequest] = field(default_factory=list)
    applied: list[ApplyRequest] = field(default_factory=list)
    outcomes: list[Applied] = field(default_factory=list)
    """What applying answers, one after the other; ``changed`` when there is none left."""
    records_down: bool = False
    oncall_down: bool = False
    rows: dict[str, AppendRequest] = field(default_factory=dict)
    journal: dict[tuple[str, int], object] = field(default_factory=dict)
    items: dict[str, list[ItemRow]] = field(default_factory=dict)
    effects: list[SaveEffect] = field(default_factory=list)
    drafts: list[PostmortemInput] = field(default_factory=list)
    earlier: Earlier = field(default_factory=Earlier)
    ask: Callable[[Lease], object] = _no_leases
    holder_open: bool = True

    def people_paged(self) -> list[str]:
        return [request.person for request in self.sent if request.message.kind == "page"]

    def activities(self) -> list[Callable[..., object]]:
        """All of them, to be registered with one worker."""
        rules = PinnedRules()
        own = [
            getattr(self, name)
            for name in dir(self)
            if callable(getattr(self, name)) and hasattr(getattr(self, name), "__temporal_activity_definition")
        ]
        return [*own, rules.resolve_pinned, rules.meeting_slot, rules.next_open]

    @activity.defn(name="send")
    async def send(self, request: SendRequest) -> Receipt:
        if request.channel in self.dead_channels:
            return Receipt(accepted=False, permanent=True, detail=f"{request.channel} is down")
        self.sent.append(request)
        return Receipt(accepted=True, provider_id=request.key)

    @activity.defn(name="pin_config")
    async def pin_config(self, request: PinRequest) -> Pinned:
        title = request.alerts[0].name if request.alerts else "declared"
        return Pinned(pinned=self.pinned, title=title)

    @activity.defn(name="resolve_targets")
    async def resolve_targets(self, request: ResolveRequest) -> ResolvedTargets:
        if self.oncall_down:
            raise ApplicationError("on-call look-up is down", type="Unavailable")
        pinned = self.pinned
        return resolve(
            request.targets,
            request.at,
            schedules=pinned.schedules,
            teams=pinned.teams,
            people=pinned.people,
            urgency=request.urgency,
        )

    def _store(self) -> None:
        if self.records_down:
            raise ApplicationError("the record store is down", type="Unavailable")

    @activity.defn(name="draw_number")
    async def draw_number(self, request: NumberRequest) -> Number:
        self._store()
        return Number(number=f"INC-{request.at.year}-0001")

    @activity.defn(name="append_journal")
    async def append_journal(self, request: AppendRequest) -> Appended:
        self._store()
        self.rows[request.row.key] = request
        for entry in request.entries:
            self.journal[request.row.key, entry.seq] = entry
        return Appended(flushed_seq=max((entry.seq for entry in request.entries), default=0))

    @activity.defn(name="handled_before")
    async def handled_before(self, _request: HandledBefore) -> Earlier:
        self._store()
        return self.earlier

    @activity.defn(name="save_effect")
    async def save_effect(self, request: SaveEffect) -> Saved:
        self._store()
        self.effects.append(request)
        return Saved(id=request.id)

    @activity.defn(name="save_item")
    async def save_item(self, request: ItemRow) -> Saved:
        self._store()
        self.items.setdefault(request.id, []).append(request)
        return Saved(id=request.id)

    @activity.defn(name="find_orphans")
    async def find_orphans(self, _request: OrphansRequest) -> Orphans:
        return Orphans()

    @activity.defn(name="look")
    async def look(self, request: LookRequest) -> Look:
        script = self.looks.get(request.probe)
        if not script:
            return HELD
        return script.pop(0) if len(script) > 1 else script[0]

    @activity.defn(name="verify")
    async def verify(self, request: VerifyRequest) -> Look:
        seen = [await self.look(look) for look in request.looks]
        return next((look for look in seen if look.verdict is not Verdict.HELD), HELD)

    @activity.defn(name="render")
    async def render(self, request: RenderRequest) -> Rendered:
        texts = {name: render_value(value, request.values) for name, value in request.templates.items()}
        return Rendered(texts=texts)

    @activity.defn(name="plan_change")
    async def plan_change(self, request: PlanRequest) -> Change:
        self.planned.append(request)
        number = len(self.planned)
        return Change(
            action=request.action,
            parameters={},
            target=TargetRef(namespace="shop", kind="Deployment", name="api", uid="u1"),
            title=f"{request.action} deployment/api in shop",
            risk=Risk.MEDIUM,
            diff=f"- image: api:v2\n+ image: api:v1  # plan {number}",
            command="kubectl rollout undo deployment/api -n shop",
            desired={"plan": number},
            former={"plan": 0},
            undo="restore",
        )

    @activity.defn(name="apply_change")
    async def apply_change(self, request: ApplyRequest) -> Applied:
        self.applied.append(request)
        if self.outcomes and not request.undo:
            return self.outcomes.pop(0)
        return Applied(outcome="changed", generation=2)

    @activity.defn(name="ask_lease")
    async def ask_lease(self, request: Lease) -> None:
        client = activity.client()
        handle = client.get_workflow_handle(request.holder)
        await handle.signal("lease_granted", request.model_copy(update={"fence": 7, "why": ""}))

    @activity.defn(name="holder_state")
    async def holder_state(self, _request: HolderRequest) -> HolderState:
        return HolderState(open=self.holder_open)

    @activity.defn(name="draft_postmortem")
    async def draft_postmortem(self, request: PostmortemInput) -> Draft:
        self.drafts.append(request)
        return Draft(path=f"postmortems/{request.incident.number}.md", digest="sha256:0")


def at(text: str) -> datetime:
    """An instant for scripts: ``2026-03-02T03:00:00Z``."""
    return datetime.fromisoformat(text)
