"""The course of one verification: when it began, how long all has held, and when it is over."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from pydantic import ValidationError
from temporalio import activity

from mainstay.domain.duration import show
from mainstay.domain.model import Record
from mainstay.domain.verdict import Verdict, worst
from mainstay.domain.work import Look, VerifyRequest

_BEAT = 1.0
"""Seconds between heartbeats, also while a look hangs: a cancel is answered to one of them."""
_SOONEST = timedelta(milliseconds=100)
_SHARE = 10
"""What has taken long may take longer: the pause is a tenth of the wait so far, at most ``every``."""


class Progress(Record):
    """What a heartbeat carries over to the next try, and shows in Temporal's web UI."""

    begun_at: datetime
    rounds: int = 0
    held_since: datetime | None = None
    last: str = ""

    @classmethod
    def resumed(cls, details: Sequence[Any], now: datetime) -> Progress:
        """The progress of the try before, or a beginning."""
        try:
            return cls.model_validate(details[0])
        except (IndexError, ValidationError):
            return cls(begun_at=now)


class Glance(NamedTuple):
    """One look of a round. ``hopeless``: looking again cannot help, such as a query that is none."""

    look: Look
    hopeless: bool = False


class Watch:
    def __init__(self, request: VerifyRequest, progress: Progress) -> None:
        self._request = request
        self._progress = progress

    @property
    def elapsed(self) -> timedelta:
        return datetime.now(UTC) - self._progress.begun_at

    @property
    def _left(self) -> timedelta:
        return self._request.settle + self._request.within - self.elapsed

    async def beat(self) -> None:
        while True:
            activity.heartbeat(self._progress)
            await asyncio.sleep(_BEAT)

    async def settle(self) -> None:
        """Right after a change, old figures would speak for it."""
        await _sleep(self._request.settle - self.elapsed)

    async def pause(self) -> None:
        """Until the next round; the last one is at the deadline, not before it.

        Short at first: a rollout of a second must not be told two seconds later.
        """
        waited = self.elapsed - self._request.settle
        await _sleep(min(self._request.every, max(waited / _SHARE, _SOONEST), self._left))

    def taken(self, glances: tuple[Glance, ...]) -> Look | None:
        """Take one round; answers when it is decided. A round that does not hold begins the hold anew."""
        looks = tuple(glance.look for glance in glances)
        verdict = worst(tuple(look.verdict for look in looks))
        now = datetime.now(UTC)
        since = (self._progress.held_since or now) if verdict is Verdict.HELD else None
        self._progress = self._progress.model_copy(
            update={"rounds": self._progress.rounds + 1, "held_since": since, "last": verdict.value}
        )
        if since is not None and now - since >= self._request.hold:
            return self._answer(verdict, looks)
        if any(glance.hopeless for glance in glances):
            return self._answer(verdict, looks)
        if self._left > timedelta(0):
            return None
        return self._too_short(now - since, looks) if since is not None else self._answer(verdict, looks)

    def _answer(self, verdict: Verdict, looks: tuple[Look, ...]) -> Look:
        telling = [look.detail for look in looks if look.verdict is verdict and look.detail]
        return Look(
            verdict=verdict,
            branch=verdict.value,
            facts={"rounds": self._progress.rounds, "looks": [look.verdict.value for look in looks]},
            detail="; ".join(dict.fromkeys(telling)) or ("" if looks else "there is nothing to look at"),
        )

    def _too_short(self, held: timedelta, looks: tuple[Look, ...]) -> Look:
        """All holds, but for a shorter time than was asked for: not known to be stable, so no success."""
        seconds = timedelta(seconds=int(held.total_seconds()))
        detail = f"held for the last {show(seconds)} only, wanted {show(self._request.hold)}"
        answer = self._answer(Verdict.INCONCLUSIVE, looks)
        return answer.model_copy(update={"detail": detail})


async def _sleep(duration: timedelta) -> None:
    await asyncio.sleep(max(duration.total_seconds(), 0))
