"""One action item, living for weeks: assigned, reminded, chased, escalated to the manager, done."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime

from temporalio import workflow
from temporalio.exceptions import ActivityError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from mainstay.domain import action_item, names
    from mainstay.domain.access import Actor
    from mainstay.domain.errors import AlreadyDone, InvalidArgument, Refusal
    from mainstay.domain.incident import Outcome
    from mainstay.domain.item_commands import DeferItem, ItemControl
    from mainstay.domain.message import ItemMessage, Link
    from mainstay.domain.work import ActionItemInput, ItemRow

from workflows import calls, options
from workflows.actors import actor_of, refused
from workflows.mail import tell
from workflows.parts import none_broke


@workflow.defn(name=names.ACTION_ITEM)
class ActionItemWorkflow:
    """Owner, date and status of one item; time does the chasing."""

    @workflow.init
    def __init__(self, given: ActionItemInput) -> None:
        self._given = given
        self._saved: ItemRow | None = None

    @workflow.run
    async def run(self, given: ActionItemInput) -> ItemRow:
        saving = asyncio.create_task(self._keep_saved())
        if not given.announced:
            await self._say("assigned", self._item.owner)
            self._mark(announced=True)
        while self._item.status != "done" and not workflow.info().is_continue_as_new_suggested():
            event = action_item.next_event(self._given, workflow.now())
            if event is not None and event.at <= workflow.now():
                await self._say(event.kind, event.to)
                self._given = action_item.after(self._given, event, workflow.now())
                continue
            await self._wait(event.at if event else None, event.kind if event else None)
        if self._item.status != "done":
            saving.cancel()
            await workflow.wait_condition(workflow.all_handlers_finished)
            workflow.continue_as_new(self._given)
        await self._say("done", self._item.owner)
        await workflow.wait_condition(lambda: self._saved == self._item or saving.done())
        none_broke([saving])
        saving.cancel()
        await workflow.wait_condition(workflow.all_handlers_finished)
        return self._item

    @property
    def _item(self) -> ItemRow:
        return self._given.item

    def _mark(self, **fields: object) -> None:
        self._given = self._given.model_copy(update=fields)

    def _change(self, **fields: object) -> None:
        self._given = self._given.model_copy(update={"item": self._item.model_copy(update=fields)})

    async def _wait(self, at: datetime | None, what: str | None) -> None:
        known = self._item
        try:
            await workflow.wait_condition(
                lambda: self._item != known,
                timeout=at - workflow.now() if at else None,
                timeout_summary=what.capitalize() if what else None,
            )
        except TimeoutError:
            return

    async def _keep_saved(self) -> None:
        """The list of items shows what the workflow knows, as soon as it can; no reminder waits for it."""
        while True:
            await workflow.wait_condition(lambda: self._saved != self._item)
            wanted = self._item
            try:
                await calls.save_item(wanted)
                self._saved = wanted
            except ActivityError as error:
                if is_cancelled_exception(error):
                    return
                workflow.logger.warning("action item not recorded: %s", calls.why(error)[1])
                await workflow.sleep(options.RECORD_AGAIN_MOST, summary="Try the record store again")

    async def _say(self, event: str, handle: str) -> None:
        links = (Link(purpose="item_done", label="Done", workflow_id=workflow.info().workflow_id),)
        days = max((workflow.now() - self._item.due).days, 0)
        message = ItemMessage.model_validate(
            {
                "incident": self._given.incident,
                "links": links if event != "done" else (),
                "event": event,
                "item": self._item.id,
                "what": self._item.text,
                "owner": self._item.owner,
                "due": self._item.due,
                "days_overdue": days,
            }
        )
        # A deferred item is reminded of anew: its date makes that another message.
        occasion = f"{event}/{self._item.due:%Y%m%dT%H%M}/{self._given.chases}"
        await tell(self._given.pinned, handle, message, occasion)

    # ---- updates ----------------------------------------------------------------------------

    def _who(self, command: ItemControl | DeferItem, operation: str) -> Actor:
        keys = self._given.pinned.keys if self._given.pinned else ()
        actor = actor_of(command, keys, workflow.info().first_execution_run_id, operation)
        if self._item.status == "done":
            raise AlreadyDone("the action item is done already")
        return actor

    def _try(self, operation: str, command: ItemControl | DeferItem, act: Callable[[], None]) -> None:
        try:
            self._who(command, operation)
            act()
        except Refusal as refusal:
            raise refused(refusal) from None

    @workflow.update(name=names.START_ITEM, description="Work on it has begun")
    def start(self, command: ItemControl) -> Outcome:
        self._try(names.START_ITEM, command, lambda: self._change(status="in progress"))
        return Outcome(message=f"{self._item.id} is in progress")

    @start.validator
    def _check_start(self, command: ItemControl) -> None:
        self._try(names.START_ITEM, command, lambda: None)

    @workflow.update(name=names.DONE_ITEM, description="It is done")
    def done(self, command: ItemControl) -> Outcome:
        def act() -> None:
            self._change(status="done", done_at=workflow.now())

        self._try(names.DONE_ITEM, command, act)
        return Outcome(message=f"{self._item.id} is done")

    @done.validator
    def _check_done(self, command: ItemControl) -> None:
        self._try(names.DONE_ITEM, command, lambda: None)

    @workflow.update(name=names.DEFER_ITEM, description='{"due": "2026-12-24T12:00:00Z", "reason": "…"}')
    def defer(self, command: DeferItem) -> Outcome:
        def act() -> None:
            self._later(command)
            self._change(status="deferred", due=command.due)
            self._mark(reminded=False, escalated=False, last_chase=None)

        self._try(names.DEFER_ITEM, command, act)
        return Outcome(message=f"{self._item.id} is due on {command.due:%Y-%m-%d}")

    @defer.validator
    def _check_defer(self, command: DeferItem) -> None:
        self._try(names.DEFER_ITEM, command, lambda: self._later(command))

    def _later(self, command: DeferItem) -> None:
        if command.due is None or command.due <= workflow.now():
            raise InvalidArgument("name a new date in the future", field="due")
        if not command.reason.strip():
            raise InvalidArgument("say why it is deferred", field="reason")

    @workflow.query(name=names.VIEW, description="The item as it stands")
    def view(self) -> ItemRow:
        return self._item
