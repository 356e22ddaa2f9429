"""The journal read by people: a line per entry, and the durations that the line-up gives.

Lines are plain text of one line, without control characters; whoever shows them escapes them for its medium.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import assert_never

from mainstay.domain.duration import show
from mainstay.domain.model import Record
from mainstay.domain.text import plain
from mainstay.domain.timeline import (
    Acknowledged,
    Alerted,
    AnyEntry,
    ApprovalAnswered,
    ApprovalAsked,
    Bounced,
    Decided,
    Declared,
    EscalationExhausted,
    EscalationStep,
    Late,
    LearningStarted,
    Linked,
    Mitigated,
    MitigationRemoved,
    Noted,
    Numbered,
    Paged,
    PhaseChanged,
    Refused,
    Reopened,
    Resolved,
    RoleAssigned,
    RoleReleased,
    RunEnded,
    RunStarted,
    RunStep,
    SeveritySet,
    UpdatePosted,
)

_LONGEST = 400


SAID = {
    "page": "paged",
    "handled": "told that somebody has it",
    "approval": "asked for approval",
    "question": "asked",
    "status": "sent a status update",
    "invitation": "invited",
    "notice": "told",
}
"""Kind of message → what was done to its reader."""


def line(entry: AnyEntry) -> str:
    """What happened, in one sentence without its time: ``alice acknowledged``."""
    return plain(_words(entry), _LONGEST)


def stamped(entry: AnyEntry) -> str:
    """``2026-01-02 14:05:09 UTC  alice acknowledged``."""
    return f"{entry.at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC  {line(entry)}"


def _words(entry: AnyEntry) -> str:
    who = entry.actor.shown
    match entry:
        case Declared():
            return f"declared by {entry.how}: {entry.title} ({entry.severity}, {entry.service})"
        case Numbered():
            return f"is {entry.number}"
        case Alerted():
            names = f": {', '.join(entry.names)}" if entry.names else ""
            return f"{entry.firing} alerts firing, {entry.resolved} resolved{names}"
        case SeveritySet():
            former = f"from {entry.former} " if entry.former else ""
            return f"{who} set the severity {former}to {entry.severity}{_why(entry.reason)}"
        case Paged():
            told = SAID.get(entry.reason, "notified")
            if entry.delivered:
                return f"{entry.person} was {told} by {entry.method}"
            return f"{entry.person} could not be {told} by {entry.method}{_why(entry.detail)}"
        case Bounced():
            return f"what {entry.person} was sent by {entry.method} did not arrive{_why(entry.detail)}"
        case EscalationStep():
            targets = ", ".join(entry.targets) or "nobody"
            return f"escalated to {targets} (round {entry.round}, step {entry.step + 1}){_why(entry.why)}"
        case EscalationExhausted():
            return f"nobody is left to page{_why(entry.detail)}"
        case Acknowledged():
            called = f"; already called: {', '.join(entry.already_called)}" if entry.already_called else ""
            return f"{who} acknowledged{called}"
        case RoleAssigned():
            return f"{who} made {entry.person} {_role(entry.role)}"
        case RoleReleased():
            return f"{entry.person} is no longer {_role(entry.role)}"
        case Noted():
            return f"{who} noted: {entry.text}"
        case Decided():
            return f"{who} decided: {entry.text}{_why(entry.rationale)}"
        case UpdatePosted():
            audience = "publicly" if entry.public else "internally"
            author = "automatically" if entry.automatic else f"by {who}"
            return f"update posted {audience} {author} [{entry.public_state}]: {entry.text}"
        case RunStarted():
            return f"{who} started the runbook {entry.runbook}"
        case RunStep():
            outcome = f": {entry.outcome}" if entry.outcome else ""
            return f"runbook step {entry.step}, {entry.what}{outcome}{_why(entry.detail)}"
        case ApprovalAsked():
            return f"approval asked for {entry.what} (step {entry.step}, risk {entry.risk})"
        case ApprovalAnswered():
            return f"{who} answered {entry.answer} to step {entry.step}{_why(entry.comment)}"
        case Mitigated():
            kind = "temporary mitigation" if entry.temporary else "mitigation"
            return f"{kind} by {who}: {entry.text}"
        case MitigationRemoved():
            return f"mitigation {entry.mitigation} is gone{_why(entry.how)}"
        case RunEnded():
            return f"runbook ended, {entry.outcome}{_why(entry.summary)}"
        case PhaseChanged():
            return f"{entry.former} → {entry.phase}{_why(entry.reason)}"
        case Resolved():
            missing = f"; not confirmed: {', '.join(entry.missing)}" if entry.missing else ""
            return f"{who} declared it resolved{missing}"
        case Reopened():
            return f"reopened, round {entry.round}{_why(entry.reason)}"
        case Linked():
            return f"{entry.relation.replace('_', ' ')} {entry.other}"
        case Late():
            due = f", due {entry.due.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if entry.due else ""
            return f"late: {entry.what}{due}"
        case Refused():
            return f"refused {entry.what} of {who}{_why(entry.why)}"
        case LearningStarted():
            return f"{entry.what} started as {entry.workflow_id}"
        case _:
            assert_never(entry)


def _why(text: str) -> str:
    return f": {text}" if text else ""


def _role(role: str) -> str:
    return role.replace("_", " ")


class Stages(Record):
    """When an incident reached its stages, and how long that took (M-15, D-03).

    Detection, mitigation and resolution count from the beginning of the impact, acknowledgement and response
    from detection. Where the beginning of the impact is not known it is taken to be the detection. A duration
    is None while its stage has not been reached.
    """

    impact_at: datetime | None = None
    detected_at: datetime | None = None
    acknowledged_at: datetime | None = None
    engaged_at: datetime | None = None
    """The first responder acknowledged or took a role."""
    updated_at: datetime | None = None
    """The first status update went out, whoever wrote it."""
    mitigated_at: datetime | None = None
    resolved_at: datetime | None = None
    closed_at: datetime | None = None

    @property
    def to_detect(self) -> timedelta | None:
        return _between(self.impact_at, self.detected_at)

    @property
    def to_acknowledge(self) -> timedelta | None:
        return _between(self.detected_at, self.acknowledged_at)

    @property
    def to_respond(self) -> timedelta | None:
        return _between(self.detected_at, self.engaged_at)

    @property
    def to_first_update(self) -> timedelta | None:
        """From detection (S-186)."""
        return _between(self.detected_at, self.updated_at)

    @property
    def to_mitigate(self) -> timedelta | None:
        return _between(self.impact_at, self.mitigated_at)

    @property
    def to_resolve(self) -> timedelta | None:
        return _between(self.impact_at, self.resolved_at)

    @property
    def to_close(self) -> timedelta | None:
        return _between(self.impact_at, self.closed_at)

    @property
    def named(self) -> tuple[tuple[str, timedelta | None], ...]:
        """The durations under the names that reports use."""
        return (
            ("Time to detect", self.to_detect),
            ("Time to acknowledge", self.to_acknowledge),
            ("Time to respond", self.to_respond),
            ("Time to first update", self.to_first_update),
            ("Time to mitigate", self.to_mitigate),
            ("Time to resolve", self.to_resolve),
            ("Time to close", self.to_close),
        )


def _between(start: datetime | None, end: datetime | None) -> timedelta | None:
    return end - start if start is not None and end is not None else None


def shown(duration: timedelta | None) -> str:
    """``22m``, or ``not reached``."""
    return "not reached" if duration is None else show(timedelta(seconds=round(duration.total_seconds())))


def stages(entries: Iterable[AnyEntry], impact_at: datetime | None = None) -> Stages:
    """The stages of a journal. After a reopening only the last mitigation and resolution count."""
    ordered = sorted(entries, key=lambda entry: entry.at)
    last_reopening = max((n for n, e in enumerate(ordered) if isinstance(e, Reopened)), default=-1)
    final = ordered[last_reopening + 1 :]
    detected = _first(ordered, Declared, Alerted)
    return Stages(
        impact_at=impact_at or detected,
        detected_at=detected,
        acknowledged_at=_first(ordered, Acknowledged),
        engaged_at=_first(ordered, Acknowledged, RoleAssigned),
        updated_at=_first(ordered, UpdatePosted),
        mitigated_at=_first(final, Mitigated) or _entered(final, "monitoring"),
        resolved_at=_first(final, Resolved) or _entered(final, "resolved"),
        closed_at=_entered(final, "closed"),
    )


def _first(entries: list[AnyEntry], *kinds: type[AnyEntry]) -> datetime | None:
    return next((entry.at for entry in entries if isinstance(entry, kinds)), None)


def _entered(entries: list[AnyEntry], phase: str) -> datetime | None:
    return next((e.at for e in entries if isinstance(e, PhaseChanged) and e.phase == phase), None)


def roles_filled(entries: Iterable[AnyEntry]) -> dict[str, timedelta]:
    """Role → how long after the declaration somebody first had it (S-137). Empty without a declaration."""
    ordered = sorted(entries, key=lambda entry: entry.at)
    declared = _first(ordered, Declared)
    found: dict[str, timedelta] = {}
    for entry in ordered:
        if declared is not None and isinstance(entry, RoleAssigned):
            found.setdefault(entry.role, entry.at - declared)
    return found


def runs_taken(entries: Iterable[AnyEntry]) -> tuple[tuple[str, str, timedelta], ...]:
    """(runbook, outcome, how long it took) of each run that has ended, in the order of their ends."""
    begun: dict[str, RunStarted] = {}
    found = []
    for entry in sorted(entries, key=lambda entry: entry.at):
        if isinstance(entry, RunStarted):
            begun[entry.run] = entry
        elif isinstance(entry, RunEnded) and (start := begun.pop(entry.run, None)) is not None:
            found.append((start.runbook, entry.outcome, entry.at - start.at))
    return tuple(found)


def cadence(entries: Iterable[AnyEntry], every: timedelta) -> tuple[int, int]:
    """(updates that came in time, updates that were due and did not come) until it was resolved (S-180).

    The next one is due ``every`` after the last, the first ``every`` after the declaration; one that comes late
    has been missed as often as ``every`` has passed without it.
    """
    ordered = sorted(entries, key=lambda entry: entry.at)
    last, over = _first(ordered, Declared), stages(ordered).resolved_at
    kept = missed = 0
    for entry in ordered:
        if last is None or not isinstance(entry, UpdatePosted) or (over is not None and entry.at > over):
            continue
        late = entry.at - last > every
        missed += (entry.at - last) // every if late else 0
        kept += not late
        last = entry.at
    if last is not None and over is not None and over - last > every:
        missed += (over - last) // every
    return kept, missed
