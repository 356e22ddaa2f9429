"""Wire names: the contract with histories, clients and Temporal's web UI. Never rename one."""

from __future__ import annotations

# Task queues. Paging shares the workflows' queue so that its activities are dispatched eagerly.
INCIDENT_QUEUE = "incident"
CLUSTER_QUEUE = "cluster"
BULK_QUEUE = "bulk"

# Workflow types
INCIDENT = "incident"
RUNBOOK = "runbook"
POSTMORTEM = "postmortem"
ACTION_ITEM = "action-item"
LEASE = "lease"
HALT = "mainstay-halt"
RECONCILE = "reconcile"
CHANNEL_TEST = "channel-test"

# Incident: updates
ACKNOWLEDGE = "acknowledge"
ESCALATE = "escalate"
SET_SEVERITY = "set_severity"
ASSIGN_ROLE = "assign_role"
RELEASE_ROLE = "release_role"
ADD_NOTE = "add_note"
RECORD_DECISION = "record_decision"
POST_UPDATE = "post_update"
PAGE = "page"
START_RUNBOOK = "start_runbook"
RECORD_MITIGATION = "record_mitigation"
RESOLVE = "resolve"
REOPEN = "reopen"
CANCEL = "cancel"
MERGE = "merge"
CLOSE = "close"
# Incident: signals and the query that every workflow answers
ALERTS = "alerts"
RUN_REPORT = "run_report"
CHILD_REPORT = "child_report"
BOUNCED = "bounced"
VIEW = "view"

# Runbook run: updates
APPROVE = "approve"  # also a signal, for clients that can only signal
REJECT = "reject"
WITHDRAW = "withdraw"
ANSWER = "answer"
PAUSE = "pause"
RESUME = "resume"
SKIP = "skip"
RETRY = "retry"
ABORT = "abort"
TAKE_OVER = "take_over"
# Runbook run: signals
LEASE_GRANTED = "lease_granted"
ROLES = "roles"

# Lease: signals
LEASE_ASK = "ask"
LEASE_RELEASE = "release"

# Postmortem and action item: updates
PUBLISH = "publish"
START_ITEM = "start"
DONE_ITEM = "done"
DEFER_ITEM = "defer"

# Search attributes (Temporal allows ten Keywords with SQL visibility)
KEYWORDS = ("IncidentId", "IncidentKey", "Title", "Severity", "Service", "Team", "Phase", "Commander", "Room")
BOOLS = ("NeedsApproval",)

LAST_RESORT = "last_resort"
"""A channel that every worker knows: whoever the fallback route's escalation policy names as last resort."""

HALT_WORKFLOW_ID = "mainstay-halt"
"""Starting a workflow with this id halts every mutation; cancelling it clears the halt."""


def lease_workflow_id(cluster: str, namespace: str, kind: str, name: str) -> str:
    """The id of the entity workflow that hands out the right to change one target."""
    return f"lease/{cluster}/{namespace}/{kind}/{name}"


def run_workflow_id(owner: str, runbook: str, count: int) -> str:
    """The id of one runbook run. ``owner`` is an incident key or, for a run of its own, a request id."""
    return f"runbook/{owner}/{runbook}/{count}"


def postmortem_workflow_id(incident_key: str) -> str:
    return f"postmortem/{incident_key}"


def action_item_workflow_id(item_id: str) -> str:
    return f"action-item/{item_id}"
