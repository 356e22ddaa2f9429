"""Who is called, by what, when, and who is left in peace."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from temporalio import activity
from temporalio.client import Client
from temporalio.exceptions import ApplicationError

from devstack.processes import eventually
from mainstay.domain.alert import AlertBatch
from mainstay.domain.escalation import EscalationPolicy, Step, Target
from mainstay.domain.incident import IncidentInput, IncidentView, Phase
from mainstay.domain.people import ContactMethod, NotificationRule
from mainstay.domain.work import Pinned, PinRequest, Receipt, SendRequest
from mainstay.simulate.recording import Recorder
from tests.workflows.conftest import COUNT, Stage, Story, alert, levels, make_pinned, refused, without_cadence, workers


@dataclass
class Slow(Recorder):
    """Holds back sends to one person, and pinning, until the test lets them go."""

    held: str = ""
    go: asyncio.Event = field(default_factory=asyncio.Event)
    tried: list[str] = field(default_factory=list)
    pin_fault: str = ""

    @activity.defn(name="send")
    async def send(self, request: SendRequest) -> Receipt:
        self.tried.append(request.person or request.channel)
        if self.held and request.person == self.held:
            await self.go.wait()
        return await super().send(request)

    @activity.defn(name="pin_config")
    async def pin_config(self, request: PinRequest) -> Pinned:
        if self.pin_fault:
            raise ApplicationError("mainstay.yaml: broken", type=self.pin_fault)
        return await super().pin_config(request)


@asynccontextmanager
async def slow(client: Client, **fields: Any) -> AsyncIterator[tuple[Stage, Slow]]:
    recorder = Slow(pinned=make_pinned(), **fields)
    async with workers(client, recorder):
        yield Stage(client), recorder


def two_methods(recorder: Recorder) -> None:
    """Alice has a pager and mail."""
    contacts = tuple(ContactMethod(name=name, channel=name, address="") for name in ("pager", "mail"))
    alice = recorder.pinned.people["alice"].model_copy(update={"contacts": contacts})
    people = {**recorder.pinned.people, "alice": alice}
    recorder.pinned = recorder.pinned.model_copy(update={"people": people})


def policy(recorder: Recorder, **changes: Any) -> None:
    changed = recorder.pinned.policy.model_copy(update=changes)
    recorder.pinned = recorder.pinned.model_copy(update={"policy": changed})


@pytest.mark.capability("S-108")
async def test_primary_then_secondary_then_manager(stage: Stage, recorder: Recorder) -> None:
    """Given no ack from primary then secondary, then the engineering manager is paged third."""
    story = await stage.start(recorder)
    await story.paged("alice")
    await story.skip(minutes=5, seconds=1)
    await story.paged("alice", "bob")
    await story.skip(minutes=5, seconds=1)
    await story.paged("alice", "bob", "carol")
    steps = await story.journal("escalation_step")
    assert [step.why.split(":")[0] for step in steps] == ["step 1 of default", "step 2 of default", "last resort"]
    await story.over()


@pytest.mark.capability("S-064")
async def test_an_acknowledgement_stops_it(stage: Stage, recorder: Recorder) -> None:
    """Given an ack at minute 3 of a 5-minute timer, then no further page is sent and time_to_acknowledge is 3 min."""
    without_cadence(recorder)
    story = await stage.start(recorder)
    await story.paged("alice")
    await story.skip(minutes=3)
    await story.tell("acknowledge")
    await story.skip(hours=3)
    assert recorder.people_paged() == ["alice"]
    await story.over()
    row = recorder.rows[(await story.view()).key].row
    assert row.acknowledged_at is not None
    assert row.declared_at is not None
    assert timedelta(minutes=3) <= row.acknowledged_at - row.declared_at < timedelta(minutes=4)


async def test_a_dead_channel_gives_way_to_the_next_method_at_once(stage: Stage, recorder: Recorder) -> None:
    """Given alice's pager is dead, then her mail follows without a wait, and nobody else is woken."""
    two_methods(recorder)
    recorder.dead_channels = {"pager"}
    story = await stage.start(recorder)
    await story.paged("alice")
    pages = await story.journal("paged")
    assert [(p.method, p.delivered) for p in pages if p.reason == "page"] == [("pager", False), ("mail", True)]
    await story.over()


