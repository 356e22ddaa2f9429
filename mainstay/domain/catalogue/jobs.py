"""Actions on Jobs and CronJobs."""

from __future__ import annotations

from mainstay.domain.catalogue.kinds import CRON_JOBS, CronJobRef
from mainstay.domain.catalogue.spec import ActionSpec, Parameters
from mainstay.domain.change import Risk


class CronJobSuspend(Parameters):
    """Suspending and resuming are each other's inverse; Jobs that run already go on."""

    target: CronJobRef


CRONJOB_SUSPEND = ActionSpec(
    "cronjob_suspend",
    "Start no more Jobs of a CronJob",
    CronJobSuspend,
    ("CronJob",),
    Risk.LOW,
    "restore",
    (CRON_JOBS,),
)
CRONJOB_RESUME = ActionSpec(
    "cronjob_resume", "Start Jobs of a CronJob again", CronJobSuspend, ("CronJob",), Risk.LOW, "restore", (CRON_JOBS,)
)
