"""One sentence per journal entry, for lists and streams. Its text is hostile until it is escaped."""

from __future__ import annotations

from typing import assert_never

from mainstay.domain import timeline as t


def sentence(entry: t.AnyEntry) -> str:
    """What happened, without who and when, which stand beside it."""
    said, detail = _said(entry)
    return f"{said}: {detail}" if detail else said


def _said(entry: t.AnyEntry) -> tuple[str, str]:
    match entry:
        case t.Declared():
            return f"declared {entry.severity} for {entry.service} by {entry.how}", entry.title
        case t.Numbered():
            return f"is {entry.number}", ""
        case t.Alerted():
            return f"{entry.firing} alert(s) fire, {entry.resolved} resolved", ", ".join(entry.names)
        case t.SeveritySet():
            return f"severity {_from(entry.former)}{entry.severity}", entry.reason
        case t.Paged():
            how = "paged" if entry.delivered else "could not page"
            return f"{how} {entry.person} by {entry.method}", entry.detail or entry.reason
        case t.EscalationStep():
            return f"step {entry.step + 1} of round {entry.round} pages {', '.join(entry.targets)}", entry.why
        case t.EscalationExhausted():
            return "nobody answered", entry.detail
        case t.Acknowledged():
            return "acknowledged", ", ".join(entry.already_called)
        case t.RoleAssigned():
            return f"{entry.person} is {entry.role}", ""
        case t.RoleReleased():
            return f"{entry.person} is no longer {entry.role}", ""
        case t.Noted():
            return "note", entry.text
        case t.Decided():
            return "decision", f"{entry.text} (because {entry.rationale})" if entry.rationale else entry.text
        case t.UpdatePosted():
            return f"{'public' if entry.public else 'internal'} update, {entry.public_state}", entry.text
        case _:
            return _said_of_work(entry)


_Work = (
    t.RunStarted
    | t.RunStep
    | t.ApprovalAsked
    | t.ApprovalAnswered
    | t.Mitigated
    | t.MitigationRemoved
    | t.RunEnded
    | t.PhaseChanged
    | t.Resolved
    | t.Reopened
    | t.Linked
    | t.Late
    | t.Refused
    | t.LearningStarted
)


def _said_of_work(entry: _Work) -> tuple[str, str]:
    match entry:
        case t.RunStarted():
            return f"runbook {entry.runbook} began", ""
        case t.RunStep():
            return f"{entry.step}: {entry.what}{_to(entry.outcome)}", entry.detail
        case t.ApprovalAsked():
            return f"asks for approval ({entry.risk} risk)", entry.what
        case t.ApprovalAnswered():
            return f"approval of {entry.step}: {entry.answer}", entry.comment
        case t.Mitigated():
            return f"{'temporarily ' if entry.temporary else ''}mitigated ({entry.mitigation})", entry.text
        case t.MitigationRemoved():
            return f"mitigation {entry.mitigation} is gone", entry.how
        case t.RunEnded():
            return f"runbook run ended {entry.outcome}", entry.summary
        case t.PhaseChanged():
            return f"{entry.former} → {entry.phase}", entry.reason
        case t.Resolved():
            return "resolved", f"unconfirmed: {', '.join(entry.missing)}" if entry.missing else ""
        case t.Reopened():
            return f"reopened, round {entry.round}", entry.reason
        case t.Linked():
            return f"{entry.relation} {entry.other}", ""
        case t.Late():
            return "late", entry.what
        case t.Refused():
            return f"refused {entry.what}", entry.why
        case t.LearningStarted():
            return f"{entry.what} began", ""
        case _:
            assert_never(entry)


def _from(former: str) -> str:
    return f"{former} → " if former else ""


def _to(outcome: str) -> str:
    return f" → {outcome}" if outcome else ""
