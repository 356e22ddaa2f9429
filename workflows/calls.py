"""Every activity as a typed call: name, queue, options and answer in one place.

Workflows call activities by their wire name, so that loading a workflow never loads a Kubernetes client; a
test holds these names and types equal to the implementations.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, TypeVar, cast

from temporalio import workflow
from temporalio.exceptions import (
    ActivityError,
    ApplicationError,
    FailureError,
)
from temporalio.exceptions import (
    TimeoutError as TemporalTimeout,
)

with workflow.unsafe.imports_passed_through():
    from mainstay.domain.change import Applied, ApplyRequest, Change
    from mainstay.domain.runbook.run import Lease
    from mainstay.domain.work import (
        Appended,
        AppendRequest,
        Draft,
        Earlier,
        HandledBefore,
        HolderRequest,
        HolderState,
        HoursRequest,
        ItemRow,
        Look,
        LookRequest,
        MeetingRequest,
        MeetingSlot,
        NextOpen,
        Number,
        NumberRequest,
        Orphans,
        OrphansRequest,
        Pinned,
        PinnedResolveRequest,
        PinRequest,
        PlanRequest,
        PostmortemInput,
        Receipt,
        Rendered,
        RenderRequest,
        ResolvedTargets,
        ResolveRequest,
        Saved,
        SaveEffect,
        SendRequest,
        VerifyRequest,
    )
    from workflows import options

SUMMARY = 390
"""Bytes that Temporal's web UI shows of a summary, with some room."""


def why(error: BaseException) -> tuple[str, str]:
    """(kind, message) of a failed activity or child, unwrapped to its cause."""
    cause: BaseException | None = error
    while isinstance(cause, ActivityError) or (
        isinstance(cause, FailureError) and cause.cause is not None and not isinstance(cause, ApplicationError)
    ):
        if cause.cause is None:
            break
        cause = cause.cause
    if isinstance(cause, ApplicationError):
        return cause.type or "Error", cause.message[:500]
    if isinstance(cause, TemporalTimeout):
        return "Unavailable", f"no answer in time ({cause.message})"[:500]
    return "Error", str(cause)[:500]


T = TypeVar("T")
Options = Mapping[str, Any]


async def _ask(name: str, request: object, answer: type[T], summary: str, chosen: Options) -> T:
    given = await workflow.execute_activity(
        name, request, result_type=answer, summary=summary[:SUMMARY], **cast(dict[str, Any], chosen)
    )
    return cast(T, given)


async def _ask_here(name: str, request: object, answer: type[T]) -> T:
    given = await workflow.execute_local_activity(
        name, request, result_type=answer, **cast(dict[str, Any], options.LOCAL)
    )
    return cast(T, given)


def _start(name: str, request: object, answer: type[T], summary: str, chosen: Options) -> workflow.ActivityHandle[T]:
    return workflow.start_activity(
        name, request, result_type=answer, summary=summary[:SUMMARY], **cast(dict[str, Any], chosen)
    )


def start_send(request: SendRequest, summary: str) -> workflow.ActivityHandle[Receipt]:
    """Hand a message to a channel. Started, not awaited: an acknowledgement cancels what is not out yet."""
    return _start("send", request, Receipt, summary, options.SEND)


async def send_once(request: SendRequest, summary: str) -> Receipt:
    """To see what a channel answers."""
    return await _ask("send", request, Receipt, summary, options.SEND_ONCE)


async def send_patiently(request: SendRequest, summary: str) -> Receipt:
    """For mail that nobody waits for: hours late is better than lost."""
    return await _ask("send", request, Receipt, summary, options.SEND_PATIENTLY)


async def pin_config(request: PinRequest) -> Pinned:
    return await _ask("pin_config", request, Pinned, "Pin the configuration", options.PIN)


async def resolve_targets(request: ResolveRequest) -> ResolvedTargets:
    summary = "Who is on call: " + ", ".join(str(target) for target in request.targets)
    return await _ask("resolve_targets", request, ResolvedTargets, summary, options.RESOLVE)


async def resolve_pinned(request: PinnedResolveRequest) -> ResolvedTargets:
    """The pinned schedule answers where the live look-up did not."""
    return await _ask_here("resolve_pinned", request, ResolvedTargets)


async def next_open(request: HoursRequest) -> NextOpen:
    return await _ask_here("next_open", request, NextOpen)


async def handled_before(request: HandledBefore) -> Earlier:
    summary = "Is this occurrence known from a closed incident?"
    return await _ask("handled_before", request, Earlier, summary, options.RECORD)


async def draw_number(request: NumberRequest) -> Number:
    return await _ask("draw_number", request, Number, "Draw the incident number", options.RECORD)


async def append_journal(request: AppendRequest) -> Appended:
    summary = f"Record {len(request.entries)} journal entries"
    return await _ask("append_journal", request, Appended, summary, options.RECORD)


async def save_effect(request: SaveEffect) -> Saved:
    return await _ask("save_effect", request, Saved, "Record the standing change", options.RECORD)


async def find_orphans(request: OrphansRequest) -> Orphans:
    summary = "Find changes, leases and approvals whose owner is closed"
    return await _ask("find_orphans", request, Orphans, summary, options.RECORD)


async def look(request: LookRequest, summary: str) -> Look:
    return await _ask("look", request, Look, summary, options.LOOK)


def start_verify(request: VerifyRequest, summary: str) -> workflow.ActivityHandle[Look]:
    whole = request.within + request.settle + timedelta(seconds=30)
    bounds = {"start_to_close_timeout": whole, "schedule_to_close_timeout": whole * 2 + timedelta(minutes=3)}
    return _start("verify", request, Look, summary, {**options.VERIFY, **bounds})


async def render(request: RenderRequest) -> Rendered:
    return await _ask_here("render", request, Rendered)


async def plan_change(request: PlanRequest) -> Change:
    summary = f"Plan {request.action} for step {request.step}"
    return await _ask("plan_change", request, Change, summary, options.PLAN)


def start_apply(request: ApplyRequest) -> workflow.ActivityHandle[Applied]:
    title = f"Undo: {request.change.title}" if request.undo else request.change.title
    chosen: dict[str, Any] = {**(options.UNDO if request.undo else options.APPLY)}
    if request.change.patience and not request.undo:
        longer = timedelta(seconds=request.change.patience)
        chosen["start_to_close_timeout"] = options.APPLY_ONCE + longer
        chosen["schedule_to_close_timeout"] = options.APPLY_WHOLE + longer
    return _start("apply_change", request, Applied, title, chosen)


async def ask_lease(request: Lease) -> None:
    await _ask("ask_lease", request, object, f"Ask for the lease of {request.target}", options.LEASE_ASK)


async def holder_state(request: HolderRequest) -> HolderState:
    summary = f"Does {request.workflow_id} still live?"
    return await _ask("holder_state", request, HolderState, summary, options.HOLDER)


async def meeting_slot(request: MeetingRequest) -> MeetingSlot:
    return await _ask_here("meeting_slot", request, MeetingSlot)


async def draft_postmortem(request: PostmortemInput) -> Draft:
    return await _ask("draft_postmortem", request, Draft, "Draft the postmortem", options.DOCUMENT)


async def save_item(request: ItemRow) -> Saved:
    summary = f"Record the action item ({request.status})"
    return await _ask("save_item", request, Saved, summary, options.CHASE)
