"""Warnings about schedules and policies."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import pytest

from mainstay.domain.escalation import EscalationPolicy, Step, Target
from mainstay.domain.oncall.lint import lint_coverage, lint_policy, lint_schedule, uncovered
from mainstay.domain.oncall.schedule import Layer, Restriction, Schedule
from mainstay.domain.people import ContactMethod, Person
from tests.domain.oncall.samples import FOLLOW_THE_SUN

START = datetime(2026, 1, 5, tzinfo=UTC)
FIVE = ("alice", "bob", "carol", "dave", "erin")


def rules(schedule: Schedule) -> set[str]:
    return {warned.rule for warned in lint_schedule(schedule, START)}


def layer(people: tuple[str, ...] = FIVE, hours: tuple[int, int] | None = None, **fields: object) -> Layer:
    window = (Restriction(start=time(hours[0]), end=time(hours[1] % 24)),) if hours else ()
    given = {"name": "l", "people": people, "start": START, "restrictions": window, **fields}
    return Layer.model_validate(given)


def schedule(*layers: Layer) -> Schedule:
    return Schedule(name="s", layers=layers)


EIGHT_HOURS = schedule(
    *(
        layer(
            tuple(f"{p}{h}" for p in FIVE),
            (h, h + 8),
            turn=timedelta(days=1),
            start=START + timedelta(hours=h),
        )
        for h in (0, 8, 16)
    )
)


def test_a_good_schedule_has_no_warnings() -> None:
    """Three eight-hour layers of five people each are as the guides advise."""
    assert lint_schedule(EIGHT_HOURS, START) == ()


@pytest.mark.capability("S-077")
def test_nine_hours_are_too_long() -> None:
    """Given a 9-hour layer, then lint says that the shift is longer than advised, and it still loads."""
    assert "long-shift" in rules(schedule(layer(hours=(8, 17), turn=timedelta(days=1))))


@pytest.mark.capability("S-078")
def test_fifteen_hours_of_rest_are_too_few() -> None:
    """Given one user on consecutive days in a 9-hour layer (15 h between), then lint reports the rest."""
    found = lint_schedule(schedule(layer(("alice",), (8, 17), turn=timedelta(days=1))), START)
    assert [w.message for w in found if w.rule == "short-rest"] == ["alice rests for 15h between shifts; advised: 16 h"]


@pytest.mark.capability("S-079")
def test_one_day_off_after_a_week_is_too_few() -> None:
    """Given a user whose next shift starts one day after a week on call, then lint reports it."""
    weeks = layer(("alice", "bob"), turn=timedelta(days=7))
    soon = layer(
        ("alice",),
        turn=timedelta(days=36500),
        restrictions=(Restriction(start=time(0), end=time(8), days=("tue",)),),
    )
    assert "no-days-off" in rules(schedule(weeks, soon))
    assert "no-days-off" not in rules(schedule(weeks))


@pytest.mark.capability("S-085")
def test_a_weekly_hand_off_at_night() -> None:
    """Given a rotation of one week that changes hands at 02:00, then lint suggests business hours."""
    night = schedule(layer(start=START + timedelta(hours=2)))
    assert any("business hours" in w.message for w in lint_schedule(night, START))
    assert "night-hand-off" not in rules(schedule(layer(start=START + timedelta(hours=10))))


@pytest.mark.capability("S-086")
def test_a_rotation_of_three() -> None:
    """Given a rotation of three people, then lint warns that it is below four."""
    found = lint_schedule(schedule(layer(("alice", "bob", "carol"))), START)
    assert any(w.rule == "small-rotation" and "below 4" in w.message for w in found)
    assert "small-rotation" not in rules(schedule(layer(FIVE[:4])))


@pytest.mark.capability("S-081")
def test_the_sample_changes_hands_inside_its_window() -> None:
    """The follow-the-sun sample loads, and lint reports the change within APAC's window (D-41)."""
    found = [w for w in lint_schedule(FOLLOW_THE_SUN, START) if w.rule == "turn-inside-window"]
    assert ["APAC Team" in w.message for w in found] == [True]


