"""The only place that knows both protobuf messages and the domain. ``read_…`` refuses, naming the field."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from enum import Enum
from typing import Any, TypeVar

from google.protobuf import struct_pb2, timestamp_pb2
from pydantic import JsonValue

from mainstay.desk import check
from mainstay.desk.address import Address
from mainstay.desk.answers import (
    ChannelTested,
    Delivered,
    Delta,
    Ended,
    Heartbeat,
    OnCallNow,
    PlanLine,
    RunbookInfo,
    Snapshot,
    Status,
    WatchEvent,
)
from mainstay.domain import access, alert, approval, change, incident, timeline, work
from mainstay.domain.errors import InvalidArgument
from mainstay.domain.message import IncidentRef
from mainstay.domain.model import digest
from mainstay.domain.oncall import schedule
from mainstay.domain.oncall.health import Health
from mainstay.domain.oncall.swap import Swap
from mainstay.domain.runbook.run import RunView
from mainstay.domain.timeline_view import line
from mainstay.gen.mainstay.v1 import (
    action_item_service_pb2 as item_pb,
)
from mainstay.gen.mainstay.v1 import (
    alert_service_pb2 as alert_pb,
)
from mainstay.gen.mainstay.v1 import (
    common_pb2 as common_pb,
)
from mainstay.gen.mainstay.v1 import (
    incident_pb2 as incident_pb,
)
from mainstay.gen.mainstay.v1 import (
    incident_service_pb2 as incidents_pb,
)
from mainstay.gen.mainstay.v1 import (
    on_call_service_pb2 as on_call_pb,
)
from mainstay.gen.mainstay.v1 import (
    runbook_service_pb2 as runbook_pb,
)
from mainstay.gen.mainstay.v1 import (
    system_service_pb2 as system_pb,
)
from mainstay.records.rows import OverrideRow

E = TypeVar("E", bound=Enum)

# ---- small values --------------------------------------------------------------------------------


def read_instant(message: timestamp_pb2.Timestamp, field: str) -> datetime:
    """Raises InvalidArgument outside of the years that calendars have."""
    try:
        return check.instant(message.ToDatetime(tzinfo=UTC), field)
    except (ValueError, OverflowError):
        raise InvalidArgument(f"{field} is not an instant", field=field) from None


def write_instant(value: datetime | None) -> timestamp_pb2.Timestamp | None:
    if value is None:
        return None
    message = timestamp_pb2.Timestamp()
    message.FromDatetime(value if value.tzinfo else value.replace(tzinfo=UTC))
    return message


def read_enum(kinds: Mapping[int, E], value: int, field: str, default: E | None = None) -> E:
    """Raises InvalidArgument for a number that this version does not know, or that was left out."""
    if value == 0 and default is not None:
        return default
    if value not in kinds:
        known = ", ".join(str(kind.value) for kind in kinds.values())
        said = "is required" if value == 0 else f"has the unknown value {value}"
        raise InvalidArgument(f"{field} {said}: use one of {known}", field=field)
    return kinds[value]


def write_enum(kinds: Mapping[int, E], value: object) -> Any:
    """The number of ``value``; 0 (unspecified) for one that the wire has no name for."""
    return next((number for number, kind in kinds.items() if value in (kind, kind.value)), 0)


def read_json(message: struct_pb2.Struct, field: str) -> dict[str, JsonValue]:
    """Numbers without a fraction become integers, which is what people who wrote ``3`` mean."""
    return {key: _read_value(value, f"{field}.{key}") for key, value in message.fields.items()}


def _read_value(value: struct_pb2.Value, field: str) -> JsonValue:
    match value.WhichOneof("kind"):
        case "number_value":
            if not math.isfinite(value.number_value):
                raise InvalidArgument(f"{field} must be a finite number", field=field)
            whole = value.number_value.is_integer() and abs(value.number_value) < 2**53
            return int(value.number_value) if whole else value.number_value
        case "string_value":
            return check.text(value.string_value, field)
        case "bool_value":
            return value.bool_value
        case "struct_value":
            return read_json(value.struct_value, field)
        case "list_value":
            return [_read_value(each, f"{field}[{n}]") for n, each in enumerate(value.list_value.values)]
        case _:
            return None


def write_json(value: Mapping[str, Any]) -> struct_pb2.Struct:
    message = struct_pb2.Struct()
    message.update(_finite(value))
    return message


def _finite(value: Any) -> Any:
    match value:
        case Mapping():
            return {str(key): _finite(each) for key, each in value.items()}
        case list() | tuple():
            return [_finite(each) for each in value]
        case float() if not math.isfinite(value):
            return str(value)
        case None | bool() | int() | float() | str():
            return value
        case _:
            return str(value)


PHASES = dict(enumerate(incident.Phase, start=1))
ASSURANCES = dict(enumerate(access.Assurance, start=1))
RISKS = dict(enumerate(change.Risk, start=1))
ALERT_STATES = dict(enumerate(alert.AlertStatus, start=1))
VOTES = dict(enumerate(approval.VoteKind, start=1))
Degradation = Enum("Degradation", {"NONE": "none", "SOME": "some", "MOST": "most"})
DEGRADATIONS = dict(enumerate(Degradation, start=1))
ItemKind = Enum("ItemKind", {"PREVENT": "prevent", "DETECT": "detect", "RESPOND": "respond"})
ITEM_KINDS = dict(enumerate(ItemKind, start=1))
ItemPriority = Enum("ItemPriority", {"P0": "P0", "P1": "P1", "P2": "P2"})
ITEM_PRIORITIES = dict(enumerate(ItemPriority, start=1))
ItemStatus = Enum("ItemStatus", {"OPEN": "open", "IN_PROGRESS": "in progress", "DONE": "done", "DEFERRED": "deferred"})
ITEM_STATES = dict(enumerate(ItemStatus, start=1))

# ---- people, outcomes, time line -----------------------------------------------------------------


def write_actor(actor: access.Actor) -> common_pb.Actor:
    return common_pb.Actor(
        person=actor.person,
        assurance=write_enum(ASSURANCES, actor.assurance),
        door=actor.door,
        shown=actor.shown,
    )


def write_outcome(outcome: incident.Outcome) -> common_pb.Outcome:
    return common_pb.Outcome(message=outcome.message, changed=outcome.changed)


_COMMON = frozenset(timeline.Entry.model_fields) | {"kind"}


def write_entry(entry: timeline.AnyEntry) -> common_pb.TimelineEntry:
    return common_pb.TimelineEntry(
        seq=entry.seq,
        at=write_instant(entry.at),
        actor=write_actor(entry.actor),
        source=entry.source,
        kind=entry.kind,
        summary=line(entry),
        details=write_json(entry.model_dump(mode="json", exclude=set(_COMMON))),
    )


def write_entries(entries: Iterable[timeline.AnyEntry]) -> list[common_pb.TimelineEntry]:
    return [write_entry(entry) for entry in entries]


def write_change(given: change.Change) -> common_pb.Change:
    target = given.target
    return common_pb.Change(
        action=given.action,
        parameters=write_json(given.parameters),
        target=common_pb.ChangeTarget(
            cluster=target.cluster,
            namespace=target.namespace,
            kind=target.kind,
            name=target.name,
            uid=target.uid,
        ),
        title=given.title,
        risk=write_enum(RISKS, given.risk),
        diff=given.diff,
        command=given.command,
        digest=given.digest,
        warnings=given.warnings,
        already=given.already,
    )


# ---- incidents -----------------------------------------------------------------------------------


def read_impact(message: incident_pb.Impact) -> incident.Impact:
    given: dict[str, Any] = {field.name: value for field, value in message.ListFields() if field.name != "degradation"}
    for name, value in given.items():
        if isinstance(value, bool):
            continue
        if not math.isfinite(value) or value < 0 or (name == "error_rate" and value > 1):
            raise InvalidArgument(f"impact.{name} cannot be {value}", field=f"impact.{name}")
    if message.degradation:
        given["degradation"] = read_enum(DEGRADATIONS, message.degradation, "impact.degradation").value
    return incident.Impact(**given)


def read_declaration(message: incidents_pb.DeclareIncidentRequest) -> incident.Declaration:
    return incident.Declaration(
        title=message.title,
        service=message.service,
        severity=message.severity,
        description=message.description,
        impact=read_impact(message.impact),
        request_id=message.request_id,
        exercise=message.exercise,
    )


def read_draft(message: incident_pb.ItemDraft, field: str) -> incident.ItemDraft:
    if not message.HasField("due"):
        raise InvalidArgument(f"{field}.due is required", field=f"{field}.due")
    return incident.ItemDraft(
        text=check.text(message.text, f"{field}.text", required=True),
        owner=check.name(message.owner, f"{field}.owner", required=True),
        due=read_instant(message.due, f"{field}.due"),
        kind=read_enum(ITEM_KINDS, message.kind, f"{field}.kind", ITEM_KINDS[1]).value,
        priority=read_enum(ITEM_PRIORITIES, message.priority, f"{field}.priority", ITEM_PRIORITIES[2]).value,
        mitigation=check.name(message.mitigation, f"{field}.mitigation"),
    )


def write_address(address: Address | IncidentRef) -> incident_pb.IncidentAddress:
    return incident_pb.IncidentAddress(workflow_id=address.workflow_id, key=address.key, number=address.number)


def write_run_reference(run: incident.RunRef) -> incident_pb.RunReference:
    return incident_pb.RunReference(
        workflow_id=run.workflow_id,
        runbook=run.runbook,
        status=run.status,
        waits_for=run.waits_for,
        ended=run.ended,
    )


def write_mitigation(mitigation: incident.Mitigation) -> incident_pb.Mitigation:
    return incident_pb.Mitigation(
        id=mitigation.id,
        text=mitigation.text,
        temporary=mitigation.temporary,
        by=mitigation.by,
        at=write_instant(mitigation.at),
        inverse=mitigation.inverse,
        removed=mitigation.removed,
        action_item=mitigation.action_item,
    )


def write_incident(view: incident.IncidentView) -> incident_pb.Incident:
    return incident_pb.Incident(
        key=view.key,
        workflow_id=view.workflow_id,
        number=view.number,
        title=view.title,
        phase=write_enum(PHASES, view.phase),
        public_state=view.public_state,
        severity=view.severity,
        rank=view.rank,
        service=view.service,
        team=view.team,
        declared_at=write_instant(view.declared_at),
        resolved_at=write_instant(view.resolved_at),
        commander=view.commander,
        roles=view.roles,
        responders=view.responders,
        acknowledged_by=view.acknowledged_by,
        next_page_at=write_instant(view.next_page_at),
        next_page=view.next_page,
        waits_for=view.waits_for,
        firing=view.firing,
        alerts_seen=view.alerts_seen,
        firing_names=view.firing_names,
        runs=[write_run_reference(run) for run in view.runs],
        needs_approval=view.needs_approval,
        mitigations=[write_mitigation(each) for each in view.mitigations],
        missing_confirmations=view.missing_confirmations,
        next_update_due=write_instant(view.next_update_due),
        hold_until=write_instant(view.hold_until),
        public_text=view.public_text,
        public_at=write_instant(view.public_at),
        timeline=write_entries(view.timeline),
        revision=view.revision,
        postmortem_id=view.postmortem_id,
        linked=view.linked,
    )


def write_summary(row: work.IncidentRow) -> incident_pb.IncidentSummary:
    return incident_pb.IncidentSummary(
        key=row.key,
        workflow_id=row.workflow_id,
        number=row.number,
        title=row.title,
        phase=write_enum(PHASES, row.phase),
        severity=row.severity,
        rank=row.rank,
        service=row.service,
        team=row.team,
        commander=row.commander,
        declared_at=write_instant(row.declared_at),
        acknowledged_at=write_instant(row.acknowledged_at),
        mitigated_at=write_instant(row.mitigated_at),
        resolved_at=write_instant(row.resolved_at),
        closed_at=write_instant(row.closed_at),
        exercise=row.exercise,
    )


def write_watch_event(event: WatchEvent) -> incidents_pb.WatchIncidentResponse:
    match event:
        case Snapshot():
            return incidents_pb.WatchIncidentResponse(snapshot=write_incident(event.view))
        case Delta():
            delta = incidents_pb.IncidentDelta(
                incident=write_incident(event.view),
                entries=write_entries(event.entries),
                revision=event.view.revision,
            )
            return incidents_pb.WatchIncidentResponse(delta=delta)
        case Heartbeat():
            beat = incidents_pb.WatchHeartbeat(at=write_instant(event.at), revision=event.revision)
            return incidents_pb.WatchIncidentResponse(heartbeat=beat)
        case Ended():
            end = incidents_pb.WatchEnd(reason=event.reason, revision=event.revision)
            return incidents_pb.WatchIncidentResponse(end=end)


# ---- alerts --------------------------------------------------------------------------------------

MAX_LABELS = 200


def read_alert(message: alert_pb.Alert, source: str, field: str) -> alert.Alert:
    """Alert text is hostile and kept as it is; only what could not be stored is refused."""
    labels, annotations = dict(message.labels), dict(message.annotations)
    if not labels:
        raise InvalidArgument(f"{field}.labels is required", field=f"{field}.labels")
    if len(labels) > MAX_LABELS or len(annotations) > MAX_LABELS:
        raise InvalidArgument(f"{field} has more than {MAX_LABELS} labels", field=field)
    return alert.Alert(
        source=source,
        status=read_enum(ALERT_STATES, message.status, f"{field}.status", alert.AlertStatus.FIRING),
        fingerprint=message.fingerprint or digest(labels).removeprefix("sha256:")[:16],
        labels=labels,
        annotations=annotations,
        starts_at=read_instant(message.starts_at, f"{field}.starts_at") if message.HasField("starts_at") else None,
        ends_at=read_instant(message.ends_at, f"{field}.ends_at") if message.HasField("ends_at") else None,
        generator_url=message.generator_url,
    )


def write_delivery(delivered: Delivered) -> alert_pb.Delivery:
    return alert_pb.Delivery(
        workflow_id=delivered.workflow_id,
        service=delivered.service,
        ignored=delivered.ignored,
        alerts=delivered.alerts,
    )


# ---- runs ----------------------------------------------------------------------------------------


def write_approval(question: approval.Question) -> runbook_pb.ApprovalRequest:
    return runbook_pb.ApprovalRequest(
        number=question.number,
        step=question.step,
        digest=question.digest,
        risk=write_enum(RISKS, question.risk),
        votes_needed=question.rule.votes,
        by=question.rule.by,
        requester=question.requester,
        asked_at=write_instant(question.asked_at),
        expires_at=write_instant(question.expires_at),
        eligible=question.eligible,
        votes=[
            runbook_pb.Vote(
                kind=write_enum(VOTES, vote.kind),
                actor=write_actor(vote.actor),
                at=write_instant(vote.at),
                comment=vote.comment,
                break_glass=vote.break_glass,
            )
            for vote in question.votes
        ],
    )


def write_run(view: RunView) -> runbook_pb.Run:
    return runbook_pb.Run(
        workflow_id=view.workflow_id,
        key=view.key,
        runbook=view.runbook,
        incident=write_address(view.incident) if view.incident.key else None,
        status=view.status,
        waits_for=view.waits_for,
        node=view.node,
        path=view.path,
        approval=write_approval(view.question) if view.question else None,
        change=write_change(view.change) if view.change else None,
        ask=view.ask,
        ask_options=view.ask_options,
        standing=view.standing,
        outcome=view.outcome,
        summary=view.summary,
        timeline=write_entries(view.timeline),
    )


def write_runbook(info: RunbookInfo) -> runbook_pb.RunbookSummary:
    return runbook_pb.RunbookSummary(
        name=info.name,
        title=info.title,
        description=info.description,
        inputs=[
            runbook_pb.RunbookInput(
                name=each.name,
                type=each.type,
                description=each.description,
                required=each.required,
                default_json=each.default_json,
            )
            for each in info.inputs
        ],
        digest=info.digest,
    )


def write_plan_line(line: PlanLine) -> runbook_pb.PlanStep:
    return runbook_pb.PlanStep(
        node=line.node,
        kind=line.kind,
        text=line.text,
        risk=write_enum(RISKS, line.risk),
        approval=line.approval,
        branches=line.branches,
        change=write_change(line.change) if line.change else None,
        problem=line.problem,
    )


# ---- on call, action items, the product itself ---------------------------------------------------


def write_on_call(one: OnCallNow) -> on_call_pb.OnCall:
    return on_call_pb.OnCall(
        schedule=one.schedule,
        person=one.person,
        name=one.name,
        until=write_instant(one.until),
        layer=one.layer,
    )


def write_shift(shift: schedule.Shift) -> on_call_pb.Shift:
    return on_call_pb.Shift(
        person=shift.person or "",
        start=write_instant(shift.start),
        end=write_instant(shift.end),
        layer=shift.layer,
    )


def write_override(row: OverrideRow) -> on_call_pb.Override:
    return on_call_pb.Override(
        id=row.id,
        schedule=row.schedule,
        person=row.person or "",
        start=write_instant(row.start),
        end=write_instant(row.end),
        note=row.note,
        by=row.by,
        created_at=write_instant(row.created_at),
        origin=row.origin,
    )


def read_swap(request: on_call_pb.OfferSwapRequest, start: datetime, end: datetime) -> Swap:
    """Giver, id and instant of creation are the desk's to fill in."""
    back = [request.return_start] if request.HasField("return_start") else []
    until = [request.return_end] if request.HasField("return_end") else []
    return Swap(
        id="",
        schedule=request.schedule,
        giver="",
        taker=request.taker,
        start=start,
        end=end,
        return_start=read_instant(back[0], "return_start") if back else None,
        return_end=read_instant(until[0], "return_end") if until else None,
        note=request.note,
        created_at=start,
    )


