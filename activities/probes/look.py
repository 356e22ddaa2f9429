"""Looking: one probe, or several repeated until all hold."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

from temporalio import activity

from activities.failures import bounded, classify
from activities.probes.seen import ProbeKind, Seen
from activities.probes.watch import Glance, Progress, Watch
from mainstay.domain.catalogue.probes import PROBES
from mainstay.domain.catalogue.spec import parse_parameters
from mainstay.domain.condition import choose
from mainstay.domain.errors import NotFound
from mainstay.domain.template import render_value
from mainstay.domain.verdict import Verdict
from mainstay.domain.work import Look, LookRequest, VerifyRequest


class Probes:
    """Carries out looks by probe name. A look that cannot be made is ``error``, never a good sign."""

    def __init__(self, *kinds: ProbeKind[Any]) -> None:
        self._kinds = {kind.name: kind for kind in kinds}

    @activity.defn(name="look")
    async def look(self, request: LookRequest) -> Look:
        """Look once. What may pass is raised and retried; misuse and the last failing try answer ERROR."""
        try:
            return await self._look(request, request.at)
        except Exception as failure:
            permanent, said = _judge(failure, request.probe)
            if permanent or _last_try(activity.info(), request.timeout):
                return _error(said)
            raise _retryable(failure, request.probe) from None

    @activity.defn(name="verify")
    async def verify(self, request: VerifyRequest) -> Look:
        """Repeat all looks until all hold, or ``within`` has passed after ``settle``.

        Answers the worst verdict of the last round. Heartbeats throughout, so that a cancel arrives within
        seconds, and carries its beginning in them, so that a retry on another worker gets no extra time.
        Takes at most ``settle`` + ``within`` + the longest ``timeout`` of a look.
        """
        watch = Watch(request, Progress.resumed(activity.info().heartbeat_details, datetime.now(UTC)))
        beating = asyncio.create_task(watch.beat())
        try:
            await watch.settle()
            while True:
                answer = watch.taken(await self._round(request, watch.elapsed))
                if answer is not None:
                    return answer
                await watch.pause()
        finally:
            beating.cancel()

    async def _round(self, request: VerifyRequest, elapsed: timedelta) -> tuple[Glance, ...]:
        looks = (self._once(look, look.at + elapsed) for look in request.looks)
        return tuple(await asyncio.gather(*looks))

    async def _once(self, request: LookRequest, at: datetime) -> Glance:
        """One look of a round: its failure is an answer, because the next round looks again."""
        try:
            return Glance(await self._look(request, at))
        except Exception as failure:
            permanent, said = _judge(failure, request.probe)
            return Glance(_error(said), hopeless=permanent)

    async def _look(self, request: LookRequest, at: datetime) -> Look:
        kind = self._kinds.get(request.probe)
        if kind is None or request.probe not in PROBES:
            raise NotFound(f"this worker has no probe {request.probe!r}", field="probe")
        rendered = {name: render_value(value, request.values) for name, value in request.parameters.items()}
        parameters = parse_parameters(PROBES[request.probe].parameters, rendered)
        async with asyncio.timeout(request.timeout.total_seconds()):
            return _branched(request, await kind.look(parameters, at))


def _branched(request: LookRequest, seen: Seen) -> Look:
    chosen = choose(request.cases, seen.verdict, seen.facts, request.values)
    detail = "; ".join(part for part in (seen.detail, chosen.detail) if part)
    return Look(verdict=seen.verdict, branch=chosen.branch, facts=seen.facts, detail=bounded(detail))


def _error(said: str) -> Look:
    return Look(verdict=Verdict.ERROR, branch=Verdict.ERROR.value, detail=bounded(said))


def _judge(failure: Exception, probe: str) -> tuple[bool, str]:
    """(can no retry mend it, what to tell people)."""
    try:
        known = classify(failure, f"probe {probe}")
    except Exception as bug:  # classify raises what it does not know
        return False, f"probe {probe} failed unexpectedly: {type(bug).__name__}"
    said = known.message if known.message.startswith("probe ") else f"probe {probe}: {known.message}"
    return known.non_retryable, said


def _retryable(failure: Exception, probe: str) -> Exception:
    try:
        return classify(failure, f"probe {probe}")
    except Exception as bug:  # see _judge
        return bug


def _last_try(info: activity.Info, timeout: timedelta) -> bool:
    """Would Temporal give up before another try has ended? Then the run is told now, with the reason."""
    policy = info.retry_policy
    if policy and policy.maximum_attempts and info.attempt >= policy.maximum_attempts:
        return True
    if info.schedule_to_close_timeout is None:
        return False
    pause = _pause(info)
    left = info.scheduled_time + info.schedule_to_close_timeout - datetime.now(UTC)
    return left < pause + timeout


def _pause(info: activity.Info) -> timedelta:
    policy = info.retry_policy
    if policy is None:
        return timedelta(0)
    longest = policy.maximum_interval or policy.initial_interval * 100
    # Capped, because the factor's power outgrows every number after a few hundred tries
    factor = policy.backoff_coefficient ** min(info.attempt - 1, 20)
    return min(policy.initial_interval * factor, longest)
