"""A desk with one incident and one run in memory: pages and links need the states, not a server."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from mainstay.config import Config
from mainstay.config.parts import Token
from mainstay.config.settings import Settings
from mainstay.desk.address import Address
from mainstay.desk.answers import (
    Delivered,
    HaltState,
    IncidentFilter,
    IncidentPage,
    OnCallAnswer,
    OnCallNow,
    PartState,
    ShiftsAnswer,
    Status,
    Timeline,
)
from mainstay.desk.auth import Authenticator
from mainstay.desk.desk import Desk
from mainstay.domain.access import AccessRole, Actor, Command
from mainstay.domain.alert import Alert
from mainstay.domain.approval import ApprovalRule, Question
from mainstay.domain.change import Change, Risk, TargetRef
from mainstay.domain.errors import NotFound, Refusal
from mainstay.domain.incident import IncidentView, Mitigation, Outcome, Phase, RunRef
from mainstay.domain.message import IncidentRef
from mainstay.domain.oncall.schedule import Shift
from mainstay.domain.people import Person
from mainstay.domain.runbook.run import RunView
from mainstay.domain.service import Service
from mainstay.domain.signature import LinkClaim, Signer
from mainstay.domain.timeline import (
    Acknowledged,
    AnyEntry,
    ApprovalAsked,
    Declared,
    EscalationStep,
    Paged,
    UpdatePosted,
)
from mainstay.domain.work import IncidentRow, ItemRow
from mainstay.records.rows import DeliveryReported
from mainstay.telemetry import Metrics
from mainstay.web.app import build_app

NOW = datetime(2026, 11, 21, 14, 30, 0, tzinfo=UTC)
KEY = "0190f3a4-1111-7222-8333-944455566677"
WORKFLOW = "incident/payment-service/higherrorrate-1a2b3c4d"
RUN = f"runbook/{KEY}/payment-errors/1"
NUMBER = "INC-2026-0042"
SOURCE_TOKEN = "source-token-for-tests"
ALICE_TOKEN = "alice-token-for-tests"
VIEWER_TOKEN = "viewer-token-for-tests"
ALICE = Actor(person="alice", roles=(AccessRole.RESPONDER,), door="web")
DIFF = """--- Deployment payments/payment-service
+++ Deployment payments/payment-service (after)
@@ spec.template.spec.containers[0] @@
   name: app
