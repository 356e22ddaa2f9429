"""Reads that several commands need."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from mainstay.cli import calls, values
from mainstay.cli.calls import incident_pb, runbook_pb
from mainstay.cli.problem import Problem, usage
from mainstay.gen.mainstay.v1 import incident_pb2

LARGEST_PAGE = 500
RUN = "runbook/"
"""Workflow ids of runs begin so (``mainstay.domain.names``); an incident's number, key or id never does."""


class Listed(NamedTuple):
    incidents: list[incident_pb2.IncidentSummary]
    degraded: bool
    more: bool
    """There were more than the limit."""

    def as_json(self) -> dict[str, Any]:
        return {
            "incidents": [values.of(each) for each in self.incidents],
            "degraded": self.degraded,
            "more": self.more,
        }


def incident(reference: str) -> incident_pb2.Incident:
    answer = calls.send(calls.incidents().GetIncident, incident_pb.GetIncidentRequest(incident=reference))
    return answer.incident


def incidents(*, phases: Sequence[str], open_only: bool, service: str, team: str, severity: str, limit: int) -> Listed:
    """As many pages as the limit needs."""
    kind = incident_pb2.DESCRIPTOR.enum_types_by_name["Phase"]
    numbers = [incident_pb2.Phase.ValueType(values.enum_number(kind, phase) or 0) for phase in phases]
    found: list[incident_pb2.IncidentSummary] = []
    degraded, token = False, ""
    while True:
        request = incident_pb.ListIncidentsRequest(
            phases=numbers,
            open_only=open_only,
            service=service,
            team=team,
            severity=severity,
            page_size=min(limit - len(found), LARGEST_PAGE),
            page_token=token,
        )
        answer = calls.send(calls.incidents().ListIncidents, request)
        found += answer.incidents
        degraded, token = degraded or answer.degraded, answer.next_page_token
        if not token or not answer.incidents or len(found) >= limit:
            return Listed(found[:limit], degraded, bool(token) or len(found) > limit)


def run(workflow_id: str) -> runbook_pb.Run:
    answer = calls.send(calls.runbooks().GetRun, runbook_pb.GetRunRequest(run=workflow_id))
    return answer.run


def run_that_waits(reference: str) -> runbook_pb.Run:
    """The run itself, or the one run of an incident that waits for approval. Raises Problem."""
    if reference.startswith(RUN):
        return _that_waits(run(reference))
    waiting = [each for each in _runs_under_way(reference) if each.HasField("approval")]
    if not waiting:
        raise Problem(
            "WrongState",
            f"no run of {reference} waits for approval",
            f"`mainstay incident show {reference}` tells what it waits for",
        )
    return _one(waiting, reference, "wait for approval")


def run_id(reference: str) -> str:
    """The workflow id itself, or that of the one run of an incident that is under way. Raises Problem."""
    if reference.startswith(RUN):
        return reference
    found = _runs_under_way(reference)
    if not found:
        raise Problem(
            "WrongState",
            f"no run of {reference} is under way",
            f"`mainstay incident show {reference}` lists its runs",
        )
    return _one(found, reference, "are under way").workflow_id


def _runs_under_way(reference: str) -> list[runbook_pb.Run]:
    return [run(each.workflow_id) for each in incident(reference).runs if not each.ended]


def _that_waits(found: runbook_pb.Run) -> runbook_pb.Run:
    if not found.HasField("approval"):
        raise Problem(
            "WrongState",
            f"{found.workflow_id} does not wait for approval: it is {found.outcome or found.status}",
            f"`mainstay runbook show {found.workflow_id}` tells more",
        )
    return found


def _one(found: list[runbook_pb.Run], reference: str, what: str) -> runbook_pb.Run:
    if len(found) > 1:
        ids = ", ".join(each.workflow_id for each in found)
        raise usage(f"{len(found)} runs of {reference} {what}: {ids}", "name one of them instead of the incident")
    return found[0]
