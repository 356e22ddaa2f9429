"""The journal in words and durations."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest

from mainstay.domain.access import Actor, Assurance
from mainstay.domain.timeline import (
    Acknowledged,
    Alerted,
    AnyEntry,
    Declared,
    Entry,
    Mitigated,
    Noted,
    PhaseChanged,
    Reopened,
    Resolved,
    RunEnded,
    RunStarted,
    UpdatePosted,
)
from mainstay.domain.timeline_view import Stages, cadence, line, runs_taken, shown, stages, stamped

ALICE = Actor(person="alice", assurance=Assurance.TOKEN)


def at(clock: str) -> datetime:
    return datetime.fromisoformat(f"2026-01-02T{clock}").replace(tzinfo=UTC)


ENTRIES: tuple[type[Entry], ...] = get_args(get_args(AnyEntry)[0])
_FILL: dict[object, object] = {str: "x\x1b[31m\n", int: 1, bool: True}


@pytest.mark.parametrize("kind", ENTRIES, ids=lambda kind: kind.__name__)
def test_every_kind_has_a_line(kind: type[Entry]) -> None:
    """One clean line for each kind of entry, whatever its texts hold."""
    fields = {n: _FILL[f.annotation] for n, f in kind.model_fields.items() if f.is_required() and f.annotation in _FILL}
    entry = kind.model_validate({**fields, "at": at("14:05"), "actor": ALICE})
    said = line(entry)  # type: ignore[arg-type]
    assert said
    assert said.isprintable()


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (
            Acknowledged(at=at("14:05"), actor=ALICE, already_called=("bob",)),
            "alice acknowledged; already called: bob",
        ),
        (Noted(at=at("14:05"), actor=Actor(person="eve"), text="hi"), "unverified:eve noted: hi"),
        (
            Alerted(at=at("14:05"), firing=2, resolved=1, names=("A", "B")),
            "2 alerts firing, 1 resolved: A, B",
        ),
        (PhaseChanged(at=at("14:05"), former="declared", phase="investigating"), "declared → investigating"),
    ],
)
def test_lines(entry: AnyEntry, expected: str) -> None:
    """Who did what, an unverified person marked as such."""
    assert line(entry) == expected
    assert stamped(entry) == f"2026-01-02 14:05:00 UTC  {expected}"


GUIDE_002: tuple[AnyEntry, ...] = (
    Declared(at=at("14:32"), title="t", service="s", severity="P1", how="alert"),
    Acknowledged(at=at("14:35"), actor=ALICE),
    Noted(at=at("14:42"), text="cause: the pool is exhausted"),
    Mitigated(at=at("15:10"), mitigation="m1", text="pool enlarged"),
    Resolved(at=at("15:15")),
    PhaseChanged(at=at("16:00"), former="resolved", phase="closed"),
)
GUIDE_003: tuple[AnyEntry, ...] = (
    Declared(at=at("14:05"), title="t", service="s", severity="SEV2", how="alert"),
    Acknowledged(at=at("14:07"), actor=ALICE),
    Mitigated(at=at("14:22"), mitigation="m1", text="rolled back"),
    Resolved(at=at("14:30")),
)


def told(clock: str) -> UpdatePosted:
    return UpdatePosted(at=at(clock), text="u", public=False, public_state="Investigating")


def minutes(*durations: timedelta | None) -> list[float | None]:
    return [d / timedelta(minutes=1) if d is not None else None for d in durations]


@pytest.mark.capability("S-330", "S-332", "S-333", "S-312")
def test_the_guides_samples() -> None:
    """Given the samples M-18, then each stage took as long as the guides say."""
    found = stages(GUIDE_002)
    assert minutes(found.to_acknowledge, found.to_mitigate, found.to_resolve, found.to_close) == [
        3,
        38,
        43,
        88,
    ]
    found = stages(GUIDE_003, impact_at=at("14:00"))
    assert minutes(found.to_detect, found.to_acknowledge, found.to_mitigate, found.to_resolve, found.to_close) == [
        5,
        2,
        22,
        30,
        None,
    ]


def test_what_has_not_happened_has_no_duration() -> None:
    """An empty journal, and an incident that is still open."""
    assert stages(()) == Stages()
    assert stages(GUIDE_002[:2]).to_resolve is None
    assert (shown(None), shown(timedelta(minutes=22))) == ("not reached", "22m")


def test_after_a_reopening_the_last_resolution_counts() -> None:
    """A resolution that did not hold is none; order of the entries does not matter."""
    again = (Reopened(at=at("15:20"), reason="fires again", round=2), Resolved(at=at("15:50")))
    assert stages((*again, *GUIDE_002[:5])).resolved_at == at("15:50")
    assert stages((*GUIDE_002[:5], again[0])).resolved_at is None


@pytest.mark.capability("S-281")
def test_the_fixtures_of_guides_002_and_003() -> None:
    """Given fixture 002, then ack 3 min, mitigate 38, recover 43, close 88; given fixture 003, then detect 5 min,
    ack 2, the rollback took 4, resolve 30 from the impact."""
    found = stages(GUIDE_002)
    wanted = minutes(found.to_acknowledge, found.to_mitigate, found.to_resolve, found.to_close)
    assert wanted == [3, 38, 43, 88]
    runs = (
        RunStarted(at=at("14:18"), runbook="rollback", run="r1"),
        RunStarted(at=at("14:19"), runbook="scale", run="r2"),
        RunEnded(at=at("14:22"), run="r1", outcome="mitigated"),
    )
    journal = (*GUIDE_003, *runs)
    found = stages(journal, impact_at=at("14:00"))
    assert minutes(found.to_detect, found.to_acknowledge, found.to_resolve) == [5, 2, 30]
    assert runs_taken(journal) == (("rollback", "mitigated", timedelta(minutes=4)),)


@pytest.mark.capability("S-186")
def test_the_time_to_the_first_update() -> None:
    """Given declared 14:10 and the first update 14:16, then it took 6 min, whatever came later."""
    declared = Declared(at=at("14:10"), title="t", service="s", severity="P1", how="alert")
    found = stages((told("14:40"), declared, told("14:16")))
    assert minutes(found.to_first_update) == [6]
    assert ("Time to first update", timedelta(minutes=6)) in found.named
    assert stages((declared,)).to_first_update is None


@pytest.mark.capability("S-180")
@pytest.mark.parametrize(
    ("updates", "resolved", "kept", "missed"),
    [
        ("14:30 15:00", "15:20", 2, 0),
        ("14:30 15:01", "15:20", 1, 1),
        ("14:30", "15:31", 1, 2),
        ("", "14:25", 0, 0),
        ("", "15:00", 0, 2),
        ("14:30 15:40", "15:00", 1, 0),
    ],
)
def test_updates_planned_and_sent(updates: str, resolved: str, kept: int, missed: int) -> None:
    """Given one every 30 minutes from 14:00 on, then those in time and those missed are counted until it was
    resolved; what is said afterwards is not planned."""
    declared = Declared(at=at("14:00"), title="t", service="s", severity="P1", how="alert")
    journal: tuple[AnyEntry, ...] = (declared, *map(told, updates.split()), Resolved(at=at(resolved)))
    assert cadence(journal, timedelta(minutes=30)) == (kept, missed)