async def test_all_dead_goes_to_the_next_person_at_once_and_again_every_30_s(stage: Stage, recorder: Recorder) -> None:
    """Given no channel works, then everybody is tried within the first moment and again 30 s later, each time with new
    keys; when the channel is back, alice is the first to know."""
    recorder.dead_channels = {"mail"}
    story = await stage.start(recorder)

    async def tries(number: int) -> list[Any]:
        def enough(view: IncidentView) -> bool:
            return len([e for e in view.timeline if e.kind == "paged" and e.reason == "page"]) >= number

        view = await story.until(enough, f"{number} tries")
        return [e for e in view.timeline if e.kind == "paged" and e.reason == "page"]

    first = await tries(3)
    assert [entry.person for entry in first] == ["alice", "bob", "carol"]
    assert first[-1].at - first[0].at < timedelta(seconds=10)
    await story.skip(seconds=31)
    second = await tries(6)
    assert [entry.person for entry in second[3:]] == ["alice", "bob", "carol"]
    assert timedelta(seconds=29) < second[3].at - first[-1].at < timedelta(seconds=40)
    assert len({entry.key for entry in second}) == 6, "a provider must not take a new page for a repeated one"
    recorder.dead_channels = set()
    await story.skip(seconds=31)
    await story.paged("alice")
    await story.over()


async def test_on_call_look_up_down_uses_the_pinned_schedule(stage: Stage, recorder: Recorder) -> None:
    """The page goes out, and the journal says why it may be the wrong person."""
    recorder.oncall_down = True
    story = await stage.start(recorder)
    await story.paged("alice")
    assert any("pinned schedule used" in entry.text for entry in await story.journal("noted"))
    await story.over()


async def test_an_acknowledgement_during_a_send_wakes_nobody_after_it(client: Client) -> None:
    """Given bob's page hangs in the channel, when alice acknowledges, then no other is called, nothing is retried, and
    the journal says that the page may be out."""
    async with slow(client, held="bob") as (stage, recorder):
        without_cadence(recorder)
        story = await stage.start(recorder)
        await story.paged("alice")
        await story.tell("escalate")
        await eventually(_true(lambda: "bob" in recorder.tried), 20, "bob's page is on its way")
        answer = await story.tell("acknowledge")
        assert "bob" in answer.message
        recorder.go.set()
        await story.skip(hours=2)
        assert [p for p in recorder.tried if p in ("bob", "carol")] in (["bob"], ["bob", "bob"])  # bob: "handled"
        late = [e for e in await story.journal("paged") if e.person == "bob" and e.reason == "page"]
        assert [(e.delivered, "may have gone out" in e.detail) for e in late] == [(False, True)]
        await story.over()


def _true(check: Callable[[], bool]) -> Any:
    async def ask() -> bool:
        return check()

    return ask


async def test_who_was_called_by_hand_joins_and_is_not_called_again(stage: Stage, recorder: Recorder) -> None:
    """Given alice has it and asks for bob, when bob says he comes, then he counts as responder, his next method is not
    used, and a stranger's acknowledgement is still AlreadyDone."""
    story = await stage.start(recorder)
    await story.tell("acknowledge")
    await story.tell("page", target="person:bob", message="the pool again")
    await story.until(lambda v: v.asked == ("bob",), "bob is called")
    with refused("AlreadyDone", "alice"):
        await story.tell("acknowledge", "carol")
    assert "joined" in (await story.tell("acknowledge", "bob")).message
    view = await story.view()
    assert (view.responders["bob"], view.asked) == ("joined", ())
    await story.tell("page", target="person:bob", message="once more")
    await story.until(lambda _: recorder.people_paged().count("bob") == 2, "he can be called again")
    await story.over()