def test_gaps_are_summed_up() -> None:
    """A schedule with holes is one warning that says how much and since when."""
    found = lint_schedule(schedule(layer(hours=(8, 16), turn=timedelta(days=1))), START)
    gaps = [w.message for w in found if w.rule == "gap"]
    assert gaps == ["nobody is on call for 18d16h of four weeks, first from Mon 2026-01-05 00:00 UTC"]


def test_people_without_contacts_are_named() -> None:
    """Whoever is on call and cannot be reached, or does not exist, is named once."""
    reachable = Person(handle="alice", name="A", contacts=(ContactMethod(name="m", channel="c", address="a"),))
    people = {"alice": reachable, "bob": Person(handle="bob", name="B")}
    found = lint_schedule(schedule(layer(("alice", "bob", "zoe", "bob"))), START, people)
    assert [w.rule for w in found if w.rule in ("no-contact", "unknown-person")] == [
        "no-contact",
        "unknown-person",
    ]


ALICE = Target(kind="person", name="alice")
BOB = Target(kind="person", name="bob")


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (
            EscalationPolicy(name="p", steps=(Step(targets=(ALICE,)), Step(targets=(BOB,))), last_resort=(ALICE,)),
            [],
        ),
        (EscalationPolicy(name="p", steps=(Step(targets=(ALICE,)),)), ["no-last-resort", "no-backup"]),
        (EscalationPolicy(name="p", steps=()), ["no-steps", "no-last-resort"]),
    ],
)
def test_policies(policy: EscalationPolicy, expected: list[str]) -> None:
    """A policy without steps, a stand-in or a last resort is warned about."""
    assert [w.rule for w in lint_policy(policy)] == expected


def rota(name: str, people: tuple[str, ...], **fields: object) -> Schedule:
    return Schedule(name=name, layers=(layer(people, **fields),))  # type: ignore[arg-type]


def steps(*schedules: str) -> EscalationPolicy:
    targets = [Target(kind="schedule", name=name) for name in schedules]
    return EscalationPolicy(name="p", steps=tuple(Step(targets=(target,)) for target in targets))


@pytest.mark.capability("S-074")
@pytest.mark.parametrize(
    ("secondary", "expected"),
    [
        pytest.param(rota("second", ("bob", "carol", "alice")), "", id="one turn further"),
        pytest.param(rota("second", ("alice", "carol", "bob")), "the same person (alice)", id="twice the same"),
        pytest.param(rota("second", ("bob", "carol", "alice"), hours=(0, 8)), "nobody", id="a gap"),
    ],
)
def test_a_shift_without_a_secondary(secondary: Schedule, expected: str) -> None:
    """Given a shift for which the second step has nobody, or the primary again, then lint warns when."""
    known = {"first": rota("first", ("alice", "bob", "carol")), "second": secondary}
    found = lint_coverage(steps("first", "second"), known, START)
    assert [w.rule for w in found] == (["no-secondary"] if expected else [])
    assert all(expected in w.message and w.path == ("steps", 1) for w in found)


def test_gaps_on_purpose_are_no_warning_and_no_coverage() -> None:
    """An unstaffed night is meant, so no gap is warned about; covered day and night it is not."""
    night = Restriction(start=time(22), end=time(6))
    quiet = Schedule(name="first", layers=(layer(),), unstaffed=(night,))
    assert "gap" not in rules(quiet)
    assert uncovered(steps("first"), {"first": quiet}, START) == START
    assert uncovered(steps("first"), {"first": rota("first", FIVE)}, START) is None


def test_warnings_say_which_layer() -> None:
    """What is about one layer leads to it."""
    found = lint_schedule(schedule(layer(), layer(("alice", "bob"))), START)
    assert [w.path for w in found if w.rule == "small-rotation"] == [("layers", 1)]
