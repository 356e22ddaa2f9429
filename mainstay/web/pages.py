"""Pages for responders: open incidents, one incident, one run."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from mainstay.config import Config
from mainstay.config.settings import Settings
from mainstay.desk.answers import HaltState, IncidentFilter
from mainstay.desk.desk import Desk
from mainstay.domain import timeline as journal
from mainstay.domain.access import AccessRole, Actor, Assurance
from mainstay.domain.change import Change
from mainstay.domain.errors import NotFound, Refusal, Unauthenticated
from mainstay.domain.incident import IncidentView, RunRef
from mainstay.domain.runbook.run import RunView
from mainstay.domain.signature import LinkClaim, Signer
from mainstay.domain.timeline import AnyEntry
from mainstay.domain.timeline_view import line
from mainstay.telemetry import Metrics
from mainstay.web import refused
from mainstay.web.render import page, segment, web_link
from mainstay.web.session import Sessions

REFRESH_SECONDS = 15
BUTTON_HOLDS = timedelta(minutes=15)
"""A button on a page is a signed link of the reader's own; after this long the page must be fresh."""
RUNS_SHOWN = 10
SHIFTS_SHOWN = timedelta(days=28)


_TONES: dict[type[AnyEntry], str] = {
    journal.Declared: "bad",
    journal.EscalationExhausted: "bad",
    journal.Reopened: "bad",
    journal.Late: "bad",
    journal.Refused: "bad",
    journal.Acknowledged: "good",
    journal.Resolved: "good",
    journal.Decided: "act",
    journal.Mitigated: "act",
    journal.MitigationRemoved: "act",
    journal.ApprovalAsked: "ask",
    journal.ApprovalAnswered: "ask",
}
"""Colours of the marks on the time line; the words alone say everything."""


class Line(NamedTuple):
    at: datetime
    text: str
    tone: str


class Button(NamedTuple):
    label: str
    token: str
    danger: bool = False


class RunCard(NamedTuple):
    """A run on the incident page; ``view`` is None when it could not be asked."""

    ref: RunRef
    view: RunView | None
    change: Change | None
    buttons: tuple[Button, ...]


