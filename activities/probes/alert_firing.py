"""The probe ``alert_firing``: does an alert still fire?"""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from activities.probes.alertmanager import Alertmanagers
from activities.probes.seen import Seen
from mainstay.domain.catalogue.probes.context import AlertFiring as Parameters
from mainstay.domain.text import plain
from mainstay.domain.verdict import Verdict


class AlertFiring:
    name: ClassVar[str] = "alert_firing"

    def __init__(self, alertmanagers: Alertmanagers) -> None:
        self._alertmanagers = alertmanagers

    async def look(self, parameters: Parameters, at: datetime) -> Seen:  # noqa: ARG002 - as it is now
        """Raises what ``Alertmanagers`` raises. A silenced or inhibited alert still fires: it is only not told."""
        found = await self._alertmanagers.alerts(parameters.alertmanager, parameters.matchers)
        silenced = sum(1 for alert in found if alert.status.silenced_by)
        inhibited = sum(1 for alert in found if alert.status.inhibited_by and not alert.status.silenced_by)
        facts = {
            "firing": bool(found),
            "active": len(found) - silenced - inhibited,
            "silenced": silenced,
            "inhibited": inhibited,
            "since": min((alert.starts_at for alert in found), default=""),
        }
        what = plain(", ".join(f"{label}={value}" for label, value in sorted(parameters.matchers.items())), 200)
        said = f"{len(found)} fire ({silenced} silenced, {inhibited} inhibited)" if found else "none fires"
        verdict = Verdict.FAILED if found else Verdict.HELD
        return Seen(verdict=verdict, facts=dict(facts), detail=f"{what}: {said}")
