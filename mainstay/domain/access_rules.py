"""Which operation needs which access role.

This is the first gate only. Who may vote on a change is the approval policy's word, who resolves an incident
that of the incident roles; both come after it.
"""

from __future__ import annotations

from mainstay.domain import names
from mainstay.domain.access import AccessRole, Actor, Assurance
from mainstay.domain.errors import InvalidArgument, NotAllowed

DECLARE = "declare"
VIEW = names.VIEW
DELIVER = "deliver_alerts"
OVERRIDE_ON_CALL = "override_on_call"
HALT = "halt"
CLEAR_HALT = "clear_halt"
TEST_CHANNEL = "test_channel"
"""Operations of the doors that are no updates."""

LADDER = (
    AccessRole.VIEWER,
    AccessRole.RESPONDER,
    AccessRole.APPROVER,
    AccessRole.COMMANDER,
    AccessRole.ADMIN,
)
"""Each role may do what those before it may. ``alert_source`` stands outside and only delivers alerts."""

NEEDS: dict[str, AccessRole] = {
    VIEW: AccessRole.VIEWER,
    DECLARE: AccessRole.VIEWER,  # anyone at any level may declare (S-037)
    DELIVER: AccessRole.ALERT_SOURCE,
    HALT: AccessRole.RESPONDER,  # stopping is always safe …
    CLEAR_HALT: AccessRole.COMMANDER,  # … going on is not
    OVERRIDE_ON_CALL: AccessRole.RESPONDER,
    TEST_CHANNEL: AccessRole.ADMIN,  # it costs money, and may wake somebody
    **dict.fromkeys(
        (
            names.ACKNOWLEDGE,
            names.ESCALATE,
            names.SET_SEVERITY,
            names.ASSIGN_ROLE,
            names.RELEASE_ROLE,
            names.ADD_NOTE,
            names.RECORD_DECISION,
            names.POST_UPDATE,
            names.PAGE,
            names.START_RUNBOOK,
            names.RECORD_MITIGATION,
            names.RESOLVE,
            names.REOPEN,
            names.CANCEL,
            names.MERGE,
            names.CLOSE,
            names.APPROVE,
            names.REJECT,
            names.WITHDRAW,
            names.ANSWER,
            names.PAUSE,
            names.RESUME,
            names.SKIP,
            names.RETRY,
            names.ABORT,
            names.TAKE_OVER,
            names.PUBLISH,
            names.START_ITEM,
            names.DONE_ITEM,
            names.DEFER_ITEM,
        ),
        AccessRole.RESPONDER,
    ),
}
"""Operation → the least access role."""


def check_allowed(operation: str, actor: Actor) -> None:
    """Raise NotAllowed, naming the role that is needed, unless ``actor`` may try ``operation``.

    An unverified actor (Temporal's own UI or command line: break-glass) may do what a responder may, recorded
    as unverified, and nothing that needs more. Raises InvalidArgument for an operation that does not exist.
    """
    needed = NEEDS.get(operation)
    if needed is None:
        raise InvalidArgument(f"there is no operation {operation!r}")
    if actor.assurance is Assurance.UNVERIFIED:
        _check_unverified(operation, needed, actor)
    elif not any(_reaches(role, needed) for role in actor.roles):
        has = ", ".join(role.value for role in actor.roles) or "none"
        raise NotAllowed(f"{operation} needs the access role {needed.value}; {actor.shown} has {has}", field="actor")


def _check_unverified(operation: str, needed: AccessRole, actor: Actor) -> None:
    if needed not in (AccessRole.VIEWER, AccessRole.RESPONDER):
        raise NotAllowed(
            f"{operation} needs the access role {needed.value}, and {actor.shown} is not proven: "
            "send it through Mainstay's API, chat or web page",
            field="actor",
        )


def _reaches(role: AccessRole, needed: AccessRole) -> bool:
    if needed is AccessRole.ALERT_SOURCE or role is AccessRole.ALERT_SOURCE:
        return role in (needed, AccessRole.ADMIN)
    return LADDER.index(role) >= LADDER.index(needed)