async def test_the_next_step_now_replaces_its_time(stage: Stage, recorder: Recorder) -> None:
    """Given alice is paged, when bob is asked for at once, then carol is due five minutes later, and bob not again."""
    story = await stage.start(recorder)
    await story.paged("alice")
    await story.tell("escalate", reason="alice is on a plane")
    await story.paged("alice", "bob")
    await story.skip(minutes=4, seconds=50)
    assert recorder.people_paged() == ["alice", "bob"]
    await story.skip(seconds=15)
    await story.paged("alice", "bob", "carol")
    await story.over()


@pytest.mark.parametrize(("whom", "expected"), [("team", ["alice", "bob"]), ("everyone", ["alice", "bob"])])
async def test_a_level_may_call_more_than_the_on_call_person(
    stage: Stage, recorder: Recorder, whom: str, expected: list[str]
) -> None:
    """A level of all hands pages the team, or every step's people, at once; each person once."""
    levels(recorder, page_whom=whom)
    story = await stage.start(recorder)
    await story.until(lambda _: sorted(recorder.people_paged()) == expected, f"{expected} are paged at once")
    await story.over()


async def test_a_ticket_wakes_nobody_until_somebody_raises_it(stage: Stage, recorder: Recorder) -> None:
    """Given a route that only lists, then nobody is paged for days; a person's severity begins the escalation."""
    without_cadence(recorder)
    story = await stage.start(recorder, mode="ticket")
    await story.until(lambda v: v.number, "recorded")
    await story.skip(days=2)
    assert recorder.people_paged() == []
    await story.tell("set_severity", severity="SEV1", reason="it is worse")
    await story.paged("alice")
    await story.over()


async def test_no_last_resort_tells_the_installations(stage: Stage, recorder: Recorder) -> None:
    """Given everybody stays silent and the policy ends there, then whoever the configuration names last is told."""
    policy(recorder, last_resort=())
    story = await stage.start(recorder)
    await story.paged("alice")
    await story.skip(minutes=10, seconds=5)
    await story.until(lambda _: "last_resort" in [r.channel for r in recorder.sent], "the last resort is told")
    assert [entry.kind for entry in await story.journal("escalation_exhausted")] == ["escalation_exhausted"]
    await story.over()


def only_page(recorder: Recorder, person: str) -> SendRequest:
    return next(r for r in reversed(recorder.sent) if r.person == person and r.message.kind == "page")


async def test_a_bounce_brings_the_next_method_at_once(stage: Stage, recorder: Recorder) -> None:
    """Given alice's pager took the page and her mail is due four minutes later, when the provider says that it cannot
    be delivered, then her mail follows at once; the same callback again changes nothing."""
    two_methods(recorder)
    alice = recorder.pinned.people["alice"]
    rules = (NotificationRule(method="pager"), NotificationRule(method="mail", after=timedelta(minutes=4)))
    people = {**recorder.pinned.people, "alice": alice.model_copy(update={"notify": rules})}
    recorder.pinned = recorder.pinned.model_copy(update={"people": people})
    story = await stage.start(recorder)
    await story.paged("alice")
    await story.until(lambda v: any(e.kind == "paged" for e in v.timeline), "recorded")
    bounce = {"key": only_page(recorder, "alice").key, "detail": "no such device"}
    await story.handle.signal("bounced", bounce)
    await story.paged("alice", "alice")
    await story.handle.signal("bounced", bounce)
    await story.tell("add_note", text="still alice's alone")
    assert [r.method for r in recorder.sent] == ["pager", "mail"]
    pages = await story.journal("paged")
    assert pages[-1].at - pages[0].at < timedelta(minutes=3)
    assert [(e.person, e.method, e.detail) for e in await story.journal("bounced")] == [
        ("alice", "pager", "no such device")
    ]
    await story.over()


