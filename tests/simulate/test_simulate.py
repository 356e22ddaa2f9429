"""The real incident workflow in another time: who is told what, when, by which means."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from mainstay.domain.errors import InvalidArgument
from mainstay.domain.positioned import DocumentErrors
from mainstay.simulate.story import Event, Told, lines
from tests.simulate.conftest import Teller


def minutes(number: int) -> timedelta:
    return timedelta(minutes=number)


def pages(told: Told) -> list[str]:
    return list(lines(told, ("page",)))


def only(told: Told, kind: str) -> list[Event]:
    return [event for event in told.stories[0].events if event.kind == kind]


async def test_nobody_answers_until_the_last_resort_is_bounded(simulated: Teller) -> None:
    """Given nobody answers, then each step comes at its minute, the list is gone through twice, the last resort is
    shown two times, and the end says that it goes on like that."""
    told = await simulated("2026-03-17T02:30Z")
    assert pages(told) == [
        "0s page bob by email",
        "5m page alice by email",
        "10m page alice by pager",
        "10m page alice by email",
        "10m page bob by email",
        "10m page carol by email",
        "15m page alice by pager",
        "20m page bob by email",
        "25m page alice by email",
        "30m page alice by pager",
        "30m page alice by email",
        "30m page bob by email",
        "30m page carol by email",
        "35m page alice by pager",
        "40m page dan by email",
        "55m page dan by email",
    ]
    assert told.stories[0].ends == "the last resort is called again every 15m until somebody answers"


@pytest.mark.parametrize(
    ("at", "first_pass", "second_pass"),
    [
        ("2026-03-30T07:55Z", "carol", "alice"),  # summer time began the day before: 10:00 in Berlin is 08:00 UTC
        ("2026-04-06T07:55Z", "alice", "bob"),
        ("2026-03-23T08:55Z", "bob", "carol"),  # in winter it is 09:00 UTC
        ("2026-10-26T08:55Z", "carol", "alice"),  # and so it is again the day after summer time ended
    ],
)
async def test_a_hand_off_in_the_middle_is_seen_on_the_right_side_of_a_clock_change(
    simulated: Teller, at: str, first_pass: str, second_pass: str
) -> None:
    """Given an alert five minutes before the weekly hand-off at 10:00 in Berlin, then the first page goes to who hands
    over and the first of the second pass to who took over, with the clock of that very week."""
    told = await simulated(at)
    by_primary = [e for e in only(told, "told") if "(schedule payments-primary)" in e.says]
    assert by_primary[0].person == first_pass
    assert by_primary[-1].person == second_pass
    assert by_primary[0].at == told.at


async def test_an_hour_of_the_winter_is_not_taken_for_the_summers(simulated: Teller) -> None:
    """Given 08:30 UTC on the hand-off's day, then in winter time it is still to come, in summer time it is over."""
    winter, summer = await simulated("2026-03-23T08:30Z"), await simulated("2026-03-30T08:30Z")
    assert pages(winter)[0] == "0s page bob by email"
    assert pages(summer)[0] == "0s page alice by email"


@pytest.mark.capability("S-069")
async def test_a_synthetic_check_that_fails_at_night_pages_at_night(simulated: Teller, tmp_path: Path) -> None:
    """Given a synthetic check failing at 02:00 (in the shop's zone, business begins at 09:00), then an incident opens
    then and pages then, not at business start."""
    file = tmp_path / "journey.yaml"
    file.write_text("labels: {alertname: CheckoutJourneyFails, service: checkout, source: synthetic}\n")
    told = await simulated("2026-03-17T01:00Z", ("acknowledge", "bob", minutes(1)), file=str(file))
    assert told.time_zone == "Europe/Berlin"
    assert [event.after for event in only(told, "declared")] == [timedelta(0)]
    assert pages(told) == ["0s page bob by email"]


async def test_an_acknowledgement_ends_the_paging(simulated: Teller) -> None:
    """Given bob answers after seven minutes, then nobody is called later, and alice, who was called, is told."""
    told = await simulated("2026-03-17T02:30Z", ("acknowledge", "bob", minutes(7)))
    assert list(lines(told, ("page", "handled"))) == [
        "0s page bob by email",
        "5m page alice by email",
        "7m handled alice by email",
    ]
    assert told.stories[0].ends == "bob has it: nobody else is called"
    assert [(e.after, e.text) for e in only(told, "acknowledged")] == [(minutes(7), only(told, "acknowledged")[0].text)]


async def test_an_acknowledgement_at_the_very_second_of_a_step_counts(simulated: Teller) -> None:
    """Given bob answers at the second at which the next is due, then the next is not woken."""
    told = await simulated("2026-03-17T02:30Z", ("acknowledge", "bob", minutes(5)))
    assert pages(told) == ["0s page bob by email"]


async def test_who_declines_passes_it_on_at_once(simulated: Teller) -> None:
    """Given bob declines after a minute, then the second step comes then and the third five minutes later."""
    told = await simulated("2026-03-17T02:30Z", ("decline", "bob", minutes(1)), ("acknowledge", "carol", minutes(7)))
    assert pages(told)[:3] == ["0s page bob by email", "1m page alice by email", "6m page alice by pager"]


