"""How each command of the tree machine is carried out."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ActivityError, FailureError, WorkflowAlreadyStartedError

with workflow.unsafe.imports_passed_through():
    from pydantic import JsonValue

    from mainstay.domain import approval, names
    from mainstay.domain.access import SYSTEM
    from mainstay.domain.change import Applied, ApplyRequest, Change
    from mainstay.domain.errors import Halted
    from mainstay.domain.escalation import Target
    from mainstay.domain.message import ApprovalMessage, Link, NoticeMessage, PageMessage, QuestionMessage
    from mainstay.domain.model import digest
    from mainstay.domain.people import ResolvedTarget
    from mainstay.domain.runbook import commands as do
    from mainstay.domain.runbook import step
    from mainstay.domain.runbook.node import ActNode
    from mainstay.domain.runbook.run import Lease, RunInput
    from mainstay.domain.timeline import (
        ApprovalAnswered,
        ApprovalAsked,
        Mitigated,
        MitigationRemoved,
        Noted,
        RunStep,
    )
    from mainstay.domain.verdict import Verdict, worst
    from mainstay.domain.work import (
        HolderRequest,
        Look,
        LookRequest,
        PinnedResolveRequest,
        PlanRequest,
        RenderRequest,
        ResolvedTargets,
        ResolveRequest,
        SaveEffect,
        VerifyRequest,
    )

from workflows import calls, options
from workflows.runbook_core import ASKING, RunCore, _signal

HALTED = "halted"
"""Status of a run whose change waits for the kill switch to be cleared."""


class Steps(RunCore):
    """One method per command. None as a result means: it was interrupted, look at ``_interrupt``."""

    async def _carry_out(self, command: do.Command) -> do.Result | None:
        self._again = False
        match command:
            case do.Probe():
                return await self._interruptible(self._probe(command))
            case do.Parallel():
                return await self._interruptible(self._parallel(command))
            case do.Ask():
                return await self._ask(command)
            case do.PlanChange():
                return await self._interruptible(self._plan(command))
            case do.AwaitApproval():
                return await self._approval(command)
            case do.AcquireLease():
                return await self._lease(command)
            case do.ApplyChange():
                return await self._apply(command)
            case do.VerifyChange():
                return await self._interruptible(self._verify(command))
            case do.UndoChange():
                return await self._undo(command)
            case do.ReleaseLease():
                return await self._release(command)
            case do.Wait():
                return await self._pause_for(command)
            case do.Notify():
                return await self._say(command)
            case do.PagePerson():
                return await self._page(command)
            case do.CallRunbook():
                return await self._call(command)
            case do.End():
                raise AssertionError("the end is not carried out")

    async def _interruptible(self, work: Coroutine[Any, Any, do.Result]) -> do.Result | None:
        """Reading may stop at any time: an abort does not wait for a slow probe."""
        task = asyncio.create_task(work)
        await self._wait(task.done)
        if task.done():
            return task.result()
        task.cancel()
        return None

    # ---- looking ----------------------------------------------------------------------------

    def _values(self) -> dict[str, JsonValue]:
        return step.values(self._state.machine, self._incident)

    def _look_request(self, probe: do.Probe) -> LookRequest:
        return LookRequest(
            probe=probe.probe,
            parameters=probe.parameters,
            values=self._values(),
            cases=probe.cases,
            at=workflow.now(),
        )

    async def _look(self, probe: do.Probe) -> Look:
        try:
            return await calls.look(self._look_request(probe), f"Look: {probe.probe} ({probe.node})")
        except ActivityError as error:
            kind, message = calls.why(error)
            return Look(verdict=Verdict.ERROR, branch="error", detail=f"{kind}: {message}")

    async def _probe(self, command: do.Probe) -> do.Result:
        seen = await self._look(command)
        return do.Answered(branch=seen.branch, verdict=seen.verdict, facts=seen.facts, detail=seen.detail)

    async def _parallel(self, command: do.Parallel) -> do.Result:
        looks = await asyncio.gather(*(self._look(probe) for probe in command.probes))
        verdict = worst(tuple(look.verdict for look in looks))
        detail = "; ".join(
            f"{probe.probe}: {look.verdict.value}" for probe, look in zip(command.probes, looks, strict=True)
        )
        facts = {probe.probe: look.facts for probe, look in zip(command.probes, looks, strict=True)}
        return do.Answered(branch=verdict.value, verdict=verdict, facts=dict(facts), detail=detail)

    async def _verify(self, command: do.VerifyChange) -> do.Result:
        request = VerifyRequest(
            looks=tuple(self._look_request(probe) for probe in command.probes),
            within=command.within,
            settle=command.settle,
        )
        try:
            seen = await calls.start_verify(request, f"Verify: {command.change.title}"[:390])
        except ActivityError as error:
            kind, message = calls.why(error)
            return do.Verified(verdict=Verdict.ERROR, detail=f"{kind}: {message}")
        return do.Verified(verdict=seen.verdict, detail=seen.detail)

    # ---- changing ---------------------------------------------------------------------------

    async def _plan(self, command: do.PlanChange) -> do.Result:
        request = PlanRequest(
            action=command.action,
            parameters=command.parameters,
            values=self._values(),
            allowed_namespaces=self._pinned.allowed_namespaces if self._pinned else (),
            run_id=self._state.key,
            step=command.node,
            at=workflow.now(),
        )
        try:
            return do.Planned(change=await calls.plan_change(request))
        except ActivityError as error:
            kind, message = calls.why(error)
            return do.Failure(kind=kind, detail=message)

    async def _apply(self, command: do.ApplyChange) -> do.Result | None:
        """A write is not interrupted in the middle: a cancel waits for its answer."""
        request = ApplyRequest(change=command.change, run_id=self._state.key, step=command.node, fence=command.fence)
        try:
            applied = await self._written(request)
        except ActivityError as error:
            kind, message = calls.why(error)
            return do.Failure(kind=kind, detail=message)
        if applied is None:
            return None
        if applied.outcome == "drifted":
            return do.Drifted(detail=applied.detail)
        if not command.change.already:
            # "already" here is the answer to a retry: the first try's answer was lost with its worker.
            self._note_change(command)
        return do.Changed(applied=applied)

    async def _written(self, request: ApplyRequest) -> Applied | None:
        """The answer of the write, which waits while the kill switch is on; None: it was stopped instead."""
        pause = options.HALT_ASK_FIRST
        while True:
            try:
                applied = await calls.start_apply(request)
            except ActivityError as error:
                kind, message = calls.why(error)
                if kind != Halted.kind:
                    raise
                await self._halted(message, pause)
                if self._interrupt is not None or self._again or self._long():
                    return None
                pause = min(pause * 2, options.HALT_ASK_MOST)
                continue
            if self._status == HALTED:
                self._waiting("running", "")
            return applied

    async def _halted(self, message: str, pause: timedelta) -> None:
        if self._status != HALTED:
            self._log(Noted(at=workflow.now(), text=f"waits for the kill switch: {message}"))
            self._waiting(HALTED, "the kill switch to be cleared")
            await self._report()
        await self._wait(lambda: False, workflow.now() + pause, "Ask the kill switch again")

    def _note_change(self, command: do.ApplyChange) -> None:
        change, node = command.change, self._runbook.nodes[command.node]
        entry = Mitigated(
            at=workflow.now(),
            actor=self._given.requester or SYSTEM,
            mitigation=f"{workflow.info().workflow_id}:{command.node}",
            text=change.title,
            temporary=isinstance(node, ActNode) and node.temporary,
            inverse=f"undo step {command.node} of the run" if change.undo == "restore" else "",
            run=workflow.info().workflow_id,
        )
        self._log(entry)
        self._later(self._save(change, command.node, undone=False))

    async def _save(self, change: Change, node: str, *, undone: bool) -> None:
        """The reconcile sweep finds it by this should the run be terminated."""
        effect = SaveEffect(
            id=f"{self._state.key}:{node}",
            incident_key=self._incident.key,
            run=workflow.info().workflow_id,
            step=node,
            target=str(change.target),
            title=change.title,
            command=change.command,
            digest=change.digest,
            at=workflow.now(),
            undone=undone,
        )
        try:
            await calls.save_effect(effect)
        except ActivityError as error:
            workflow.logger.warning("the ledger could not be written: %s", calls.why(error)[1])

    async def _undo(self, command: do.UndoChange) -> do.Result | None:
        request = ApplyRequest(
            change=command.change, run_id=self._state.key, step=command.node, fence=command.fence, undo=True
        )
        try:
            applied = await self._written(request)
        except ActivityError as error:
            kind, message = calls.why(error)
            await self._alarm(f"Undo failed: {command.change.title}", f"{kind}: {message}")
            return do.Failure(kind=kind, detail=message)
        if applied is None:
            return None
        if applied.outcome == "drifted":
            await self._alarm(f"Undo not possible: {command.change.title}", applied.detail)
            return do.Failure(kind="Drifted", detail=applied.detail)
        mitigation = f"{workflow.info().workflow_id}:{command.node}"
        self._log(MitigationRemoved(at=workflow.now(), mitigation=mitigation, how=f"undone: {command.why}"))
        self._later(self._save(command.change, command.node, undone=True))
        return do.Done(detail=applied.detail)

    async def _alarm(self, subject: str, text: str) -> None:
        message = NoticeMessage(
            incident=self._incident,
            subject=subject,
            text=f"{text}. The target stays as it is; a person must look at it now.",
        )
        for person in (await self._audience(("on_call",))).people:
            await self._notify(person, message, f"alarm/{self._state.next_seq}")

    # ---- approval ---------------------------------------------------------------------------

    async def _approval(self, command: do.AwaitApproval) -> do.Result | None:
        policy = self._pinned.approvals if self._pinned else approval.ApprovalPolicy()
        rule = policy.rule(command.risk)
        if rule.votes == 0:
            return do.Approved()
        question = self._state.question
        if question is None or question.digest != command.change.digest or question.step != command.node:
            question = await self._open_question(command, rule)
        self._waiting_for_approval(command, question)
        await self._report()
        while (decision := self._decision()) is approval.Decision.PENDING:
            remind = question.expires_at - rule.remind_before
            at = remind if not self._state.reminded and remind > workflow.now() else question.expires_at
            if not await self._wait(lambda: self._decision() is not approval.Decision.PENDING, at, "Approval"):
                if self._interrupt is not None or self._long() or self._again:
                    if self._interrupt is not None:
                        self._close_question()
                    return None
                await self._remind(command, question)
            if self._decision() is approval.Decision.EXPIRED and self._may_extend(rule):
                question = await self._extend(command, rule)
        return await self._decided(command, decision)

    def _may_extend(self, rule: approval.ApprovalRule) -> bool:
        return rule.on_expiry == "escalate" and not self._state.extended

    async def _extend(self, command: do.AwaitApproval, rule: approval.ApprovalRule) -> approval.Question:
        """Once, the question goes to whoever is next in the escalation, for as long again."""
        question = self._state.question
        assert question is not None, "its time has passed"
        found = await self._next_in_line()
        handles = (*question.eligible, *(person.person for person in found.people))
        question = question.model_copy(
            update={
                "eligible": tuple(dict.fromkeys(handles)),
                "expires_at": workflow.now() + rule.expires_after,
            }
        )
        self._set(question=question, reminded=False, extended=True)
        text = f"nobody decided in time: {', '.join(p.person for p in found.people) or 'nobody else'} is asked"
        self._log(Noted(at=workflow.now(), text=text))
        for person in found.people:
            self._later(self._notify_approver(person, command, question, reminder=False))
        self._waiting_for_approval(command, question)
        return question

    def _waiting_for_approval(self, command: do.AwaitApproval, question: approval.Question) -> None:
        until = question.expires_at
        self._waiting("waiting for approval", f"approval of “{command.change.title}” until {until:%H:%M:%S} UTC")

    def _decision(self) -> approval.Decision:
        assert self._state.question is not None, "asked before"
        return approval.decision(self._state.question, workflow.now())

    async def _open_question(self, command: do.AwaitApproval, rule: approval.ApprovalRule) -> approval.Question:
        found = await self._audience(("on_call",))
        named = tuple(name for name in rule.by if name != "on_call" and not name.startswith("access:"))
        others = (await self._audience(named)).people if named else ()
        requester = self._given.requester
        question = approval.ask(
            number=self._state.questions + 1,
            step=command.node,
            change=command.change,
            risk=command.risk,
            rule=rule,
            requester=requester.person if requester else "",
            now=workflow.now(),
            eligible=tuple(person.person for person in found.people if not person.shadow),
        )
        self._set(question=question, questions=question.number, reminded=False, extended=False)
        self._log(
            ApprovalAsked(
                at=workflow.now(),
                run=workflow.info().workflow_id,
                step=command.node,
                what=command.change.title,
                risk=command.risk.value,
                digest=question.digest,
            )
        )
        approvers = {person.person: person for person in (*found.people, *others)}
        if not approvers:
            self._log(Noted(at=workflow.now(), text="nobody can be told of it: whoever may vote has to look"))
        for person in approvers.values():
            self._later(self._notify_approver(person, command, question, reminder=False))
        return question

    async def _notify_approver(
        self,
        person: ResolvedTarget,
        command: do.AwaitApproval,
        question: approval.Question,
        *,
        reminder: bool,
    ) -> None:
        me = workflow.info().workflow_id
        links = tuple(
            Link(
                purpose=purpose,
                label=label,
                workflow_id=me,
                argument=question.digest,
                expires_at=question.expires_at,
            )
            for purpose, label in (("approve", "Approve"), ("reject", "Reject"))
        )
        change = command.change
        message = ApprovalMessage(
            incident=self._incident,
            links=links,
            run=me,
            what=change.title,
            risk=command.risk.value,
            diff=change.diff[:16_000],
            command=change.command,
            digest=question.digest,
            warnings=change.warnings,
            expires_at=question.expires_at,
            reminder=reminder,
        )
        again = "/extended" if self._state.extended else ""
        salt = f"approval/{question.number}/{'reminder' if reminder else 'ask'}{again}"
        await self._notify(person, message, salt)

    async def _remind(self, command: do.AwaitApproval, question: approval.Question) -> None:
        if self._state.reminded or self._decision() is not approval.Decision.PENDING:
            return
        self._set(reminded=True)
        for person in (await self._audience(("on_call",))).people:
            self._later(self._notify_approver(person, command, question, reminder=True))

    async def _decided(self, command: do.AwaitApproval, decision: approval.Decision) -> do.Result:
        question = self._state.question
        assert question is not None, "decided on it"
        self._close_question()
        if decision is approval.Decision.APPROVED:
            yes = tuple(v.actor.shown for v in question.votes if v.kind is approval.VoteKind.APPROVE)
            return do.Approved(by=yes)
        if decision is approval.Decision.REJECTED:
            last = question.votes[-1]
            return do.Denied(why="rejected", detail=f"{last.actor.shown}: {last.comment}")
        self._log(
            ApprovalAnswered(
                at=workflow.now(),
                run=workflow.info().workflow_id,
                step=question.step,
                answer="expired: denied",
                digest=question.digest,
            )
        )
        await self._page_next_approver(command.change)
        return do.Denied(why="expired", detail=f"nobody decided until {question.expires_at:%H:%M} UTC")

    async def _page_next_approver(self, change: Change) -> None:
        """Expiry denies, and wakes whoever comes next in the escalation (architecture section 6)."""
        found = await self._next_in_line()
        for person in found.people:
            message = PageMessage(
                incident=self._incident,
                reason=f"nobody decided on “{change.title}” in time; it was not done",
                commands=(change.command,) if change.command else (),
            )
            self._later(_ignore(self._notify(person, message, f"expired/{self._state.questions}")))

    async def _next_in_line(self) -> ResolvedTargets:
        """Whoever comes after the on-call person in the escalation."""
        policy = self._pinned.policy if self._pinned else None
        if policy is None:
            return ResolvedTargets()
        return await self._resolve(policy.steps[1].targets if len(policy.steps) > 1 else policy.last_resort)

    def _close_question(self) -> None:
        self._set(question=None, reminded=False, extended=False)
        self._waiting("running", "")

    # ---- lease ------------------------------------------------------------------------------

    async def _lease(self, command: do.AcquireLease) -> do.Result | None:
        target = command.change.target
        lease_id = names.lease_workflow_id(target.cluster, target.namespace or "-", target.kind, target.name)
        me = workflow.info()
        request = Lease(
            holder=me.workflow_id,
            holder_run_id=self._state.key,
            request_id=f"{self._state.key}:{command.node}:{len(self._state.machine.path)}",
            target=lease_id,
            why=command.change.title,
        )
        self._grant = None
        self._waiting("running", f"the lease of {target}, held by another run")
        try:
            await calls.ask_lease(request)
        except ActivityError as error:
            kind, message = calls.why(error)
            return do.Failure(kind=kind, detail=message)
        granted = await self._wait(lambda: self._grant is not None and self._grant.request_id == request.request_id)
        if not granted or self._grant is None:
            if self._interrupt is not None:
                await _signal(lease_id, names.LEASE_RELEASE, request)
            return None
        if self._grant.why:
            self._log(Noted(at=workflow.now(), text=f"lease of {target}: {self._grant.why}"))
        self._set(lease_fence=self._grant.fence, lease_target=lease_id)
        self._waiting("running", "")
        return do.Leased(fence=self._grant.fence)

    async def _release(self, command: do.ReleaseLease) -> do.Result:
        if self._state.lease_target:
            release = Lease(
                holder=workflow.info().workflow_id,
                holder_run_id=self._state.key,
                fence=self._state.lease_fence,
                target=self._state.lease_target,
            )
            await _signal(self._state.lease_target, names.LEASE_RELEASE, release)
            self._set(lease_target="", lease_fence=0)
        return do.Done(detail=str(command.change.target))

    # ---- people -----------------------------------------------------------------------------

    async def _audience(self, audience: tuple[str, ...]) -> ResolvedTargets:
        """Who is meant by ``on_call``, ``owner``, ``responders``, an incident role, or ``person:NAME``."""
        pinned = self._pinned
        if pinned is None:
            return ResolvedTargets()
        targets: list[Target] = []
        for name in audience:
            kind, _, rest = name.partition(":")
            if name in ("on_call", "responders"):
                targets += pinned.policy.steps[0].targets if pinned.policy.steps else pinned.policy.last_resort
            elif name == "stakeholders":
                targets += [Target(kind="person", name=handle) for handle in pinned.stakeholders]
            elif name == "owner":
                targets.append(Target(kind="team", name=pinned.team.name))
            elif kind in ("person", "team", "schedule") and rest:
                targets.append(Target.model_validate({"kind": kind, "name": rest}))
            elif name in self._roles():
                targets.append(Target(kind="person", name=self._roles()[name]))
        return await self._resolve(tuple(targets))

    async def _resolve(self, targets: tuple[Target, ...]) -> ResolvedTargets:
        if not targets or self._pinned is None:
            return ResolvedTargets()
        now = workflow.now()
        try:
            return await calls.resolve_targets(
                ResolveRequest(targets=targets, at=now, service=self._pinned.service.name)
            )
        except ActivityError:
            pass  # the pinned schedule answers instead
        try:
            request = PinnedResolveRequest(targets=targets, at=now, pinned=self._pinned)
            return await calls.resolve_pinned(request)
        except ActivityError as error:
            self._log(Noted(at=workflow.now(), text=f"nobody can be looked up: {calls.why(error)[1]}"))
            return ResolvedTargets()

    async def _texts(self, **templates: object) -> dict[str, object]:
        """Rendered texts of a node; the raw template where one cannot be rendered."""
        try:
            values = self._values()
            found = await calls.render(RenderRequest.model_validate({"templates": templates, "values": values}))
        except ActivityError as error:
            self._log(Noted(at=workflow.now(), text=f"template: {calls.why(error)[1]}"))
            return dict(templates)
        return dict(found.texts)

    async def _ask(self, command: do.Ask) -> do.Result | None:
        if self._state.ask_node != command.node or self._state.ask_until is None:
            self._answer = None
            self._set(ask_node=command.node, ask_until=workflow.now() + command.timeout)
            texts = await self._texts(question=command.question, commands=list(command.commands))
            await self._put_question(command, str(texts["question"]), texts["commands"])
        until = self._state.ask_until
        assert until is not None, "set above"
        self._options = command.options
        self._waiting(ASKING, f"an answer to “{self._now_doing}” until {until:%H:%M:%S} UTC")
        await self._report()
        answered = await self._wait(lambda: self._answer is not None, until, "Answer")
        if not answered and self._interrupt is None and self._long():
            return None
        self._waiting("running", "")
        self._set(ask_node="", ask_until=None, asked="")
        if self._interrupt is not None or (self._again and not answered):
            return None
        answer, self._answer = self._answer, None
        return answer or do.Answered(branch="timeout", detail="nobody answered in time")

    async def _put_question(self, command: do.Ask, question: str, commands: object) -> None:
        self._now_doing = question
        self._set(asked=question)
        me = workflow.info().workflow_id
        links = tuple(
            Link(purpose="answer", label=option, workflow_id=me, argument=option) for option in command.options
        )
        manual = tuple(str(line) for line in commands) if isinstance(commands, list | tuple) else ()
        message = QuestionMessage(
            incident=self._incident,
            links=links,
            run=me,
            question=question,
            options=command.options,
            commands=manual,
        )
        for person in (await self._audience(command.audience)).people:
            self._later(_ignore(self._notify(person, message, f"ask/{command.node}/{self._state.next_seq}")))

    async def _say(self, command: do.Notify) -> do.Result:
        text = str((await self._texts(text=command.text))["text"])
        message = NoticeMessage(incident=self._incident, subject=f"Runbook {self._given.runbook}", text=text)
        for person in (await self._audience(command.audience)).people:
            self._later(_ignore(self._notify(person, message, f"notify/{command.node}/{self._state.next_seq}")))
        return do.Done(detail=text)

    async def _page(self, command: do.PagePerson) -> do.Result:
        texts = await self._texts(text=command.text, target=command.target, commands=list(command.commands))
        found = await self._audience((str(texts["target"]),))
        commands = texts["commands"]
        manual = tuple(str(line) for line in commands) if isinstance(commands, list | tuple) else ()
        message = PageMessage(incident=self._incident, reason=str(texts["text"]), commands=manual)
        reached = [
            person.person
            for person in found.people
            if await self._notify(person, message, f"page/{command.node}/{self._state.next_seq}")
        ]
        return do.Done(detail=f"paged {', '.join(reached) or 'nobody'}")

    async def _pause_for(self, command: do.Wait) -> do.Result | None:
        until = self._state.wait_until or workflow.now() + command.duration
        self._set(wait_until=until)
        self._waiting("running", f"{until:%H:%M:%S} UTC")
        await self._wait(lambda: workflow.now() >= until, until, f"Wait {command.duration}")
        over = workflow.now() >= until
        if over or self._interrupt is not None or self._again:  # otherwise the next execution waits on
            self._set(wait_until=None)
        return do.Done() if over and self._interrupt is None else None

    # ---- called runbooks --------------------------------------------------------------------

    async def _call(self, command: do.CallRunbook) -> do.Result | None:
        if command.runbook not in self._given.library:
            return do.Failure(kind="NotFound", detail=f"no runbook {command.runbook!r} in this run's library")
        child_id = f"{workflow.info().workflow_id}/{command.node}/{len(self._state.machine.path)}"
        if self._state.child != child_id:
            self._called = None
            self._set(child=child_id)
            inputs = await self._texts(**command.inputs)
            text = self._given.library[command.runbook]
            given = self._given.model_copy(
                update={
                    "runbook": command.runbook,
                    "text": text,
                    "digest": digest(text),
                    "inputs": inputs,
                    "parent_run": workflow.info().workflow_id,
                    "roles": self._roles(),
                    "state": None,
                }
            )
            if fault := await self._start_child(given, child_id):
                return do.Failure(kind="NotStarted", detail=fault)
        self._waiting("running", f"runbook {command.runbook} to end")
        await self._report()
        while not await self._wait(self._child_ended, workflow.now() + options.RUN_CHECK_EVERY, "Look after it"):
            if self._interrupt is not None:
                await self._cancel_child()
                return None
            if self._long() or self._again:
                return None
            if await self._child_is_gone(child_id) and not self._child_ended():
                self._set(child="")
                return do.Failure(kind="Terminated", detail=f"{child_id} is gone without a report")
        called, self._called = self._called, None
        assert called is not None, "it has ended"
        self._waiting("running", "")
        self._set(child="")
        return do.Answered(branch=called.outcome, detail=called.summary)

    def _child_ended(self) -> bool:
        return self._called is not None and self._called.ended

    async def _child_is_gone(self, child_id: str) -> bool:
        """A run that was terminated reports nothing."""
        try:
            return not (await calls.holder_state(HolderRequest(workflow_id=child_id))).open
        except ActivityError:
            return False

    async def _start_child(self, given: RunInput, child_id: str) -> str:
        """Why it does not run; empty when it does."""
        try:
            await workflow.start_child_workflow(
                names.RUNBOOK,
                given,
                id=child_id,
                parent_close_policy=workflow.ParentClosePolicy.ABANDON,
                cancellation_type=workflow.ChildWorkflowCancellationType.ABANDON,
                static_summary=f"Runbook {given.runbook}, called by {self._given.runbook}",
            )
        except WorkflowAlreadyStartedError:
            return ""
        except FailureError as error:
            return f"{child_id}: {error}"[:300]
        return ""

    async def _cancel_child(self) -> None:
        try:
            await workflow.get_external_workflow_handle(self._state.child).cancel()
        except FailureError as error:
            workflow.logger.warning("%s: %s", self._state.child, error)

    # ---- journal ----------------------------------------------------------------------------

    def _note_step(self, command: do.Command, result: do.Result) -> None:
        outcome, detail = _outcome(result)
        if isinstance(command, do.ReleaseLease):
            return
        self._log(
            RunStep(
                at=workflow.now(),
                run=workflow.info().workflow_id,
                step=command.node,
                what=self._now_doing,
                outcome=outcome,
                detail=detail[:500],
            )
        )


async def _ignore(work: Coroutine[Any, Any, bool]) -> None:
    """Whether it was delivered is in the journal already."""
    await work


def _outcome(result: do.Result) -> tuple[str, str]:
    """One word and the detail of a result, for the journal."""
    match result:
        case do.Answered():
            return result.branch, result.detail
        case do.Planned():
            return "planned", result.change.title
        case do.Failure():
            return "failed", f"{result.kind}: {result.detail}"
        case do.Approved():
            return "approved", ", ".join(result.by) or "no approval needed"
        case do.Denied():
            return result.why, result.detail
        case do.Drifted():
            return "drifted", result.detail
        case do.Leased():
            return "leased", ""
        case do.Changed():
            return result.applied.outcome, result.applied.detail
        case do.Verified():
            return result.verdict.value, result.detail
        case do.Done():
            return "done", result.detail
        case do.Skipped():
            return "skipped", f"by {result.by}"
        case do.Aborted():
            return "aborted", f"{result.why} ({result.by})"
