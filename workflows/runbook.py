"""One runbook run: it carries out what the tree machine asks for and owns its approvals and controls.

A run can exist without an incident. It reports to its incident (or to the run that called it) by an
idempotent signal; nobody awaits its result.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from mainstay.domain import approval, names
    from mainstay.domain.access import Actor, Command, SignedActor
    from mainstay.domain.errors import AlreadyDone, Expired, InvalidArgument, Refusal, WrongState
    from mainstay.domain.incident import Outcome
    from mainstay.domain.runbook import commands as do
    from mainstay.domain.runbook import step
    from mainstay.domain.runbook.inputs import bind
    from mainstay.domain.runbook.node import Runbook
    from mainstay.domain.runbook.parse import RunbookErrors, parse
    from mainstay.domain.runbook.run import (
        AnswerQuestion,
        CastVote,
        Control,
        Lease,
        MachineState,
        RunInput,
        RunReport,
        RunState,
        RunView,
        Skip,
    )
    from mainstay.domain.text import plain
    from mainstay.domain.timeline import ApprovalAnswered, Noted, Refused, RunEnded

from workflows import patches
from workflows.actors import actor_of, refused, update_id
from workflows.messages import read
from workflows.parts import broke, none_broke, undisturbed
from workflows.runbook_steps import Steps

KEEP = 200
MAX_REASON = 2000
UNUSABLE = "{name: unusable, title: Unusable, start: end, nodes: {end: {end: failed}}}"


@workflow.defn(name=names.RUNBOOK)
class RunbookWorkflow(Steps):
    """A run: decide (pure) → carry out → advance (pure), until the tree ends."""

    @workflow.init
    def __init__(self, given: RunInput) -> None:
        self._given = given
        self._rules = patches.rules(given.state.rules if given.state else None)
        self._fault = ""
        self._runbook, machine = self._begin(given)
        self._state = given.state or RunState(
            machine=machine,
            key=workflow.info().first_execution_run_id,
            started_at=workflow.now(),
            rules=self._rules,
        )
        self._answer = self._state.answer
        self._interrupt = self._state.interrupt
        self._again = False
        self._grant: Lease | None = None
        self._called = self._state.called
        self._approval_shown = self._state.question is not None
        self._status = "running"
        self._waits_for = ""
        self._now_doing = ""
        self._ended: do.End | None = None
        self._reporting = asyncio.Lock()
        self._background: list[asyncio.Task[None]] = []

    def _begin(self, given: RunInput) -> tuple[Runbook, MachineState]:
        """The tree and its first state. A text that cannot be used ends the run, it does not wedge it."""
        try:
            runbook = parse(given.text, given.runbook)
            inputs = bind(runbook, given.pinned.service, given.inputs) if given.pinned else given.inputs
            return runbook, step.begin(runbook, inputs, self._rules)
        except (Refusal, RunbookErrors) as error:
            self._fault = f"runbook {given.runbook} cannot run: {error}"[:2000]
            return parse(UNUSABLE, "unusable"), MachineState(node="end")

    @workflow.run
    async def run(self, given: RunInput) -> RunView:
        if self._fault:
            self._log(Refused(at=workflow.now(), what=f"runbook {given.runbook}", why=self._fault))
        story = asyncio.create_task(self._live())
        await undisturbed(lambda: story.done() or any(map(broke, self._background)), self._cancelled)
        none_broke([story, *self._background])
        await undisturbed(lambda: all(task.done() for task in self._background), self._cancelled)
        none_broke(self._background)
        await undisturbed(workflow.all_handlers_finished, self._cancelled)
        if self._ended is None:
            workflow.continue_as_new(given.model_copy(update={"state": self._carried()}))
        return self.view()

    def _carried(self) -> RunState:
        """The state with everything that was said and not come to yet: none of it comes a second time."""
        return self._state.model_copy(
            update={
                "seen_updates": self._state.seen_updates[-KEEP:],
                "answer": self._answer,
                "interrupt": self._interrupt,
                "called": self._called,
            }
        )

    def _cancelled(self) -> None:
        """Cancelling the workflow is an abort by a person whom nobody verified."""
        if self._ended is None and not self._aborting():
            self._stop("the workflow was cancelled", Actor(person="Temporal cancellation"), undo=True)

    async def _live(self) -> None:
        while self._ended is None and not self._long():
            command = step.decide(self._runbook, self._state.machine, self._rules)
            self._show(command)
            if isinstance(command, do.End) and await self._end(command):
                return
            # Beside the step, not before it: two workflow tasks a step less on the way to the mitigation.
            self._later(self._report_soon())
            result = await self._carry_out_or_stop(command)
            if result is None:
                continue
            machine = step.advance(self._runbook, self._state.machine, result, self._rules)
            self._note_step(command, result)
            self._set(machine=machine)

    async def _carry_out_or_stop(self, command: do.Command) -> do.Result | None:
        """The command's result, or what stopped it; None means: decide again (retried or continued)."""
        if self._state.paused_by and not isinstance(command, do.UndoChange | do.ReleaseLease):
            await self._paused()
            if self._interrupt is None:
                return None
        if self._interrupt is None:
            result = await self._carry_out(command)
            if result is not None or self._interrupt is None:
                return result
        stopped, self._interrupt = self._interrupt, None
        return stopped

    async def _paused(self) -> None:
        self._status, self._waits_for = "paused", f"{self._state.paused_by} to resume it"
        workflow.set_current_details(self._details())
        await self._report()
        await self._wait(lambda: not self._state.paused_by)
        self._status, self._waits_for = "running", ""

    async def _end(self, command: do.End) -> bool:
        """False when somebody stopped the run while its last words were being written."""
        texts = {"summary": self._fault} if self._fault else await self._texts(summary=command.summary)
        if self._interrupt is not None:
            return False
        command = command.model_copy(update={"summary": str(texts["summary"])})
        self._ended = command
        self._waiting(command.outcome, "")
        self._log(
            RunEnded(
                at=workflow.now(),
                run=workflow.info().workflow_id,
                outcome=command.outcome,
                summary=command.summary,
            )
        )
        await self._report()
        return True

    # ---- messages of people -----------------------------------------------------------------

    def _who(self, command: Command, operation: str) -> Actor:
        keys = self._given.pinned.keys if self._given.pinned else ()
        return actor_of(command, keys, self._state.key, operation)

    def _try(self, operation: str, command: Command, act: Callable[[Actor], None]) -> None:
        try:
            actor = self._who(command, operation)
            if self._ended is not None:
                raise WrongState(f"the run has ended: {self._ended.outcome}")
            act(actor)
        except Refusal as refusal:
            raise refused(refusal) from None

    def _answered(self) -> bool:
        return update_id() in self._state.seen_updates

    def _validate(self, operation: str, command: Command, check: Callable[[Actor], Any]) -> None:
        if not self._answered():
            self._try(operation, command, lambda actor: _drop(check(actor)))

    def _do(self, operation: str, command: Command, act: Callable[[Actor], None], said: str) -> Outcome:
        if self._answered():
            return Outcome(message="already done", changed=False)
        self._try(operation, command, act)
        self._set(seen_updates=(*self._state.seen_updates, update_id()))
        return Outcome(message=said)

    def _check_vote(self, kind: approval.VoteKind, command: CastVote, actor: Actor) -> approval.Vote:
        question = self._state.question
        if question is None:
            self._refuse_decided(command.digest)
            raise WrongState("no approval is being asked for at the moment")
        return approval.check_vote(
            question,
            kind,
            command.digest,
            actor,
            self._roles(),
            workflow.now(),
            comment=command.comment,
            break_glass=command.break_glass,
        )

    def _refuse_decided(self, digest: str) -> None:
        """Raise Expired or AlreadyDone if it was this plan that the last question was about."""
        answers = (entry for entry in reversed(self._state.tail) if isinstance(entry, ApprovalAnswered))
        last = next((answer for answer in answers if answer.digest == digest), None)
        if last is None:
            return
        if last.answer.startswith("expired"):
            raise Expired(f"the question on {last.step} expired at {last.at:%Y-%m-%d %H:%M:%S} UTC")
        raise AlreadyDone(f"{last.step} was decided already: {last.answer} by {last.actor.shown}")

    def _vote(self, kind: approval.VoteKind, command: CastVote, actor: Actor) -> None:
        vote = self._check_vote(kind, command, actor)
        question = self._state.question
        assert question is not None
        self._set(question=question.model_copy(update={"votes": (*question.votes, vote)}))
        self._log(
            ApprovalAnswered(
                at=workflow.now(),
                actor=actor,
                run=workflow.info().workflow_id,
                step=question.step,
                answer=kind.value + (" (break-glass, to be reviewed)" if vote.break_glass else ""),
                digest=question.digest,
                comment=command.comment,
            )
        )

    @workflow.update(name=names.APPROVE, description='{"digest": "the one shown", "comment": "…"}')
    def approve(self, command: CastVote) -> Outcome:
        yes = approval.VoteKind.APPROVE
        return self._do(names.APPROVE, command, lambda a: self._vote(yes, command, a), "your yes counts")

    @approve.validator
    def _check_approve(self, command: CastVote) -> None:
        yes = approval.VoteKind.APPROVE
        self._validate(names.APPROVE, command, lambda a: self._check_vote(yes, command, a))

    @workflow.signal(name=names.APPROVE, description="Approve, for clients that can only signal")
    def approve_signal(self, command: Any = None) -> None:
        try:
            given = CastVote(actor=SignedActor(person="unknown")) if command is None else read(CastVote, command)
            self._vote(approval.VoteKind.APPROVE, given, self._who(given, names.APPROVE))
        except Refusal as refusal:
            self.refuse_signal(names.APPROVE, refusal.message)

    def refuse_signal(self, signal: str, why: str) -> None:
        """Nothing is lost silently: what cannot be taken is in the journal."""
        self._log(Refused(at=workflow.now(), what=f"signal {plain(signal, 50)}", why=why))
        self._later(self._report())

    @workflow.update(name=names.REJECT, description='{"digest": "the one shown", "comment": "why"}')
    def reject(self, command: CastVote) -> Outcome:
        no = approval.VoteKind.REJECT
        return self._do(names.REJECT, command, lambda a: self._vote(no, command, a), "rejected")

    @reject.validator
    def _check_reject(self, command: CastVote) -> None:
        no = approval.VoteKind.REJECT
        self._validate(names.REJECT, command, lambda a: self._check_vote(no, command, a))

    @workflow.update(name=names.WITHDRAW, description="Take back your vote while the question is open")
    def withdraw(self, command: CastVote) -> Outcome:
        def act(actor: Actor) -> None:
            self._set(question=self._withdrawn(actor))
            self._log(Noted(at=workflow.now(), actor=actor, text="took the vote back"))

        return self._do(names.WITHDRAW, command, act, "withdrawn")

    @withdraw.validator
    def _check_withdraw(self, command: CastVote) -> None:
        self._validate(names.WITHDRAW, command, self._withdrawn)

    def _withdrawn(self, actor: Actor) -> approval.Question:
        if self._state.question is None:
            raise WrongState("no approval is being asked for at the moment")
        return approval.withdraw(self._state.question, actor, workflow.now())

    @workflow.update(name=names.ANSWER, description='{"option": "one of the options", "comment": "…"}')
    def answer(self, command: AnswerQuestion) -> Outcome:
        def act(actor: Actor) -> None:
            self._check_option(command)
            said = f"{actor.shown}: {command.option}" + (f" ({command.comment})" if command.comment else "")
            self._answer = do.Answered(branch=command.option, detail=said, by=actor.shown)

        return self._do(names.ANSWER, command, act, f"answered {command.option}")

    @answer.validator
    def _check_answer(self, command: AnswerQuestion) -> None:
        self._validate(names.ANSWER, command, lambda _: self._check_option(command))

    def _check_option(self, command: AnswerQuestion) -> None:
        self._not_aborting()
        asked = step.decide(self._runbook, self._state.machine, self._rules)
        if not isinstance(asked, do.Ask):
            raise WrongState("the run asks no question at the moment")
        if self._answer is not None:
            raise AlreadyDone(f"{self._answer.by} answered {self._answer.branch}")
        if command.option not in asked.options:
            raise InvalidArgument(f"answer one of: {', '.join(asked.options)}", field="option")

    @workflow.update(name=names.PAUSE, description='{"reason": "…"}: stop before the next step')
    def pause(self, command: Control) -> Outcome:
        def act(actor: Actor) -> None:
            self._not_paused()
            self._set(paused_by=actor.shown)
            self._log(Noted(at=workflow.now(), actor=actor, text=f"paused the run: {command.reason}"))

        return self._do(names.PAUSE, command, act, "paused before the next step")

    @pause.validator
    def _check_pause(self, command: Control) -> None:
        self._validate(names.PAUSE, command, lambda _: self._not_paused())

    def _aborting(self) -> bool:
        return isinstance(self._interrupt, do.Aborted) or bool(self._state.machine.aborting)

    def _not_aborting(self) -> None:
        if self._aborting():
            raise WrongState("the run is being aborted")

    def _not_paused(self) -> None:
        self._not_aborting()
        if self._state.paused_by:
            raise AlreadyDone(f"{self._state.paused_by} paused it before")

    @workflow.update(name=names.RESUME, description="Go on after a pause")
    def resume(self, command: Control) -> Outcome:
        def act(actor: Actor) -> None:
            self._is_paused()
            self._set(paused_by="")
            self._log(Noted(at=workflow.now(), actor=actor, text="resumed the run"))

        return self._do(names.RESUME, command, act, "resumed")

    @resume.validator
    def _check_resume(self, command: Control) -> None:
        self._validate(names.RESUME, command, lambda _: self._is_paused())

    def _is_paused(self) -> None:
        if not self._state.paused_by:
            raise WrongState("the run is not paused")

    @workflow.update(name=names.SKIP, description='{"branch": "…", "reason": "…"}: leave this step')
    def skip(self, command: Skip) -> Outcome:
        def act(actor: Actor) -> None:
            self._check_branch(command)
            node = self._state.machine.node
            self._interrupt = do.Skipped(branch=command.branch, by=actor.shown, node=node)

        return self._do(names.SKIP, command, act, "skipped")

    @skip.validator
    def _check_skip(self, command: Skip) -> None:
        self._validate(names.SKIP, command, lambda _: self._check_branch(command))

    def _check_branch(self, command: Skip) -> None:
        self._not_aborting()
        branch = command.branch or "next"
        step.check_branch(self._runbook.nodes[self._state.machine.node], branch)

    @workflow.update(name=names.RETRY, description="Do the present step again from its beginning")
    def retry(self, command: Control) -> Outcome:
        def act(actor: Actor) -> None:
            self._may_retry()
            self._again = True
            self._log(Noted(at=workflow.now(), actor=actor, text="asked for the step to be tried again"))

        return self._do(names.RETRY, command, act, "trying again")

    @retry.validator
    def _check_retry(self, command: Control) -> None:
        self._validate(names.RETRY, command, lambda _: self._may_retry())

    def _may_retry(self) -> None:
        self._not_aborting()
        if self._state.paused_by:
            raise WrongState(f"{self._state.paused_by} paused the run: resume it first")

    @workflow.update(name=names.ABORT, description='{"reason": "…", "undo": true}: undo and end')
    def abort(self, command: Control) -> Outcome:
        def act(actor: Actor) -> None:
            self._may_stop()
            self._stop(command.reason[:MAX_REASON] or "aborted", actor, undo=command.undo)

        return self._do(names.ABORT, command, act, "aborting")

    @abort.validator
    def _check_abort(self, command: Control) -> None:
        self._validate(names.ABORT, command, lambda _: self._may_stop())

    def _may_stop(self) -> None:
        if self._aborting():
            raise AlreadyDone("the run is being aborted already")

    @workflow.update(name=names.TAKE_OVER, description="End the run, leave things as they are, go on by hand")
    def take_over(self, command: Control) -> Outcome:
        def act(actor: Actor) -> None:
            self._may_stop()
            self._stop(f"{actor.shown} goes on by hand", actor, undo=False)

        return self._do(names.TAKE_OVER, command, act, "it is yours")

    @take_over.validator
    def _check_take_over(self, command: Control) -> None:
        self._validate(names.TAKE_OVER, command, lambda _: self._may_stop())

    # ---- signals of other workflows ---------------------------------------------------------

    @workflow.signal(name=names.LEASE_GRANTED, description="The target may be changed (sent by its lease)")
    def lease_granted(self, grant: Any = None) -> None:
        try:
            self._grant = read(Lease, grant)
        except Refusal as refusal:
            self.refuse_signal(names.LEASE_GRANTED, refusal.message)

    @workflow.signal(name=names.RUN_REPORT, description="What a called runbook has done (sent by it)")
    def run_report(self, report: Any = None) -> None:
        try:
            given = read(RunReport, report)
        except Refusal as refusal:
            self.refuse_signal(names.RUN_REPORT, refusal.message)
            return
        if given.workflow_id == self._state.child:
            self._called = given

    @workflow.signal(name=names.ROLES, description="Who holds which role now (sent by the incident)")
    def roles(self, roles: Any = None) -> None:
        if isinstance(roles, dict) and all(isinstance(person, str) for person in roles.values()):
            self._set(roles={str(role): person for role, person in roles.items()})
        else:
            self.refuse_signal(names.ROLES, "it is no mapping of roles to people")

    @workflow.query(name=names.VIEW, description="The run as one model")
    def view(self) -> RunView:
        return self._view()


def _drop(_: object) -> None:
    return None
