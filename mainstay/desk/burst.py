"""Bursts: the first alert goes at once; what arrives for the same incident meanwhile goes together next.

No timer: an idle lane adds no delay, and a busy one grows its batches exactly as fast as Temporal is slow. So
a storm costs a few hundred signals instead of ten thousand, which is where the server ends a run's history.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from mainstay.desk.failure import Later
from mainstay.domain.alert import Alert, AlertBatch
from mainstay.domain.errors import Refusal
from mainstay.domain.routing import batches

MAX_WAITING = 100_000
"""Alerts that may wait in one process before further ones are refused: about 100 MB."""
MAX_TOGETHER = 2_000
"""Alerts taken from a lane at once: encoding them holds the event loop for some 20 ms, not for a second."""

Send = Callable[[AlertBatch, bool], Awaitable[bool]]
"""Hands one batch to Temporal; the flag says that this lane has just opened or joined the incident. False:
nothing was firing and no incident is open."""


@dataclass
class _Delivery:
    alerts: tuple[Alert, ...]
    send: Send
    taken: asyncio.Future[bool]


@dataclass
class _Lane:
    """What waits for one workflow id, and the task that takes it there."""

    waiting: deque[_Delivery] = field(default_factory=deque)
    task: asyncio.Task[None] | None = None
    opened: bool = False


class Bursts:
    """One lane per workflow id, alive only while it has something to carry."""

    def __init__(self, via: str = "") -> None:
        self._via = via
        self._lanes: dict[str, _Lane] = {}
        self._waiting = 0

    def put(self, workflow_id: str, alerts: tuple[Alert, ...], send: Send) -> asyncio.Future[bool]:
        """The future is done once all of ``alerts`` are durable; False as ``Send`` says, or Unavailable.

        Raises Unavailable when too much waits already. A caller who gives up and cancels the future does not
        take its alerts back: the lane carries them all the same.
        """
        if self._waiting + len(alerts) > MAX_WAITING:
            raise Later(f"{self._waiting} alerts wait for Temporal already; deliver again later")
        lane = self._lanes.setdefault(workflow_id, _Lane())
        delivery = _Delivery(alerts, send, asyncio.get_running_loop().create_future())
        # Looked at here, so that a caller who has gone leaves no "never retrieved" behind.
        delivery.taken.add_done_callback(lambda f: f.cancelled() or f.exception())
        lane.waiting.append(delivery)
        self._waiting += len(alerts)
        if lane.task is None:
            lane.task = asyncio.create_task(self._carry(workflow_id, lane))
        return delivery.taken

    async def close(self) -> None:
        """Wait until every lane is empty."""
        while tasks := [lane.task for lane in self._lanes.values() if lane.task is not None]:
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _carry(self, workflow_id: str, lane: _Lane) -> None:
        try:
            while lane.waiting:
                together = _take(lane.waiting)
                self._waiting -= sum(len(d.alerts) for d in together)
                await self._hand_over(lane, together)
        finally:
            lane.task = None
            self._lanes.pop(workflow_id, None)

    async def _hand_over(self, lane: _Lane, together: list[_Delivery]) -> None:
        """All or nothing for the callers: what failed in part is told as failed, and delivered again."""
        alerts = tuple(alert for delivery in together for alert in delivery.alerts)
        try:
            opened = False
            for batch in batches(alerts, delivered_by=self._via):
                lane.opened = await together[-1].send(batch, lane.opened)
                opened = opened or lane.opened
        except Refusal as refusal:
            self._tell(together, refusal)
        except Exception as error:  # whatever it is, a caller waits for an answer
            self._tell(together, Later(f"the alerts could not be handed to Temporal: {error}"))
        else:
            for delivery in together:
                if not delivery.taken.done():
                    delivery.taken.set_result(opened)

    @staticmethod
    def _tell(together: list[_Delivery], refusal: Refusal) -> None:
        for delivery in together:
            if not delivery.taken.done():
                delivery.taken.set_exception(refusal)


def _take(waiting: deque[_Delivery]) -> list[_Delivery]:
    """The oldest deliveries, at least one, as many as make ``MAX_TOGETHER`` alerts."""
    together = [waiting.popleft()]
    count = len(together[0].alerts)
    while waiting and count + len(waiting[0].alerts) <= MAX_TOGETHER:
        together.append(waiting.popleft())
        count += len(together[-1].alerts)
    return together
