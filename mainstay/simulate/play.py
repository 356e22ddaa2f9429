"""Plays one incident from its first alert to the end of the story, on a real server and virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from temporalio.client import Client, WorkflowHandle, WorkflowUpdateFailedError
from temporalio.service import RPCError
from temporalio.testing import TimeSkipper, TimeSkippingConfig
from temporalio.worker import Worker

from mainstay.domain import names
from mainstay.domain.alert import Alert, AlertBatch, AlertStatus
from mainstay.domain.duration import show
from mainstay.domain.errors import Unavailable
from mainstay.domain.incident import IncidentInput, IncidentView
from mainstay.domain.pinned import PinnedConfig
from mainstay.domain.rendering import render_message
from mainstay.domain.routing import Bundle, title_for
from mainstay.domain.timeline import AnyEntry, EscalationStep, Paged
from mainstay.domain.timeline_view import line
from mainstay.simulate.clock import StoryClock, StoryRunner
from mainstay.simulate.recording import Recorder
from mainstay.simulate.stand_in import STAND_INS
from mainstay.simulate.story import LAST_RESORTS, LONGEST, Event, Request, Story
from workflows.incident import IncidentWorkflow
from workflows.messages import INTERCEPTORS

PAST = timedelta(milliseconds=50)
"""So far the server is brought past a timer: it counts from when it has stored it."""
STILL_SECONDS = 60
"""A story that stands still for so long has lost its server."""
POLL_SECONDS = 0.002
MAX_STEPS = 2000


@dataclass(frozen=True)
class Deed:
    """Something from outside, ``after`` the beginning."""

    after: timedelta
    order: int
    alerts: tuple[Alert, ...] = ()
    update: str = ""
    person: str = ""


@asynccontextmanager
async def workers(client: Client, recorder: Recorder, clock: StoryClock) -> AsyncIterator[None]:
    """The incident workflow with activities that only remember, on all three queues."""
    async with AsyncExitStack() as stack:
        for queue in (names.INCIDENT_QUEUE, names.CLUSTER_QUEUE, names.BULK_QUEUE):
            runs = queue == names.INCIDENT_QUEUE
            await stack.enter_async_context(
                Worker(
                    client,
                    task_queue=queue,
                    workflows=(IncidentWorkflow, *STAND_INS) if runs else (),
                    workflow_runner=StoryRunner(clock),
                    activities=recorder.activities(),
                    interceptors=INTERCEPTORS,
                )
            )
        yield


class Play:
    """One incident under way."""

    def __init__(self, client: Client, request: Request, pinned: PinnedConfig, given: list[tuple[timedelta, Bundle]]):
        self._skipper = TimeSkipper(client, config=TimeSkippingConfig(enabled=False))
        self._client = client
        self._request = request
        self._pinned = pinned
        self._given = given
        self._begins = request.at + given[0][0]
        self._clock = StoryClock(self._begins)
        self._recorder = Recorder(pinned=pinned, dead_channels=set(request.down))
        self._handle: WorkflowHandle[Any, IncidentView]

    async def run(self) -> Story:
        """From the first alert until nobody is to be called any more."""
        async with workers(self._client, self._recorder, self._clock):
            await self._start()
            try:
                for deed in self._deeds():
                    await self._do(deed)
                ends = await self._to_the_end()
                await self._settle()
                view = await self._view()
            finally:
                with suppress(RPCError):  # it may have ended by itself
                    await self._handle.terminate("the story is over")
        return self._story(view, ends)

    async def _start(self) -> None:
        first = self._given[0][1]
        routed = first.routed
        self._handle = await self._skipper.client.start_workflow(
            names.INCIDENT,
            IncidentInput(
                alerts=first.alerts,
                title=title_for(first.alerts),
                route=routed.route,
                severity=routed.severity,
                mode="ticket" if routed.mode == "ticket" else "page",
                pinned=self._pinned,
            ),
            id=first.workflow_id,
            task_queue=names.INCIDENT_QUEUE,
            result_type=IncidentView,
        )
        await self._view()
        await self._settle()

    def _deeds(self) -> list[Deed]:
        """In the order of time; at one moment alerts come first and answers as they were given."""
        late = [Deed(after, 0, alerts=bundle.alerts) for after, bundle in self._given[1:]]
        answers = [
            Deed(
                answer.after,
                2,
                update="acknowledge" if answer.does == "acknowledge" else "escalate",
                person=answer.person,
            )
            for answer in self._request.answers
        ]
        resolved = self._request.resolve_after
        gone = tuple(
            alert for _, bundle in self._given for alert in bundle.alerts if alert.status is AlertStatus.FIRING
        )
        over = [Deed(resolved, 1, alerts=tuple(map(_gone, gone)))] if resolved is not None else []
        found = [deed for deed in (*late, *answers, *over) if self._request.at + deed.after >= self._begins]
        return sorted(found, key=lambda deed: (deed.after, deed.order))

    async def _do(self, deed: Deed) -> None:
        """Bring the story there, and do it. What is refused stands in the journal or in the story."""
        at = self._request.at + deed.after
        await self._forward(at, before=True)
        if (await self._view()).phase.ended:
            return
        self._clock.reach(at)
        if deed.alerts:
            await self._handle.signal(names.ALERTS, AlertBatch(alerts=deed.alerts))
            await self._view()  # answered after the signal has been taken
        else:
            await self._answer(deed)
        await self._settle()

    async def _answer(self, deed: Deed) -> None:
        try:
            await self._handle.execute_update(deed.update, {"actor": {"person": deed.person}})
        except WorkflowUpdateFailedError as refused:
            why = getattr(refused.cause, "message", str(refused.cause))
            await self._handle.execute_update(
                names.ADD_NOTE, {"actor": {"person": deed.person}, "text": f"refused ({deed.update}): {why}"}
            )

    async def _to_the_end(self) -> str:
        """Step by step to where the story ends, and why it ends there."""
        until = self._request.at + min(self._request.until or LONGEST, LONGEST)
        for _ in range(MAX_STEPS):
            view = await self._view()
            if view.phase.ended:
                return f"the incident is {view.phase.value}"
            if self._request.until is None and (why := self._over(view)):
                return why
            timer = self._clock.next_timer()
            if timer is None or timer.due > until:
                return f"{show(until - self._request.at)} are over"
            await self._forward(timer.due)
        return "it is too long to be told"

    def _over(self, view: IncidentView) -> str:
        """Nobody is to be called any more, or the last resort is, again and again."""
        every = show(self._pinned.policy.last_resort_every)
        resorts = [e for e in self._entries(view) if isinstance(e, EscalationStep) and e.why.startswith("last resort")]
        if len(resorts) >= LAST_RESORTS:
            return f"the last resort is called again every {every} until somebody answers"
        if view.next_page_at is not None:
            return ""
        if view.acknowledged_by:
            return f"{_handle_of(view.acknowledged_by)} has it: nobody else is called"
        return "nobody is called any more"

    # ---- time -------------------------------------------------------------------------------

    async def _forward(self, to: datetime, *, before: bool = False) -> None:
        """One timer after the other until ``to``; with ``before`` those of that very moment stay.

        So an acknowledgement at the second at which the next step is due counts. The server may stand anywhere
        before its next timer: what is sent meanwhile happens in the story's time.
        """
        while (timer := self._clock.next_timer()) is not None and (timer.due < to or (timer.due == to and not before)):
            left = self._clock.server_time(timer) + PAST - await self._server_now()
            if left > timedelta(0):
                await self._skipper.fast_forward(self._handle, left)
            await self._until(lambda timer=timer: self._clock.next_timer() != timer)  # type: ignore[misc]
            await self._settle()

    async def _settle(self) -> None:
        """Let everything that is due now happen."""
        await self._until(self._clock.idle)

    async def _until(self, ready: Callable[[], bool]) -> None:
        try:
            async with asyncio.timeout(STILL_SECONDS):
                while not ready():  # noqa: ASYNC110 - worker threads set the clock
                    await asyncio.sleep(POLL_SECONDS)
        except TimeoutError:
            raise Unavailable(f"the simulation stands still at {self._clock.now:%H:%M:%S} UTC") from None

    async def _server_now(self) -> datetime:
        now = await self._skipper.get_current_time(self._handle)
        return now if now.tzinfo else now.replace(tzinfo=UTC)

    # ---- what came of it --------------------------------------------------------------------

    async def _view(self) -> IncidentView:
        seen: IncidentView = await self._handle.query(names.VIEW, result_type=IncidentView)
        return seen

    def _entries(self, view: IncidentView) -> list[AnyEntry]:
        """The whole journal: what was recorded, and its tail."""
        recorded: dict[int, Any] = {seq: entry for (_, seq), entry in self._recorder.journal.items()}
        return [entry for _, entry in sorted({**recorded, **{e.seq: e for e in view.timeline}}.items())]

    def _story(self, view: IncidentView, ends: str) -> Story:
        said = {request.key: request for request in self._recorder.sent}
        routed = self._given[0][1].routed
        return Story(
            service=routed.service,
            route=routed.route,
            policy=self._pinned.policy.name,
            workflow_id=self._given[0][1].workflow_id,
            title=view.title,
            severity=view.severity,
            mode=routed.mode,
            events=tuple(self._event(entry, said) for entry in sorted(self._entries(view), key=_order)),
            ends=ends,
            acknowledged_by=_handle_of(view.acknowledged_by),
        )

    def _event(self, entry: AnyEntry, said: dict[str, Any]) -> Event:
        base: dict[str, Any] = {"after": entry.at - self._request.at, "at": entry.at, "text": line(entry)}
        if not isinstance(entry, Paged):
            return Event(kind=entry.kind, **base)
        request = said.get(entry.key)
        return Event(
            kind="told",
            person=entry.person,
            method=entry.method,
            channel=entry.channel,
            message=entry.reason,
            delivered=entry.delivered,
            says=render_message(request.message, medium="line").body if request else "",
            **base,
        )


def _order(entry: AnyEntry) -> tuple[datetime, bool, str, str, str]:
    """What happened, then who was told: parallel calls of one moment have no order of their own."""
    if not isinstance(entry, Paged):
        return entry.at, False, "", "", ""
    return entry.at, True, entry.person, entry.reason, entry.key


def _gone(alert: Alert) -> Alert:
    return alert.model_copy(update={"status": AlertStatus.RESOLVED})


def _handle_of(shown: str) -> str:
    """Nobody signs in a simulation, which the workflow rightly remarks; here it would only be noise."""
    return shown.removeprefix("unverified:")