async def test_a_refused_answer_is_part_of_the_story(simulated: Teller) -> None:
    """Given a second person declines what the first has taken, then the story says why that is refused."""
    told = await simulated("2026-03-17T02:30Z", ("acknowledge", "bob", minutes(1)), ("decline", "alice", minutes(2)))
    assert pages(told) == ["0s page bob by email"]
    assert any("refused (escalate)" in event.text for event in only(told, "noted"))


async def test_a_channel_that_is_down_falls_through(simulated: Teller) -> None:
    """Given mail is down, then alice's pager follows in the same second, and bob, who has none, is not waited for."""
    told = await simulated("2026-03-10T12:00Z", ("acknowledge", "alice", minutes(1)), down=("email",))
    assert pages(told) == ["0s page alice by email fails", "0s page alice by pager"]


async def test_runbooks_are_recorded_and_not_run(simulated: Teller) -> None:
    """Given a service with a runbook, then the story says that it starts, and nothing of it happens."""
    told = await simulated("2026-03-17T02:30Z", ("acknowledge", "bob", minutes(1)))
    assert [event.text for event in only(told, "run_started")] == [
        "mainstay started the runbook mitigate-bad-deployment"
    ]
    assert {"run_step", "run_ended", "approval_asked"}.isdisjoint(event.kind for event in told.stories[0].events)


async def test_until_goes_on_with_the_updates(simulated: Teller) -> None:
    """Given an incident that somebody has, when it is told for two hours, then the stakeholder gets every update."""
    told = await simulated("2026-03-17T02:30Z", ("acknowledge", "bob", minutes(1)), until=timedelta(hours=2))
    updates = [event.after for event in told.stories[0].events if event.message == "status"]
    assert updates[0] == timedelta(0)
    assert updates[-1] <= timedelta(hours=2)
    assert len(updates) >= 4


async def test_resolved_alerts_arrive_at_their_moment(simulated: Teller) -> None:
    """Given the alerts stop after six minutes, then the journal has them firing at 0 and resolved at 6 minutes."""
    told = await simulated(
        "2026-03-17T02:30Z", ("acknowledge", "bob", minutes(1)), resolve_after=minutes(6), until=minutes(7)
    )
    assert [(event.after, event.text[:27]) for event in only(told, "alerted")] == [
        (timedelta(0), "1 alerts firing, 0 resolved"),
        (minutes(6), "0 alerts firing, 1 resolved"),
    ]


async def test_the_same_question_has_the_same_answer(simulated: Teller) -> None:
    """Given the same alert at the same time twice, then both stories agree in every line and second."""
    once, again = await simulated("2026-03-17T02:30Z"), await simulated("2026-03-17T02:30Z")
    assert lines(once) == lines(again)
    assert all(event.at.microsecond == 0 for event in once.stories[0].events)


# ---- files --------------------------------------------------------------------------------------

PAYLOAD = """{"version": "4", "status": "firing", "receiver": "mainstay", "alerts": [
  {"status": "firing", "labels": {"alertname": "PaymentErrorRateHigh", "service": "payment-service"},
   "annotations": {}, "startsAt": "2026-03-17T02:30:00Z", "endsAt": "0001-01-01T00:00:00Z", "fingerprint": "f1"},
  {"status": "firing", "labels": {"alertname": "Disk", "severity": "info", "service": "search"},
   "startsAt": "2026-03-17T02:30:00Z"}]}"""


async def test_a_webhook_payload_as_alertmanager_sends_it(simulated: Teller, tmp_path: Path) -> None:
    """Given a captured delivery with two services, then there are two stories, and the note for later wakes nobody."""
    file = tmp_path / "delivery.json"
    file.write_text(PAYLOAD)
    told = await simulated("2026-03-17T02:30Z", ("acknowledge", "bob", minutes(1)), file=str(file))
    assert {story.service: story.mode for story in told.stories} == {"payment-service": "page", "search": "ticket"}
    assert pages(told) == ["0s page bob by email for payment-service"]


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("- labels: {alertname: A}\n- lables: {alertname: B}\n", ":2:3:", "lables"),
        ("labels: {alertname: A}\nafter: 5\n", ":2:1:", "unit"),
        ("labels: {alertname: A}\nstatus: fireing\n", ":2:1:", "status"),
        ("labels: {alertname: A}\nstartsAt: yesterday\n", ":1:1:", "startsAt"),
        ('{"alerts": [{"labels": {}, "status": "firing"}]}', ":1:13:", "no labels"),
        ('{"alerts": []}', ":1:2:", "alerts"),
        ("{", ":2:1:", ""),
        ("", ":1:1:", ""),
    ],
)
async def test_mistakes_in_the_alerts_are_told_with_their_place(
    simulated: Teller, tmp_path: Path, text: str, place: str, message: str
) -> None:
    """Given a file that is no alert, then the error names file, line and column, and no server is asked."""
    file = tmp_path / "alerts.yaml"
    file.write_text(text)
    with pytest.raises(DocumentErrors) as caught:
        await simulated("2026-03-17T02:30Z", file=str(file))
    assert f"{file}{place}" in str(caught.value)
    assert message in str(caught.value)


async def test_unknown_people_and_channels_are_refused(simulated: Teller) -> None:
    """Given a name that the folder does not hold, then it is refused before anything is played."""
    with pytest.raises(InvalidArgument, match="nobody is called 'eve'"):
        await simulated("2026-03-17T02:30Z", ("acknowledge", "eve", minutes(1)))
    with pytest.raises(InvalidArgument, match="no channel 'fax'"):
        await simulated("2026-03-17T02:30Z", down=("fax",))
