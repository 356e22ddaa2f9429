"""The probe ``logs``: lines of a workload's pods that match a pattern, bounded in pods, lines, bytes and time."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar, NamedTuple

from kubernetes.aio.client.exceptions import ApiException

from activities.cluster.client import Cluster, Clusters
from activities.cluster.paths import collection
from activities.failures import bounded
from activities.probes.reading import place_of, pods_of
from activities.probes.seen import Seen
from mainstay.domain.catalogue.probes.pods import Logs as Parameters
from mainstay.domain.condition import matching
from mainstay.domain.text import plain
from mainstay.domain.verdict import Sample, Verdict, judge

MAX_BYTES = 256 * 1024
"""Of each pod's log; the API server cuts it."""
MAX_LINE = 4_000


class _Log(NamedTuple):
    lines: Sequence[str]
    cut: bool


class Logs:
    name: ClassVar[str] = "logs"

    def __init__(self, clusters: Clusters) -> None:
        self._clusters = clusters

    async def look(self, parameters: Parameters, at: datetime) -> Seen:  # noqa: ARG002 - the newest lines
        """Raises what the cluster raises, and InvalidArgument for a pattern that is none.

        What was cut off could hold a match: then only a count that no further match could change is judged,
        and otherwise it is INCONCLUSIVE. So it is without any pod that has a log.
        """
        matching(parameters.pattern, [])
        _, pods = await pods_of(self._clusters, parameters.target)
        cluster = self._clusters[parameters.target.cluster]
        names = sorted(pod["metadata"]["name"] for pod in pods)
        logs = await asyncio.gather(*(_log(cluster, name, parameters) for name in names[: parameters.max_pods]))
        known = [log for log in logs if log is not None]
        lines = [line for log in known for line in log.lines]
        found = await asyncio.to_thread(matching, parameters.pattern, lines)
        cut = any(log.cut for log in known) or len(known) < len(names)
        facts: dict[str, Any] = {
            "matches": len(found),
            "lines": len(lines),
            "pods": len(known),
            "sample": bounded(plain(found[-1], 300)) if found else "",
            "cut": cut,
        }
        said = f"{len(found)} of {len(lines)} lines in {len(known)} of {len(names)} pods match"
        said += " (there was more than the bounds let be read)" if cut else ""
        verdict = _verdict(len(found), bool(known), cut, parameters)
        return Seen(verdict=verdict, facts=facts, detail=f"{place_of(parameters.target)}: {said}")


async def _log(cluster: Cluster, pod: str, parameters: Parameters) -> _Log | None:
    """One pod's log; None where a container has none (yet)."""
    path = f"{collection('Pod', parameters.target.namespace)}/{pod}/log"
    query = [
        ("tailLines", str(parameters.max_lines)),
        ("limitBytes", str(MAX_BYTES)),
        ("sinceSeconds", str(max(int(parameters.within.total_seconds()), 1))),
    ]
    query += [("container", parameters.container)] if parameters.container else []
    query += [("previous", "true")] if parameters.previous else []
    try:
        text = await cluster.text(path, query)
    except ApiException as refused:
        if refused.status in (400, 404):  # a container that has not started, or a pod that has just gone
            return None
        raise
    lines = text.splitlines()
    cut = len(lines) >= parameters.max_lines or len(text.encode()) >= MAX_BYTES
    return _Log([line[:MAX_LINE] for line in lines], cut)


def _verdict(count: int, any_log: bool, cut: bool, parameters: Parameters) -> Verdict:
    if not any_log:
        return Verdict.INCONCLUSIVE
    verdict = judge((Sample(value=count),), parameters.criterion)
    if not cut:
        return verdict
    # More lines can only raise the count: "at least" stays held, "at most" stays failed
    op = parameters.criterion.op
    certain = (op in (">", ">=") and verdict is Verdict.HELD) or (op in ("<", "<=", "==") and _above(count, parameters))
    return verdict if certain else Verdict.INCONCLUSIVE


def _above(count: int, parameters: Parameters) -> bool:
    limit = parameters.criterion.value
    return count >= limit if parameters.criterion.op == "<" else count > limit