class Pages:
    """Server-rendered and read-only: every button leads to a signed link's confirm page."""

    def __init__(
        self,
        desk: Desk,
        signer: Signer,
        sessions: Sessions,
        config: Callable[[], Config],
        settings: Settings,
        now: Callable[[], datetime],
        metrics: Metrics,
    ) -> None:
        self._desk = desk
        self._signer = signer
        self._sessions = sessions
        self._config = config
        self._settings = settings
        self._now = now
        self._metrics = metrics

    # ---- pages ------------------------------------------------------------------------------

    async def index(self, request: Request) -> Response:
        """Open incidents and who is on call."""
        try:
            actor = self._reader(request)
            found, on_call, halt = await asyncio.gather(
                self._desk.incidents(IncidentFilter(open_only=True, limit=100)),
                self._desk.on_call(),
                self._halt(),
            )
        except Refusal as refusal:
            return self._refuse(request, refusal)
        return page(
            "index.html",
            request,
            found=found,
            on_call=on_call,
            halt=halt,
            now=self._now(),
            person=actor.person,
            refresh=_refresh(request),
        )

    async def schedule(self, request: Request) -> Response:
        """``/oncall/{schedule}``: four weeks of shifts, day by day."""
        name, now = request.path_params["schedule"], self._now()
        try:
            actor = self._reader(request)
            answer = await self._desk.shifts(name, now, now + SHIFTS_SHOWN)
        except Refusal as refusal:
            return self._refuse(request, refusal)
        days = [(day, tuple(group)) for day, group in groupby(answer.shifts, key=lambda one: one.start.date())]
        return page(
            "oncall.html",
            request,
            name=name,
            days=days,
            degraded=answer.degraded,
            names={handle: person.name for handle, person in self._config().people.items()},
            person=actor.person,
        )

    async def incident(self, request: Request) -> Response:
        """``/incidents/{number, key or workflow id}``."""
        ref = request.path_params["ref"]
        try:
            actor = await self._reader_of(request, ref)
            view, timeline, halt = await asyncio.gather(self._desk.view(ref), self._desk.timeline(ref), self._halt())
            runs = await asyncio.gather(*(self._card(r, view, actor) for r in view.runs[-RUNS_SHOWN:]))
        except Refusal as refusal:
            return self._refuse(request, refusal)
        service = self._config().services.get(view.service)
        entries = timeline.entries if len(timeline.entries) >= len(view.timeline) else view.timeline
        return page(
            "incident.html",
            request,
            view=view,
            runs=tuple(reversed(runs)),
            days=_days(entries),
            degraded=timeline.degraded,
            halt=halt,
            buttons=self._incident_buttons(view, actor),
            links={k: v for k, v in (service.links if service else {}).items() if web_link(v)},
            temporal=self._temporal(view.workflow_id),
            now=self._now(),
            person=actor.person,
            refresh=0 if view.phase.ended else _refresh(request),
        )

    async def run(self, request: Request) -> Response:
        """``/runs/{workflow id}``."""
        run_id = request.path_params["run"]
        try:
            actor, run = await self._reader_of_run(request, run_id)
        except Refusal as refusal:
            return self._refuse(request, refusal)
        return page(
            "run.html",
            request,
            run=run,
            buttons=self._run_buttons(run, run.incident.key, actor),
            days=_days(run.timeline),
            temporal=self._temporal(run.workflow_id),
            person=actor.person,
            refresh=0 if run.outcome else _refresh(request),
        )

    # ---- who reads --------------------------------------------------------------------------

    def _reader(self, request: Request, incident_key: str = "") -> Actor:
        return self._sessions.reader(request, incident_key)

    async def _reader_of(self, request: Request, ref: str) -> Actor:
        """A stranger learns nothing, not even whether ``ref`` exists."""
        self._sign_in_first(request)
        try:
            address = await self._desk.find(ref)
        except NotFound:
            self._reader(request)
            raise
        return self._reader(request, address.key)

    async def _reader_of_run(self, request: Request, run_id: str) -> tuple[Actor, RunView]:
        self._sign_in_first(request)
        try:
            run = await self._desk.run_view(run_id)
        except NotFound:
            self._reader(request)
            raise
        return self._reader(request, run.incident.key), run

    def _sign_in_first(self, request: Request) -> None:
        if not request.headers.get("authorization") and not any(
            name.startswith("mainstay_") for name in request.cookies
        ):
            raise Unauthenticated("log in, or open the incident from the link in your message")

    def _refuse(self, request: Request, refusal: Refusal) -> Response:
        if isinstance(refusal, Unauthenticated) and "authorization" in request.headers:
            self._metrics.wrong_tokens.labels("page").inc()
        return refused.as_page(request, refusal, ref="")

    # ---- parts of a page --------------------------------------------------------------------

    async def _halt(self) -> HaltState | None:
        try:
            return await self._desk.halted()
        except Refusal:
            return None

    async def _card(self, ref: RunRef, view: IncidentView, actor: Actor) -> RunCard:
        try:
            run = await self._desk.run_view(ref.workflow_id, timedelta(seconds=2))
        except Refusal:
            return RunCard(ref, None, None, ())
        return RunCard(ref, run, run.change, self._run_buttons(run, view.key, actor))

    def _incident_buttons(self, view: IncidentView, actor: Actor) -> tuple[Button, ...]:
        if view.phase.ended or view.acknowledged_by or not _may_act(actor):
            return ()
        offered = [("acknowledge", "Acknowledge")]
        if view.next_page:
            offered.append(("escalate", "Page next now"))
        return tuple(
            Button(label, self._token(purpose, view.workflow_id, view.key, actor, "0")) for purpose, label in offered
        )

    def _run_buttons(self, run: RunView, key: str, actor: Actor) -> tuple[Button, ...]:
        if run.outcome or not _may_act(actor):
            return ()
        if run.question is not None:
            digest = run.question.digest
            return (
                Button("Approve…", self._token("approve", run.workflow_id, key, actor, digest)),
                Button("Reject…", self._token("reject", run.workflow_id, key, actor, digest), True),
            )
        return tuple(
            Button(option, self._token("answer", run.workflow_id, key, actor, option))
            for option in (run.ask_options if run.ask else ())
        )

    def _token(self, purpose: str, workflow_id: str, key: str, actor: Actor, argument: str) -> str:
        """A link of the reader's own. A login gives it back its assurance when the button is pressed."""
        return self._signer.link_token(
            LinkClaim(
                purpose=purpose,
                workflow_id=workflow_id,
                incident_key=key,
                person=actor.person,
                argument=argument,
                expires_at=self._now() + BUTTON_HOLDS,
            )
        )

    def _temporal(self, workflow_id: str) -> str:
        base = web_link(self._settings.temporal_ui_url).rstrip("/")
        where = f"namespaces/{segment(self._settings.temporal_namespace)}/workflows/{segment(workflow_id)}"
        return f"{base}/{where}" if base else ""


def _may_act(actor: Actor) -> bool:
    """A ``view`` link reads only; a login acts as its roles allow, which the workflow checks."""
    roles = {AccessRole.RESPONDER, AccessRole.APPROVER, AccessRole.COMMANDER, AccessRole.ADMIN}
    return actor.assurance >= Assurance.TOKEN and bool(roles & set(actor.roles))


def _refresh(request: Request) -> int:
    return 0 if request.query_params.get("live") == "0" else REFRESH_SECONDS


def _days(entries: tuple[AnyEntry, ...]) -> list[tuple[date, list[Line]]]:
    """The time line, newest first, by UTC day."""
    lines = [Line(entry.at, line(entry), _tone(entry)) for entry in entries]
    lines.reverse()
    lines.sort(key=lambda one: one.at, reverse=True)
    return [(day, list(group)) for day, group in groupby(lines, key=lambda one: one.at.date())]


def _tone(entry: AnyEntry) -> str:
    if isinstance(entry, journal.Paged) and not entry.delivered:
        return "bad"
    return _TONES.get(type(entry), "calm")