async def test_when_the_last_page_of_a_step_bounces_the_next_step_is_due(stage: Stage, recorder: Recorder) -> None:
    """Given alice has one method and it was accepted, when it bounces, then bob is paged without waiting; a key that
    this incident never sent, and one that nobody can read, wake nobody."""
    story = await stage.start(recorder)
    await story.paged("alice")
    await story.handle.signal("bounced", {"key": f"{(await story.view()).key}/1/0/alice/0/else"})
    await story.handle.signal("bounced", 17)
    await story.until(lambda v: any(e.kind == "refused" for e in v.timeline), "refused")
    assert recorder.people_paged() == ["alice"]
    await story.until(lambda v: any(e.kind == "paged" for e in v.timeline), "recorded")
    await story.handle.signal("bounced", {"key": only_page(recorder, "alice").key})
    await story.paged("alice", "bob")
    await story.over()


async def test_an_empty_step_is_passed_over_at_once(stage: Stage, recorder: Recorder) -> None:
    """Given nobody is behind the first step, then the second is called without waiting for the first's time."""
    gap = Step(targets=(Target(kind="schedule", name="gone"),), wait=timedelta(hours=1))
    policy(recorder, steps=(gap, *recorder.pinned.policy.steps[1:]))
    story = await stage.start(recorder)
    await story.paged("bob")
    assert any("schedule gone" in entry.text for entry in await story.journal("noted"))
    await story.over()


# ---- a bare client --------------------------------------------------------------------------------


async def bare(client: Client, *arguments: Any) -> Any:
    return await client.start_workflow(
        "incident",
        args=arguments,
        id=f"incident/api/bare-{next(COUNT)}",
        task_queue="incident",
        result_type=IncidentView,
    )


@pytest.mark.parametrize(
    ("arguments", "title"),
    [
        (({"labels": {"alertname": "Bare", "service": "api"}},), "Bare"),
        (({"alert": {"labels": {"alertname": "Bare"}}},), "Bare"),
        (({"alerts": "garbage"},), "alert"),
        (("just words",), "alert"),
        ((17,), "alert"),
        ((), "declared"),
    ],
)
async def test_a_bare_start_pages_whatever_it_carries(
    client: Client, stage: Stage, recorder: Recorder, arguments: tuple[Any, ...], title: str
) -> None:
    """An alert, half an alert, garbage or nothing: the incident opens, somebody is paged, the text is kept."""
    handle = await bare(client, *arguments)
    story = Story(handle, recorder, stage.clock, client)
    await story.paged("alice")
    assert (await story.view()).title == title
    await story.over()


@pytest.mark.parametrize("kind", ["Unavailable", "NotFound"])
async def test_without_configuration_the_last_resort_is_paged_and_it_opens_later(client: Client, kind: str) -> None:
    """Given the configuration cannot be read, for now or for good, then the last resort is told at once and every 15
    minutes, what arrives meanwhile is kept, and the incident opens when it can be read."""
    async with slow(client, pin_fault=kind) as (stage, recorder):
        handle = await stage.clock.client.start_workflow(
            "incident", {"labels": {"alertname": "Bare"}}, id=f"incident/api/bare-{next(COUNT)}", task_queue="incident"
        )
        story = Story(handle, recorder, stage.clock, client)
        await handle.signal("alerts", AlertBatch(alerts=(alert("Second"),)))
        if kind == "Unavailable":
            await story.skip(seconds=20)
        await story.until(lambda _: recorder.tried == ["last_resort"], "the last resort is paged")
        assert (await story.view()).waits_for == "its configuration"
        with refused("Unavailable"):
            await story.tell("acknowledge")
        recorder.pin_fault = ""
        await story.skip(minutes=2)
        view = await story.until(lambda v: v.firing == 2, "both alerts are in")
        assert view.phase is Phase.DECLARED
        await story.until(lambda _: "alice" in recorder.people_paged(), "alice is paged")
        await story.over()


async def test_a_policy_without_anybody_comes_out(stage: Stage, recorder: Recorder) -> None:
    """Given a policy that pages nobody, then the incident does not stay silent."""
    recorder.pinned = recorder.pinned.model_copy(update={"policy": EscalationPolicy(name="empty", steps=())})
    story = await stage.start(recorder, IncidentInput(alerts=(alert(),), pinned=recorder.pinned))
    await story.until(lambda _: [r.channel for r in recorder.sent] == ["last_resort"], "the last resort is told")
    await story.over()
