"""The incident: the whole life of one problem, from its first alert until it is closed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ActivityError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from mainstay.domain import incident_view, lifecycle, names
    from mainstay.domain.access import SYSTEM, Actor, Assurance, Command
    from mainstay.domain.alert import AlertBatch
    from mainstay.domain.bounds import bounded
    from mainstay.domain.errors import InvalidArgument, Refusal, Unavailable
    from mainstay.domain.incident import (
        Acknowledge,
        AddNote,
        AssignRole,
        Bounce,
        Cancel,
        Close,
        Escalate,
        Impact,
        IncidentInput,
        IncidentState,
        IncidentView,
        Merge,
        Outcome,
        PagePeople,
        Phase,
        PostUpdate,
        RecordDecision,
        RecordMitigation,
        ReleaseRole,
        Reopen,
        Resolve,
        RunRequest,
        SetSeverity,
        StartRunbook,
    )
    from mainstay.domain.pinned import PinnedConfig
    from mainstay.domain.runbook.run import RunReport
    from mainstay.domain.severity import Level
    from mainstay.domain.text import plain
    from mainstay.domain.timeline import Declared, Linked, Refused, SeveritySet
    from mainstay.domain.triage import impact_of, triage
    from mainstay.domain.work import Pinned, PinRequest

from workflows import calls, options
from workflows.actors import actor_of, refused, update_id
from workflows.incident_following import Following
from workflows.incident_recording import Recording
from workflows.messages import read
from workflows.parts import broke, none_broke, undisturbed

MOST = 500
"""Alerts of an incident that could not be opened yet."""
Transition = Callable[[IncidentState, Any, PinnedConfig, Actor, Any], IncidentState]
ALERT_SOURCE = Actor(person="alert source", assurance=Assurance.TOKEN, door="signal")


@workflow.defn(name=names.INCIDENT)
class IncidentWorkflow(Following, Recording):
    """One incident. Its id names the group of alerts; its key is the first execution's run id."""

    @workflow.init
    def __init__(self, given: IncidentInput | None = None) -> None:
        given = given or IncidentInput()
        super().__init__(given)
        self._call_tasks = []
        self._shown = {}
        self._opened = given.state is not None
        self._inbox: list[AlertBatch] = []
        if given.alerts and not self._opened:
            self._inbox.append(AlertBatch(alerts=given.alerts))
        if not self._opened and given.pinned is not None:
            # Here and not in run: updates that arrive with the start are handled before its first line.
            self._open_now(given, given.title, given.severity)

    @workflow.run
    async def run(self, _given: IncidentInput | None = None) -> IncidentView:
        await self._open(self._input)
        parts = [
            asyncio.create_task(self._in_group(name, part()))
            for name, part in (
                ("Page people", self._escalate),
                ("Follow the clock", self._clock),
                ("Mitigate and learn", self._children),
                ("Look after runbooks", self._watch_runs),
                ("Tell people", self._inform),
                ("Show it in Temporal", self._show),
                ("Record", self._record),
            )
        ]
        await self._live(parts)
        self._stopping = True
        await undisturbed(lambda: all(task.done() for task in self._tasks(parts)), self._cancelled)
        none_broke(self._tasks(parts))
        await undisturbed(workflow.all_handlers_finished, self._cancelled)
        if not self._finished():
            state = bounded(self._state, workflow.info().run_id)
            carried = self._input.model_copy(
                update={"pinned": self._pinned, "state": state, "alerts": (), "declaration": None}
            )
            workflow.continue_as_new(carried)
        return self.view()

    async def _in_group(self, label: str, part: Any) -> None:
        group = workflow.create_event_group(label.lower().replace(" ", "-"), label=label)
        with group.scope():
            await part

    async def _live(self, parts: list[asyncio.Task[None]]) -> None:
        """Until it is over, or its history has grown long at a moment when nobody is being paged."""
        await undisturbed(
            lambda: self._finished() or self._long() or any(map(broke, self._tasks(parts))), self._cancelled
        )
        none_broke(self._tasks(parts))

    def _tasks(self, parts: list[asyncio.Task[None]]) -> list[asyncio.Task[None]]:
        return [*parts, *self._call_tasks]

    def _finished(self) -> bool:
        state = self._state
        told = state.children_told and state.announced == self._announcement() and not state.calls
        settled = told and not self._busy and not self._awaits_runs()
        return state.phase.ended and settled and not self._unrecorded()

    def _long(self) -> bool:
        return workflow.info().is_continue_as_new_suggested() and not self._busy

    def _cancelled(self) -> None:
        """Cancellation from outside is a cancel like any other, by a person nobody verified."""
        if not self._state.phase.ended:
            actor = Actor(person="Temporal cancellation")
            command = Cancel(reason="the workflow was cancelled")
            self._state = lifecycle.cancel(self._state, command, self._pinned, actor, workflow.now())

    # ---- opening ----------------------------------------------------------------------------

    async def _open(self, given: IncidentInput) -> None:
        """A bare client's incident has to ask for its configuration first."""
        if self._opened:
            return
        pinned = await self._pin(given)
        self._pinned_or_none = pinned.pinned
        given = given.model_copy(update={"first_targets": pinned.first_targets, "mode": pinned.mode})
        given = given.model_copy(update={"route": given.route or pinned.route})
        self._input = given
        self._open_now(given, given.title or pinned.title, given.severity or pinned.severity)

    def _open_now(self, given: IncidentInput, title: str, route_severity: str) -> None:
        """Give it severity, title and an escalation. Nothing here waits."""
        self._begin(given, title, route_severity)
        self._opened = True
        for batch in self._inbox:
            self._take(batch)
        self._inbox.clear()

    async def _pin(self, given: IncidentInput) -> Pinned:
        """Ask until there is an answer: without configuration nobody can be paged but the last resort."""
        pause, told = options.PIN_AGAIN_FIRST, None
        while True:
            alerts = tuple(alert for batch in self._inbox for alert in batch.alerts)
            request = PinRequest(alerts=alerts[:MOST], declaration=given.declaration, at=workflow.now())
            try:
                return await calls.pin_config(request)
            except ActivityError as error:
                if is_cancelled_exception(error):
                    raise
                _, why = calls.why(error)
            if told is None or workflow.now() - told >= options.LAST_RESORT_EVERY:
                told = workflow.now()
                await self._page_last_resort(f"its configuration cannot be read: {why}", alerts)
            if workflow.info().is_continue_as_new_suggested():
                workflow.continue_as_new(given.model_copy(update={"alerts": alerts[-MOST:]}))
            await workflow.sleep(pause, summary="Ask for the configuration again")
            pause = min(pause * 2, options.PIN_AGAIN_MOST)

    def _begin(self, given: IncidentInput, title: str, route_severity: str) -> None:
        pinned, now = self._pinned, workflow.now()
        alerts = tuple(alert for batch in self._inbox for alert in batch.alerts)
        declared = given.declaration
        impact = declared.impact if declared else impact_of(alerts)
        wanted = (declared.severity if declared else "") or route_severity
        level, why, known = self._level(wanted, impact)
        how = "person" if declared else "alert"
        actor = (declared.actor if declared else None) or (SYSTEM if declared is None else Actor(person="unknown"))
        named = (declared.title if declared else "") or title or (alerts[0].name if alerts else "incident")
        self._set(
            title=plain(named, lifecycle.MAX_NAME),
            route=given.route,
            ticket=given.mode == "ticket",
            how=how,
            exercise=bool(declared and declared.exercise),
            impact=impact,
            rank=level.rank,
            severity=level.label,
            severity_set_by_hand=bool(wanted),
            declared_at=now,
            escalation_begun_at=now,
            next_update_due=now + level.update_every if level.update_every else None,
            roles_from=now,
        )
        self._log(
            Declared(
                at=now,
                actor=actor,
                title=self._state.title,
                service=pinned.service.name,
                severity=level.label,
                how=how,
            ),
            SeveritySet(at=now, severity=level.label, reason=why),
        )
        self._state = lifecycle.begin_paging(self._state, pinned, now, known=known)
        runbook = self._runbook_for([alert.name for alert in alerts])
        if runbook:
            self._set(to_start=(RunRequest(runbook=runbook),))

    def _level(self, wanted: str, impact: Impact) -> tuple[Level, str, bool]:
        """The level, why it is that one, and whether that is known rather than a default."""
        profile = self._pinned.profile
        if wanted:
            try:
                return profile.parse(wanted), "as declared", True
            except InvalidArgument as refusal:
                self._log(Refused(at=workflow.now(), what=f"severity {wanted!r}", why=refusal.message))
        found = triage(impact, self._pinned.service, profile)
        return profile.level(found.rank), f"triage: {found.rule}", found.known

    def _runbook_for(self, alert_names: list[str]) -> str:
        chosen = self._pinned.service.runbooks
        name = next((chosen[alert] for alert in alert_names if alert in chosen), chosen.get("*", ""))
        return name if name in self._pinned.runbooks else ""

    # ---- signals ----------------------------------------------------------------------------

    @workflow.signal(name=names.ALERTS, description="Alerts that belong to this incident")
    def alerts(self, batch: Any = None) -> None:
        try:
            given = read(AlertBatch, batch)
        except InvalidArgument as refusal:
            self.refuse_signal(names.ALERTS, refusal.message)
            return
        if self._opened:
            self._take(given)
        else:
            self._inbox.append(given)

    def refuse_signal(self, signal: str, why: str) -> None:
        """Nothing is lost silently: what cannot be taken is in the journal."""
        self._log(Refused(at=workflow.now(), what=f"signal {plain(signal, 50)}", why=why))

    def _take(self, batch: AlertBatch) -> None:
        if batch.incident_key and batch.incident_key != self._state.key:
            why = f"meant for incident {batch.incident_key}"
            self._log(Refused(at=workflow.now(), what=f"{len(batch.alerts)} alert(s)", why=why))
        else:
            self._state = lifecycle.take_alerts(self._state, batch, self._pinned, workflow.now(), ALERT_SOURCE)
        self._after()

    @workflow.signal(name=names.RUN_REPORT, description="What a runbook run has done (sent by the run)")
    def run_report(self, report: Any = None) -> None:
        try:
            given = read(RunReport, report)
        except InvalidArgument as refusal:
            self.refuse_signal(names.RUN_REPORT, refusal.message)
            return
        if self._opened:
            self._state = lifecycle.take_report(self._state, given, self._pinned, workflow.now(), SYSTEM)
            self._after()

    @workflow.signal(name=names.CHILD_REPORT, description="Another incident was merged into this one")
    def child_report(self, text: Any = "") -> None:
        other = plain(text, lifecycle.MAX_NAME) if isinstance(text, str) else ""
        if not other.strip():
            self.refuse_signal(names.CHILD_REPORT, "it names no incident")
        elif other not in self._state.linked:
            self._log(Linked(at=workflow.now(), relation="merged from", other=other))
            self._set(linked=(*self._state.linked, other)[-lifecycle.MAX_LINKED :])

    @workflow.signal(name=names.BOUNCED, description="A provider could not deliver a notification after all")
    def bounced(self, bounce: Any = None) -> None:
        try:
            given = read(Bounce, bounce)
        except InvalidArgument as refusal:
            self.refuse_signal(names.BOUNCED, refusal.message)
            return
        if self._opened:
            self._bounce(given)

    @workflow.query(name=names.VIEW, description="The whole state as one model")
    def view(self) -> IncidentView:
        if self._pinned_or_none is None:
            return IncidentView(
                key=self._state.key,
                workflow_id=self._id,
                title=self._input.title or "incident",
                phase=Phase.DECLARED,
                public_state="Investigating",
                severity="",
                rank=0,
                service="",
                team="",
                waits_for="its configuration",
            )
        return incident_view.view(self._state, self._pinned, self._id, workflow.now())

    # ---- updates ----------------------------------------------------------------------------

    def _try(self, operation: str, change: Transition, command: Command) -> tuple[IncidentState, Actor]:
        """The state after ``command``; raises the refusal as the update's answer."""
        try:
            if self._pinned_or_none is None or not self._opened:
                raise Unavailable("the incident is being opened; try again in a moment")
            actor = actor_of(command, self._pinned.keys, self._state.key, operation)
            return change(self._state, command, self._pinned, actor, workflow.now()), actor
        except Refusal as refusal:
            raise refused(refusal) from None

    def _check(self, operation: str, change: Transition, command: Command) -> None:
        if not self._answered():
            self._try(operation, change, command)

    def _do(self, operation: str, change: Transition, command: Command, said: str) -> Outcome:
        if self._answered():
            return Outcome(message="already done", changed=False)
        self._state, _ = self._try(operation, change, command)
        self._set(seen_updates=(*self._state.seen_updates, update_id()))
        self._after()
        return Outcome(message=said)

    def _answered(self) -> bool:
        """An earlier run of this incident has answered this very update."""
        return update_id() in self._state.seen_updates

    def _after(self) -> None:
        """Forget the calls that are over."""
        self._call_tasks = [task for task in self._call_tasks if not _quietly_done(task)]

    @workflow.update(name=names.ACKNOWLEDGE, description='I have it: {"actor": {"person": "you"}}')
    def acknowledge(self, command: Acknowledge) -> Outcome:
        before = self._state.escalation.acknowledged_by
        outcome = self._do(names.ACKNOWLEDGE, lifecycle.acknowledge, command, "acknowledged: you have it")
        if not outcome.changed:
            return outcome
        if not self._state.escalation.acknowledged_by:
            left = self._pinned.policy.acks_needed - len(self._state.escalation.acks)
            return Outcome(message=f"acknowledged; {left} more must before nobody else is paged")
        if before:
            return Outcome(message=f"you have joined: {before} has it")
        called = tuple(p for p, how in self._state.called.items() if how == "paged")
        self._tell_handled(self._state.escalation.acknowledged_by, called)
        also = f"; already called, and told now that you have it: {', '.join(called)}" if called else ""
        return Outcome(message=outcome.message + also)

    @acknowledge.validator
    def _check_acknowledge(self, command: Acknowledge) -> None:
        self._check(names.ACKNOWLEDGE, lifecycle.acknowledge, command)

    @workflow.update(name=names.ESCALATE, description='{"reason": "…"}: page the next step now')
    def escalate(self, command: Escalate) -> Outcome:
        return self._do(names.ESCALATE, lifecycle.escalate, command, "the next step is being paged")

    @escalate.validator
    def _check_escalate(self, command: Escalate) -> None:
        self._check(names.ESCALATE, lifecycle.escalate, command)

    @workflow.update(name=names.SET_SEVERITY, description='{"severity": "SEV1", "reason": "…"}')
    def set_severity(self, command: SetSeverity) -> Outcome:
        return self._do(names.SET_SEVERITY, lifecycle.set_severity, command, f"severity {command.severity}")

    @set_severity.validator
    def _check_set_severity(self, command: SetSeverity) -> None:
        self._check(names.SET_SEVERITY, lifecycle.set_severity, command)

    @workflow.update(name=names.ASSIGN_ROLE, description='{"role": "commander", "person": "…"}')
    def assign_role(self, command: AssignRole) -> Outcome:
        said = f"{command.person} is {command.role}"
        return self._do(names.ASSIGN_ROLE, lifecycle.assign_role, command, said)

    @assign_role.validator
    def _check_assign_role(self, command: AssignRole) -> None:
        self._check(names.ASSIGN_ROLE, lifecycle.assign_role, command)

    @workflow.update(name=names.RELEASE_ROLE, description='{"role": "scribe"}')
    def release_role(self, command: ReleaseRole) -> Outcome:
        return self._do(names.RELEASE_ROLE, lifecycle.release_role, command, f"{command.role} is free")

    @release_role.validator
    def _check_release_role(self, command: ReleaseRole) -> None:
        self._check(names.RELEASE_ROLE, lifecycle.release_role, command)

    @workflow.update(name=names.ADD_NOTE, description='{"text": "what you saw"}')
    def add_note(self, command: AddNote) -> Outcome:
        return self._do(names.ADD_NOTE, lifecycle.add_note, command, "noted")

    @add_note.validator
    def _check_add_note(self, command: AddNote) -> None:
        self._check(names.ADD_NOTE, lifecycle.add_note, command)

    @workflow.update(name=names.RECORD_DECISION, description='{"text": "…", "rationale": "…"}')
    def record_decision(self, command: RecordDecision) -> Outcome:
        return self._do(names.RECORD_DECISION, lifecycle.record_decision, command, "decision recorded")

    @record_decision.validator
    def _check_record_decision(self, command: RecordDecision) -> None:
        self._check(names.RECORD_DECISION, lifecycle.record_decision, command)

    @workflow.update(name=names.POST_UPDATE, description='{"text": "…", "public": true}')
    def post_update(self, command: PostUpdate) -> Outcome:
        outcome = self._do(names.POST_UPDATE, lifecycle.post_update, command, "update posted")
        if outcome.changed:
            self._tell_update(command.text, command.actor.person)
        return outcome

    @post_update.validator
    def _check_post_update(self, command: PostUpdate) -> None:
        self._check(names.POST_UPDATE, lifecycle.post_update, command)

    @workflow.update(name=names.PAGE, description='{"target": "person:bob"}; also team: and schedule:')
    def page(self, command: PagePeople) -> Outcome:
        return self._do(names.PAGE, lifecycle.page_people, command, f"paging {command.target}")

    @page.validator
    def _check_page(self, command: PagePeople) -> None:
        self._check(names.PAGE, lifecycle.page_people, command)

    @workflow.update(name=names.START_RUNBOOK, description='{"runbook": "…", "inputs": {}}')
    def start_runbook(self, command: StartRunbook) -> Outcome:
        said = f"runbook {command.runbook} is started"
        return self._do(names.START_RUNBOOK, lifecycle.start_runbook, command, said)

    @start_runbook.validator
    def _check_start_runbook(self, command: StartRunbook) -> None:
        self._check(names.START_RUNBOOK, lifecycle.start_runbook, command)

    @workflow.update(name=names.RECORD_MITIGATION, description='{"text": "…", "temporary": false}')
    def record_mitigation(self, command: RecordMitigation) -> Outcome:
        return self._do(names.RECORD_MITIGATION, lifecycle.record_mitigation, command, "recorded")

    @record_mitigation.validator
    def _check_record_mitigation(self, command: RecordMitigation) -> None:
        self._check(names.RECORD_MITIGATION, lifecycle.record_mitigation, command)

    @workflow.update(name=names.RESOLVE, description='{"confirmations": ["metrics", …], "anyway": ""}')
    def resolve(self, command: Resolve) -> Outcome:
        return self._do(names.RESOLVE, lifecycle.resolve, command, "resolved")

    @resolve.validator
    def _check_resolve(self, command: Resolve) -> None:
        self._check(names.RESOLVE, lifecycle.resolve, command)

    @workflow.update(name=names.REOPEN, description='{"reason": "…"}')
    def reopen(self, command: Reopen) -> Outcome:
        return self._do(names.REOPEN, lifecycle.reopen, command, "reopened; people are paged anew")

    @reopen.validator
    def _check_reopen(self, command: Reopen) -> None:
        self._check(names.REOPEN, lifecycle.reopen, command)

    @workflow.update(name=names.CANCEL, description='{"reason": "false alarm"}')
    def cancel(self, command: Cancel) -> Outcome:
        return self._do(names.CANCEL, lifecycle.cancel, command, "cancelled; runs undo and stop")

    @cancel.validator
    def _check_cancel(self, command: Cancel) -> None:
        self._check(names.CANCEL, lifecycle.cancel, command)

    @workflow.update(name=names.MERGE, description='{"into": "incident/…"}')
    def merge(self, command: Merge) -> Outcome:
        return self._do(names.MERGE, self._merged, command, f"merged into {command.into}")

    @merge.validator
    def _check_merge(self, command: Merge) -> None:
        self._check(names.MERGE, self._merged, command)

    def _merged(
        self, state: IncidentState, command: Merge, pinned: PinnedConfig, actor: Actor, now: datetime
    ) -> IncidentState:
        if command.into.strip() == self._id:
            raise InvalidArgument("an incident cannot be merged into itself", field="into")
        return lifecycle.merge(state, command, pinned, actor, now)

    @workflow.update(name=names.CLOSE, description='{"items": [{"text": "…", "owner": "…", "due": "…"}]}')
    def close(self, command: Close) -> Outcome:
        return self._do(names.CLOSE, lifecycle.close, command, "closed")

    @close.validator
    def _check_close(self, command: Close) -> None:
        self._check(names.CLOSE, lifecycle.close, command)


def _quietly_done(task: asyncio.Task[None]) -> bool:
    return task.done() and not task.cancelled() and task.exception() is None
