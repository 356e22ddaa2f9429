"""Deadlines, status updates and children of the incident: everything besides paging and records."""

from __future__ import annotations

from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.exceptions import (
    ActivityError,
    ChildWorkflowError,
    FailureError,
    WorkflowAlreadyStartedError,
)

with workflow.unsafe.imports_passed_through():
    from mainstay.domain import incident_view, lifecycle, names
    from mainstay.domain.access import SYSTEM
    from mainstay.domain.action_item import opening
    from mainstay.domain.errors import Refusal
    from mainstay.domain.incident import Close, ItemDraft, Phase, PostUpdate, RunRef, RunRequest, public_state
    from mainstay.domain.lifecycle import ROLES_LATE, TOLD, UNMITIGATED
    from mainstay.domain.message import NoticeMessage, StatusMessage
    from mainstay.domain.model import digest
    from mainstay.domain.postmortem_policy import PostmortemFacts, PostmortemPolicy, postmortem_reasons
    from mainstay.domain.runbook.run import RunInput
    from mainstay.domain.timeline import (
        Late,
        LearningStarted,
        Noted,
        Refused,
        RunStarted,
        UpdatePosted,
    )
    from mainstay.domain.work import HolderRequest, PostmortemInput

from workflows import calls, options
from workflows.incident_paging import Paging

