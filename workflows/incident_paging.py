"""The incident's escalation: page, fall through, escalate, stop at an acknowledgement."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from mainstay.domain import lifecycle
    from mainstay.domain.alert import Alert
    from mainstay.domain.escalation import NextPage, StepCondition, Target, next_page, picked
    from mainstay.domain.incident import Bounce, Call, Phase
    from mainstay.domain.lifecycle import HANDLED, MANUAL
    from mainstay.domain.message import AnyMessage, HandledMessage, IncidentRef, Link, PageMessage
    from mainstay.domain.names import LAST_RESORT
    from mainstay.domain.people import ResolvedMethod, ResolvedTarget
    from mainstay.domain.text import plain
    from mainstay.domain.timeline import Bounced, EscalationExhausted, EscalationStep, Noted, Paged
    from mainstay.domain.work import (
        HoursRequest,
        PinnedResolveRequest,
        Receipt,
        ResolvedTargets,
        ResolveRequest,
        SendRequest,
        Urgency,
    )

from workflows import calls
from workflows.incident_core import IncidentCore

MAX_FOLLOWED = 200
"""Pages whose thread is kept: 200 bytes each, and the state is bounded."""
LOW_URGENCY, BUSINESS_HOURS = "low-urgency-rules", "page-in-business-hours"
"""Patches: see ``patches.py``."""
KEPT_KEYS = 100
"""Keys of the latest accepted and bounced notifications that the state carries."""


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
        if await self._put_off(page.step):
            return
        self._set(escalation=page.then, step_accepted=False, accepted_keys=())
        if page.rule and page.rule.when and (passed := await self._passed_over(page.rule.when)):
            if self._wanted(page) and self._state.escalation == page.then:
                self._log(Noted(at=workflow.now(), text=f"step {page.step + 1} is passed over: {passed}"))
                self._set(escalation=page.then.model_copy(update={"due": workflow.now()}))
            return
        now = workflow.now()
        if not page.targets:
            await self._exhausted()
            return
        names = tuple(str(target) for target in page.targets)
        why = self._why(page)
        self._log(EscalationStep(at=now, round=page.then.round, step=page.step, targets=names, why=why))
        people = await self._people_of(page)
        if page.rule and page.rule.pick == "round_robin":
            people = picked(people, self._state.key, page.lap + self._state.passes)
        self._wait_for_morning(page, people)
        called = self._call_all(page, people, why)
        if page.step == 0 and (more := self._whole_team(page)):
            called += self._call_all(page, await self._resolve(more), why)
        if called or not self._wanted(page):
            return
        self._log(Noted(at=workflow.now(), text=f"nobody can be reached behind {', '.join(names)}"))
        self._state = lifecycle.undelivered(self._state, self._pinned, workflow.now())

    @property
    def _urgency(self) -> Urgency:
        return "low" if not self._any_hour() and workflow.patched(LOW_URGENCY) else "high"

    def _any_hour(self) -> bool:
        return self._pinned.profile.level(self._state.rank).page == "page"

    async def _put_off(self, step: int) -> bool:
        """A level that pages in business hours waits for them, before each step (S-024, D-38)."""
        stage, level = self._state.escalation, self._pinned.profile.level(self._state.rank)
        if level.page != "business_hours" or stage.hours_known == step or not workflow.patched(BUSINESS_HOURS):
            return False
        opens = await self._next_open()
        if self._state.escalation != stage:
            return True  # acknowledged, escalated by hand or raised meanwhile: look again
        self._set(escalation=stage.model_copy(update={"hours_known": step, "due": max(opens, workflow.now())}))
        if opens <= workflow.now():
            return False
        self._log(Noted(at=workflow.now(), text=f"{level.label} waits for business hours: {opens:%Y-%m-%d %H:%M} UTC"))
        return True

    async def _next_open(self) -> datetime:
        pinned, now = self._pinned, workflow.now()
        self._busy += 1
        try:
            request = HoursRequest(
                at=now, business_hours=pinned.business_hours, time_zone=pinned.time_zone, holidays=pinned.holidays
            )
            return (await calls.next_open(request)).at
        except ActivityError as error:
            self._log(Noted(at=workflow.now(), text=f"business hours are unusable: {calls.why(error)[1]}"))
            return now  # whoever is paged too early is better off than who is not paged
        finally:
            self._busy -= 1

    async def _passed_over(self, when: StepCondition) -> str:
        """Why the step does not count now; empty: it does."""
        pinned, level = self._pinned, self._pinned.profile.level(self._state.rank)
        if when.severity and level.rank not in {pinned.profile.parse(label).rank for label in when.severity}:
            return f"it is for {', '.join(when.severity)}, and this is {level.label}"
        if when.tier and pinned.service.tier not in when.tier:
            return f"it is not for services of tier {pinned.service.tier}"
        if not when.hours:
            return ""
        is_open = await self._next_open() <= workflow.now()
        if is_open is (when.hours == "business"):
            return ""
        return "it is for business hours" if when.hours == "business" else "it is for the time outside business hours"

    def _wait_for_morning(self, page: NextPage, people: tuple[ResolvedTarget, ...]) -> None:
        """Whom everything is held back for has the step's time from the end of the quiet hours on."""
        able = [person for person in people if person.methods and not person.shadow]
        hold = min((min(method.hold for method in person.methods) for person in able), default=timedelta(0))
        stage = self._state.escalation
        if hold and stage == page.then and stage.due is not None:
            self._set(escalation=stage.model_copy(update={"due": stage.due + hold}))

    def _wanted(self, page: NextPage) -> bool:
        """Did nobody acknowledge and nothing end while it was looked up whom to call?"""
        stage, phase = self._state.escalation, self._state.phase
        calm = phase.quiet or phase.ended
        return not stage.acknowledged_by and stage.round == page.then.round and not calm

    def _call_all(self, page: NextPage, people: tuple[ResolvedTarget, ...], why: str) -> int:
        """How many of ``people`` are called."""
        if not self._wanted(page):
            return 0
        able = [person for person in people if person.methods]
        for person in able:
            self._add(self._page_call(person, page.step, page.then.round, f"{why} ({person.via})"))
        return len(able)

    def _whole_team(self, page: NextPage) -> tuple[Target, ...]:
        """Whom the severity calls at once besides the first step (M-3, S-119)."""
        whom = self._pinned.profile.level(self._state.rank).page_whom
        if whom == "on_call":
            return ()
        team = Target(kind="team", name=self._pinned.team.name)
        later = [target for step in self._pinned.policy.steps for target in step.targets]
        wanted = (team, *later) if whom == "everyone" else (team,)
        return tuple(target for target in dict.fromkeys(wanted) if target not in page.targets)

    async def _exhausted(self) -> None:
        """All stayed silent, and the policy names no last resort: the installation's own is told."""
        detail = "every step stayed silent and there is no last resort"
        self._log(EscalationExhausted(at=workflow.now(), detail=detail))
        await self._page_last_resort(detail)

    async def _page_last_resort(self, why: str, alerts: tuple[Alert, ...] = ()) -> None:
        """Whoever the configuration names for the case that nobody else is left."""
        given, known = self._input, self._pinned_or_none is not None
        title = (given.declaration.title if given.declaration else "") or given.title
        named = plain(title or (alerts[0].name if alerts else "an incident"), lifecycle.MAX_NAME)
        ref = IncidentRef(key=self._state.key, workflow_id=self._id, title=named)
        message = PageMessage(
            incident=self._ref() if known else ref,
            reason=why[:500],
            alerts=tuple(plain(alert.name, lifecycle.MAX_NAME) for alert in alerts[:5]),
        )
        request = SendRequest(
            key=f"{self._state.key}/last-resort/{int(workflow.now().timestamp())}",
            channel=LAST_RESORT,
            message=message,
            number=self._state.number,
        )
        self._busy += 1
        try:
            receipt = await calls.start_send(request, "Page the last resort")
        except ActivityError as error:
            receipt = Receipt(accepted=False, detail=calls.why(error)[1])
        finally:
            self._busy -= 1
        self._log(
            Paged(
                at=workflow.now(),
                person=LAST_RESORT,
                method="",
                channel=LAST_RESORT,
                delivered=receipt.accepted,
                detail=receipt.detail[:300],
                reason="page",
                key=request.key,
            )
        )

    async def _people_of(self, page: NextPage) -> tuple[ResolvedTarget, ...]:
        """The door resolved the first target; every later page asks who is on call now."""
        first = page.step == 0 and page.then.round == 1 and not self._state.first_step_done
        self._set(first_step_done=True)
        if first and self._input.first_targets and self._urgency == "high":
            return self._input.first_targets
        return await self._resolve(page.targets)

    async def _resolve(self, targets: tuple[Target, ...]) -> tuple[ResolvedTarget, ...]:
        targets, urgency = self._holders(targets), self._urgency
        if not targets:
            return ()
        self._busy += 1
        now = workflow.now()
        try:
            found = await calls.resolve_targets(
                ResolveRequest(targets=targets, at=now, service=self._pinned.service.name, urgency=urgency)
            )
        except ActivityError as error:
            _, message = calls.why(error)
            self._log(Noted(at=workflow.now(), text=f"on-call look-up failed ({message}); pinned schedule used"))
            request = PinnedResolveRequest(targets=targets, at=now, pinned=self._pinned, urgency=urgency)
            found = await self._resolve_pinned(request)
        finally:
            self._busy -= 1
        if found.degraded:
            self._log(Noted(at=workflow.now(), text=f"overrides could not be read: {found.degraded}"))
        return found.people

    def _holders(self, targets: tuple[Target, ...]) -> tuple[Target, ...]:
        """Each role as the person who holds it now; a vacant one is nobody."""
        roles = self._state.roles
        held = (
            Target(kind="person", name=roles[target.name]) if target.kind == "role" else target
            for target in targets
            if target.kind != "role" or target.name in roles
        )
        return tuple(dict.fromkeys(held))

    async def _resolve_pinned(self, request: PinnedResolveRequest) -> ResolvedTargets:
        """Nobody, where even this fails: then the next step is due, and in the end the last resort."""
        try:
            return await calls.resolve_pinned(request)
        except ActivityError as error:
            why = calls.why(error)[1]
            self._log(Noted(at=workflow.now(), text=f"the pinned schedule is unusable: {why}"))
            return ResolvedTargets()

    def _why(self, page: NextPage) -> str:
        """``step 2 of payments-default: no acknowledgement so far`` (S-063)."""
        which = "last resort" if page.last_resort else f"step {page.step + 1} of {self._pinned.policy.name}"
        if page.step == 0:
            return which
        before = "nobody could be reached" if self._state.undelivered else "no acknowledgement"
        return f"{which}: {before} so far"

    async def _page_asked(self) -> None:
        """Pages that somebody asked for by hand."""
        asked = self._state.to_page[0]
        self._set(to_page=self._state.to_page[1:])
        target, _, text = asked.partition("\n")
        kind, _, name = target.partition(":")
        people = await self._resolve((Target.model_validate({"kind": kind, "name": name}),))
        able = [person for person in people if person.methods]
        if not able:
            self._log(Noted(at=workflow.now(), text=f"nobody can be reached behind {target}"))
        for person in able:
            asked_for = tuple(dict.fromkeys((*self._state.asked, person.person)))
            self._set(asked=asked_for, called={**self._state.called, person.person: "paged"})
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
        message = PageMessage(incident=self._ref(), links=links, reason=reason, alerts=self._state.firing_names[:5])
        again = f"/again{self._state.passes}" if self._state.passes and step >= 0 else ""
        suffix = f"/{salt}" if salt else again
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
        at_once = {"after": timedelta(0), "hold": timedelta(0), "fallback": True}
        self._add(
            Call(
                key=f"{self._state.key}/{salt}/{handle}",
                person=handle,
                methods=tuple(m.model_copy(update=at_once) for m in methods),
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
            return call.person not in self._state.asked or call.round != self._state.escalation.round
        stage = self._state.escalation
        done = bool(stage.acknowledged_by) or call.person in stage.acks
        return done or stage.round != call.round or self._state.phase.quiet

    async def _call(self, call: Call) -> None:
        while call.index < len(call.methods) and not self._over(call):
            if self._stopping:  # the next run sends it, with the same key
                return
            call = self._without_bounced(call)
            method = call.methods[call.index]
            held = call.begun_at + method.hold
            if method.hold and held > workflow.now():
                if self._any_hour():
                    call = self._released(call)
                    continue
                summary = f"{call.person}: after the quiet hours"
                await self._until(lambda: self._over(call) or self._any_hour(), held, summary)  # noqa: B023 - at once
                continue
            if call.accepted and method.fallback:
                call = self._next_method(call, None)
                continue
            at = call.begun_at + method.after
            if call.accepted and at > workflow.now():
                summary = f"{call.person}: next by {method.method}"
                await self._until(
                    lambda: self._over(call) or self._bounced_of(call) != (),  # noqa: B023 - awaited at once
                    at,
                    summary,
                )
                continue
            receipt = await self._send(call, method)
            call = self._next_method(call, method if receipt.accepted else None)
        self._finish(call)

    def _released(self, call: Call) -> Call:
        """The severity pages at any hour by now: quiet hours end here, and the step's wait begins."""
        now, zero, policy, stage = workflow.now(), timedelta(0), self._pinned.policy, self._state.escalation
        methods = tuple(m.model_copy(update={"after": max(m.after - m.hold, zero), "hold": zero}) for m in call.methods)
        call = call.model_copy(update={"methods": methods, "begun_at": now})
        self._set(calls=tuple(call if c.key == call.key else c for c in self._state.calls))
        if call.step >= 0 and call.round == stage.round and stage.due is not None:
            listed = call.step < len(policy.steps) * (policy.repeat + 1)
            wait = policy.steps[call.step % len(policy.steps)].wait if listed else policy.last_resort_every
            self._set(escalation=stage.model_copy(update={"due": min(stage.due, now + wait)}))
        return call

    def _bounced_of(self, call: Call) -> tuple[str, ...]:
        """Methods of the call that a provider accepted and could not deliver after all."""
        named = {send_key(call, index): method.method for index, method in enumerate(call.methods)}
        return tuple(named[key] for key in self._state.bounced if named.get(key) in call.accepted)

    def _without_bounced(self, call: Call) -> Call:
        """A method that bounced counts as one that failed: the next one follows at once."""
        gone = self._bounced_of(call)
        if not gone:
            return call
        call = call.model_copy(update={"accepted": tuple(name for name in call.accepted if name not in gone)})
        self._set(calls=tuple(call if c.key == call.key else c for c in self._state.calls))
        return call

    def _bounce(self, bounce: Bounce) -> None:
        """What was accepted has come back. Where it was the step's last hope, the next step is due at once."""
        state = self._state
        if bounce.key in state.bounced or not bounce.key.startswith(f"{state.key}/"):
            return
        page = next((e for e in reversed(state.recent) if isinstance(e, Paged) and e.key == bounce.key), None)
        if page is None or not page.delivered:
            return
        detail = plain(bounce.detail, 300)
        self._log(Bounced(at=workflow.now(), person=page.person, method=page.method, key=page.key, detail=detail))
        hoped = bounce.key in state.accepted_keys
        left = tuple(key for key in state.accepted_keys if key != bounce.key)
        self._set(bounced=(*state.bounced, bounce.key)[-KEPT_KEYS:], accepted_keys=left)
        pending = any(call.step >= 0 and call.round == state.escalation.round for call in state.calls)
        if hoped and not left:
            self._set(step_accepted=False)
            if not pending and not state.escalation.acknowledged_by:
                self._state = lifecycle.undelivered(self._state, self._pinned, workflow.now())

    def _next_method(self, call: Call, accepted: ResolvedMethod | None) -> Call:
        known = (*call.accepted, accepted.method) if accepted else call.accepted
        call = call.model_copy(update={"index": call.index + 1, "accepted": known})
        self._set(calls=tuple(call if c.key == call.key else c for c in self._state.calls))
        return call

    def _finish(self, call: Call) -> None:
        left = tuple(c for c in self._state.calls if c.key != call.key)
        self._set(calls=left)
        if self._over(call):
            return
        if call.step == MANUAL and not call.accepted:
            self._log(Noted(at=workflow.now(), text=f"{call.person} could not be reached by any method"))
        if call.step < 0:
            return
        same_step = any(c.step == call.step and c.round == call.round for c in left)
        if not same_step and not self._state.step_accepted:
            self._state = lifecycle.undelivered(self._state, self._pinned, workflow.now())

    async def _send(self, call: Call, method: ResolvedMethod) -> Receipt:
        earlier = self._state.paged_as.get(f"{call.person}/{method.method}", "")
        request = SendRequest(
            key=send_key(call, call.index),
            person=call.person,
            method=method.method,
            channel=method.channel,
            message=call.message,
            number=self._state.number,
            follows=earlier,
            replaces=earlier if call.message.kind == "handled" else "",
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
            given_up = "not needed any more; it may have gone out already"
            detail = given_up if is_cancelled_exception(error) else f"{kind_of}: {message}"
            receipt = Receipt(accepted=False, permanent=False, detail=detail)
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
                provider_id=receipt.provider_id[:200],
            )
        )
        if receipt.accepted:
            reached = {**self._state.reached, call.person: method}
            self._set(reached=reached)
            if kind == "page" and receipt.provider_id and not earlier and len(self._state.paged_as) < MAX_FOLLOWED:
                known = {**self._state.paged_as, f"{call.person}/{method.method}": receipt.provider_id[:200]}
                self._set(paged_as=known)
            if call.step >= 0 and call.round == self._state.escalation.round:
                keys = (*self._state.accepted_keys, request.key)[-KEPT_KEYS:]
                self._set(step_accepted=True, undelivered=0, accepted_keys=keys)
        return receipt


def send_key(call: Call, index: int) -> str:
    """The idempotency key of one method of a call."""
    return f"{call.key}/{index}/{call.methods[index].method}"
