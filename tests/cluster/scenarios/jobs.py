"""Actions on Jobs and CronJobs."""

from __future__ import annotations

from typing import Any

from tests.cluster.lab import Lab
from tests.cluster.scenarios.scenario import NAME, Scenario


def cron_job(suspend: bool) -> Any:
    async def make(lab: Lab) -> None:
        pod = {"restartPolicy": "Never", "containers": [{"name": "app", "image": "registry.example/shop:v1"}]}
        spec = {"schedule": "0 4 1 1 *", "suspend": suspend, "jobTemplate": {"spec": {"template": {"spec": pod}}}}
        await lab.apply_manifest(
            {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": NAME}, "spec": spec}
        )

    return make


SCENARIOS = tuple(
    Scenario(
        action,
        cron_job(before),
        lambda live: live["spec"]["suspend"],
        before,
        not before,
        kind="CronJob",
    )
    for action, before in (("cronjob_suspend", False), ("cronjob_resume", True))
)
