"""Lanes: what arrives meanwhile goes together, and a lane knows whether it has just opened its incident."""

from __future__ import annotations

import asyncio

import pytest

from mainstay.desk.burst import Bursts
from mainstay.domain.alert import Alert, AlertBatch
from mainstay.domain.errors import Unavailable
from tests.desk.lab import Lab, alert


class Temporal:
    """Takes batches, one at a time, when told to."""

    def __init__(self, *answers: bool | Exception) -> None:
        self.taken: list[tuple[int, bool]] = []
        self.go = asyncio.Semaphore(0)
        self._answers = list(answers)

    async def send(self, batch: AlertBatch, joins: bool) -> bool:
        await self.go.acquire()
        self.taken.append((len(batch.alerts), joins))
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


async def put_three(temporal: Temporal) -> list[bool | BaseException]:
    """One alert at once, two more while it is under way, and one after those."""
    bursts, waiting = Bursts("test"), []
    for count in (1, 2, 1):
        for _ in range(count):
            waiting.append(bursts.put("incident/x", (Alert(fingerprint=str(len(waiting))),), temporal.send))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        temporal.go.release()
    for _ in range(4):
        temporal.go.release()
    answers = await asyncio.gather(*waiting, return_exceptions=True)
    await bursts.close()
    return answers


async def test_the_first_goes_at_once_and_the_rest_together() -> None:
    """The first batch opens; what follows in the same lane joins and needs no start."""
    temporal = Temporal(True, True, True)
    assert await put_three(temporal) == [True, True, True, True]
    assert sum(count for count, _ in temporal.taken) == 4
    assert temporal.taken[0] == (1, False)
    assert all(joins for _, joins in temporal.taken[1:])


async def test_a_lane_whose_batch_opened_nothing_does_not_join() -> None:
    """After a batch with nothing firing, or a failure, the next one may have to open the incident."""
    temporal = Temporal(False, True, True)
    assert await put_three(temporal) == [False, True, True, True]
    assert [joins for _, joins in temporal.taken[:2]] == [False, False]


async def test_a_failed_batch_is_told_to_its_callers_only() -> None:
    """They deliver again; the others' alerts are taken."""
    temporal = Temporal(RuntimeError("lost"), True, True)
    first, *others = await put_three(temporal)
    assert isinstance(first, Unavailable)
    assert others == [True, True, True]


@pytest.mark.parametrize("count", [400])
async def test_a_storm_into_an_incident_that_ends_meanwhile_loses_nothing(lab: Lab, count: int) -> None:
    """Alerts that join meet a closed incident: then they open the next one."""
    opened = await lab.opened("StormEnds")
    handle = lab.client.get_workflow_handle(opened.workflow_id)
    storm = [asyncio.create_task(lab.desk.deliver((alert("StormEnds", number=n),), "test")) for n in range(count)]
    await handle.terminate("it ends in the middle of the storm")
    delivered = await asyncio.gather(*storm)
    assert all(not one.ignored for each in delivered for one in each)
    view = await lab.until(opened.workflow_id, lambda v: v.alerts_seen > 0, "alerts in the next incident")
    assert view.alerts_seen > 0
