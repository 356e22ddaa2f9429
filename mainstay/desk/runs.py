"""Runbooks and their runs: list, plan, start, read, and everything that people tell a run."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from pydantic import JsonValue
from temporalio.client import Client
from temporalio.common import WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError

from mainstay.config import Config
from mainstay.desk import check
from mainstay.desk.address import Address
from mainstay.desk.answers import RunbookInfo, RunbookInputInfo, RunStarted
from mainstay.desk.failure import MAY_STILL_APPLY, answering
from mainstay.desk.pinning import Pins
from mainstay.domain import names
from mainstay.domain.access import Actor
from mainstay.domain.access_rules import check_allowed
from mainstay.domain.errors import InvalidArgument, NotFound
from mainstay.domain.model import canonical, digest
from mainstay.domain.runbook import inputs as given_inputs
from mainstay.domain.runbook.node import Input, Runbook
from mainstay.domain.runbook.parse import parse
from mainstay.domain.runbook.run import RunInput, RunView
from mainstay.domain.text import markdown

WITHIN = timedelta(seconds=8)


class Runs:
    def __init__(self, client: Client, config: Config, pins: Pins) -> None:
        self._client = client
        self._config = config
        self._pins = pins

    def runbooks(self) -> tuple[RunbookInfo, ...]:
        return tuple(self._infos())

    def _infos(self) -> Iterator[RunbookInfo]:
        for name, text in sorted(self._config.runbooks.items()):
            yield _info(parse(text, name), text)

    def text(self, runbook: str) -> str:
        """Raises NotFound with the names that are close."""
        return self._config.runbook(check.name(runbook, "runbook", required=True))

    async def start(
        self, runbook: str, service: str, inputs: dict[str, JsonValue], caller: Actor, request_id: str
    ) -> RunStarted:
        """A run of its own. Its request id is its identity: a retry finds the first."""
        check_allowed(names.START_RUNBOOK, caller)
        request_id = check.request_id(request_id)
        text = self.text(runbook)
        check.size(RunInput(runbook=runbook, text="", digest="", inputs=inputs), "inputs")
        if not service:
            raise InvalidArgument(
                "a run without an incident needs the service whose configuration it lives by", field="service"
            )
        pinned = self._pins.pin(check.name(service, "service"))
        tree = parse(text, runbook)
        given = RunInput(
            runbook=runbook,
            text=text,
            digest=digest(text),
            library=dict(self._config.runbooks),
            inputs=given_inputs.resolve(tree, given_inputs.bind(tree, pinned.service, inputs)),
            requester=caller,
            pinned=pinned,
        )
        workflow_id = names.run_workflow_id(request_id, runbook, 1)
        async with answering(f"starting {runbook}", WITHIN, unsure=MAY_STILL_APPLY):
            try:
                await self._client.start_workflow(
                    names.RUNBOOK,
                    given,
                    id=workflow_id,
                    task_queue=names.INCIDENT_QUEUE,
                    id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                    static_summary=markdown(f"{runbook} for {service}, started by {caller.shown}", 200),
                )
            except WorkflowAlreadyStartedError:
                return RunStarted(run=workflow_id, message=f"{runbook} was started before", changed=False)
        return RunStarted(run=workflow_id, message=f"{runbook} is started")

    async def find(self, run: str) -> Address:
        """The run behind a workflow id. Raises NotFound, InvalidArgument."""
        check.name(run, "run", required=True, limit=1000)
        try:
            async with answering(f"finding {run}", WITHIN):
                found = await self._client.get_workflow_handle(run).describe()
        except NotFound:
            raise NotFound(f"there is no run {run!r}", field="run") from None
        if found.workflow_type != names.RUNBOOK:
            raise NotFound(f"{run} is a {found.workflow_type}, not a runbook run", field="run")
        return Address(workflow_id=run, key=found.raw_description.workflow_execution_info.first_run_id)

    async def view(self, run: str, timeout: timedelta) -> RunView:
        """Raises NotFound, Unavailable."""
        check.name(run, "run", required=True, limit=1000)
        try:
            async with answering(f"reading {run}", timeout):
                handle = self._client.get_workflow_handle(run)
                view: RunView = await handle.query(names.VIEW, result_type=RunView)
                return view
        except NotFound:
            raise NotFound(f"there is no run {run!r}", field="run") from None


def _info(tree: Runbook, text: str) -> RunbookInfo:
    return RunbookInfo(
        name=tree.name,
        title=tree.title,
        description=tree.description,
        inputs=tuple(_input(name, spec) for name, spec in tree.inputs.items()),
        digest=digest(text),
    )


def _input(name: str, spec: Input) -> RunbookInputInfo:
    return RunbookInputInfo(
        name=name,
        type=spec.type,
        description=spec.title,
        required=spec.must_be_given,
        default_json="" if spec.default is None else canonical(spec.default),
    )
