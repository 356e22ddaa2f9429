"""Stop a Deployment's rollout where it is, and let it go on (``kubectl rollout pause`` and ``resume``)."""

from __future__ import annotations

from typing import ClassVar

from typing_extensions import override

from activities.cluster.fields import FieldAction, Wish
from activities.cluster.paths import Place
from mainstay.domain.catalogue.workloads import RolloutPause
from mainstay.domain.revision import Raw
from mainstay.domain.work import PlanRequest


class PauseRollout(FieldAction[RolloutPause]):
    """Writes ``spec.paused``. Paused already is success, where kubectl fails."""

    name = "rollout_pause"
    paused: ClassVar[bool] = True

    @override
    def wish(self, request: PlanRequest, live: Raw, parameters: RolloutPause, place: Place) -> Wish:
        verb = "pause" if self.paused else "resume"
        return Wish(
            f"{verb.capitalize()} the rollout of",
            {"/spec/paused": True if self.paused else None},
            command=f"rollout {verb} deployment/{place.name}",
        )


class ResumeRollout(PauseRollout):
    """Takes ``spec.paused`` away: what was changed meanwhile is rolled out."""

    name = "rollout_resume"
    paused = False
