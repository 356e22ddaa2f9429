"""From targets to people and their ways."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from mainstay.domain.escalation import Target
from mainstay.domain.oncall.resolve import methods, person_on_call, resolve
from mainstay.domain.oncall.schedule import Layer, Override, Schedule
from mainstay.domain.people import ContactMethod, NotificationRule, Person, Team
from mainstay.domain.work import ResolvedTargets
from tests.domain.oncall.samples import FOLLOW_THE_SUN

AT = datetime(2026, 1, 5, 12, tzinfo=UTC)


def person(handle: str, contacts: str = "", rules: str = "") -> Person:
    """``contacts``: names; ``rules``: ``NAME@MINUTES``."""
    return Person(
        handle=handle,
        name=handle.capitalize(),
        contacts=tuple(
            ContactMethod(name=n, channel=f"{n}-channel", address=f"{n}@example.com") for n in contacts.split()
        ),
        notify=tuple(
            NotificationRule(method=rule.split("@")[0], after=timedelta(minutes=int(rule.split("@")[1])))
            for rule in rules.split()
        ),
    )


PEOPLE = {p.handle: p for p in (person("alice", "push sms"), person("bob", "mail"), person("carol"))}
SCHEDULES = {
    "primary": Schedule(name="primary", layers=(Layer(name="l", people=("alice",), start=AT),)),
    "empty": Schedule(name="empty"),
    "strangers": Schedule(name="strangers", layers=(Layer(name="l", people=("zoe",), start=AT),)),
}
TEAMS = {"payments": Team(name="payments", members=("bob", "alice")), "nobody": Team(name="nobody")}


def ask(*targets: str, overrides: tuple[Override, ...] = ()) -> ResolvedTargets:
    wanted = tuple(Target.model_validate(dict(zip(("kind", "name"), t.split(":"), strict=True))) for t in targets)
    return resolve(wanted, AT, schedules=SCHEDULES, teams=TEAMS, people=PEOPLE, overrides=overrides)


@pytest.mark.parametrize(
    ("targets", "people", "empty"),
    [
        (("schedule:primary",), ["alice via schedule primary"], []),
        (("person:bob",), ["bob via person bob"], []),
        (("team:payments",), ["bob via team payments", "alice via team payments"], []),
        (("schedule:primary", "team:payments"), ["alice via schedule primary", "bob via team payments"], []),
        (("schedule:empty", "person:bob"), ["bob via person bob"], ["schedule empty"]),
        (("person:zoe",), [], ["person zoe"]),
        (("schedule:none", "team:none", "team:nobody"), [], ["schedule none", "team none", "team nobody"]),
        (("schedule:strangers",), ["zoe via schedule strangers"], []),
        ((), [], []),
    ],
)
def test_who_is_behind_targets(targets: tuple[str, ...], people: list[str], empty: list[str]) -> None:
    """Each person once, in the order of the targets; what leads to nobody is named."""
    found = ask(*targets)
    assert [f"{p.person} via {p.via}" for p in found.people] == people
    assert list(found.empty) == empty


@pytest.mark.parametrize(
    ("contacts", "rules", "expected"),
    [
        ("", "", []),
        ("push sms", "", ["push@0", "sms@0 fallback"]),
        ("push sms voice", "voice@10 push@0 sms@2", ["push@0", "sms@2", "voice@10"]),
        ("push sms mail", "sms@0", ["sms@0", "push@0 fallback", "mail@0 fallback"]),
        ("push", "pager@0", ["push@0"]),
        ("voice", "voice@0 voice@5", ["voice@0", "voice@5"]),
    ],
)
def test_ways_to_reach_a_person(contacts: str, rules: str, expected: list[str]) -> None:
    """Rules in the order of their delay, then other contacts as fallbacks; no address is in it."""
    found = methods(person("alice", contacts, rules))
    shown = [f"{m.method}@{m.after // timedelta(minutes=1)}{' fallback' if m.fallback else ''}" for m in found]
    assert shown == expected
    assert "example.com" not in str(found)


def test_overrides_of_the_record_store_win() -> None:
    """A runtime override beats the schedule, the later the earlier one, and only for its own schedule."""

    def swap(who: str | None, schedule: str = "primary") -> Override:
        return Override(person=who, start=AT, end=AT + timedelta(hours=1), schedule=schedule)

    primary = SCHEDULES["primary"]
    assert person_on_call(primary, AT, (swap("bob"), swap("carol"))) == "carol"
    assert person_on_call(primary, AT, (swap(None),)) is None
    assert person_on_call(primary, AT, (swap("bob", "another"),)) == "alice"
    assert person_on_call(primary, AT + timedelta(hours=1), (swap("bob"),)) == "alice"
    assert [p.person for p in ask("schedule:primary", overrides=(swap("bob"),)).people] == ["bob"]


@pytest.mark.capability("S-076")
def test_specialty_rotations() -> None:
    """Given a service whose policy names the database rotation, then the frontend's is not paged."""
    schedules = {
        name: Schedule(name=name, layers=(Layer(name="l", people=(who,), start=AT),))
        for name, who in (("database", "alice"), ("frontend", "bob"))
    }
    target = (Target(kind="schedule", name="database"),)
    found = resolve(target, AT, schedules=schedules, teams={}, people=PEOPLE)
    assert [p.person for p in found.people] == ["alice"]


