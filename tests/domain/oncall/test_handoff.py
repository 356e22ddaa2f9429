"""The hand-off document."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from mainstay.domain.oncall.handoff import CHECKLIST, Handoff, render
from mainstay.domain.oncall.schedule import Override, Shift
from mainstay.domain.work import IncidentRow, ItemRow, SaveEffect

AT = datetime(2026, 12, 21, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
FULL = Handoff(
    schedule="payments-primary",
    outgoing="alice",
    incoming="bob",
    at=AT,
    incidents=(
        IncidentRow(
            key="k", workflow_id="w", number="INC-2026-0042", title="Errors *everywhere* <script>", severity="P1",
            phase="mitigating", commander="alice", declared_at=AT - HOUR,
        ),
    ),
    mitigations=(SaveEffect(id="e", run="r", step="s", target="deployment/api", title="Scaled to 9", at=AT - HOUR),),
    items=(
        ItemRow(id="1", text="Add an alert", owner="carol", due=AT - 24 * HOUR),
        ItemRow(id="2", text="Write it down", owner="bob", due=AT + 24 * HOUR),
    ),
    gaps=(Shift(person=None, start=AT + 48 * HOUR, end=AT + 50 * HOUR),),
    overrides=(Override(person="carol", start=AT + 5 * HOUR, end=AT + 6 * HOUR, note="dentist"),),
    holidays=("2026-12-24",),
)  # fmt: skip


def test_what_the_next_person_reads() -> None:
    """Open incidents, standing mitigations, open items with what is overdue, risks of a week, the checklist."""
    text = render(FULL)
    for line in (
        "alice → bob, 2026-12-21 09:00 UTC",
        "commander alice, since 2026-12-21 08:00 UTC",
        "Add an alert (carol, due 2026-12-20) **overdue**",
        "Write it down (bob, due 2026-12-22)\n",
        "nobody is on call from 2026-12-23 09:00 UTC to 2026-12-23 11:00 UTC",
        "carol stands in from 2026-12-21 14:00 UTC to 2026-12-21 15:00 UTC (dentist)",
        "2026-12-24 is a holiday",
    ):
        assert line.replace("-", "") in text.replace("\\", "").replace("-", ""), line
    assert text.count("- [ ] ") == len(CHECKLIST) == 6


def test_hostile_titles_stay_text() -> None:
    """Text from alerts makes no markup."""
    text = render(FULL)
    assert "<script>" not in text
    assert "*everywhere*" not in text.replace("\\*", "")


def test_a_quiet_week_says_so() -> None:
    """Nothing open is said, not left out."""
    text = render(Handoff(schedule="s", outgoing="", incoming="bob", at=AT))
    assert text.count("\nNone.") == 3
    assert "nobody → bob" in text
