"""IncidentService over a real connection: the whole life of an incident, and every refusal in detail."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest

from mainstay.desk.failure import Later
from mainstay.domain import errors
from mainstay.gen.mainstay.v1 import incident_pb2
from mainstay.gen.mainstay.v1 import incident_service_pb2 as pb
from tests.api.door import Door, open_door, refusal
from tests.desk.lab import Lab, alert, request_id


async def declared(door: Door, title: str) -> str:
    """The key of a new incident."""
    request = pb.DeclareIncidentRequest(request_id=request_id(title), title=title, service="api", severity="SEV1")
    answer = await door.of("alice").incidents.DeclareIncident(request)
    return str(answer.incident.key)


async def test_an_incident_lives_from_declaration_to_close(lab: Lab, door: Door) -> None:
    """Declare, acknowledge, note, decide, update, mitigate, resolve, close: each is in the time line."""
    alice, carol = door.of("alice").incidents, door.of("carol").incidents
    key = await declared(door, "Payments fail")
    view = await lab.until(key, lambda v: v.number, "it has its number")
    ref = view.number
    said = [
        await alice.Acknowledge(pb.AcknowledgeRequest(request_id=request_id("l1"), incident=ref)),
        await alice.AssignRole(
            pb.AssignRoleRequest(request_id=request_id("l2"), incident=ref, role="scribe", person="bob")
        ),
        await alice.AddNote(pb.AddNoteRequest(request_id=request_id("l3"), incident=ref, text="disk is full")),
        await alice.RecordDecision(
            pb.RecordDecisionRequest(request_id=request_id("l4"), incident=ref, text="clean it", rationale="fast")
        ),
        await alice.PostUpdate(
            pb.PostUpdateRequest(request_id=request_id("l5"), incident=ref, text="On it", public=True)
        ),
        await alice.SetSeverity(
            pb.SetSeverityRequest(request_id=request_id("l6"), incident=ref, severity="sev2", reason="smaller")
        ),
        await alice.PagePeople(pb.PagePeopleRequest(request_id=request_id("l7"), incident=ref, target="person:bob")),
        await alice.RecordMitigation(
            pb.RecordMitigationRequest(
                request_id=request_id("l8"), incident=ref, text="cleaned", temporary=True, inverse="none"
            )
        ),
        await alice.Resolve(
            pb.ResolveRequest(
                request_id=request_id("l9"), incident=ref, confirmations=["metrics"], anyway="quiet night"
            )
        ),
    ]
    assert all(answer.outcome.changed and answer.outcome.message for answer in said)

    due = datetime.now(UTC) + timedelta(days=3)
    draft = incident_pb2.ItemDraft(text="bigger disk", owner="bob", mitigation="M1")
    draft.due.FromDatetime(due)
    shown = (await alice.GetIncident(pb.GetIncidentRequest(incident=key))).incident
    draft.mitigation = shown.mitigations[0].id
    close = pb.CloseRequest(request_id=request_id("l10"), incident=ref, items=[draft])
    assert (await carol.Close(close)).outcome.changed

    found = (await alice.GetIncident(pb.GetIncidentRequest(incident=ref))).incident
    assert (found.key, found.phase, found.severity) == (key, incident_pb2.PHASE_CLOSED, "SEV2")
    line = await alice.GetTimeline(pb.GetTimelineRequest(incident=ref))
    kinds = [entry.kind for entry in line.entries]
    wanted = ("declared", "acknowledged", "role_assigned", "noted", "decided", "update_posted", "mitigated")
    assert [kind for kind in wanted if kind not in kinds] == []
    acknowledged = next(entry for entry in line.entries if entry.kind == "acknowledged")
    assert (acknowledged.actor.shown, acknowledged.actor.door) == ("alice", "grpc")
    assert all(entry.summary and entry.at.seconds for entry in line.entries)


async def test_incidents_are_listed_in_pages(lab: Lab, door: Door) -> None:
    """Newest first, filtered, with a token for the next page."""
    for name in ("ListOne", "ListTwo", "ListThree"):
        await lab.opened(name)
    vera = door.of("vera").incidents
    first = await vera.ListIncidents(pb.ListIncidentsRequest(service="api", open_only=True, page_size=2))
    assert len(first.incidents) == 2
    assert not first.degraded
    second = await vera.ListIncidents(
        pb.ListIncidentsRequest(service="api", open_only=True, page_size=2, page_token=first.next_page_token)
    )
    shown = [one.key for one in (*first.incidents, *second.incidents)]
    assert len(set(shown)) == len(shown) > 2


async def test_a_repeated_request_is_answered_alike(lab: Lab, door: Door) -> None:
    """The same request id over another connection: the same answer, one entry."""
    view = await lab.opened("ApiRetry")
    request = pb.AddNoteRequest(request_id=request_id("ar"), incident=view.key, text="once")
    async with open_door(lab.desk, lab.authenticator()) as other:
        answers = [(await one.of("alice").incidents.AddNote(request)).outcome for one in (door, other, door)]
    assert all(answer == answers[0] for answer in answers)
    after = await lab.desk.view(view.key)
    assert len([entry for entry in after.timeline if entry.kind == "noted"]) == 1


CODES = {
    errors.InvalidArgument: (grpc.StatusCode.INVALID_ARGUMENT, ()),
    errors.Unauthenticated: (grpc.StatusCode.UNAUTHENTICATED, ()),
    errors.NotAllowed: (grpc.StatusCode.PERMISSION_DENIED, ()),
    errors.NotFound: (grpc.StatusCode.NOT_FOUND, ()),
    errors.WrongState: (grpc.StatusCode.FAILED_PRECONDITION, ("WrongState",)),
    errors.AlreadyDone: (grpc.StatusCode.ALREADY_EXISTS, ()),
    errors.Stale: (grpc.StatusCode.ABORTED, ("Stale",)),
    errors.Expired: (grpc.StatusCode.FAILED_PRECONDITION, ("Expired",)),
    errors.Halted: (grpc.StatusCode.FAILED_PRECONDITION, ("Halted",)),
    errors.Unavailable: (grpc.StatusCode.UNAVAILABLE, ()),
}


@pytest.mark.parametrize("kind", CODES, ids=lambda kind: kind.kind)
async def test_every_kind_of_refusal_has_its_status_and_details(
    lab: Lab, kind: type[errors.Refusal], monkeypatch: pytest.MonkeyPatch, door: Door
) -> None:
    """Code, reason, message, and the details that fit; each kind of the domain is in the table."""
    assert set(CODES) == set(errors.KINDS.values())

    async def refuse(*_args: object, **_options: object) -> None:
        raise kind("not like this", field="incident")

    monkeypatch.setattr(lab.desk, "view", refuse)
    found = await refusal(door.of("alice").incidents.GetIncident(pb.GetIncidentRequest(incident="x")))
    code, violations = CODES[kind]
    assert (found.code, found.message, found.reason) == (code, "not like this", kind.kind)
    assert found.violations == violations
    assert found.call_id
    match kind.kind:
        case "InvalidArgument" | "NotFound":
            assert found.field == "incident"
        case "Unavailable":
            assert found.retry_seconds == 1.0


async def test_the_time_to_wait_is_told(lab: Lab, monkeypatch: pytest.MonkeyPatch, door: Door) -> None:
    """RetryInfo carries the delay that the refusal knows."""

    async def refuse(*_args: object, **_options: object) -> None:
        raise Later("busy", retry_after=timedelta(seconds=7))

    monkeypatch.setattr(lab.desk, "view", refuse)
    found = await refusal(door.of("alice").incidents.GetIncident(pb.GetIncidentRequest(incident="x")))
    assert found.retry_seconds == 7.0


async def test_a_fault_of_ours_shows_no_insides(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, door: Door, caplog: pytest.LogCaptureFixture
) -> None:
    """INTERNAL with the id under which the log has it, and not a word of the exception."""

    async def fail(*_args: object, **_options: object) -> None:
        raise KeyError("a secret thing")

    monkeypatch.setattr(lab.desk, "view", fail)
    found = await refusal(door.of("alice").incidents.GetIncident(pb.GetIncidentRequest(incident="x")))
    assert found.code is grpc.StatusCode.INTERNAL
    assert "secret" not in found.message
    assert found.call_id in found.message
    assert found.call_id in caplog.text


REQUESTS = {
    "request_id": ("AddNote", pb.AddNoteRequest(request_id="7", incident="REF", text="x")),
    "text": ("AddNote", pb.AddNoteRequest(request_id=request_id(1), incident="REF", text="a\x07b")),
    "incident": ("AddNote", pb.AddNoteRequest(request_id=request_id(1), incident="", text="x")),
    "role": ("AssignRole", pb.AssignRoleRequest(request_id=request_id(1), incident="REF")),
    "severity": ("SetSeverity", pb.SetSeverityRequest(request_id=request_id(1), incident="REF")),
    "confirmations": (
        "Resolve",
        pb.ResolveRequest(request_id=request_id(1), incident="REF", confirmations=["all good"]),
    ),
    "items[0].due": (
        "Close",
        pb.CloseRequest(
            request_id=request_id(1), incident="REF", items=[incident_pb2.ItemDraft(text="a", owner="bob")]
        ),
    ),
    "items[0].kind": (
        "Close",
        pb.CloseRequest(
            request_id=request_id(1),
            incident="REF",
            items=[incident_pb2.ItemDraft(text="a", owner="bob", kind=99, due={"seconds": 1})],  # type: ignore[arg-type]
        ),
    ),
    "inputs.n": ("StartRunbook", None),
    "page_size": ("ListIncidents", pb.ListIncidentsRequest(page_size=-1)),
    "page_token": ("ListIncidents", pb.ListIncidentsRequest(page_token="mine")),
    "phases": ("ListIncidents", pb.ListIncidentsRequest(phases=[77])),  # type: ignore[list-item]
    "impact.error_rate": (
        "DeclareIncident",
        pb.DeclareIncidentRequest(
            request_id=request_id(1), title="a", service="api", impact=incident_pb2.Impact(error_rate=3.0)
        ),
    ),
    "impact.users_affected": (
        "DeclareIncident",
        pb.DeclareIncidentRequest(
            request_id=request_id(1), title="a", service="api", impact=incident_pb2.Impact(users_affected=-3)
        ),
    ),
}


@pytest.mark.parametrize("field", REQUESTS)
async def test_a_wrong_field_is_named(lab: Lab, door: Door, field: str) -> None:
    """INVALID_ARGUMENT with a BadRequest violation of exactly this field."""
    method, request = REQUESTS[field]
    if request is None:
        request = pb.StartRunbookRequest(request_id=request_id(1), incident="REF", runbook="ask-first")
        request.inputs.fields["n"].number_value = float("nan")
    sent: Any = type(request).FromString(request.SerializeToString())
    if getattr(sent, "incident", "") == "REF":
        sent.incident = (await lab.opened("WrongFields")).key
    found = await refusal(getattr(door.of("alice").incidents, method)(sent))
    assert (found.code, found.field) == (grpc.StatusCode.INVALID_ARGUMENT, field)
    assert found.message


async def test_a_deadline_is_honoured_and_told(lab: Lab, door: Door) -> None:
    """Without workers, a call of 0.7 s ends in that time, and the message says what to do."""
    view = await lab.opened("Deadline")
    request = pb.AddNoteRequest(request_id=request_id("dl"), incident=view.key, text="x")
    loop = asyncio.get_running_loop()
    async with lab.without_workers():
        began = loop.time()
        found = await refusal(door.of("alice").incidents.AddNote(request, timeout=0.7))
        took = loop.time() - began
    assert found.code is grpc.StatusCode.UNAVAILABLE
    assert "retry with the same request_id" in found.message
    assert took < 3


async def test_a_call_without_a_deadline_is_bounded(door: Door) -> None:
    """The desk is never given more than the default."""
    from mainstay.api import call

    class NoDeadline:
        def time_remaining(self) -> float | None:
            return None

    class Endless:
        def time_remaining(self) -> float | None:
            return 9.2e18

    for context in (NoDeadline(), Endless()):
        assert call.budget(context) == call.LONGEST_CALL  # type: ignore[arg-type]


async def test_alerts_are_delivered_and_joined(lab: Lab, door: Door) -> None:
    """Delivered over gRPC: one answer per incident; resolved-only opens none."""
    from mainstay.gen.mainstay.v1 import alert_service_pb2 as alert_pb

    def wire(name: str, status: int) -> alert_pb.Alert:
        source = alert(name)
        message = alert_pb.Alert(labels=source.labels, annotations=source.annotations, status=status)  # type: ignore[arg-type]
        message.starts_at.FromJsonString("2026-03-02T03:00:00Z")
        return message

    stub = door.of("alertmanager").alerts
    answer = await stub.DeliverAlerts(
        alert_pb.DeliverAlertsRequest(alerts=[wire("ApiAlert", 1), wire("ApiResolved", 2)])
    )
    assert [(one.service, one.ignored) for one in answer.deliveries] == [("api", False), ("api", True)]
    view = await lab.until(answer.deliveries[0].workflow_id, lambda v: v.alerts_seen, "it is open")
    assert view.title == "ApiAlert on api-0"
    found = await refusal(stub.DeliverAlerts(alert_pb.DeliverAlertsRequest(alerts=[alert_pb.Alert()])))
    assert found.field == "alerts[0].labels"
