"""The activities ``plan_change`` and ``apply_change``, over every action of the catalogue."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

from temporalio import activity

from activities import failpoints
from activities.cluster import progress
from activities.cluster.action import Action
from activities.cluster.client import Clusters, Mutations
from activities.cluster.envelope import Envelope
from activities.cluster.halt import HaltGuard
from activities.cluster.registry import KINDS
from activities.failures import classify
from mainstay.domain.catalogue.spec import parse_parameters
from mainstay.domain.change import Applied, ApplyRequest, Change
from mainstay.domain.errors import InvalidArgument
from mainstay.domain.freeze import Freeze, under_freeze
from mainstay.domain.template import render_value
from mainstay.domain.work import PlanRequest

HEARTBEAT_SECONDS = 1.0


class ClusterActions:
    """Changes of clusters. Each failure is told as permanent or transient (``activities.failures``)."""

    def __init__(
        self,
        clusters: Clusters,
        halt: HaltGuard,
        envelope: Envelope | None = None,
        freezes: Callable[[], Mapping[str, Sequence[Freeze]]] = dict,
    ) -> None:
        self._freezes = freezes
        mutations = Mutations(clusters, halt)
        self._actions: Mapping[str, Action[Any]] = {kind.name: kind(clusters, mutations, envelope) for kind in KINDS}

    @activity.defn(name="plan_change")
    async def plan_change(self, request: PlanRequest) -> Change:
        """Render the parameters and pin the change on the live target; writes nothing."""
        try:
            async with _beating():
                action = self._action(request.action)
                rendered = render_value(dict(request.parameters), request.values)
                assert isinstance(rendered, dict), "rendering keeps the shape"
                change = await action.plan(request, parse_parameters(action.spec.parameters, rendered))
                return under_freeze(change, request.at, self._freezes())
        except Exception as failure:
            raise classify(failure, f"planning {request.action}") from failure

    @activity.defn(name="apply_change")
    async def apply_change(self, request: ApplyRequest) -> Applied:
        """Carry out a pinned change or take it back. A cancellation ends it before the write, not in it."""
        doing = f"{'undoing' if request.undo else 'applying'} {request.change.action} on {request.change.target}"
        try:
            async with _beating():
                applied = await self._action(request.change.action).apply(request)
                await failpoints.reach("apply.after_answer")
                return applied
        except Exception as failure:
            raise classify(failure, doing) from failure

    def _action(self, name: str) -> Action[Any]:
        if name not in self._actions:
            known = ", ".join(sorted(self._actions))
            raise InvalidArgument(f"there is no action {name!r}; there are {known}", field="action")
        return self._actions[name]


@contextlib.asynccontextmanager
async def _beating() -> AsyncIterator[None]:
    """Heartbeat in the background, so that a cancellation and a dead worker are noticed."""
    progress.begin()
    task = asyncio.create_task(_beat()) if activity.in_activity() else None
    try:
        yield
    finally:
        if task is not None:
            task.cancel()


async def _beat() -> None:
    while True:
        activity.heartbeat(progress.done())
        await asyncio.sleep(HEARTBEAT_SECONDS)