PUBLIC_TEXT = {
    "Investigating": "We are investigating a problem with {service}.",
    "Identified": "The cause of the problem with {service} is known and a fix is being applied.",
    "Monitoring": "A fix for {service} is in place. We are watching the results.",
    "Resolved": "{service} works normally again.",
    "cancelled": "We have looked into the report about {service}: there is no problem.",
    "merged": "The problem with {service} is followed as part of another incident.",
}
HOLD = "monitoring hold"
AUTO_CLOSE = "auto close"
RUNS_LATE = "end of runbooks"
MAX_STATUS = 2000
"""Characters of a status message; the journal has all of the text."""
REMIND_BEFORE = timedelta(minutes=5)
"""So long before a status update is due its owner is reminded, or a sixth of the cadence if that is less."""


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
            if state.closed_at is None or not self._awaits_runs():
                return None
            return state.closed_at + options.RUNS_END_WITHIN, RUNS_LATE
        if not state.escalation.acknowledged_by and not state.phase.quiet:
            for name, due in lifecycle.response_deadlines(state, self._pinned):
                if name not in state.late:
                    found.append((due, name))
        found += [(due, f"{UNMITIGATED}{index}") for due, index in lifecycle.unmitigated_due(state, self._pinned)]
        roles = lifecycle.roles_due(state, self._pinned)
        if roles is not None and ROLES_LATE not in state.late:
            found.append((roles, ROLES_LATE))
        calm = not lifecycle.still_firing(state)
        if state.phase is Phase.MONITORING and state.hold_until and not state.hold_told and calm:
            found.append((state.hold_until, HOLD))
        wait = self._pinned.auto_close_after
        if state.phase is Phase.RESOLVED and state.resolved_at and wait and AUTO_CLOSE not in state.late:
            found.append((state.resolved_at + wait, AUTO_CLOSE))
        return min(found, default=None)

    def _pass_deadline(self, what: str) -> None:
        now = workflow.now()
        if what == HOLD:
            self._set(hold_told=True)
            self._log(Noted(at=now, text="the monitoring hold has passed without symptoms"))
            self._ask_for_resolution()
        elif what.startswith(UNMITIGATED):
            index = int(what.removeprefix(UNMITIGATED))
            self._state = lifecycle.still_unmitigated(self._state, self._pinned, index, now)
        elif what == AUTO_CLOSE:
            self._set(late=(*self._state.late, what))
            self._close_by_itself()
        elif what == ROLES_LATE:
            self._set(late=(*self._state.late, what))
            self._remind_of_roles()
        elif what == RUNS_LATE:
            self._set(late=(*self._state.late, what))
            left = ", ".join(run.workflow_id for run in self._open_runs())
            self._log(Late(at=now, what=f"{RUNS_LATE}: {left}"))
        else:
            self._state = lifecycle.note_late(self._state, self._pinned, now)

    def _close_by_itself(self) -> None:
        now = workflow.now()
        try:
            close = Close(reason="closed by itself, as configured")
            self._state = lifecycle.close(self._state, close, self._pinned, SYSTEM, now)
        except Refusal as refusal:
            self._log(Refused(at=now, what=AUTO_CLOSE, why=refusal.message))
            self._notice(
                self._leads(),
                "The incident cannot close by itself",
                f"{refusal.message}. Close it yourself: mainstay incident close {self._spoken()}",
                AUTO_CLOSE,
            )

    def _remind_of_roles(self) -> None:
        missing = lifecycle.missing_roles(self._state, self._pinned)
        due = lifecycle.roles_due(self._state, self._pinned)
        self._log(Late(at=workflow.now(), what=f"{ROLES_LATE}: {', '.join(missing)}", due=due))
        self._notice(
            self._leads(),
            "Roles are not assigned",
            f"{self._state.severity} requires {', '.join(missing)}, and nobody holds them. Assign them: "
            f"mainstay incident role {self._spoken()} ROLE PERSON",
            "roles",
        )

    def _leads(self) -> tuple[str, ...]:
        """Whom to ask: the commander; else everybody who was called; else the team's manager."""
        commander = self._state.roles.get("commander")
        if commander:
            return (commander,)
        return lifecycle.responders(self._state) or tuple(filter(None, (self._pinned.team.manager,)))

    def _spoken(self) -> str:
        return self._state.number or self._state.key

    def _notice(self, people: tuple[str, ...], subject: str, text: str, salt: str) -> None:
        message = NoticeMessage(incident=self._ref(), links=(self._view_link(),), subject=subject, text=text)
        for handle in people:
            self._tell(handle, message, TOLD, f"{salt}/{self._state.escalation.round}/{self._state.next_seq}")

    def _ask_for_resolution(self) -> None:
        self._notice(
            self._leads(),
            "Confirm the resolution",
            "The monitoring hold has passed without symptoms. Go through the confirmation list and "
            f"resolve it: mainstay incident resolve {self._spoken()} --confirm all",
            "hold",
        )

    # ---- telling people ---------------------------------------------------------------------

    async def _inform(self) -> None:
        """Announce each public state once, and keep the cadence of the severity even without news."""
        while not self._stopping:
            if self._announcement() != self._state.announced and not self._merge_is_open():
                self._announce()
                continue
            due = self._next_update()
            if due is not None and due[0] <= workflow.now():
                self._update_due(due[1])
                continue
            seen = self._news()
            at = due[0] if due else None
            await self._until(lambda: self._news() != seen, at, "Status update")  # noqa: B023 - at once

    def _merge_is_open(self) -> bool:
        """Whether the other incident runs is not known before it has been told."""
        return self._state.phase is Phase.MERGED and not self._state.children_told

    def _news(self) -> tuple[object, ...]:
        """What this part acts on: any other change must not disturb its timer."""
        return (self._next_update(), self._announcement(), self._state.announced, self._merge_is_open())

    def _next_update(self) -> tuple[datetime, str] | None:
        """When to remind, to post by itself, or to repeat the public state."""
        state, found = self._state, []
        if state.phase.ended:
            return None
        if state.next_update_due is not None:
            found.append((state.next_update_due, "update"))
            if state.update_reminded_for != state.next_update_due:
                found.append((state.next_update_due - self._remind_before(), "remind"))
        if state.next_public_update_due is not None:
            found.append((state.next_public_update_due, "public"))
        return min(found, default=None)

    def _remind_before(self) -> timedelta:
        every = self._pinned.profile.level(self._state.rank).update_every or REMIND_BEFORE
        return min(REMIND_BEFORE, every / 6)

    def _update_due(self, what: str) -> None:
        if what == "remind":
            self._remind_of_update()
        elif what == "public":
            self._post(f"{self._public_text()} Nothing has changed since the last update.", public=True)
        else:
            self._post(f"Still {self._state.phase.value}. Waiting for {self._waiting()}.", public=False)

    def _remind_of_update(self) -> None:
        """Its owner, or the commander where that role is vacant (D-07, S-146)."""
        due = self._state.next_update_due
        assert due is not None, "its reminder is due"
        self._set(update_reminded_for=due)
        owner = self._state.roles.get(self._pinned.profile.level(self._state.rank).update_owner)
        people = (owner,) if owner else tuple(filter(None, (self._state.roles.get("commander"),)))
        self._notice(
            people,
            "A status update is due",
            f"The next one is due at {due:%H:%M} UTC; without it, one without news goes out by itself. "
            f"mainstay incident update {self._spoken()} TEXT",
            "update-due",
        )

    def _waiting(self) -> str:
        return incident_view.waits_for(self._state, self._pinned, workflow.now()) or "nothing"

    def _public_text(self) -> str:
        name = self._pinned.service.public_name or self._pinned.service.name
        return PUBLIC_TEXT[self._announcement()].format(service=name)

    def _announce(self) -> None:
        text, phase = self._public_text(), self._state.phase
        self._set(announced=self._announcement())
        withdrawn = phase in (Phase.CANCELLED, Phase.MERGED)
        said_before = not withdrawn or bool(self._state.public_text)
        self._post(text, public=bool(self._pinned.service.public_name) and said_before)
        if withdrawn:  # stand down (S-039)
            reason = f"merged into {self._state.merged_into}" if phase is Phase.MERGED else "cancelled"
            people = tuple(p for p in self._state.called if p not in self._pinned.stakeholders)
            self._notice(people, f"Stand down: {reason}", text, "stand-down")

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
            self._state = lifecycle.post_update(self._state, command, self._pinned, SYSTEM, now, automatic=True)
        self._tell_update(text, "mainstay")

    def _tell_update(self, text: str, by: str) -> None:
        message = StatusMessage(
            incident=self._ref(),
            links=(self._view_link(),),
            state=public_state(self._state.phase),
            text=text[:MAX_STATUS],
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
            elif self._roles_changed():
                await self._tell_roles()
            elif state.to_start and not state.phase.ended:
                await self._start_run(state.to_start[0])
            elif self._postmortem_is_due():
                await self._start_postmortem()
            else:
                await self._until(self._children_wanted)

    def _children_wanted(self) -> bool:
        state = self._state
        starts = bool(state.to_start) and not state.phase.ended
        untold = (state.phase.ended and not state.children_told) or self._roles_changed()
        return starts or untold or self._postmortem_is_due()

    def _postmortem_is_due(self) -> bool:
        state = self._state
        return bool(state.resolved_at) and not state.postmortem_id and self._wants_postmortem()

    def _open_runs(self) -> tuple[RunRef, ...]:
        return tuple(run for run in self._state.runs if not run.ended)

    def _awaits_runs(self) -> bool:
        """A cancelled incident is over when its runs have undone what they did, or take too long."""
        return bool(self._open_runs()) and RUNS_LATE not in self._state.late

    def _roles_changed(self) -> bool:
        return bool(self._open_runs()) and self._state.roles != self._state.roles_told

    async def _tell_roles(self) -> None:
        """A vote may need the commander, who is often named after the runbook has begun."""
        roles = self._state.roles
        for run in self._open_runs():
            try:
                await workflow.get_external_workflow_handle(run.workflow_id).signal(names.ROLES, roles)
            except FailureError as error:
                workflow.logger.info("%s was not told the roles: %s", run.workflow_id, error)
        self._set(roles_told=roles)

    async def _watch_runs(self) -> None:
        """A run that was terminated reports nothing, and nobody could close the incident for ever."""
        while not self._stopping:
            watched = self._open_runs()
            if not watched:
                await self._until(lambda: bool(self._open_runs()))
                continue
            at = workflow.now() + options.RUN_CHECK_EVERY
            await self._until(lambda: not self._open_runs(), at, "Look after the runbooks")
            for run in () if self._stopping else self._open_runs():
                await self._check_run(run)

    async def _check_run(self, run: RunRef) -> None:
        request = HolderRequest(workflow_id=run.workflow_id, run_id=run.run_id)
        try:
            found = await self._abandonable(calls.holder_state(request))
        except ActivityError:
            return
        if found is not None and not found.open:
            why = f"{found.status}: it will not report any more"
            self._state = lifecycle.run_lost(self._state, run.workflow_id, why, workflow.now())

    def _wants_postmortem(self) -> bool:
        """The severity's own rule, or those of T-9: long, customer data exposed, a breach (D-21)."""
        state = self._state
        lasted = (state.resolved_at or workflow.now()) - (state.declared_at or workflow.now())
        facts = PostmortemFacts(
            rank=state.rank,
            duration=lasted,
            data_exposure=bool(state.impact.data_loss),
            security_breach=bool(state.impact.security_breach),
        )
        rules = PostmortemPolicy(ranks_up_to=-1)
        return self._pinned.profile.level(state.rank).postmortem or bool(postmortem_reasons(facts, rules))

    async def _start_run(self, wanted: RunRequest) -> None:
        pinned, state = self._pinned, self._state
        count = state.run_count + 1
        told = state.roles if not self._open_runs() else state.roles_told
        self._set(to_start=state.to_start[1:], run_count=count, roles_told=told)
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
        summary = f"Runbook {wanted.runbook}: {state.title}"
        if not await self._start(names.RUNBOOK, given, workflow_id, summary):
            self._state = lifecycle.run_lost(self._state, workflow_id, "it was not started", workflow.now())

    async def _start(self, kind: str, given: object, workflow_id: str, summary: str) -> bool:
        """Start a child that lives on without us: the default close policy would kill it in the middle.

        False when it does not run, with the reason in the journal.
        """
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
            return False
        return True

    async def _start_postmortem(self) -> None:
        state = self._state
        workflow_id = names.postmortem_workflow_id(state.key)
        self._set(postmortem_id=workflow_id)
        given = PostmortemInput(
            incident=self._ref(),
            row=incident_view.row(self._state, self._pinned, self._id),
            timeline=self._state.recent,
            items=state.items,
            responders=tuple(sorted(lifecycle.responders(state))),
            owner=self._postmortem_owner(),
            pinned=self._pinned,
            at=workflow.now(),
        )
        self._log(LearningStarted(at=workflow.now(), what="postmortem", workflow_id=workflow_id))
        await self._start(names.POSTMORTEM, given, workflow_id, f"Postmortem: {state.title}")

    def _postmortem_owner(self) -> str:
        """Somebody has to be chased: the commander, else who acknowledged, else who leads the team."""
        commander, team = self._state.roles.get("commander"), self._pinned.team
        known = (commander, *lifecycle.responders(self._state), team.manager, *team.members)
        return next((handle for handle in known if handle and handle in self._pinned.people), "")

    async def _tell_other(self) -> bool:
        """The incident that goes on learns of this one; False when it does not run."""
        told = f"{self._state.number or self._id}: {self._state.title}"[: lifecycle.MAX_NAME]
        other = workflow.get_external_workflow_handle(self._state.merged_into)
        try:
            await other.signal(names.CHILD_REPORT, told)
        except FailureError as error:
            why = f"it is not running ({error})"[:300]
            self._state = lifecycle.unmerge(self._state, self._pinned, why, workflow.now())
            return False
        return True

    async def _tell_children(self) -> None:
        """The incident is over: runs undo and stop, action items begin."""
        if self._state.phase is Phase.MERGED and not await self._tell_other():
            return
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
            why = f"it has ended already ({error})"
            self._state = lifecycle.run_lost(self._state, run.workflow_id, why, workflow.now())

    async def _start_item(self, item: ItemDraft, index: int) -> None:
        item_id = f"{self._state.number or self._state.key[:8]}-{index}"
        given = opening(item, item_id, self._ref(), self._pinned, workflow.now())
        workflow_id = names.action_item_workflow_id(item_id)
        self._log(LearningStarted(at=workflow.now(), what=f"action item: {item.text}", workflow_id=workflow_id))
        await self._start(names.ACTION_ITEM, given, workflow_id, f"Action item: {item.text}")
