"""The incident's escalation: page, fall through, escalate, stop at an acknowledgement."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from mainstay.domain import lifecycle
    from mainstay.domain.escalation import NextPage, Target, next_page
    from mainstay.domain.incident import Call, Phase
    from mainstay.domain.message import AnyMessage, HandledMessage, Link, PageMessage
    from mainstay.domain.people import ResolvedMethod, ResolvedTarget
    from mainstay.domain.timeline import EscalationExhausted, EscalationStep, Noted, Paged
    from mainstay.domain.work import PinnedResolveRequest, Receipt, ResolveRequest, SendRequest

from workflows import calls
from workflows.incident_core import IncidentCore

MANUAL, HANDLED, TOLD = -1, -2, -3
"""Steps of calls outside of the escalation: a manual page, "somebody has it", a status update."""


class Paging(IncidentCore):
    """Every notification of the incident. It waits for nothing else."""

    async def _escalate(self) -> None:
        for call in self._state.calls:
            self._launch(call)
        while not self._stopping:
            if self._state.to_page:
                await self._page_asked()
                continue
            due = self._state.escalation.due
            if due is not None and due <= workflow.now():
                await self._step()
                continue
            await self._until(
                lambda: self._state.escalation.due != due or bool(self._state.to_page),  # noqa: B023 - read at once
                due,
                self._next_summary(),
            )

    def _next_summary(self) -> str:
        steps = self._pinned.policy.steps
        step = self._state.escalation.step
        if not steps or step >= len(steps) * (self._pinned.policy.repeat + 1):
            return "Page the last resort"
        return "Escalate to " + ", ".join(str(target) for target in steps[step % len(steps)].targets)

    async def _step(self) -> None:
        page = next_page(self._pinned.policy, self._state.escalation, workflow.now())
        if page is None:
            return
        self._set(escalation=page.then, step_accepted=False)
        now = workflow.now()
        if not page.targets:
            self._log(
                EscalationExhausted(at=now, detail="every step stayed silent and there is no last resort")
            )
            return
        names = tuple(str(target) for target in page.targets)
        why = "last resort" if page.last_resort else f"step {page.step + 1} of {self._pinned.policy.name}"
        self._log(EscalationStep(at=now, round=page.then.round, step=page.step, targets=names, why=why))
        people = await self._people_of(page)
        if self._state.escalation.acknowledged_by or self._state.escalation.round != page.then.round:
            return
        if not any(person.methods for person in people):
            self._log(Noted(at=now, text=f"nobody can be reached behind {', '.join(names)}"))
            self._state = lifecycle.undelivered(self._state, self._pinned, workflow.now())
            return
        for person in people:
            self._add(self._page_call(person, page.step, page.then.round, f"{why} ({person.via})"))

    async def _people_of(self, page: NextPage) -> tuple[ResolvedTarget, ...]:
        """The door resolved the first target; every later page asks who is on call now."""
        first = page.step == 0 and page.then.round == 1 and not self._state.first_step_done
        self._set(first_step_done=True)
        if first and self._input.first_targets:
            return self._input.first_targets
        return await self._resolve(page.targets)

    async def _resolve(self, targets: tuple[Target, ...]) -> tuple[ResolvedTarget, ...]:
        self._busy += 1
        now = workflow.now()
        try:
            found = await calls.resolve_targets(
                ResolveRequest(targets=targets, at=now, service=self._pinned.service.name)
            )
        except ActivityError as error:
            _, message = calls.why(error)
            self._log(
                Noted(at=workflow.now(), text=f"on-call look-up failed ({message}); pinned schedule used")
            )
            found = await calls.resolve_pinned(
                PinnedResolveRequest(targets=targets, at=now, pinned=self._pinned)
            )
        finally:
            self._busy -= 1
        if found.degraded:
            self._log(Noted(at=workflow.now(), text=f"overrides could not be read: {found.degraded}"))
        return found.people

    async def _page_asked(self) -> None:
        """Pages that somebody asked for by hand."""
        asked = self._state.to_page[0]
        self._set(to_page=self._state.to_page[1:])
        target, _, text = asked.partition("\n")
        kind, _, name = target.partition(":")
        people = await self._resolve((Target.model_validate({"kind": kind, "name": name}),))
        if not people:
            self._log(Noted(at=workflow.now(), text=f"nobody can be reached behind {target}"))
        for person in people:
            self._add(
                self._page_call(
                    person,
                    MANUAL,
                    self._state.escalation.round,
                    text or "you were asked for",
                    self._state.next_seq,
                )
            )

    def _page_call(self, person: ResolvedTarget, step: int, round_: int, reason: str, salt: int = 0) -> Call:
        links = (
            Link(purpose="acknowledge", label="Acknowledge", workflow_id=self._id, argument=str(round_)),
            Link(purpose="escalate", label="Escalate now", workflow_id=self._id, argument=str(round_)),
            self._view_link(),
        )
        message = PageMessage(
            incident=self._ref(), links=links, reason=reason, alerts=self._state.firing_names[:5]
        )
        suffix = f"/{salt}" if salt else ""
        return Call(
            key=f"{self._state.key}/{round_}/{step}/{person.person}{suffix}",
            person=person.person,
            methods=person.methods,
            begun_at=workflow.now(),
            message=message,
            step=step,
            round=round_,
        )

    def _tell(self, handle: str, message: AnyMessage, step: int, salt: str) -> None:
        """Notify somebody outside of the escalation, by any method that works."""
        known = self._state.reached.get(handle)
        methods = ((known,) if known else ()) + tuple(m for m in self._methods_of(handle) if m != known)
        if not methods:
            self._log(Noted(at=workflow.now(), text=f"{handle} has no contact method"))
            return
        self._add(
            Call(
                key=f"{self._state.key}/{salt}/{handle}",
                person=handle,
                methods=tuple(
                    m.model_copy(update={"after": timedelta(0), "fallback": True}) for m in methods
                ),
                begun_at=workflow.now(),
                message=message,
                step=step,
                round=self._state.escalation.round,
            )
        )

    def _tell_handled(self, by: str, people: tuple[str, ...]) -> None:
        for person in people:
            message = HandledMessage(incident=self._ref(), links=(self._view_link(),), by=by)
            self._tell(person, message, HANDLED, f"{self._state.escalation.round}/handled")

    # ---- one call ---------------------------------------------------------------------------

    def _add(self, call: Call) -> None:
        if any(known.key == call.key for known in self._state.calls):
            return
        called = self._state.called
        if call.step >= MANUAL and call.person not in called:
            called = {**called, call.person: "paged"}
        self._set(calls=(*self._state.calls, call), called=called)
        self._launch(call)

    def _launch(self, call: Call) -> None:
        self._call_tasks.append(asyncio.create_task(self._call(call)))

    _call_tasks: list[asyncio.Task[None]]

    def _over(self, call: Call) -> bool:
        """There is no reason to send this any more."""
        if call.step < MANUAL:
            return False
        if self._state.phase in (Phase.CANCELLED, Phase.MERGED, Phase.CLOSED):
            return True
        if call.step == MANUAL:
            return self._state.called.get(call.person) in ("acknowledged", "joined", "released")
        stage = self._state.escalation
        return bool(stage.acknowledged_by) or stage.round != call.round or self._state.phase.quiet

    async def _call(self, call: Call) -> None:
        while call.index < len(call.methods) and not self._over(call):
            method = call.methods[call.index]
            if call.accepted and method.fallback:
                call = self._next_method(call, None)
                continue
            at = call.begun_at + method.after
            if call.accepted and at > workflow.now():
                summary = f"{call.person}: next by {method.method}"
                await self._until(lambda: self._over(call), at, summary)  # noqa: B023 - awaited at once
                if self._stopping:
                    return
                continue
            receipt = await self._send(call, method)
            call = self._next_method(call, method if receipt.accepted else None)
        self._finish(call)

    def _next_method(self, call: Call, accepted: ResolvedMethod | None) -> Call:
        known = (*call.accepted, accepted.method) if accepted else call.accepted
        call = call.model_copy(update={"index": call.index + 1, "accepted": known})
        self._set(calls=tuple(call if c.key == call.key else c for c in self._state.calls))
        return call

    def _finish(self, call: Call) -> None:
        left = tuple(c for c in self._state.calls if c.key != call.key)
        self._set(calls=left)
        if call.step < 0 or self._over(call):
            return
        same_step = any(c.step == call.step and c.round == call.round for c in left)
        if not same_step and not self._state.step_accepted:
            self._state = lifecycle.undelivered(self._state, self._pinned, workflow.now())

    async def _send(self, call: Call, method: ResolvedMethod) -> Receipt:
        request = SendRequest(
            key=f"{call.key}/{call.index}/{method.method}",
            person=call.person,
            method=method.method,
            channel=method.channel,
            message=call.message,
            number=self._state.number,
        )
        kind = call.message.kind
        self._busy += 1
        handle = calls.start_send(request, f"{kind.capitalize()} {call.person} by {method.method}")
        try:
            await workflow.wait_condition(lambda: handle.done() or self._over(call))
            if not handle.done():
                handle.cancel()
            receipt = await handle
        except ActivityError as error:
            kind_of, message = calls.why(error)
            receipt = Receipt(accepted=False, permanent=False, detail=f"{kind_of}: {message}")
        finally:
            self._busy -= 1
        self._log(
            Paged(
                at=workflow.now(),
                person=call.person,
                method=method.method,
                channel=method.channel,
                delivered=receipt.accepted,
                detail=receipt.detail[:300],
                reason=kind,
                key=request.key,
            )
        )
        if receipt.accepted:
            reached = {**self._state.reached, call.person: method}
            self._set(reached=reached)
            if call.step >= 0 and call.round == self._state.escalation.round:
                self._set(step_accepted=True, undelivered=0)
        return receipt
