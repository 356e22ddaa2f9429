"""Which operation each method is: the gate checks the caller's access role by it, before anything is read."""

from __future__ import annotations

from mainstay.domain import access_rules, names

_OPERATIONS: dict[str, dict[str, str]] = {
    "IncidentService": {
        "DeclareIncident": access_rules.DECLARE,
        "GetIncident": access_rules.VIEW,
        "ListIncidents": access_rules.VIEW,
        "WatchIncident": access_rules.VIEW,
        "GetTimeline": access_rules.VIEW,
        "Acknowledge": names.ACKNOWLEDGE,
        "SetSeverity": names.SET_SEVERITY,
        "AssignRole": names.ASSIGN_ROLE,
        "ReleaseRole": names.RELEASE_ROLE,
        "AddNote": names.ADD_NOTE,
        "RecordDecision": names.RECORD_DECISION,
        "PostUpdate": names.POST_UPDATE,
        "PagePeople": names.PAGE,
        "StartRunbook": names.START_RUNBOOK,
        "RecordMitigation": names.RECORD_MITIGATION,
        "Resolve": names.RESOLVE,
        "Reopen": names.REOPEN,
        "CancelIncident": names.CANCEL,
        "Merge": names.MERGE,
        "Close": names.CLOSE,
    },
    "RunbookService": {
        "ListRunbooks": access_rules.VIEW,
        "PlanRunbook": access_rules.VIEW,
        "RunRunbook": names.START_RUNBOOK,
        "GetRun": access_rules.VIEW,
        "Approve": names.APPROVE,
        "Reject": names.REJECT,
        "Withdraw": names.WITHDRAW,
        "Answer": names.ANSWER,
        "Pause": names.PAUSE,
        "Resume": names.RESUME,
        "Skip": names.SKIP,
        "Retry": names.RETRY,
        "Abort": names.ABORT,
        "TakeOver": names.TAKE_OVER,
    },
    "OnCallService": {
        "WhoIsOnCall": access_rules.VIEW,
        "ListShifts": access_rules.VIEW,
        "AddOverride": access_rules.OVERRIDE_ON_CALL,
        "ListOverrides": access_rules.VIEW,
        "RemoveOverride": access_rules.OVERRIDE_ON_CALL,
        "AddTemporarySchedule": access_rules.OVERRIDE_ON_CALL,
        "ImportOverrides": access_rules.OVERRIDE_ON_CALL,
        "OfferSwap": access_rules.OVERRIDE_ON_CALL,
        "AnswerSwap": access_rules.OVERRIDE_ON_CALL,
        "ListSwaps": access_rules.VIEW,
        "GetOnCallHealth": access_rules.VIEW,
        "GetHandoff": access_rules.VIEW,
        "CreateFeed": access_rules.OVERRIDE_ON_CALL,
        "RevokeFeeds": access_rules.OVERRIDE_ON_CALL,
    },
    "ActionItemService": {
        "ListActionItems": access_rules.VIEW,
        "StartActionItem": names.START_ITEM,
        "CompleteActionItem": names.DONE_ITEM,
        "DeferActionItem": names.DEFER_ITEM,
    },
    "AlertService": {"DeliverAlerts": access_rules.DELIVER},
    "SystemService": {
        "Halt": access_rules.HALT,
        "ClearHalt": access_rules.CLEAR_HALT,
        "GetStatus": access_rules.VIEW,
        "TestChannel": access_rules.TEST_CHANNEL,
    },
}

OPERATIONS: dict[str, str] = {
    f"/mainstay.v1.{service}/{method}": operation
    for service, methods in _OPERATIONS.items()
    for method, operation in methods.items()
}
"""Full method name → operation of ``access_rules``. A method that is missing here is refused to everybody."""

SERVICES = tuple(f"mainstay.v1.{service}" for service in _OPERATIONS)
