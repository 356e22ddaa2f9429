"""Mutated webhooks against the real HTTP door: no answer is a fault, and no alert is lost."""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

import aiohttp
import pytest
from temporalio.client import Client

from bench.posting import alert, webhook
from bench.rig import WEBHOOK, Rig, rig
from devstack.processes import eventually
from mainstay.domain.alert import AlertBatch, AlertStatus
from mainstay.domain.incident import IncidentView
from mainstay.domain.names import ALERTS, VIEW
from mainstay.web import alertmanager
from tests.soak.figures import Figures, recorded, scaled
from tests.web.mutations import mutations

BODIES = 20_000
GROUPS = 50
"""Incidents that the sound part of the bodies falls into."""
ROUTES = 20
"""Senders, each with a fallback incident of its own for what cannot be read."""
CONNECTIONS = 8
TRIES = 40
"""How often a body that was answered 503 is sent again, as every sender does."""


@pytest.mark.soak
@pytest.mark.timeout(1800)
async def test_mutated_webhooks_are_all_taken() -> None:
    """Given no worker, every body of an authenticated source is answered 200, or 503 and then 200; each alert that
    fires in it stands in the history of an incident, parsed or raw, what was counted is what was sent, and once
    there is a worker every incident pages."""
    count = scaled(BODIES, 100)
    with recorded("webhooks", "mutated webhooks: never a 5xx but 503, and no firing alert is lost") as figures:
        async with rig(synchronous="1") as it:
            # The door needs no worker, and what it has answered for is durable without one.
            await it.pause_workers()
            begun = time.perf_counter()
            told = await _send(it, list(bodies(figures.seed, count)), figures)
            seconds = time.perf_counter() - begun
            lost = await _lost(it.client, told)
            begun = time.perf_counter()
            await it.resume_workers()
            for incident in told:
                await _paged(it.client, incident)
            figures.counts |= {"bodies": count, "incidents": len(told), "incidents_paged": len(told)}
            figures.counts |= {"firing_alerts": len(set().union(*told.values())), "lost": len(lost)}
            figures.figures["bodies_per_second"] = round(count / seconds, 1)
            figures.figures["seconds_until_all_are_paged"] = round(time.perf_counter() - begun, 1)
        assert not lost, lost[:5]


def bodies(seed: int, count: int) -> Iterator[bytes]:
    """Each holds two alerts before it is damaged, with fingerprints that no other body has."""
    chance = random.Random(seed)
    for number in range(count):
        group = f"soak-{number % GROUPS}"
        two = (alert("paged", group, fingerprint=f"{number:07x}{which}") for which in "ab")
        yield from mutations(webhook(*two), chance.randrange(2**32), 1)


def items_of(body: bytes) -> int:
    """How many alerts a body holds, by a reading of its own: what is no list of alerts is kept as one."""
    try:
        payload = json.loads(body.decode(), parse_constant=_no_json)
        items = payload["alerts"]
    except (ValueError, RecursionError, LookupError, TypeError):
        return 1
    if not isinstance(items, list):
        return 1
    return len(items) or (0 if payload.get("status") == "resolved" else 1)


def _no_json(name: str) -> Any:
    raise ValueError(name)


async def _send(it: Rig, todo: list[bytes], figures: Figures) -> dict[str, set[str]]:
    """Firing fingerprints that each incident was said to have taken."""
    statuses: Counter[int] = Counter()
    told: dict[str, set[str]] = defaultdict(set)
    counted: Counter[str] = Counter()
    left, routes = iter(todo), itertools.count()
    headers = {"Authorization": f"Bearer {it.product.tokens['alertmanager']}"}

    async def one_after_the_other(session: aiohttp.ClientSession) -> None:
        for body in left:
            route = next(routes) % ROUTES
            answer = await _taken(session, f"{it.product.url}{WEBHOOK}?route=soak-{route}", body, statuses)
            assert answer["accepted"] + answer["kept_raw"] == items_of(body), (answer, body)
            counted.update(accepted=answer["accepted"], kept_raw=answer["kept_raw"])
            firing = {a.fingerprint for a in alertmanager.parse(body).all if a.status is AlertStatus.FIRING}
            assert bool(answer["incidents"]) or not firing, (answer, body)
            for incident in answer["incidents"]:
                told[incident] |= firing

    async with aiohttp.ClientSession(headers=headers) as session:
        await asyncio.gather(*(one_after_the_other(session) for _ in range(CONNECTIONS)))
    figures.counts["answers"] = {str(status): number for status, number in sorted(statuses.items())}
    figures.counts |= dict(counted)
    return told


async def _taken(session: aiohttp.ClientSession, url: str, body: bytes, statuses: Counter[int]) -> dict[str, Any]:
    """The 200 in the end; any answer but that and a deliberate 503 fails."""
    for attempt in itertools.count(1):
        async with session.post(url, data=body) as answer:
            statuses[answer.status] += 1
            content = await answer.read()
        if answer.status == 200:
            return dict(json.loads(content))
        assert answer.status == 503, (answer.status, content, body)
        assert json.loads(content).get("error") == "Unavailable", (content, body)
        assert attempt < TRIES, f"still 503 after {attempt} tries"
        await asyncio.sleep(0.25)
    raise AssertionError("unreachable")


async def _lost(client: Client, told: dict[str, set[str]]) -> list[str]:
    """Firing fingerprints that are in no history of the incidents that were said to have them.

    A body whose alerts fell into several incidents names all of them, so an alert may be in any.
    """
    kept: set[str] = set()
    for incident in told:
        async for batch in _batches(client, incident):
            kept |= {one.fingerprint for one in batch.alerts}
    return sorted(set().union(*told.values()) - kept) if told else []


async def _paged(client: Client, incident: str) -> None:
    """Wait until somebody was called about it, or its alerts have resolved before."""

    async def told() -> bool:
        view = await client.get_workflow_handle(incident).query(VIEW, result_type=IncidentView)
        return bool(view.responders) or not view.firing

    await eventually(told, 300, f"a page about {incident}", every_seconds=0.5)


async def _batches(client: Client, incident: str) -> Any:
    """All alerts that were signalled to an incident, over its continue-as-new."""
    run_id: str | None = None
    while run_id is None or run_id:
        history = await client.get_workflow_handle(incident, run_id=run_id).fetch_history()
        for event in history.events:
            signalled = event.workflow_execution_signaled_event_attributes
            if signalled.signal_name == ALERTS and signalled.input.payloads:
                yield AlertBatch.model_validate_json(signalled.input.payloads[0].data)
        run_id = history.events[0].workflow_execution_started_event_attributes.continued_execution_run_id
