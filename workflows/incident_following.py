"""Deadlines, status updates and children of the incident: everything besides paging and records."""

from __future__ import annotations

from datetime import datetime

from temporalio import workflow
from temporalio.exceptions import ChildWorkflowError, FailureError, WorkflowAlreadyStartedError

with workflow.unsafe.imports_passed_through():
    from mainstay.domain import incident_view, lifecycle, names
    from mainstay.domain.access import SYSTEM
    from mainstay.domain.errors import Refusal
    from mainstay.domain.incident import Close, ItemDraft, Phase, PostUpdate, RunRef, RunRequest, public_state
    from mainstay.domain.message import NoticeMessage, StatusMessage
    from mainstay.domain.model import digest
    from mainstay.domain.runbook.run import RunInput
    from mainstay.domain.timeline import LearningStarted, Noted, Refused, RunStarted, UpdatePosted
    from mainstay.domain.work import ActionItemInput, ItemRow, PostmortemInput

from workflows import options
from workflows.incident_paging import TOLD, Paging

PUBLIC_TEXT = {
    "Investigating": "We are investigating a problem with {service}.",
    "Identified": "The cause of the problem with {service} is known and a fix is being applied.",
    "Monitoring": "A fix for {service} is in place. We are watching the results.",
    "Resolved": "{service} works normally again.",
}


