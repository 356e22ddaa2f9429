"""What the next person must know when the pager changes hands (S-087), and what they check first (S-088)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from mainstay.domain.model import Record
from mainstay.domain.oncall.schedule import Override, Shift
from mainstay.domain.redaction import redact
from mainstay.domain.text import markdown
from mainstay.domain.work import IncidentRow, ItemRow, SaveEffect

AHEAD = timedelta(days=7)
"""How far ahead risks are looked for."""
CHECKLIST = (
    "The escalation policy is right: you are who it pages, and who comes after you knows.",
    "Recent incidents and active issues are read (above).",
    "Upcoming risks are known: deployments, maintenance windows, holidays (above).",
    "VPN and production access work: log in once, now.",
    "Dashboards and runbooks of your services are bookmarked.",
    "Phone and laptop are charged and with you, and a test page reaches you.",
)
"""The six items of guide 003 (S-088)."""


class Handoff(Record):
    """Everything that the document is made of."""

    schedule: str
    outgoing: str
    """Handle; empty: nobody."""
    incoming: str
    at: datetime
    """When the pager changes hands."""
    incidents: tuple[IncidentRow, ...] = ()
    """Open ones, newest first."""
    mitigations: tuple[SaveEffect, ...] = ()
    """Changes that stand."""
    items: tuple[ItemRow, ...] = ()
    """Open action items, what is due first comes first."""
    gaps: tuple[Shift, ...] = ()
    """When nobody will be on call within a week after ``at``."""
    overrides: tuple[Override, ...] = ()
    """Who stands in within that week."""
    holidays: tuple[str, ...] = ()


def render(given: Handoff) -> str:
    """The document as Markdown; times are UTC, text from outside is escaped and redacted."""
    sections = (
        (f"# Hand-off of {_safe(given.schedule)}", _head(given)),
        ("## Open incidents", _listed(map(_incident, given.incidents), "None.")),
        ("## Mitigations that stand", _listed(map(_mitigation, given.mitigations), "None.")),
        ("## Open action items", _listed((_item(item, given.at) for item in given.items), "None.")),
        ("## Risks ahead, seven days", _listed(_risks(given), "None known to Mainstay; add deployments by hand.")),
        ("## Before the shift begins", (f"- [ ] {line}" for line in CHECKLIST)),
    )
    return "\n\n".join("\n".join((title, "", *lines)) for title, lines in sections) + "\n"


def _head(given: Handoff) -> Iterator[str]:
    yield f"{_safe(given.outgoing or 'nobody')} → {_safe(given.incoming or 'nobody')}, {_when(given.at)}"


def _incident(row: IncidentRow) -> str:
    who = f"commander {_safe(row.commander)}" if row.commander else "no commander"
    since = f", since {_when(row.declared_at)}" if row.declared_at else ""
    named = f"**{_safe(row.number or row.workflow_id)}** {_safe(row.severity)} {_safe(row.title)}"
    return f"{named}: {row.phase}, {who}{since}"


def _mitigation(effect: SaveEffect) -> str:
    return f"{_safe(effect.title)} on {_safe(effect.target)}, since {_when(effect.at)}"


def _item(item: ItemRow, at: datetime) -> str:
    late = " **overdue**" if item.due < at else ""
    return f"{_safe(item.text)} ({_safe(item.owner)}, due {item.due:%Y-%m-%d}){late}"


def _risks(given: Handoff) -> Iterator[str]:
    for gap in given.gaps:
        yield f"nobody is on call from {_when(gap.start)} to {_when(gap.end)}"
    for one in given.overrides:
        why = f" ({_safe(one.note)})" if one.note else ""
        yield f"{_safe(one.person or 'nobody')} stands in from {_when(one.start)} to {_when(one.end)}{why}"
    yield from (f"{day} is a holiday" for day in given.holidays)


def _listed(lines: Iterable[str], otherwise: str) -> list[str]:
    return [f"- {line}" for line in lines] or [otherwise]


def _safe(text: str) -> str:
    return markdown(redact(text))


def _when(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
