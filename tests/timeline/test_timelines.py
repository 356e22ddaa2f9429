"""Who is paged by what and when, for each rule of policies and people, lived through by the real workflow."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mainstay.domain.escalation import Step, StepCondition, Target, Unmitigated
from mainstay.domain.incident import IncidentInput
from mainstay.domain.people import ContactMethod, NotificationRule, Team
from mainstay.simulate.recording import Recorder
from tests.timeline.play import play
from tests.workflows.conftest import Stage, Story, alert, person

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


def target(text: str) -> Target:
    kind, _, name = text.partition(":")
    return Target.model_validate({"kind": kind, "name": name})


def step(*targets: str, wait: int = 5, **fields: Any) -> Step:
    return Step(targets=tuple(map(target, targets)), wait=wait * MINUTE, **fields)


def policy(recorder: Recorder, **changes: Any) -> None:
    changed = recorder.pinned.policy.model_copy(update={"last_resort": (), **changes})
    recorder.pinned = recorder.pinned.model_copy(update={"policy": changed})


def alice(recorder: Recorder, *rules: NotificationRule, **fields: Any) -> None:
    """She has push, sms and voice."""
    contacts = tuple(ContactMethod(name=name, channel=name, address="") for name in ("push", "sms", "voice"))
    changed = recorder.pinned.people["alice"].model_copy(update={"contacts": contacts, "notify": rules, **fields})
    people = {**recorder.pinned.people, "alice": changed}
    recorder.pinned = recorder.pinned.model_copy(update={"people": people})


def low(recorder: Recorder, **fields: Any) -> None:
    """The alert's severity pages in business hours only."""
    levels = tuple(level.model_copy(update={"page": "business_hours"}) for level in recorder.pinned.profile.levels)
    levels = (levels[0].model_copy(update={"page": "page"}), *levels[1:])
    profile = recorder.pinned.profile.model_copy(update={"levels": levels})
    recorder.pinned = recorder.pinned.model_copy(update={"profile": profile, **fields})


def hours(start: datetime, end: datetime) -> tuple[str, ...]:
    return (f"mon-sun {start:%H:%M}-{end:%H:%M}",)


async def begin(stage: Stage, recorder: Recorder, severity: str = "SEV1") -> Story:
    return await stage.start(recorder, IncidentInput(alerts=(alert(),), pinned=recorder.pinned, severity=severity))


ALWAYS = ("mon-sun 00:00-24:00",)
RULES = (
    NotificationRule(method="push"),
    NotificationRule(method="sms", after=2 * MINUTE, urgency="high"),
    NotificationRule(method="voice", after=4 * MINUTE, urgency="high"),
)


async def test_push_then_sms_then_voice_then_the_next_person(stage: Stage, recorder: Recorder) -> None:
    """Given a responder with three contact methods, when the first is unanswered for the configured wait, then the
    next is used, until somebody acknowledges."""
    alice(recorder, *RULES)
    story = await begin(stage, recorder)
    await play(
        story,
        """
        at 0 page alice by push
        at 2m page alice by sms
        at 4m page alice by voice
        at 5m page bob by mail
        at 6m ack bob
        """,
        rest=HOUR,
    )
    await story.over()


@pytest.mark.capability("S-024")
async def test_a_level_of_business_hours_waits_for_them(stage: Stage, recorder: Recorder) -> None:
    """Given a level that pages in business hours, at night nobody is woken, the primary is paged when they begin;
    raised to one that pages at any hour, at once."""
    now = datetime.now(UTC)
    low(recorder, business_hours=hours(now + 3 * HOUR, now + 6 * HOUR))
    story, raised = await begin(stage, recorder, "SEV3"), await begin(stage, recorder, "SEV3")
    await story.until(lambda v: v.next_page_at and v.next_page_at > now + HOUR, "it waits")
    await story.skip(minutes=170)
    assert recorder.people_paged() == []
    await story.skip(minutes=11)
    await story.paged("alice")
    await story.over()
    recorder.sent.clear()
    await raised.until(lambda v: v.next_page_at and v.next_page_at > now + HOUR, "it waits")
    await raised.tell("set_severity", severity="SEV1", reason="it is worse")
    await raised.paged("alice")
    await raised.over()


async def test_two_acknowledgements_are_needed(stage: Stage, recorder: Recorder) -> None:
    """Given a policy that wants two, when alice acknowledges, then she is left in peace and bob is still paged; with
    his acknowledgement nobody else is."""
    alice(recorder, *RULES)
    policy(recorder, acks_needed=2, last_resort=(target("person:carol"),))
    story = await begin(stage, recorder)
    await play(
        story,
        """
        at 0 page alice by push
        at 1m ack alice
        at 5m page bob by mail
        at 6m ack bob
        """,
        rest=HOUR,
    )
    assert (await story.view()).acknowledged_by == "unverified:bob"
    await story.over()


