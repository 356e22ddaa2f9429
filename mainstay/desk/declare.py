"""A person declares an incident. The request id is its identity: a retry finds the first."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from temporalio.client import Client, WorkflowHandle
from temporalio.common import WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError

from mainstay.desk import check
from mainstay.desk.address import Address
from mainstay.desk.deliver import attributes, priority
from mainstay.desk.failure import MAY_STILL_APPLY, answering
from mainstay.desk.pinning import Pins
from mainstay.domain import names
from mainstay.domain.access import Actor
from mainstay.domain.access_rules import DECLARE, check_allowed
from mainstay.domain.errors import AlreadyDone
from mainstay.domain.incident import Declaration, IncidentInput
from mainstay.domain.model import digest
from mainstay.domain.routing import declared_workflow_id
from mainstay.domain.text import markdown
from mainstay.domain.triage import triage
from workflows.options import TASK_TIMEOUT

WITHIN = timedelta(seconds=8)
MEMO = "declaration"
"""Memo with the digest of what was declared, so that one request id cannot mean two incidents."""


def checked(declaration: Declaration) -> Declaration:
    """Raises InvalidArgument naming the field."""
    check.size(declaration)
    return declaration.model_copy(
        update={
            "request_id": check.request_id(declaration.request_id),
            "title": check.name(declaration.title, "title", required=True),
            "service": check.name(declaration.service, "service", required=True),
            "severity": check.name(declaration.severity, "severity"),
            "description": check.text(declaration.description, "description"),
        }
    )


class Declarations:
    def __init__(self, client: Client, pins: Pins, clock: Callable[[], datetime]) -> None:
        self._client = client
        self._pins = pins
        self._clock = clock

    async def declare(self, given: Declaration, caller: Actor) -> Address:
        """Raises InvalidArgument, NotFound (service), AlreadyDone (same id, other content), Unavailable.

        The first one is found as long as Temporal keeps closed workflows (the namespace's retention).
        """
        check_allowed(DECLARE, caller)
        given = checked(given)
        content = digest(given.model_copy(update={"actor": None}))
        declaration = given.model_copy(update={"actor": caller})
        workflow_id = declared_workflow_id(given.service, given.request_id)
        async with answering(f"declaring {given.title!r}", WITHIN, unsure=MAY_STILL_APPLY):
            try:
                handle = await self._start(workflow_id, declaration, content)
            except WorkflowAlreadyStartedError as error:
                return await self._existing(workflow_id, error, content)
        return Address(workflow_id=workflow_id, key=handle.first_execution_run_id or "")

    async def _start(self, workflow_id: str, declaration: Declaration, content: str) -> WorkflowHandle[object, object]:
        pinned = self._pins.pin(declaration.service)
        profile = pinned.profile
        level = (
            profile.parse(declaration.severity)
            if declaration.severity
            else profile.level(triage(declaration.impact, pinned.service, profile).rank)
        )
        return await self._client.start_workflow(
            names.INCIDENT,
            IncidentInput(
                declaration=declaration,
                title=declaration.title,
                pinned=pinned,
                first_targets=await self._pins.first_targets(pinned, self._clock()),
            ),
            id=workflow_id,
            task_queue=names.INCIDENT_QUEUE,
            task_timeout=TASK_TIMEOUT,
            id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
            memo={MEMO: content},
            static_summary=markdown(declaration.title, 200),
            static_details=markdown(declaration.description, 4000, newlines=True) or None,
            search_attributes=attributes(declaration.title, level.label, pinned),
            priority=priority(level, declaration.service),
        )

    async def _existing(self, workflow_id: str, error: WorkflowAlreadyStartedError, content: str) -> Address:
        handle = self._client.get_workflow_handle(workflow_id)
        described = await handle.describe()
        if await described.memo_value(MEMO, default=content) != content:
            raise AlreadyDone("this request_id has declared another incident: choose a new one", field="request_id")
        key = error.first_run_id or described.raw_description.workflow_execution_info.first_run_id
        return Address(workflow_id=workflow_id, key=key, existed=True)
