"""Messages as a server sends them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from mainstay.gen.mainstay.v1 import common_pb2, incident_pb2, incident_service_pb2, runbook_service_pb2

DIGEST = "sha256:" + "ab" * 32
RUN = "runbook/key-1/restart/1"
HOSTILE = "\x1b]0;pwned\x07\x1b[31mred\u202eevil [bold]not bold[/bold] :smile:"
"""A terminal title, a colour, a bidirectional override, markup of the library that we print with."""
SHOWN = "redevil [bold]not bold[/bold] :smile:"


def stamp(at: datetime | None = None, **later: float) -> Timestamp:
    message = Timestamp()
    message.FromDatetime((at or datetime.now(UTC)) + timedelta(**later))
    return message


def entry(seq: int, summary: str, who: str = "alice") -> common_pb2.TimelineEntry:
    return common_pb2.TimelineEntry(
        seq=seq,
        at=stamp(datetime(2026, 3, 2, 3, 0, seq, tzinfo=UTC)),
        actor=common_pb2.Actor(person=who, shown=who),
        source="incident",
        kind="noted",
        summary=summary,
    )


def incident(**changes: Any) -> incident_pb2.Incident:
    given: dict[str, Any] = {
        "key": "key-1",
        "workflow_id": "incident/api/high-errors-0a1b2c3d",
        "number": "INC-2026-0042",
        "title": "Checkout fails",
        "phase": incident_pb2.PHASE_MITIGATING,
        "public_state": "Identified",
        "severity": "SEV1",
        "rank": 0,
        "service": "api",
        "team": "shop",
        "declared_at": stamp(minutes=-5, seconds=-30),
        "commander": "alice",
        "roles": {"commander": "alice"},
        "responders": {"alice": "acknowledged", "bob": "paged"},
        "acknowledged_by": "alice",
        "waits_for": "approval of the rollback",
        "firing": 2,
        "alerts_seen": 3,
        "firing_names": ["HighErrors", "SlowRequests"],
        "runs": [
            incident_pb2.RunReference(
                workflow_id=RUN, runbook="restart", status="waiting for approval", waits_for="an approval"
            )
        ],
        "needs_approval": True,
        "mitigations": [
            incident_pb2.Mitigation(id="m1", text="Traffic is at half", temporary=True, by="bob", at=stamp(minutes=-2))
        ],
        "timeline": [entry(1, "declared SEV1 for api"), entry(2, "acknowledged")],
        "revision": 2,
    }
    return incident_pb2.Incident(**{**given, **changes})


def got(**changes: Any) -> incident_service_pb2.GetIncidentResponse:
    return incident_service_pb2.GetIncidentResponse(incident=incident(**changes))


def summary(number: int, **changes: Any) -> incident_pb2.IncidentSummary:
    given: dict[str, Any] = {
        "key": f"key-{number}",
        "workflow_id": f"incident/api/{number}",
        "number": f"INC-2026-{number:04}",
        "title": f"Incident {number}",
        "phase": incident_pb2.PHASE_MONITORING,
        "severity": "SEV2",
        "rank": 1,
        "service": "api",
        "declared_at": stamp(datetime(2026, 3, 2, 3, tzinfo=UTC)),
    }
    return incident_pb2.IncidentSummary(**{**given, **changes})


def change(**changes: Any) -> common_pb2.Change:
    given: dict[str, Any] = {
        "action": "rollout_undo",
        "target": common_pb2.ChangeTarget(
            cluster="default", namespace="payments", kind="Deployment", name="payment-service", uid="u-1"
        ),
        "title": "Roll payment-service back to revision 3",
        "risk": common_pb2.RISK_MEDIUM,
        "diff": "--- now\n+++ planned\n@@ -1,2 +1,2 @@\n   spec:\n-    image: shop/pay:2\n+    image: shop/pay:1",
        "command": "kubectl -n payments rollout undo deployment/payment-service --to-revision=3",
        "digest": DIGEST,
        "warnings": ["2 pods are not ready"],
    }
    made = common_pb2.Change(**{**given, **changes})
    made.parameters.update({"to": "revision", "revision": 3})
    return made


def run(**changes: Any) -> runbook_service_pb2.Run:
    given: dict[str, Any] = {
        "workflow_id": RUN,
        "key": "run-key",
        "runbook": "restart",
        "incident": incident_pb2.IncidentAddress(key="key-1", number="INC-2026-0042"),
        "status": "waiting for approval",
        "waits_for": "an approval",
        "node": "rollback",
        "path": ["recent:held"],
        "approval": runbook_service_pb2.ApprovalRequest(
            number=1,
            step="rollback",
            digest=DIGEST,
            risk=common_pb2.RISK_MEDIUM,
            votes_needed=1,
            by=["on_call", "commander"],
            expires_at=stamp(minutes=20, seconds=30),
            eligible=["alice"],
        ),
        "change": change(),
    }
    return runbook_service_pb2.Run(**{**given, **changes})


def got_run(**changes: Any) -> runbook_service_pb2.GetRunResponse:
    return runbook_service_pb2.GetRunResponse(run=run(**changes))


def snapshot(**changes: Any) -> incident_service_pb2.WatchIncidentResponse:
    return incident_service_pb2.WatchIncidentResponse(snapshot=incident(**changes))


def delta(
    revision: int, *entries: common_pb2.TimelineEntry, **changes: Any
) -> incident_service_pb2.WatchIncidentResponse:
    found = incident(revision=revision, **changes)
    del found.timeline[:]
    return incident_service_pb2.WatchIncidentResponse(
        delta=incident_service_pb2.IncidentDelta(incident=found, entries=entries, revision=revision)
    )


def end(reason: str = "closed", revision: int = 9) -> incident_service_pb2.WatchIncidentResponse:
    return incident_service_pb2.WatchIncidentResponse(
        end=incident_service_pb2.WatchEnd(reason=reason, revision=revision)
    )
