"""From a request to the stories of all incidents that its alerts would open."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from temporalio.client import Client

from mainstay.config import Config, check
from mainstay.domain.alert import AlertStatus
from mainstay.domain.errors import InvalidArgument
from mainstay.domain.positioned import DocumentErrors
from mainstay.domain.routing import Bundle, bundle
from mainstay.simulate.play import Play
from mainstay.simulate.scenario import arrivals
from mainstay.simulate.story import Arrival, Request, Told


def prepared(request: Request) -> tuple[Config, tuple[Arrival, ...]]:
    """The folder and the alerts. Raises DocumentErrors with every mistake of both, InvalidArgument for options."""
    config, problems = check(Path(request.folder), request.overlay)
    if config is None:
        raise DocumentErrors(problem for problem in problems if problem.severity == "error")
    for answer in request.answers:
        if answer.person not in config.people:
            raise InvalidArgument(f"nobody is called {answer.person!r} in {request.folder}", field=answer.does)
    for channel in request.down:
        if channel not in config.channels:
            known = ", ".join(sorted(config.channels))
            raise InvalidArgument(f"there is no channel {channel!r}: there are {known}", field="down")
    return config, arrivals(Path(request.file), request.at)


async def tell(client: Client, request: Request, config: Config, arrived: tuple[Arrival, ...]) -> Told:
    """Play each incident after the other; each has its own time, so their order does not matter."""
    incidents, dropped = sorted_out(config, arrived)
    stories = [
        await Play(client, request, config.pin(given[0][1].routed.service), given).run() for given in incidents.values()
    ]
    return Told(at=request.at, time_zone=config.time_zone, stories=tuple(stories), dropped=dropped)


def sorted_out(config: Config, arrived: tuple[Arrival, ...]) -> tuple[dict[str, list[tuple[timedelta, Bundle]]], int]:
    """Incident → what arrives for it, as the door sorts it. A resolved notice alone opens nothing."""
    incidents: dict[str, list[tuple[timedelta, Bundle]]] = {}
    dropped = 0
    for arrival in arrived:
        found = bundle(arrival.alerts, config.routes, config.services)
        dropped += len(found.dropped)
        for each in found.bundles:
            firing = any(alert.status is AlertStatus.FIRING for alert in each.alerts)
            if firing or each.workflow_id in incidents:
                incidents.setdefault(each.workflow_id, []).append((arrival.after, each))
    return incidents, dropped