class Following(Paging):
    """Clock, communication and children."""

    # ---- deadlines --------------------------------------------------------------------------

    async def _clock(self) -> None:
        while not self._stopping:
            due = self._next_deadline()
            if due is not None and due[0] <= workflow.now():
                self._pass_deadline(due[1])
                continue
            at, what = due if due else (None, None)
            await self._until(lambda: self._next_deadline() != due, at, what)  # noqa: B023 - awaited at once

    def _next_deadline(self) -> tuple[datetime, str] | None:
        """The nearest instant at which a rule of time applies, with its name."""
        state, found = self._state, []
        if state.phase.ended:
            return None
        if not state.escalation.acknowledged_by and not state.phase.quiet:
            for name, due in lifecycle.response_deadlines(state, self._pinned):
                if name not in state.late:
                    found.append((due, name))
        if state.phase is Phase.MONITORING and state.hold_until and not state.hold_told and not state.firing:
            found.append((state.hold_until, "monitoring hold"))
        wait = self._pinned.auto_close_after
        if state.phase is Phase.RESOLVED and state.resolved_at and wait and "auto close" not in state.late:
            found.append((state.resolved_at + wait, "auto close"))
        return min(found, default=None)

    def _pass_deadline(self, what: str) -> None:
        now = workflow.now()
        if what == "monitoring hold":
            self._set(hold_told=True)
            self._log(Noted(at=now, text="the monitoring hold has passed without symptoms"))
            self._ask_for_resolution()
        elif what == "auto close":
            self._set(late=(*self._state.late, what))
            try:
                close = Close(reason="closed by itself, as configured")
                self._state = lifecycle.close(self._state, close, self._pinned, SYSTEM, now)
            except Refusal as refusal:
                self._log(Refused(at=now, what=what, why=refusal.message))
        else:
            self._state = lifecycle.note_late(self._state, self._pinned, now)

    def _ask_for_resolution(self) -> None:
        commander = self._state.roles.get("commander")
        if not commander:
            return
        message = NoticeMessage(
            incident=self._ref(),
            links=(self._view_link(),),
            subject="Confirm the resolution",
            text="The monitoring hold has passed without symptoms. Go through the confirmation list and "
            f"resolve it: mainstay incident resolve {self._state.number or self._state.key} --confirm all",
        )
        self._tell(commander, message, TOLD, f"hold/{self._state.escalation.round}/{self._state.next_seq}")

    # ---- telling people ---------------------------------------------------------------------

    async def _inform(self) -> None:
        """Announce each public state once, and keep the cadence of the severity even without news."""
        while not self._stopping:
            state = self._state
            silent = state.phase in (Phase.CANCELLED, Phase.MERGED)
            if public_state(state.phase) != state.announced and not silent:
                self._announce()
                continue
            due = None if state.phase.ended else state.next_update_due
            if due is not None and due <= workflow.now():
                self._post(f"Still {state.phase.value}. Waiting for {self._waiting()}.", public=False)
                continue
            seen = self._news()
            await self._until(lambda: self._news() != seen, due, "Status update")  # noqa: B023 - at once

    def _news(self) -> tuple[object, ...]:
        """What this part acts on: any other change must not disturb its timer."""
        return (self._state.next_update_due, self._state.phase, self._state.announced)

    def _waiting(self) -> str:
        return incident_view.waits_for(self._state, self._pinned, workflow.now()) or "nothing"

    def _announce(self) -> None:
        name = self._pinned.service.public_name
        text = PUBLIC_TEXT[public_state(self._state.phase)].format(service=name or self._pinned.service.name)
        self._set(announced=public_state(self._state.phase))
        self._post(text, public=bool(name))

    def _post(self, text: str, *, public: bool) -> None:
        command = PostUpdate(text=text, public=public)
        now = workflow.now()
        if self._state.phase.ended:  # closed at once after resolving: still tell
            entry = UpdatePosted(
                at=now,
                text=text,
                public=public,
                public_state=public_state(self._state.phase),
                automatic=True,
            )
            self._log(entry)
            if public:
                self._set(public_text=text, public_at=now)
        else:
            self._state = lifecycle.post_update(
                self._state, command, self._pinned, SYSTEM, now, automatic=True
            )
        self._tell_update(text, "mainstay")

    def _tell_update(self, text: str, by: str) -> None:
        message = StatusMessage(
            incident=self._ref(),
            links=(self._view_link(),),
            state=public_state(self._state.phase),
            text=text,
            by=by,
            next_update_at=self._state.next_update_due,
        )
        for handle in self._pinned.stakeholders:
            self._tell(handle, message, TOLD, f"update/{self._state.next_seq}")

    # ---- children ---------------------------------------------------------------------------

    async def _children(self) -> None:
        """Start runs and, after resolution, what learns from it. Children outlive this workflow."""
        while not self._stopping:
            state = self._state
            if state.phase.ended and not state.children_told:
                await self._tell_children()
            elif state.to_start and not state.phase.ended:
                await self._start_run(state.to_start[0])
            elif state.resolved_at and not state.postmortem_id and self._wants_postmortem():
                await self._start_postmortem()
            else:
                await self._until(self._children_wanted)

    def _children_wanted(self) -> bool:
        state = self._state
        wants = bool(state.resolved_at) and not state.postmortem_id and self._wants_postmortem()
        starts = bool(state.to_start) and not state.phase.ended
        return starts or wants or (state.phase.ended and not state.children_told)

    def _wants_postmortem(self) -> bool:
        return self._pinned.profile.level(self._state.rank).postmortem

    async def _start_run(self, wanted: RunRequest) -> None:
        pinned, state = self._pinned, self._state
        count = state.run_count + 1
        self._set(to_start=state.to_start[1:], run_count=count)
        workflow_id = names.run_workflow_id(state.key, wanted.runbook, count)
        text = pinned.runbooks[wanted.runbook]
        given = RunInput(
            runbook=wanted.runbook,
            text=text,
            digest=digest(text),
            library=pinned.runbooks,
            inputs=wanted.inputs,
            incident=self._ref(),
            roles=state.roles,
            requester=wanted.requester,
            pinned=pinned,
        )
        ref = RunRef(workflow_id=workflow_id, runbook=wanted.runbook)
        self._set(runs=(*self._state.runs, ref))
        self._log(RunStarted(at=workflow.now(), runbook=wanted.runbook, run=workflow_id))
        await self._start(names.RUNBOOK, given, workflow_id, f"Runbook {wanted.runbook}: {state.title}")

    async def _start(self, kind: str, given: object, workflow_id: str, summary: str) -> None:
        """Start a child that lives on without us: the default close policy would kill it in the middle."""
        try:
            await workflow.start_child_workflow(
                kind,
                given,
                id=workflow_id,
                task_queue=names.INCIDENT_QUEUE,
                parent_close_policy=workflow.ParentClosePolicy.ABANDON,
                cancellation_type=workflow.ChildWorkflowCancellationType.ABANDON,
                task_timeout=options.TASK_TIMEOUT,
                static_summary=summary[:390],
            )
        except WorkflowAlreadyStartedError:
            self._log(Noted(at=workflow.now(), text=f"{workflow_id} was running already"))
        except ChildWorkflowError as error:
            self._log(Refused(at=workflow.now(), what=f"start of {workflow_id}", why=str(error)[:300]))

    async def _start_postmortem(self) -> None:
        state = self._state
        workflow_id = names.postmortem_workflow_id(state.key)
        self._set(postmortem_id=workflow_id)
        given = PostmortemInput(
            incident=self._ref(),
            row=incident_view.row(self._state, self._pinned, self._id),
            timeline=self._state.recent,
            items=state.items,
            responders=tuple(sorted(state.called)),
            owner=state.roles.get("commander", ""),
            pinned=self._pinned,
            at=workflow.now(),
        )
        self._log(LearningStarted(at=workflow.now(), what="postmortem", workflow_id=workflow_id))
        await self._start(names.POSTMORTEM, given, workflow_id, f"Postmortem: {state.title}")

    async def _tell_children(self) -> None:
        """The incident is over: runs undo and stop, action items begin."""
        if self._state.phase in (Phase.CANCELLED, Phase.MERGED):
            for run in self._state.runs:
                if not run.ended:
                    await self._cancel_run(run)
        for index, item in enumerate(self._state.items, start=1):
            await self._start_item(item, index)
        self._set(children_told=True)

    async def _cancel_run(self, run: RunRef) -> None:
        try:
            await workflow.get_external_workflow_handle(run.workflow_id).cancel()
        except FailureError as error:
            self._log(Noted(at=workflow.now(), text=f"{run.workflow_id} has ended already ({error})"[:300]))

    async def _start_item(self, item: ItemDraft, index: int) -> None:
        item_id = f"{self._state.number or self._state.key[:8]}-{index}"
        person = self._pinned.people.get(item.owner)
        given = ActionItemInput(
            item=ItemRow(
                id=item_id,
                incident_key=self._state.key,
                incident_number=self._state.number,
                text=item.text,
                owner=item.owner,
                due=item.due,
                kind=item.kind,
                priority=item.priority,
                created_at=workflow.now(),
                workflow_id=names.action_item_workflow_id(item_id),
            ),
            manager=(person.manager if person else None) or self._pinned.team.manager or "",
            incident=self._ref(),
            pinned=self._pinned,
        )
        workflow_id = names.action_item_workflow_id(item_id)
        self._log(
            LearningStarted(at=workflow.now(), what=f"action item: {item.text}", workflow_id=workflow_id)
        )
        await self._start(names.ACTION_ITEM, given, workflow_id, f"Action item: {item.text}")
