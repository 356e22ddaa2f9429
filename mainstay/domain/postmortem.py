"""The draft of a postmortem: all that the journal knows, and the questions that only people can answer.

Sections are the union of the guides' templates (S-264 to S-268). All text from outside is escaped for
Markdown, and secrets and personal data are taken out of it (S-370).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

from mainstay.domain.incident import ItemDraft
from mainstay.domain.redaction import redact
from mainstay.domain.text import markdown
from mainstay.domain.timeline import (
    Acknowledged,
    AnyEntry,
    Declared,
    Late,
    RoleAssigned,
    SeveritySet,
    UpdatePosted,
)
from mainstay.domain.timeline_view import Stages, cadence, line, roles_filled, runs_taken, shown, stages
from mainstay.domain.work import PostmortemInput

_TODO = "_To be written._"
FISHBONE = ("People", "Process", "Technology", "Environment", "Timing", "Configuration")
"""Categories of contributing factors (T-14, S-276)."""
GROUND_RULES = (
    "Ask what and how, not who: systems and processes are examined, not people.",
    "Everybody did their best with what they knew at the time.",
    "The aim is a better system; every perspective counts.",
    "Every action item has one owner and a date.",
)
"""S-271; in the draft and in the invitation."""
QUESTIONS = (
    "What happened?",
    "Why did it happen?",
    "What was the impact?",
    "How was it resolved?",
    "How will it, and what is like it, be prevented?",
)
"""What every postmortem answers (S-268)."""


def render(given: PostmortemInput) -> str:
    """The Markdown draft. Times are UTC; what the journal does not know is marked as to be written."""
    reached = stages(given.timeline)
    sections = (
        _head(given, reached),
        _section("Summary", _summary(given, reached)),
        _section("Impact", _impact(given, reached)),
        _section("Detection and response", _response(given, reached)),
        _section("Communication", _communication(given, reached)),
        _section("Timeline (UTC)", _timeline(given.timeline)),
        _section("Root Cause Analysis", _root_cause()),
        _section("Contributing Factors", (f"- {category}: " for category in FISHBONE)),
        _section("What Went Well", (_TODO,)),
        _section("What Went Poorly", _poorly(given.timeline)),
        _section("Action Items", _items(given.items)),
        _section("Lessons Learned", (_TODO,)),
        _section("Before the review", (*(f"- [ ] {q}" for q in QUESTIONS), "", *GROUND_RULES)),
    )
    return "\n".join("\n".join(section) for section in sections).rstrip() + "\n"


def _safe(text: str, limit: int = 500) -> str:
    return markdown(redact(text), limit)


def _section(title: str, body: Iterable[str]) -> Iterator[str]:
    yield f"## {title}"
    yield ""
    yield from body
    yield ""


def _head(given: PostmortemInput, reached: Stages) -> Iterator[str]:
    ref, row = given.incident, given.row
    exercise = "EXERCISE: " if ref.exercise or row.exercise else ""
    yield f"# {exercise}Postmortem {_safe(ref.shown)}: {_safe(ref.title or row.title, 200)}"
    yield ""
    initial, final = _severities(given)
    facts = (
        ("Status", "Draft"),
        ("Date", f"{reached.detected_at:%Y-%m-%d}" if reached.detected_at else "unknown"),
        ("Duration", _span(reached)),
        ("Severity", final if initial == final else f"{final} (at first {initial})"),
        ("Services", _safe(row.service or ref.service)),
        ("Authors", _safe(given.owner) or _TODO),
        ("Responders", ", ".join(_safe(handle) for handle in given.responders) or "none"),
    )
    for name, value in facts:
        yield f"- **{name}:** {value}"
    yield ""


def _severities(given: PostmortemInput) -> tuple[str, str]:
    """The first and the last severity (S-267)."""
    said = [e.severity for e in given.timeline if isinstance(e, Declared | SeveritySet) and e.severity]
    last = given.row.severity or given.incident.severity or (said[-1] if said else "unknown")
    return _safe(said[0] if said else last), _safe(last)


def _span(reached: Stages) -> str:
    if reached.impact_at is None or reached.resolved_at is None:
        return "unknown"
    length = _hours_and_minutes(reached.resolved_at - reached.impact_at)
    return f"{_clock(reached.impact_at)} – {_clock(reached.resolved_at)} UTC ({length})"


def _hours_and_minutes(duration: timedelta) -> str:
    minutes = round(duration / timedelta(minutes=1))
    return f"{minutes // 60} h {minutes % 60} min"


def _clock(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M}"


def _summary(given: PostmortemInput, reached: Stages) -> Iterator[str]:
    length = shown(reached.to_resolve)
    service = _safe(given.row.service or given.incident.service)
    yield f"{service} was affected; time to resolve: {length}. _Two or three sentences to be written._"


def _impact(given: PostmortemInput, reached: Stages) -> Iterator[str]:
    yield f"- Duration: {_span(reached)}"
    posted = [e for e in given.timeline if isinstance(e, UpdatePosted) and e.public]
    yield f"- Public updates: {len(posted)}"
    for name in ("Users affected (share, segment)", "Revenue", "Support tickets", "Error budget used"):
        yield f"- {name}: {_TODO}"


def _response(given: PostmortemInput, reached: Stages) -> Iterator[str]:
    yield from (f"- {name}: {shown(duration)}" for name, duration in reached.named)
    declared = next((e for e in given.timeline if isinstance(e, Declared)), None)
    if declared is not None:
        yield f"- Detected by: {_safe(declared.how)} at {_clock(declared.at)}"
    acknowledged = next((e for e in given.timeline if isinstance(e, Acknowledged)), None)
    yield f"- First acknowledged by: {_safe(acknowledged.actor.shown) if acknowledged else 'nobody'}"
    yield from _roles(given.timeline)
    for runbook, outcome, took in runs_taken(given.timeline):
        yield f"- Runbook {_safe(runbook)}: {_safe(outcome)} after {shown(took)}"
    late = [e for e in given.timeline if isinstance(e, Late)]
    yield f"- Targets missed: {', '.join(_safe(e.what) for e in late) or 'none recorded'}"


def _roles(entries: tuple[AnyEntry, ...]) -> Iterator[str]:
    """Who had each role last, and how soon somebody first had it (S-137)."""
    filled = roles_filled(entries)
    roles = {e.role: e.person for e in entries if isinstance(e, RoleAssigned)}
    for role, who in roles.items():
        after = f" (first filled {shown(filled[role])} after the declaration)" if role in filled else ""
        yield f"- {_safe(role.replace('_', ' ').capitalize())}: {_safe(who)}{after}"


def _communication(given: PostmortemInput, reached: Stages) -> Iterator[str]:
    """Whether people were told in time (S-290)."""
    posted = [e for e in given.timeline if isinstance(e, UpdatePosted)]
    every = given.pinned.profile.level(given.row.rank).update_every
    yield f"- First update: {shown(reached.to_first_update)} after detection"
    yield f"- Updates written by people: {sum(not e.automatic for e in posted)}"
    yield f"- Updates that went out by themselves: {sum(e.automatic for e in posted)}"
    if every is not None:
        kept, missed = cadence(given.timeline, every)
        share = f" ({kept / (kept + missed):.0%})" if kept + missed else ""
        yield f"- One was due every {shown(every)}: {kept} in time, {missed} missed{share}"
    yield f"- What people inside and outside say about it: {_TODO}"


def _timeline(entries: tuple[AnyEntry, ...]) -> Iterator[str]:
    if not entries:
        yield "The journal is empty."
        return
    yield "| Time (UTC) | What happened |"
    yield "| --- | --- |"
    for entry in sorted(entries, key=lambda e: (e.at, e.source, e.seq)):
        yield f"| {entry.at.astimezone(UTC):%Y-%m-%d %H:%M:%S} | {_safe(line(entry))} |"


def _root_cause() -> Iterator[str]:
    yield f"**What happened:** {_TODO}"
    yield ""
    yield "**Five whys** (about the system; fewer are fine if the last one names a cause you can change):"
    yield ""
    yield from (f"{n}. Why? {_TODO}" for n in range(1, 6))


def _poorly(entries: tuple[AnyEntry, ...]) -> Iterator[str]:
    yield from (f"- Late: {_safe(e.what)}" for e in entries if isinstance(e, Late))
    yield _TODO


def _items(items: tuple[ItemDraft, ...]) -> Iterator[str]:
    if not items:
        yield "None yet. An incident without action items needs a reason."
        return
    yield "| Priority | Action | Type | Owner | Due Date | Status |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for item in items:
        due = f"{item.due.astimezone(UTC):%Y-%m-%d}"
        cells = (item.priority, _safe(item.text), item.kind, _safe(item.owner), due, "Not Started")
        yield f"| {' | '.join(cells)} |"
