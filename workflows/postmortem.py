"""The postmortem: drafted at once, a meeting within 48 to 72 hours, chased until it is published."""

from __future__ import annotations

from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError, WorkflowAlreadyStartedError

with workflow.unsafe.imports_passed_through():
    from mainstay.domain import names
    from mainstay.domain.access import Actor
    from mainstay.domain.action_item import opening
    from mainstay.domain.errors import AlreadyDone, InvalidArgument, NotFound, Refusal
    from mainstay.domain.incident import ItemDraft, Outcome
    from mainstay.domain.item_commands import Publish
    from mainstay.domain.message import InvitationMessage, Link, NoticeMessage
    from mainstay.domain.model import Record
    from mainstay.domain.work import (
        Draft,
        MeetingRequest,
        MeetingSlot,
        PostmortemInput,
    )

from workflows import calls
from workflows.actors import actor_of, refused
from workflows.mail import tell

WRITTEN_WITHIN = timedelta(hours=48)
"""D-10: the draft is there at once, written up within two days."""
CHASE_EVERY = timedelta(days=1)
GIVE_UP_AFTER = 30


class PostmortemView(Record):
    """Answer of the query ``view``."""

    status: str
    document: str = ""
    meeting: MeetingSlot | None = None
    owner: str = ""
    chases: int = 0
    items: tuple[str, ...] = ()


@workflow.defn(name=names.POSTMORTEM)
class PostmortemWorkflow:
    """Draft, invite, chase, publish; then one workflow per action item."""

    @workflow.init
    def __init__(self, given: PostmortemInput) -> None:
        self._given = given
        self._draft: Draft | None = None
        self._meeting: MeetingSlot | None = None
        self._published: Publish | None = None
        self._chases = 0
        self._items: list[str] = []

    @workflow.run
    async def run(self, given: PostmortemInput) -> PostmortemView:
        begun = workflow.now()
        self._draft = await self._write(given.model_copy(update={"at": begun}))
        await self._invite(begun)
        await self._chase(begun)
        published = self._published
        for index, item in enumerate(published.items if published else (), start=1):
            await self._start_item(item, index)
        await workflow.wait_condition(workflow.all_handlers_finished)
        return self.view()

    async def _write(self, given: PostmortemInput) -> Draft | None:
        """None when it cannot be written: the meeting and the chasing do not hang on the document."""
        try:
            return await calls.draft_postmortem(given)
        except ActivityError as error:
            why = calls.why(error)[1]
        shown = given.incident.shown
        await tell(
            given.pinned,
            given.owner,
            self._notice(f"The postmortem of {shown} could not be drafted", f"{why}. Write it by hand."),
            "no-draft",
        )
        return None

    async def _slot(self, after: datetime) -> MeetingSlot:
        pinned = self._given.pinned
        request = MeetingRequest(
            after=after,
            business_hours=pinned.business_hours,
            time_zone=pinned.time_zone,
            holidays=pinned.holidays,
        )
        try:
            return await calls.meeting_slot(request)
        except ActivityError as error:
            note = f"the calendar is unusable ({calls.why(error)[1]}): move it to business hours"
            start = after + WRITTEN_WITHIN
            return MeetingSlot(starts_at=start, ends_at=start + timedelta(hours=1), note=note)

    async def _invite(self, begun: datetime) -> None:
        self._meeting = await self._slot(begun)
        message = InvitationMessage(
            incident=self._given.incident,
            uid=workflow.info().workflow_id,
            what=f"Postmortem of {self._given.incident.shown}: {self._given.incident.title}",
            starts_at=self._meeting.starts_at,
            ends_at=self._meeting.ends_at,
            attendees=self._given.responders,
            document=self._draft.path if self._draft else "",
        )
        people = self._given.responders or ((self._given.owner,) if self._given.owner else ())
        for handle in people:
            await tell(self._given.pinned, handle, message, "invitation")

    async def _chase(self, begun: datetime) -> None:
        """Daily from the 48th hour on, until it is published."""
        due = begun + WRITTEN_WITHIN
        while self._published is None and self._chases < GIVE_UP_AFTER:
            if await self._published_by(due):
                return
            self._chases += 1
            await tell(self._given.pinned, self._given.owner, self._overdue(), f"chase/{self._chases}")
            due = workflow.now() + CHASE_EVERY
        if self._published is None:
            await workflow.wait_condition(lambda: self._published is not None)

    async def _published_by(self, due: datetime) -> bool:
        left = due - workflow.now()
        try:
            await workflow.wait_condition(
                lambda: self._published is not None,
                timeout=max(left, timedelta(seconds=1)),
                timeout_summary="Chase the postmortem",
            )
        except TimeoutError:
            return False
        return True

    def _overdue(self) -> NoticeMessage:
        return self._notice(
            f"Postmortem of {self._given.incident.shown} is not published",
            f"It was due after {WRITTEN_WITHIN.days} days. "
            f"The draft is {self._draft.path if self._draft else 'missing'}.",
        )

    def _notice(self, subject: str, text: str) -> NoticeMessage:
        incident = self._given.incident
        view = Link(purpose="view", label="Open the incident", workflow_id=incident.workflow_id)
        return NoticeMessage(incident=incident, links=(view,), subject=subject, text=text)

    async def _start_item(self, item: ItemDraft, index: int) -> None:
        incident = self._given.incident
        item_id = f"{incident.number or incident.key[:8]}-p{index}"
        given = opening(item, item_id, incident, self._given.pinned, workflow.now())
        try:
            await workflow.start_child_workflow(
                names.ACTION_ITEM,
                given,
                id=given.item.workflow_id,
                parent_close_policy=workflow.ParentClosePolicy.ABANDON,
                cancellation_type=workflow.ChildWorkflowCancellationType.ABANDON,
                static_summary=f"Action item: {item.text}"[:390],
            )
        except WorkflowAlreadyStartedError:
            workflow.logger.info("%s runs already", item_id)
        self._items.append(item_id)

    # ---- updates ----------------------------------------------------------------------------

    def _try(self, command: Publish) -> Actor:
        try:
            key = workflow.info().first_execution_run_id
            actor = actor_of(command, self._given.pinned.keys, key, names.PUBLISH)
            if self._published is not None:
                raise AlreadyDone("it is published already")
            for index, item in enumerate(command.items):
                if not item.text.strip():
                    raise InvalidArgument("say what is to be done", field=f"items[{index}].text")
                if item.owner not in self._given.pinned.people:
                    raise NotFound(f"nobody called {item.owner!r}", field=f"items[{index}].owner")
                if item.due <= workflow.now():
                    raise InvalidArgument("name a date in the future", field=f"items[{index}].due")
        except Refusal as refusal:
            raise refused(refusal) from None
        return actor

    @workflow.update(name=names.PUBLISH, description='{"url": "…", "items": [{"text", "owner", "due"}]}')
    def publish(self, command: Publish) -> Outcome:
        self._try(command)
        self._published = command
        return Outcome(message="published")

    @publish.validator
    def _check_publish(self, command: Publish) -> None:
        self._try(command)

    @workflow.query(name=names.VIEW, description="Where the postmortem stands")
    def view(self) -> PostmortemView:
        return PostmortemView(
            status="published" if self._published else "drafted" if self._draft else "drafting",
            document=self._draft.path if self._draft else "",
            meeting=self._meeting,
            owner=self._given.owner,
            chases=self._chases,
            items=tuple(self._items),
        )
