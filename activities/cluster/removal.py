"""Taking pods away, by eviction or deletion, each by its UID, within a time; and what stands in the way.

Answers to an eviction: 201 asked; 404 gone; 409 another pod has the name by now, so this one is gone; 429 a
disruption budget forbids it now, asked again after ``Retry-After`` or ``AGAIN``; 403 while its namespace
goes away: it goes too; 500: several budgets count this pod, and no eviction can ever pass.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from http import HTTPStatus
from typing import Any

from kubernetes.aio.client.exceptions import ApiException

from activities.cluster import progress
from activities.cluster.client import Clusters, Mark, Mutations
from activities.cluster.paths import Place, collection
from activities.failures import namespace_goes_away, permanent, retry_after, status_message
from mainstay.domain.eviction import budget_line, budgets_of, label
from mainstay.domain.revision import Raw

AGAIN = timedelta(seconds=5)
"""kubectl's wait after a 429."""
POLL = 0.5
AT_ONCE = 20
"""Requests under way at one time. Waiting is none: a pod that a budget holds, or that stops slowly, keeps no
other one from being asked."""


@dataclass(frozen=True)
class Way:
    """``evict`` keeps disruption budgets; ``grace`` None is the pod's own."""

    cluster: str
    mark: Mark
    seconds: float
    evict: bool = True
    grace: int | None = None


@dataclass
class _Course:
    until: float
    free: asyncio.Semaphore
    refused: dict[str, str] = field(default_factory=dict)
    hopeless: dict[str, str] = field(default_factory=dict)


class Removal:
    """Removes pods and waits until they are gone."""

    def __init__(self, clusters: Clusters, mutations: Mutations) -> None:
        self._clusters = clusters
        self._mutations = mutations

    async def remove(self, pods: Sequence[Raw], way: Way) -> list[str]:
        """The names of the pods that are gone. Raises a permanent Unavailable that says what blocks, when the time
        is over or an eviction can never pass: part of it may have been done."""
        told = progress.done()
        course = _Course(time.monotonic() + way.seconds, asyncio.Semaphore(AT_ONCE))
        gone: list[str] = []

        async def one(pod: Raw) -> None:
            if await self._ask(pod, way, course) and await self._leaves(pod, way, course):
                gone.append(label(pod))
                if label(pod) not in told:
                    told.append(label(pod))

        try:
            async with asyncio.TaskGroup() as group:
                for pod in pods:
                    group.create_task(one(pod))
        except ExceptionGroup as several:
            # What the first one was refused for, the others are; a group is none of the known failures.
            raise several.exceptions[0] from None
        left = [pod for pod in pods if label(pod) not in gone]
        if left:
            raise permanent("Unavailable", await self._blocked(left, len(pods), way, course))
        return gone

    async def _ask(self, pod: Raw, way: Way, course: _Course) -> bool:
        """Ask until the pod is asked to go. False: it cannot be, or not in time."""
        place, uid = _place(pod, way.cluster), pod["metadata"]["uid"]
        take = self._mutations.evict if way.evict else self._mutations.delete
        while True:
            try:
                async with course.free:
                    await take(place, uid, way.mark, way.grace)
            except ApiException as refused:
                match refused.status:
                    case HTTPStatus.NOT_FOUND | HTTPStatus.CONFLICT:
                        if refused.status == HTTPStatus.CONFLICT and await self._is_there(place, uid, course):
                            raise
                        return True
                    case HTTPStatus.TOO_MANY_REQUESTS:
                        course.refused[uid] = status_message(refused)
                        pause = retry_after(refused.headers or {}) or AGAIN
                    case HTTPStatus.FORBIDDEN if namespace_goes_away(refused):
                        return True
                    case HTTPStatus.INTERNAL_SERVER_ERROR if way.evict and _several(refused):
                        course.hopeless[uid] = status_message(refused)
                        return False
                    case _:
                        raise
            else:
                course.refused.pop(uid, None)
                return True
            if time.monotonic() + pause.total_seconds() > course.until:
                return False
            await asyncio.sleep(pause.total_seconds())
            if not await self._is_there(place, uid, course):
                return True

    async def _leaves(self, pod: Raw, way: Way, course: _Course) -> bool:
        place, uid = _place(pod, way.cluster), pod["metadata"]["uid"]
        while await self._is_there(place, uid, course):
            if time.monotonic() > course.until:
                return False
            await asyncio.sleep(POLL)
        return True

    async def _is_there(self, place: Place, uid: str, course: _Course) -> bool:
        """A pod that came back under its name is another one."""
        try:
            async with course.free:
                live = await self._clusters[place.cluster].read(place)
        except ApiException as refused:
            if refused.status == HTTPStatus.NOT_FOUND:
                return False
            raise
        return bool(live["metadata"]["uid"] == uid)

    async def _blocked(self, left: Sequence[Raw], whole: int, way: Way, course: _Course) -> str:
        budgets = await self._budgets(left, way.cluster) if way.evict else []
        lines = [f"{len(left)} of {whole} pods are still there"]
        for pod in left[:5]:
            uid = pod["metadata"]["uid"]
            named = "; ".join(budget_line(b) for b in budgets_of(pod, budgets))
            why = course.hopeless.get(uid) or course.refused.get(uid) or "was asked to go and has not stopped"
            lines.append(f"pod/{label(pod)}: {named or why}" + (" (several budgets)" if uid in course.hopeless else ""))
        return ". ".join(lines)

    async def _budgets(self, pods: Sequence[Raw], cluster: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for namespace in sorted({pod["metadata"]["namespace"] for pod in pods}):
            try:
                found += await self._clusters[cluster].list(collection("PodDisruptionBudget", namespace))
            except ApiException:
                continue  # the eviction's own answer is shown instead
        return found


def _several(refused: ApiException) -> bool:
    return "more than one PodDisruptionBudget" in status_message(refused)


def _place(pod: Raw, cluster: str) -> Place:
    return Place(cluster, "Pod", pod["metadata"]["namespace"], pod["metadata"]["name"])
