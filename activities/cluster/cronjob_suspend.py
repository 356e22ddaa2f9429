"""Start no more Jobs of a CronJob, and start them again."""

from __future__ import annotations

from typing import ClassVar

from typing_extensions import override

from activities.cluster.fields import FieldAction, Wish
from activities.cluster.paths import Place
from mainstay.domain.catalogue.jobs import CronJobSuspend
from mainstay.domain.revision import Raw
from mainstay.domain.work import PlanRequest


class SuspendCronJob(FieldAction[CronJobSuspend]):
    """Writes ``spec.suspend``; says which Jobs go on."""

    name = "cronjob_suspend"
    suspend: ClassVar[bool] = True

    @override
    def wish(self, request: PlanRequest, live: Raw, parameters: CronJobSuspend, place: Place) -> Wish:
        active = len((live.get("status") or {}).get("active") or ())
        warnings = (f"{active} Jobs of it are running and go on",) if active and self.suspend else ()
        if not self.suspend and live["spec"].get("startingDeadlineSeconds") is None:
            warnings = ("no startingDeadlineSeconds: a Job whose time was missed may start at once",)
        verb = "Suspend" if self.suspend else "Resume"
        return Wish(verb, {"/spec/suspend": self.suspend}, warnings=warnings)


class ResumeCronJob(SuspendCronJob):
    """The inverse of the suspension."""

    name = "cronjob_resume"
    suspend = False