def write_swap(swap: Swap) -> on_call_pb.Swap:
    return on_call_pb.Swap(
        id=swap.id,
        schedule=swap.schedule,
        giver=swap.giver,
        taker=swap.taker,
        start=write_instant(swap.start),
        end=write_instant(swap.end),
        return_start=write_instant(swap.return_start),
        return_end=write_instant(swap.return_end),
        note=swap.note,
        state=swap.state,
        answered_by=swap.answered_by,
        answered_at=write_instant(swap.answered_at),
    )


def write_health(one: Health) -> on_call_pb.OnCallHealth:
    acknowledge, mitigate = one.time_to_acknowledge, one.time_to_mitigate
    return on_call_pb.OnCallHealth(
        kind=one.kind,
        name=one.name,
        hours_on_call=one.hours_on_call,
        pages=one.pages,
        after_hours=one.after_hours,
        false_alarms=one.false_alarms,
        seconds_to_acknowledge=acknowledge.total_seconds() if acknowledge is not None else None,
        seconds_to_mitigate=mitigate.total_seconds() if mitigate is not None else None,
        band=one.band,
        reasons=one.reasons,
        rest_days=[day.isoformat() for day in one.rest_days],
    )


def write_item(row: work.ItemRow) -> item_pb.ActionItem:
    return item_pb.ActionItem(
        id=row.id,
        incident_key=row.incident_key,
        incident_number=row.incident_number,
        text=row.text,
        owner=row.owner,
        due=write_instant(row.due),
        kind=write_enum(ITEM_KINDS, row.kind),
        priority=write_enum(ITEM_PRIORITIES, row.priority),
        status=write_enum(ITEM_STATES, row.status),
        created_at=write_instant(row.created_at),
        done_at=write_instant(row.done_at),
        reminders=row.reminders,
        workflow_id=row.workflow_id,
    )


def write_channel_tested(tested: ChannelTested) -> system_pb.TestChannelResponse:
    return system_pb.TestChannelResponse(
        accepted=tested.receipt.accepted,
        permanent=tested.receipt.permanent,
        detail=tested.receipt.detail,
        advice=tested.advice,
        provider_id=tested.receipt.provider_id,
        channel_type=tested.kind,
        person=tested.person,
        method=tested.method,
    )


def write_status(status: Status) -> system_pb.GetStatusResponse:
    return system_pb.GetStatusResponse(
        version=status.version,
        halted=status.halt.on,
        halted_by=status.halt.by,
        halt_reason=status.halt.reason,
        halted_at=write_instant(status.halt.since),
        parts=[system_pb.PartStatus(name=part.name, answers=part.answers, detail=part.detail) for part in status.parts],
        config_digest=status.config_digest,
    )
