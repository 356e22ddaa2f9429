"""The probe ``dependency_incident``: is a needed service in trouble of its own?"""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from activities.probes.seen import Seen
from mainstay.domain.catalogue.probes.context import DependencyIncident as Parameters
from mainstay.domain.text import plain
from mainstay.domain.verdict import Verdict
from mainstay.records.rows import IncidentQuery
from mainstay.records.store import Store


class DependencyIncident:
    name: ClassVar[str] = "dependency_incident"

    def __init__(self, store: Store) -> None:
        self._store = store

    async def look(self, parameters: Parameters, at: datetime) -> Seen:  # noqa: ARG002 - as it is now
        """Raises Unavailable when the record store does not answer."""
        found = []
        for service in sorted(set(parameters.services)):
            page = await self._store.incidents(IncidentQuery(open_only=True, service=service, limit=20))
            found += [row for row in page.rows if not row.exercise]
        worst = min(found, key=lambda row: (row.rank, row.key), default=None)
        facts: dict[str, Any] = {
            "found": bool(found),
            "count": len(found),
            "service": worst.service if worst else "",
            "number": worst.number if worst else "",
            "title": plain(worst.title, 200) if worst else "",
        }
        if worst is None:
            said = f"no open incident of {', '.join(map(plain, sorted(set(parameters.services))[:5]))}"
            return Seen(verdict=Verdict.FAILED, facts=facts, detail=said)
        said = f"{worst.service} has {worst.number or 'an incident'}: {facts['title']}"
        return Seen(verdict=Verdict.HELD, facts=facts, detail=said)
