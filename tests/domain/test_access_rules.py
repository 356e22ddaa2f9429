"""Who may try what."""

from __future__ import annotations

import pytest

from mainstay.domain import names
from mainstay.domain.access import AccessRole, Actor, Assurance
from mainstay.domain.access_rules import CLEAR_HALT, DECLARE, DELIVER, HALT, NEEDS, VIEW, check_allowed
from mainstay.domain.errors import InvalidArgument, NotAllowed


def actor(roles: str, assurance: Assurance = Assurance.TOKEN) -> Actor:
    return Actor(person="alice", roles=tuple(AccessRole(role) for role in roles.split()), assurance=assurance)


@pytest.mark.parametrize(
    ("operation", "roles", "allowed"),
    [
        (names.ACKNOWLEDGE, "responder", True),
        (names.ACKNOWLEDGE, "viewer", False),
        (names.ACKNOWLEDGE, "admin", True),
        (names.APPROVE, "viewer", False),
        (names.APPROVE, "approver", True),
        (names.APPROVE, "responder", True),
        (names.ACKNOWLEDGE, "", False),
        (names.ACKNOWLEDGE, "alert_source", False),
        (DELIVER, "alert_source", True),
        (DELIVER, "commander", False),
        (DELIVER, "admin", True),
        (DECLARE, "viewer", True),
        (DECLARE, "alert_source", False),
        (VIEW, "viewer", True),
        (HALT, "responder", True),
        (CLEAR_HALT, "responder", False),
        (CLEAR_HALT, "commander", True),
        (names.RESOLVE, "viewer responder", True),
    ],
)
def test_roles(operation: str, roles: str, allowed: bool) -> None:
    """Each role may do what the smaller ones may; alert sources stand outside."""
    if allowed:
        check_allowed(operation, actor(roles))
    else:
        with pytest.raises(NotAllowed, match=f"{operation} needs the access role {NEEDS[operation].value}"):
            check_allowed(operation, actor(roles))


@pytest.mark.parametrize("operation", sorted(NEEDS))
def test_an_unverified_actor_may_do_what_a_responder_may(operation: str) -> None:
    """Break-glass through Temporal's own UI works for responders' work and for nothing more."""
    unproven = actor("", Assurance.UNVERIFIED)
    if NEEDS[operation] in (AccessRole.VIEWER, AccessRole.RESPONDER):
        check_allowed(operation, unproven)
    else:
        with pytest.raises(NotAllowed, match="unverified:alice is not proven"):
            check_allowed(operation, unproven)


def test_every_update_has_a_rule() -> None:
    """An update that is added to the names without a rule here makes this fail."""
    skipped = {
        "ALERTS",
        "RUN_REPORT",
        "CHILD_REPORT",
        "BOUNCED",
        "LEASE_GRANTED",
        "ROLES",
        "LEASE_ASK",
        "LEASE_RELEASE",
        "INCIDENT",
        "RUNBOOK",
        "POSTMORTEM",
        "ACTION_ITEM",
        "LEASE",
        "RECONCILE",
        "CHANNEL_TEST",
        "HALT",
        "HALT_WORKFLOW_ID",
        "LAST_RESORT",
    }
    said = {n: v for n, v in vars(names).items() if n.isupper() and isinstance(v, str) and not n.endswith("_QUEUE")}
    assert {v for n, v in said.items() if n not in skipped} <= set(NEEDS)


def test_an_unknown_operation_is_refused() -> None:
    """Nobody may do what does not exist, an admin included."""
    with pytest.raises(InvalidArgument):
        check_allowed("explode", actor("admin"))
