"""Alerts → incidents: route, group, and one signal-with-start per incident. Needs no worker.

Answered once Temporal has them. A batch with nothing firing is a plain signal, and "not found" is fine: a
resolved notice never opens an incident (architecture section 2).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

from temporalio.client import Client
from temporalio.common import Priority, SearchAttributeKey, SearchAttributePair, TypedSearchAttributes

from mainstay.config import Config
from mainstay.desk.answers import Delivered
from mainstay.desk.burst import Bursts
from mainstay.desk.failure import answering
from mainstay.desk.pinning import Pins
from mainstay.domain import names
from mainstay.domain.alert import Alert, AlertBatch
from mainstay.domain.errors import NotFound, Refusal
from mainstay.domain.incident import IncidentInput, Phase
from mainstay.domain.pinned import PinnedConfig
from mainstay.domain.routing import Bundle, Routed, bundle, title_for
from mainstay.domain.severity import Level
from mainstay.domain.text import markdown, plain
from mainstay.domain.triage import impact_of, triage
from workflows.options import TASK_TIMEOUT

HAND_OVER = timedelta(seconds=8)
"""Alertmanager gives a webhook ten seconds; after that it delivers again, which is harmless."""
FIRST_ALERTS = 100
"""So many of the batch stand in the input as well, for severity and title from the very first moment. The
signal carries all of them; the incident knows by their occurrence that it has some already."""
MAX_ATTRIBUTE = 255
"""Keyword columns of SQL visibility hold this many characters."""


def attributes(title: str, severity: str, pinned: PinnedConfig) -> TypedSearchAttributes:
    """What lists and the web UI can be searched by from the first moment."""
    values = {
        "Title": title,
        "Severity": severity,
        "Service": pinned.service.name,
        "Team": pinned.team.name,
        "Phase": Phase.DECLARED.value,
    }
    return TypedSearchAttributes(
        [
            SearchAttributePair(SearchAttributeKey.for_keyword(name), value[:MAX_ATTRIBUTE])
            for name, value in values.items()
            if value
        ]
    )


def priority(level: Level | None, service: str) -> Priority:
    """The worst level first (Temporal knows 1 to 5), and within a level each service in its turn.

    So a storm of one service does not hold up the first page of another (``matching.enableFairness``).
    """
    rank = min(max(level.rank, 0) + 1, 5) if level else 1
    return Priority(priority_key=rank, fairness_key=service.encode()[:64].decode(errors="ignore"))


class Deliveries:
    """Takes alerts from every door of this process."""

    def __init__(self, client: Client, config: Config, pins: Pins, clock: Callable[[], datetime]) -> None:
        self._client = client
        self._config = config
        self._pins = pins
        self._clock = clock
        self._bursts: dict[str, Bursts] = {}
        self.dropped = 0
        """Alerts that a route with ``mode: drop`` wanted ignored."""

    async def deliver(self, alerts: tuple[Alert, ...], via: str) -> tuple[Delivered, ...]:
        """Raises Unavailable when any of them is not durable; delivering all again is harmless."""
        sorted_out = bundle(alerts, self._config.routes, self._config.services)
        self.dropped += len(sorted_out.dropped)
        if not sorted_out.bundles:
            return ()
        bursts = self._bursts.setdefault(via, Bursts(via))
        taken = [self._put(bursts, each) for each in sorted_out.bundles]
        opened = await _all(taken)
        return tuple(
            Delivered(
                workflow_id=each.workflow_id,
                service=each.routed.service,
                alerts=len(each.alerts),
                ignored=not one,
            )
            for each, one in zip(sorted_out.bundles, opened, strict=True)
        )

    async def close(self) -> None:
        """Wait for what is in flight."""
        for bursts in list(self._bursts.values()):
            await bursts.close()

    def _put(self, bursts: Bursts, each: Bundle) -> asyncio.Future[bool]:
        async def send(batch: AlertBatch, joins: bool) -> bool:
            return await self._send(each.workflow_id, each.routed, batch, joins)

        return bursts.put(each.workflow_id, each.alerts, send)

    async def _send(self, workflow_id: str, routed: Routed, batch: AlertBatch, joins: bool) -> bool:
        """``joins``: it was open a moment ago, so the signal goes without a start that would be thrown away;
        half of what a storm weighs. Should it have ended since, the start follows."""
        doing = f"handing alerts to {workflow_id}"
        if joins or not batch.firing:
            try:
                async with answering(doing, HAND_OVER, unsure="deliver them again"):
                    await self._client.get_workflow_handle(workflow_id).signal(names.ALERTS, batch)
            except NotFound:
                if not batch.firing:
                    return False
            else:
                return True
        async with answering(doing, HAND_OVER, unsure="deliver them again"):
            await self._open_or_join(workflow_id, routed, batch)
        return True

    async def _open_or_join(self, workflow_id: str, routed: Routed, batch: AlertBatch) -> None:
        pinned = self._pin(routed)
        now = self._clock()
        title = title_for(batch.alerts)
        level = _level(routed, batch, pinned)
        await self._client.start_workflow(
            names.INCIDENT,
            IncidentInput(
                alerts=batch.alerts[:FIRST_ALERTS],
                title=title,
                route=routed.route,
                severity=routed.severity,
                mode="ticket" if routed.mode == "ticket" else "page",
                pinned=pinned,
                first_targets=await self._pins.first_targets(pinned, now) if pinned else (),
            ),
            id=workflow_id,
            task_queue=names.INCIDENT_QUEUE,
            task_timeout=TASK_TIMEOUT,
            start_signal=names.ALERTS,
            start_signal_args=[batch],
            static_summary=plain(title, 200),
            static_details=_details(routed, batch),
            search_attributes=attributes(title, level.label if level else "", pinned) if pinned else None,
            priority=priority(level, routed.service),
        )

    def _pin(self, routed: Routed) -> PinnedConfig | None:
        """None when no service can be pinned, not even the fallback's: then the workflow's first activity
        pins, and pages the last resort if it cannot. An alert is never refused over configuration."""
        try:
            return self._pins.pin(routed.service)
        except Refusal:
            return None


async def _all(taken: list[asyncio.Future[bool]]) -> list[bool]:
    """Each is awaited, whatever becomes of the others: an answer means that nothing is in the air."""
    opened: list[bool] = []
    refused: Refusal | None = None
    for one in taken:
        try:
            opened.append(await one)
        except Refusal as refusal:
            refused = refusal
    if refused is not None:
        raise refused
    return opened


def _level(routed: Routed, batch: AlertBatch, pinned: PinnedConfig | None) -> Level | None:
    if pinned is None:
        return None
    if routed.severity:
        try:
            return pinned.profile.parse(routed.severity)
        except Refusal:
            pass
    found = triage(impact_of(batch.alerts), pinned.service, pinned.profile)
    return pinned.profile.level(found.rank)


def _details(routed: Routed, batch: AlertBatch) -> str:
    """Markdown for Temporal's web UI: what began it. Alert text is hostile."""
    shown = batch.alerts[:10]
    lines = [f"Declared by alerts for service **{markdown(routed.service)}** (route `{routed.route}`):", ""]
    for alert in shown:
        summary = alert.annotations.get("summary", "")
        lines.append(f"- {markdown(alert.name, 100)}: {markdown(summary, 200)}")
    if len(batch.alerts) > len(shown):
        lines.append(f"- and {len(batch.alerts) - len(shown)} more")
    return "\n".join(lines)
