"""The probe ``events``: how often something happened to an object, by the events of its namespace."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import Any, ClassVar

from activities.cluster.client import Clusters
from activities.probes.reading import listed
from activities.probes.seen import Seen
from mainstay.domain.catalogue.probes.pods import Events as Parameters
from mainstay.domain.revision import Raw
from mainstay.domain.text import plain
from mainstay.domain.verdict import Sample, judge

_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


class Events:
    name: ClassVar[str] = "events"

    def __init__(self, clusters: Clusters) -> None:
        self._clusters = clusters

    async def look(self, parameters: Parameters, at: datetime) -> Seen:
        """Raises what the cluster raises. The API server forgets events after an hour, by default."""
        kind = f"involvedObject.kind={parameters.kind}" if parameters.kind else ""
        path = f"/api/v1/namespaces/{parameters.namespace}/events"
        entries = await listed(self._clusters[parameters.cluster], path, fields=kind)
        found = [entry for entry in entries if _wanted(entry, parameters, at)]
        count = sum(map(_times, found))
        newest = max(found, key=_last, default=None)
        facts: dict[str, Any] = {
            "count": count,
            "newest": _told(newest) if newest else "",
            "reasons": [reason for reason, _ in Counter(str(e.get("reason", "")) for e in found).most_common(10)],
        }
        said = f"{count} events" + (f", the newest: {facts['newest']}" if newest else "")
        verdict = judge((Sample(value=count),), parameters.criterion)
        return Seen(verdict=verdict, facts=facts, detail=f"{parameters.namespace}: {said}")


def _wanted(entry: Raw, parameters: Parameters, at: datetime) -> bool:
    return (
        at - _last(entry) <= parameters.within
        and (parameters.type == "any" or entry.get("type") == parameters.type)
        and (not parameters.reasons or entry.get("reason") in parameters.reasons)
        and (not parameters.name or _is_of(str(entry["involvedObject"].get("name", "")), parameters.name))
    )


def _is_of(name: str, wanted: str) -> bool:
    return name == wanted or name.startswith(f"{wanted}-")


def _times(entry: Raw) -> int:
    """The older API counts in ``count``, events.k8s.io in ``series``."""
    return max(int(entry.get("count") or 1), int((entry.get("series") or {}).get("count") or 1))


def _last(entry: Raw) -> datetime:
    series = entry.get("series") or {}
    times = (series.get("lastObservedTime"), entry.get("lastTimestamp"), entry.get("eventTime"))
    return max((datetime.fromisoformat(text) for text in times if text), default=_LONG_AGO)


def _told(entry: Raw) -> str:
    of = entry["involvedObject"]
    what = f"{of.get('kind', '')}/{of.get('name', '')} {entry.get('reason', '')}: {entry.get('message', '')}"
    return plain(what, 300)
