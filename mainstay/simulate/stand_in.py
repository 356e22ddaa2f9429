"""Children of the incident that a simulation records and does not run.

A runbook looks at a real system and a postmortem lives for weeks. The incident only sees that they began.
"""

from __future__ import annotations

from typing import Any

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from mainstay.domain import names


@workflow.defn(name=names.RUNBOOK)
class RecordedRunbook:
    @workflow.run
    async def run(self, _given: Any = None) -> None:
        """It began; that is all."""


@workflow.defn(name=names.POSTMORTEM)
class RecordedPostmortem:
    @workflow.run
    async def run(self, _given: Any = None) -> None:
        """It began; that is all."""


@workflow.defn(name=names.ACTION_ITEM)
class RecordedActionItem:
    @workflow.run
    async def run(self, _given: Any = None) -> None:
        """It began; that is all."""


STAND_INS = (RecordedRunbook, RecordedPostmortem, RecordedActionItem)