def test_the_schedule_is_asked_at_the_instant() -> None:
    """Given 06:30 UTC and the sample schedule, then the later of the two active layers answers."""
    target = (Target(kind="schedule", name="sun"),)
    at = datetime(2023, 1, 1, 6, 30, tzinfo=UTC)
    found = resolve(target, at, schedules={"sun": FOLLOW_THE_SUN}, teams={}, people={})
    assert [p.person for p in found.people] == ["PXXXXX4"]


@pytest.mark.capability("S-093")
def test_a_shadow_gets_a_copy() -> None:
    """Given a person in a shadow layer, then they get a copy of the page and never count as who is on call."""
    start = datetime(2026, 1, 5, tzinfo=UTC)
    base = Layer(name="l", people=("alice",), start=start)
    learner = Layer(name="s", people=("bob", "zoe"), start=start, shadow=True)
    target = Target(kind="schedule", name="primary")

    def found(*layers: Layer) -> ResolvedTargets:
        schedules = {"primary": Schedule(name="primary", layers=layers)}
        return resolve((target,), start, schedules=schedules, teams={}, people={"bob": person("bob", "push")})

    people = found(base, learner).people
    assert [(p.person, p.via, p.shadow) for p in people] == [
        ("alice", "schedule primary", False),
        ("bob", "schedule primary (shadow)", True),
    ]
    assert [m.method for m in people[1].methods] == ["push"]
    assert found(learner).people == ()
    assert found(learner).empty == ("schedule primary",)


def test_low_urgency_has_rules_of_its_own_and_waits_for_the_end_of_quiet_hours() -> None:
    """Given push for all and sms for high urgency, and quiet hours from 22 to 7 in Berlin, then at night low urgency is
    held until 7 in the person's zone, and high urgency never; by day nothing is held."""
    who = Person(
        handle="alice",
        name="Alice",
        time_zone="Europe/Berlin",
        contacts=tuple(ContactMethod(name=name, channel=name, address="") for name in ("push", "sms")),
        notify=(
            NotificationRule(method="push"),
            NotificationRule(method="sms", after=timedelta(minutes=2), urgency="high"),
        ),
        quiet_hours=("mon-sun 22:00-07:00",),
    )
    night, day = datetime(2026, 1, 14, 23, tzinfo=UTC), datetime(2026, 1, 14, 12, tzinfo=UTC)
    high = methods(who, "high", night)
    assert [(way.method, way.after, way.hold) for way in high] == [
        ("push", timedelta(0), timedelta(0)),
        ("sms", timedelta(minutes=2), timedelta(0)),
    ]
    low = methods(who, "low", night)
    assert [(way.method, way.fallback, way.hold) for way in low] == [
        ("push", False, timedelta(hours=7)),
        ("sms", True, timedelta(hours=7)),
    ]
    assert [way.hold for way in methods(who, "low", day)] == [timedelta(0), timedelta(0)]