-  image: registry.example.com/payment-service:v42
+  image: registry.example.com/payment-service:v41"""


def ago(minutes: float) -> datetime:
    return NOW - timedelta(minutes=minutes)


CHANGE = Change(
    action="rollout_undo",
    target=TargetRef(namespace="payments", kind="Deployment", name="payment-service", uid="u-1"),
    title="Roll back deployment/payment-service in payments to revision 4 (image …:v41)",
    diff=DIFF,
    command="kubectl -n payments rollout undo deployment/payment-service --to-revision=4",
    warnings=("2 of 6 replicas are not ready",),
)
QUESTION = Question(
    number=1,
    step="rollback",
    digest=CHANGE.digest,
    risk=Risk.MEDIUM,
    rule=ApprovalRule(break_glass=True),
    asked_at=ago(1),
    expires_at=NOW + timedelta(minutes=29),
    eligible=("alice", "bob"),
)
TIMELINE: tuple[AnyEntry, ...] = (
    Declared(
        seq=1,
        at=ago(12),
        title="HighErrorRate: 6% of payment requests fail",
        service="payment-service",
        severity="SEV1",
        how="alert",
    ),
    EscalationStep(seq=2, at=ago(12), round=1, step=0, targets=("schedule payments-primary",)),
    Paged(seq=3, at=ago(12), person="alice", method="mail", channel="smtp", delivered=True),
    Paged(seq=4, at=ago(7), person="bob", method="sms", channel="sms", delivered=False, detail="no route"),
    ApprovalAsked(seq=5, at=ago(1), run=RUN, step="rollback", what=CHANGE.title, risk="medium", digest=CHANGE.digest),
)
VIEW = IncidentView(
    key=KEY,
    workflow_id=WORKFLOW,
    number=NUMBER,
    title="HighErrorRate: 6% of payment requests fail",
    phase=Phase.INVESTIGATING,
    public_state="Investigating",
    severity="SEV1",
    rank=0,
    service="payment-service",
    team="payments",
    declared_at=ago(12),
    commander="",
    responders={"alice": "paged", "bob": "paged"},
    next_page_at=NOW + timedelta(minutes=3),
    next_page="schedule payments-secondary, person carol",
    waits_for="an acknowledgement; at 14:33:00 UTC it pages schedule payments-secondary",
    firing=2,
    alerts_seen=14,
    firing_names=("HighErrorRate", "SlowPayments"),
    runs=(RunRef(workflow_id=RUN, runbook="payment-errors", status="waiting for approval"),),
    needs_approval=True,
    mitigations=(
        Mitigation(
            id="m1",
            text="Traffic of payments moved to the standby",
            temporary=True,
            by="bob",
            at=ago(4),
            inverse="kubectl -n payments patch service payments -p '{…}'",
        ),
    ),
    public_text="We are looking into reports of failing payments.",
    timeline=TIMELINE,
)
RUN_VIEW = RunView(
    workflow_id=RUN,
    key="run-key",
    runbook="payment-errors",
    incident=IncidentRef(
        key=KEY,
        workflow_id=WORKFLOW,
        number=NUMBER,
        title=VIEW.title,
        severity="SEV1",
        service="payment-service",
    ),
    status="waiting for approval",
    waits_for="1 approval until 14:59:00 UTC",
    node="rollback",
    path=("recent_deployment:yes", "safe_to_roll_back:yes"),
    question=QUESTION,
    change=CHANGE,
    timeline=TIMELINE[-1:],
)
ROW = IncidentRow(
    key=KEY,
    workflow_id=WORKFLOW,
    number=NUMBER,
    title=VIEW.title,
    service="payment-service",
    team="payments",
    severity="SEV1",
    phase="investigating",
    declared_at=ago(12),
    acknowledged_at=ago(5),
    public_name="Payments",
    public_state="Investigating",
    public_text=VIEW.public_text,
    public_at=ago(10),
)


class StandInDesk(Desk):
    """Answers from its fields and remembers what it was asked to do."""

    def __init__(self) -> None:
        self.delivered: list[tuple[Alert, ...]] = []
        self.updates: list[tuple[str, str, Command, Actor, str]] = []
        self.refuse: Refusal | None = None
        self.fault: Exception | None = None
        self.refuse_parsed: Refusal | None = None
        self.hold: asyncio.Event | None = None
        self.current = VIEW
        self.earlier: dict[str, IncidentView] = {}
        self.run_now = RUN_VIEW
        self.rows: tuple[IncidentRow, ...] = (ROW,)
        self.journal: dict[str, tuple[AnyEntry, ...]] = {KEY: TIMELINE}
        self.degraded = False
        self.parts = (PartState(name="temporal", answers=True), PartState(name="records", answers=True))
        self.items_now: tuple[ItemRow, ...] = ()
        self.outcomes: dict[str, Outcome] = {}
        self.halt_now = HaltState(on=False)
        self.lists = 0
        self.unlisted: set[str] = set()
        self.reported: list[DeliveryReported] = []

    @property
    def dropped_alerts(self) -> int:
        return 0

    async def deliver(self, alerts: tuple[Alert, ...], via: str) -> tuple[Delivered, ...]:
        if self.hold is not None:
            await self.hold.wait()
        if self.fault is not None:
            raise self.fault
        if self.refuse is not None:
            raise self.refuse
        if self.refuse_parsed is not None and not all(alert.raw for alert in alerts):
            raise self.refuse_parsed
        self.delivered.append(alerts)
        return (Delivered(workflow_id=WORKFLOW, service="payment-service", alerts=len(alerts)),)

    async def find(self, ref: str) -> Address:
        for view in (self.current, *self.earlier.values()):
            if ref in (view.workflow_id, view.key, view.number):
                return Address(workflow_id=view.workflow_id, key=view.key, number=view.number)
        raise NotFound(f"no incident {ref}")

    async def view(self, ref: str, timeout: timedelta = timedelta(seconds=5)) -> IncidentView:
        address = await self.find(ref)
        return next(v for v in (self.current, *self.earlier.values()) if v.key == address.key)

    async def update(
        self,
        ref: str,
        name: str,
        command: Command,
        caller: Actor,
        request_id: str,
        timeout: timedelta = timedelta(seconds=5),
    ) -> Outcome:
        if ref in self.unlisted:
            raise NotFound(f"{ref} is not listed yet")
        if request_id not in self.outcomes:
            await self.find(ref)
        return self._take(ref, name, command, caller, request_id)

    async def run_update(
        self,
        run: str,
        name: str,
        command: Command,
        caller: Actor,
        request_id: str,
        timeout: timedelta = timedelta(seconds=5),
    ) -> Outcome:
        return self._take(run, name, command, caller, request_id)

    async def item_update(
        self,
        item: str,
        name: str,
        command: Command,
        caller: Actor,
        request_id: str,
        timeout: timedelta = timedelta(seconds=5),
    ) -> Outcome:
        return self._take(item, name, command, caller, request_id)

    def _take(self, ref: str, name: str, command: Command, caller: Actor, request_id: str) -> Outcome:
        """The same request id again gets the first answer, as with Temporal."""
        if request_id in self.outcomes:
            return self.outcomes[request_id]
        if self.refuse is not None:
            raise self.refuse
        self.updates.append((ref, name, command, caller, request_id))
        self.outcomes[request_id] = Outcome(message=f"{caller.person}: {name}")
        return self.outcomes[request_id]

    async def run_view(self, run: str, timeout: timedelta = timedelta(seconds=5)) -> RunView:
        if run != self.run_now.workflow_id:
            raise NotFound(f"there is no run {run}")
        return self.run_now

    async def timeline(self, ref: str) -> Timeline:
        return Timeline(entries=self.journal.get(ref, self.journal.get(KEY, ())), degraded=self.degraded)

    async def incidents(self, wanted: IncidentFilter) -> IncidentPage:
        self.lists += 1
        if self.refuse is not None:
            raise self.refuse
        rows = tuple(r for r in self.rows if not (wanted.open_only and r.resolved_at))
        return IncidentPage(rows=rows, degraded=self.degraded)

    async def on_call(self, schedule: str = "", at: datetime | None = None) -> OnCallAnswer:
        who = OnCallNow(
            schedule="payments-primary", person="alice", name="Alice Example", until=NOW + timedelta(hours=9)
        )
        return OnCallAnswer(people=(who, OnCallNow(schedule="payments-secondary")))

    async def shifts(self, schedule: str, start: datetime, end: datetime) -> ShiftsAnswer:
        if schedule != "primary":
            raise NotFound(f"no schedule is called {schedule!r}")
        noon = start + timedelta(hours=6)
        return ShiftsAnswer(
            shifts=(
                Shift(person="alice", start=start, end=noon, layer="weekly"),
                Shift(person=None, start=noon, end=noon + timedelta(hours=1)),
                Shift(person="<script>alert(1)</script>", start=noon + timedelta(hours=1), end=end, layer="<b>"),
            )
        )

    async def items(self, owner: str = "", incident: str = "", open_only: bool = False) -> tuple[ItemRow, ...]:
        return self.items_now

    async def delivery_reported(self, report: DeliveryReported) -> bool:
        if self.refuse is not None:
            raise self.refuse
        self.reported.append(report)
        return True

    async def halted(self) -> HaltState:
        return self.halt_now

    async def status(self) -> Status:
        return Status(version="0.1.0", halt=self.halt_now, parts=self.parts)


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


class Door:
    """The whole HTTP door around a stand-in desk."""

    def __init__(self, *, max_in_flight: int = 32, public_url: str = "http://127.0.0.1:8080") -> None:
        self.desk = StandInDesk()
        self.metrics = Metrics()
        self.now = NOW
        self.signer = Signer(Ed25519PrivateKey.generate())
        self.config = Config(
            tokens=(
                Token(source="prometheus", roles=(AccessRole.ALERT_SOURCE,), sha256=_hash(SOURCE_TOKEN)),
                Token(person="alice", roles=(AccessRole.RESPONDER,), sha256=_hash(ALICE_TOKEN)),
                Token(person="bob", roles=(AccessRole.VIEWER,), sha256=_hash(VIEWER_TOKEN)),
            ),
            people={
                "alice": Person(handle="alice", name="Alice Example"),
                "bob": Person(handle="bob", name="Bob Example"),
            },
            services={
                "payment-service": Service(
                    name="payment-service",
                    team="payments",
                    public_name="Payments",
                    links={
                        "dashboard": "https://grafana.example.com/d/payments",
                        "bad": "javascript:alert(1)",
                    },
                ),
                "search": Service(name="search", team="search", public_name="Search"),
                "internal": Service(name="internal", team="search"),
            },
        )
        self.app = build_app(
            self.desk,
            Authenticator(self.config, "web"),
            lambda: self.config,
            self.signer,
            Settings(public_url=public_url),
            self.metrics,
            now=self.clock,
            max_in_flight=max_in_flight,
        )

    def clock(self) -> datetime:
        return self.now

    def link(self, purpose: str, argument: str = "", **fields: Any) -> str:
        """The path of a signed link for alice, good for an hour."""
        run = purpose in ("approve", "reject", "answer")
        claim = LinkClaim(
            **{
                "purpose": purpose,
                "workflow_id": RUN if run else WORKFLOW,
                "incident_key": KEY,
                "person": "alice",
                "argument": argument,
                "expires_at": NOW + timedelta(hours=1),
                **fields,
            }
        )
        return f"/a/{self.signer.link_token(claim)}"

    def sample(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(name, labels) or 0.0


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def acknowledged(by: str = "bob") -> IncidentView:
    entry = Acknowledged(seq=6, at=ago(2), actor=Actor(person=by))
    return VIEW.model_copy(update={"acknowledged_by": by, "timeline": (*TIMELINE, entry)})


def public_update(minutes: float, state: str, text: str) -> UpdatePosted:
    return UpdatePosted(at=ago(minutes), text=text, public=True, public_state=state)


Client = Callable[[], httpx2.AsyncClient]
