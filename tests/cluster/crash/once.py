"""One pinned change, carried out as the runbook's workflow does it."""

from __future__ import annotations

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy

from mainstay.domain.change import Applied, ApplyRequest


@workflow.defn(name="crash-once")
class Once:
    """Bounded as ``workflows/options.py`` bounds it, with a heartbeat short enough for a test."""

    @workflow.run
    async def run(self, request: ApplyRequest) -> Applied:
        applied: Applied = await workflow.execute_activity(
            "apply_change",
            request,
            result_type=Applied,
            start_to_close_timeout=timedelta(seconds=60),
            schedule_to_close_timeout=timedelta(minutes=3),
            heartbeat_timeout=timedelta(seconds=3),
            retry_policy=RetryPolicy(initial_interval=timedelta(milliseconds=200)),
        )
        return applied
