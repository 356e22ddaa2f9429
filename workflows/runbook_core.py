"""What the parts of a run share: its state, its journal, its waiting and its reports."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import SearchAttributeKey
from temporalio.exceptions import FailureError

with workflow.unsafe.imports_passed_through():
    from mainstay.domain import names
    from mainstay.domain.access import SYSTEM, Actor
    from mainstay.domain.change import Change
    from mainstay.domain.message import AnyMessage, IncidentRef
    from mainstay.domain.people import ResolvedMethod, ResolvedTarget
    from mainstay.domain.pinned import PinnedConfig
    from mainstay.domain.runbook import commands as do
    from mainstay.domain.runbook.node import Runbook
    from mainstay.domain.runbook.run import Lease, RunInput, RunReport, RunState, RunView
    from mainstay.domain.text import markdown
    from mainstay.domain.timeline import AnyEntry, Noted, Paged
    from mainstay.domain.work import Receipt, SendRequest

from workflows import calls
from workflows.parts import broke

RECENT = 80
PROGRESS_EVERY = timedelta(seconds=1)
"""Quick steps are told together: each report costs the incident two workflow tasks and a record."""
ASKING = "waiting for an answer"
NEEDS_APPROVAL = SearchAttributeKey.for_bool(names.BOOLS[0])


class RunCore:
    """State and waiting of a run."""

    _given: RunInput
    _runbook: Runbook
    _rules: int
    _state: RunState
    _answer: do.Answered | None
    _interrupt: do.Skipped | do.Aborted | None
    _again: bool
    _grant: Lease | None
    _called: RunReport | None
    _status: str
    _waits_for: str
    _now_doing: str
    _ended: do.End | None
    _reporting: asyncio.Lock
    _background: list[asyncio.Task[None]]
    _reported_at: datetime | None = None
    _report_pending: bool = False
    _reported_status: tuple[str, str] = ("", "")
    _approval_shown: bool = False

    def _set(self, **fields: object) -> None:
        self._state = self._state.model_copy(update=fields)

    def _log(self, *entries: AnyEntry) -> None:
        """Append to the run's journal; the incident gets what is new with the next report."""
        source = workflow.info().workflow_id
        numbered = tuple(
            entry.model_copy(update={"seq": self._state.next_seq + offset, "source": source})
            for offset, entry in enumerate(entries)
        )
        tail = (self._state.tail + numbered)[-RECENT:]
        self._set(tail=tail, next_seq=self._state.next_seq + len(numbered))

    @property
    def _pinned(self) -> PinnedConfig | None:
        return self._given.pinned

    @property
    def _incident(self) -> IncidentRef:
        return self._given.incident

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        """Run beside the story; awaited before the run ends or continues."""
        self._background = [task for task in self._background if not task.done() or broke(task)]
        self._background.append(asyncio.create_task(work))

    def _long(self) -> bool:
        return workflow.info().is_continue_as_new_suggested()

    def _deadline(self) -> datetime:
        assert self._state.started_at is not None, "set in the init hook"
        return self._state.started_at + self._given.deadline

    async def _wait(self, done: Callable[[], bool], at: datetime | None = None, summary: str | None = None) -> bool:
        """Wait until ``done``, an interruption, a retry, the instant, or the end of this execution.

        True when ``done`` is what ended it. The run's own deadline always counts.
        """
        deadline = None if self._state.machine.aborting else self._deadline()
        until = min((instant for instant in (at, deadline) if instant), default=None)
        left = until - workflow.now() if until else None

        def over() -> bool:
            return done() or self._interrupt is not None or self._again or self._long()

        if left is None or left > timedelta(0):
            with contextlib.suppress(TimeoutError):
                await workflow.wait_condition(over, timeout=left, timeout_summary=summary)
        if deadline and workflow.now() >= deadline and self._interrupt is None and not done():
            self._stop("the run's deadline has passed", SYSTEM, undo=True)
        return done()

    def _stop(self, why: str, by: Actor, *, undo: bool) -> None:
        """Interrupt whatever is going on. A skip that was not come to yet gives way."""
        self._interrupt = do.Aborted(why=why, by=by.shown, undo=undo)
        self._set(paused_by="")
        self._log(Noted(at=workflow.now(), actor=by, text=f"stop: {why}"))

    def _roles(self) -> dict[str, str]:
        """Incident role → handle, as the incident told it last."""
        return self._given.roles if self._state.roles is None else self._state.roles

    # ---- what people see --------------------------------------------------------------------

    def _show(self, command: do.Command) -> None:
        self._status, self._waits_for = "running", ""
        put = isinstance(command, do.Ask) and self._state.ask_node == command.node
        self._now_doing = self._state.asked if put else describe(command)
        workflow.set_current_details(self._details())

    def _details(self) -> str:
        """Markdown for Temporal's web UI, with the exact JSON to approve."""
        state = self._state
        lines = [
            f"### Runbook `{self._given.runbook}` · {self._status}",
            f"For {markdown(self._incident.shown)}: {markdown(self._incident.title)}",
            "",
            f"- Now: {markdown(self._now_doing)}",
            f"- Waits for: {markdown(self._waits_for) or 'nothing'}",
            f"- Path: {' → '.join(f'`{part}`' for part in state.machine.path) or 'at the start'}",
        ]
        if state.question is not None:
            body = f'{{"actor":{{"person":"YOUR-HANDLE"}},"digest":"{state.question.digest}"}}'
            lines += ["", "**To approve**: More actions → Send an Update → `approve` with", "", f"`{body}`"]
            change = self._change()
            if change is not None:
                fence = "````"
                lines += ["", f"`{change.command}`", "", f"{fence}diff", change.diff, fence]
        if state.ask_node and self._status == ASKING:
            body = f'{{"actor":{{"person":"YOUR-HANDLE"}},"option":"{self._options[0]}"}}'
            lines += ["", "**To answer**: More actions → Send an Update → `answer` with", "", f"`{body}`"]
            lines.append(f"or one of: {', '.join(f'`{option}`' for option in self._options)}")
        return "\n".join(lines)

    def _change(self) -> Change | None:
        act = self._state.machine.act
        return act.change if act else None

    def _waiting(self, status: str, waits_for: str) -> None:
        self._status, self._waits_for = status, waits_for
        workflow.set_current_details(self._details())
        approval = status == "waiting for approval"
        if approval != self._approval_shown:
            self._approval_shown = approval
            workflow.upsert_search_attributes([NEEDS_APPROVAL.value_set(approval)])

    def _view(self) -> RunView:
        state = self._state
        asked = state.ask_node and self._status == ASKING
        return RunView(
            workflow_id=workflow.info().workflow_id,
            key=state.key,
            runbook=self._given.runbook,
            incident=self._incident,
            status=self._status,
            waits_for=self._waits_for,
            node=state.machine.node,
            path=state.machine.path,
            question=state.question,
            change=self._change(),
            ask=self._now_doing if asked else "",
            ask_options=tuple(self._options) if asked else (),
            standing=tuple(line.change.title for line in state.machine.standing),
            outcome=self._ended.outcome if self._ended else "",
            summary=self._ended.summary if self._ended else "",
            timeline=state.tail,
        )

    _options: tuple[str, ...] = ()

    # ---- reports ----------------------------------------------------------------------------

    async def _report_soon(self) -> None:
        """Tell plain progress now, or within a second when the last report is younger than that."""
        if self._report_pending:
            return
        if self._reported_at and (left := self._reported_at + PROGRESS_EVERY - workflow.now()) > timedelta(0):
            self._report_pending = True
            with contextlib.suppress(TimeoutError):
                await workflow.wait_condition(
                    lambda: self._ended is not None or self._long(), timeout=left, timeout_summary="Tell it"
                )
            self._report_pending = False
        if self._ended is None:  # the end tells itself
            await self._report()

    async def _report(self) -> None:
        """Tell the incident (and a calling run) what is new. Lost receivers are no reason to stop."""
        async with self._reporting:
            self._reported_at = workflow.now()
            first = self._state.reported_seq + 1
            entries = tuple(entry for entry in self._state.tail if entry.seq >= first)
            status = (self._status, self._waits_for)
            if not entries and status == self._reported_status and self._ended is None:
                return
            report = RunReport(
                incident_key=self._incident.key,
                workflow_id=workflow.info().workflow_id,
                run_id=workflow.info().run_id,
                runbook=self._given.runbook,
                status=self._status,
                waits_for=self._waits_for,
                ended=self._ended is not None,
                outcome=self._ended.outcome if self._ended else "",
                summary=self._ended.summary if self._ended else "",
                entries=entries,
                first_seq=entries[0].seq if entries else self._state.next_seq,
                needs_approval=self._state.question is not None,
            )
            receivers = [name for name in (self._incident.workflow_id, self._given.parent_run) if name]
            for receiver in receivers:
                await _signal(receiver, names.RUN_REPORT, report)
            self._reported_status = status
            if entries:
                self._set(reported_seq=entries[-1].seq)

    # ---- telling people ---------------------------------------------------------------------

    async def _notify(self, person: ResolvedTarget, message: AnyMessage, salt: str) -> bool:
        """One message to one person: the next method at once when one fails. True when one took it."""
        for method in person.methods or self._methods_of(person.person):
            request = SendRequest(
                key=f"{self._state.key}/{salt}/{person.person}/{method.method}",
                person=person.person,
                method=method.method,
                channel=method.channel,
                message=message,
                number=self._incident.number,
            )
            try:
                receipt = await calls.start_send(
                    request, f"{message.kind.capitalize()} {person.person} by {method.method}"
                )
            except FailureError as error:
                receipt = Receipt(accepted=False, detail=calls.why(error)[1])
            self._log(
                Paged(
                    at=workflow.now(),
                    person=person.person,
                    method=method.method,
                    channel=method.channel,
                    delivered=receipt.accepted,
                    detail=receipt.detail[:300],
                    reason=message.kind,
                    key=request.key,
                )
            )
            if receipt.accepted:
                return True
        return False

    def _methods_of(self, handle: str) -> tuple[ResolvedMethod, ...]:
        person = self._pinned.people.get(handle) if self._pinned else None
        contacts = person.contacts if person else ()
        return tuple(ResolvedMethod(method=c.name, channel=c.channel) for c in contacts)