@pytest.mark.parametrize(
    ("when", "paged"),
    [
        ({"severity": ("SEV1",)}, True),
        ({"severity": ("SEV2",)}, False),
        ({"tier": (1,)}, False),
        ({"tier": (3,)}, True),
        ({"hours": "business"}, True),
        ({"hours": "after"}, False),
    ],
)
async def test_a_step_that_does_not_count_takes_no_time(
    stage: Stage, recorder: Recorder, when: dict[str, Any], paged: bool
) -> None:
    """Given a first step for a severity, a tier or an hour, then it pages when that fits, and else the second does."""
    recorder.pinned = recorder.pinned.model_copy(update={"business_hours": ALWAYS})
    condition = StepCondition.model_validate(when)
    policy(recorder, steps=(step("person:alice", when=condition), step("person:bob", wait=60)))
    story = await begin(stage, recorder)
    script = "at 0 page alice by mail\nat 5m page bob by mail" if paged else "at 0 page bob by mail"
    await play(story, script)
    await story.over()


async def test_round_robin_calls_one_of_the_team_and_then_the_other(stage: Stage, recorder: Recorder) -> None:
    """Given a step that picks one of a team of two, then one is paged, and on the repeat the other."""
    policy(recorder, steps=(step("team:shop", pick="round_robin"),), repeat=1)
    story = await begin(stage, recorder)
    await story.until(lambda _: len(recorder.people_paged()) == 1, "one of them")
    await story.skip(minutes=4)
    assert len(recorder.people_paged()) == 1
    await story.skip(minutes=1, seconds=1)
    await story.until(lambda _: sorted(recorder.people_paged()) == ["alice", "bob"], "the other")
    await story.over()


async def test_what_is_not_mitigated_goes_to_the_manager_though_somebody_has_it(
    stage: Stage, recorder: Recorder
) -> None:
    """Given "not mitigated within 60 minutes: the team's manager and the commander", then both are paged at 60 minutes,
    once; a vacant role is nobody (T-7)."""
    late = Unmitigated(after=HOUR, targets=(target("manager:shop"), target("role:commander"), target("role:scribe")))
    policy(recorder, unmitigated=(late,))
    story = await begin(stage, recorder)
    await play(
        story,
        """
        at 0 page alice by mail
        at 1m ack alice
        at 60m page carol by mail
        at 60m page alice by mail
        """,
        rest=HOUR,
    )
    await story.over()


async def test_another_team_can_be_paged_though_the_incident_does_not_know_it(stage: Stage, recorder: Recorder) -> None:
    """Given an incident whose pinned slice does not hold the database team, when somebody pages it, then its people are
    looked up live and paged, the time line says so, and one of them can be given a role."""
    pinned = recorder.pinned
    dora = person("dora")
    recorder.pinned = pinned.model_copy(
        update={
            "people": {**pinned.people, "dora": dora},
            "teams": {**pinned.teams, "database": Team(name="database", members=("dora",))},
        }
    )
    story = await stage.start(recorder, IncidentInput(alerts=(alert(),), pinned=pinned, severity="SEV1"))
    await story.paged("alice")
    await story.tell("page", target="team:database", message="the pool is empty")
    await story.paged("alice", "dora")
    assert any("asked to page team:database" in entry.text for entry in await story.journal("noted"))
    await story.tell("acknowledge", "dora")
    await story.tell("assign_role", role="subject_expert", person="dora")
    assert (await story.view()).roles["subject_expert"] == "dora"
    await story.tell("page", target="team:nobody")
    await story.until(
        lambda v: any("nobody can be reached behind team:nobody" in getattr(e, "text", "") for e in v.timeline), "noted"
    )
    await story.over()


async def test_low_urgency_keeps_quiet_hours(stage: Stage, recorder: Recorder) -> None:
    """Given alice's quiet hours for three more hours and a level that does not page at any hour, then she gets nothing
    before their end; then by what her rules say of low urgency, and the next person has the step's wait after that."""
    now = datetime.now(UTC)
    low(recorder, business_hours=ALWAYS)
    alice(recorder, *RULES, quiet_hours=hours(now - HOUR, now + 3 * HOUR))
    story = await begin(stage, recorder, "SEV3")
    await story.until(lambda v: v.next_page_at and v.next_page_at > now + 2 * HOUR, "the step waits for her")
    await story.skip(minutes=170)
    assert recorder.people_paged() == []
    await story.skip(minutes=11)
    await story.paged("alice")
    assert [paged.method for paged in await story.journal("paged")] == ["push"]
    await story.skip(minutes=5, seconds=1)
    await story.paged("alice", "bob")
    await story.over()


async def test_raised_to_a_level_of_any_hour_quiet_hours_do_not_matter(stage: Stage, recorder: Recorder) -> None:
    """Given a page held back by alice's quiet hours, when the incident is raised to a level that pages at any hour,
    then she is paged at once, and the next person has the step's wait from then on."""
    now = datetime.now(UTC)
    low(recorder, business_hours=ALWAYS)
    alice(recorder, *RULES, quiet_hours=hours(now - HOUR, now + 3 * HOUR))
    story = await begin(stage, recorder, "SEV3")
    await story.until(lambda v: v.next_page_at and v.next_page_at > now + 2 * HOUR, "the step waits for her")
    await story.tell("set_severity", "bob", severity="SEV1", reason="it is worse")
    await story.paged("alice")
    await story.skip(minutes=5, seconds=1)
    await story.paged("alice", "bob")
    await story.over()