async def _signal(workflow_id: str, name: str, argument: object) -> None:
    """Tell another workflow. One that has ended is told nothing, which is no fault of ours."""
    try:
        await workflow.get_external_workflow_handle(workflow_id).signal(name, argument)
    except FailureError as error:
        workflow.logger.warning("%s could not be told: %s", workflow_id, error)


def describe(command: do.Command) -> str:
    """What a command does, in one line for people."""
    match command:
        case do.Probe():
            return f"look: {command.probe} ({command.node})"
        case do.Parallel():
            return f"look: {', '.join(probe.probe for probe in command.probes)} ({command.node})"
        case do.Ask():
            return command.question
        case do.PlanChange():
            return f"plan {command.action} ({command.node})"
        case do.AwaitApproval():
            return f"approval of: {command.change.title}"
        case do.AcquireLease():
            return f"lease of {command.change.target}"
        case do.ApplyChange():
            return command.change.title
        case do.VerifyChange():
            return f"verify: {command.change.title}"
        case do.UndoChange():
            return f"undo: {command.change.title}"
        case do.ReleaseLease():
            return f"release {command.change.target}"
        case do.Wait():
            return f"wait {command.duration}"
        case do.Notify():
            return f"tell {', '.join(command.audience)}"
        case do.PagePerson():
            return f"page {command.target}"
        case do.CallRunbook():
            return f"runbook {command.runbook}"
        case do.End():
            return f"end: {command.outcome}"
