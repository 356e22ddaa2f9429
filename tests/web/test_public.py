"""The public status page: what it says, and what it keeps to itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import httpx2
import pytest

from mainstay.domain.errors import Unavailable
from mainstay.domain.timeline import AnyEntry, Noted, UpdatePosted
from mainstay.domain.work import IncidentRow
from mainstay.web.public import HEADLINES, build
from tests.web.standin import ALICE_TOKEN, KEY, NOW, NUMBER, ROW, Door, ago, bearer, public_update

SEQUENCE: tuple[AnyEntry, ...] = tuple(
    UpdatePosted(at=datetime(2026, 11, 21, 14, minute, tzinfo=UTC), text=text, public=True, public_state=state)
    for minute, state, text in (
        (5, "Investigating", "We are looking into failing payments."),
        (15, "Identified", "We have found the cause and are rolling a change back."),
        (25, "Monitoring", "The change is rolled back; payments succeed again. We keep watching."),
        (45, "Resolved", "Payments work. We will publish what happened within 48 hours."),
    )
)
RESOLVED = ROW.model_copy(
    update={
        "declared_at": datetime(2026, 11, 21, 14, 5, tzinfo=UTC),
        "resolved_at": datetime(2026, 11, 21, 14, 45, tzinfo=UTC),
        "public_state": "Resolved",
        "public_text": SEQUENCE[-1].text,  # type: ignore[union-attr]
        "public_at": SEQUENCE[-1].at,
    }
)
LATER = datetime(2026, 11, 21, 15, 0, tzinfo=UTC)


@pytest.mark.capability("S-163")
async def test_the_sample_sequence_shows_four_entries_and_forty_minutes(door: Door, http: httpx2.AsyncClient) -> None:
    """Given the sequence 14:05, 14:15, 14:25, 14:45 replayed, then the status page shows four entries with
    UTC prefixes and the computed duration of 40 minutes."""
    door.now = LATER
    door.desk.rows = (RESOLVED,)
    door.desk.journal = {KEY: SEQUENCE}
    text = (await http.get("/status")).text
    found = [text.index(f"[{at} UTC]") for at in ("14:45", "14:25", "14:15", "14:05")]
    assert found == sorted(found), "newest first"
    assert text.count("UTC]") == 4
    assert "40 min" in text
    assert "All services are operational" in text


@pytest.mark.capability("S-158", "S-159")
@pytest.mark.parametrize(
    ("state", "headline", "shown"),
    [
        ("Investigating", "Payments - Service Disruption", "Investigating"),
        ("Identified", "Payments - Service Disruption Update", "Identified / Working on Fix"),
    ],
)
async def test_the_headline_and_status_follow_the_state(
    door: Door, http: httpx2.AsyncClient, state: str, headline: str, shown: str
) -> None:
    """Given the state Investigating, then title, status and message render with the service's name; given the
    cause identified, then the update's template is chosen without anybody's doing."""
    text = f"Payments: {state}"
    door.desk.rows = (ROW.model_copy(update={"public_state": state, "public_text": text}),)
    door.desk.journal = {KEY: (public_update(3, state, text),)}
    page = (await http.get("/status")).text
    assert f"<h3>{headline}</h3>" in page
    assert f">{shown}</span>" in page
    assert text in page


async def test_nothing_internal_is_public(door: Door, http: httpx2.AsyncClient) -> None:
    entries: tuple[AnyEntry, ...] = (
        Noted(at=ago(9), text="the password is in the vault"),
        UpdatePosted(at=ago(8), text="only for us", public=False, public_state="Investigating"),
        public_update(7, "Investigating", "We are looking into it."),
    )
    door.desk.journal = {KEY: entries}
    text = (await http.get("/status")).text
    for secret in (NUMBER, KEY, "HighErrorRate", "SEV1", "alice", "bob", "vault", "only for us", "internal"):
        assert secret not in text
    assert "We are looking into it." in text


def row(**fields: object) -> IncidentRow:
    return ROW.model_copy(update={"key": str(fields), **fields})


@pytest.mark.parametrize(
    ("made", "shown"),
    [
        (row(), 1),
        (row(public_name=""), 0),
        (row(public_text=""), 0),
        (row(exercise=True), 0),
        (row(declared_at=None), 0),
    ],
    ids=["told", "no-public-name", "not-told", "exercise", "not-declared"],
)
def test_only_what_somebody_told_the_public_is_shown(made: IncidentRow, shown: int) -> None:
    assert len(build(["Payments"], [made], {}, NOW).current) == shown


def test_a_service_shows_its_worst_state_and_the_others_are_operational() -> None:
    rows = [row(public_state="Monitoring", number="1"), row(public_state="Identified", number="2")]
    found = build(["Payments", "Search"], rows, {}, NOW).services
    assert [(s.name, s.state) for s in found] == [("Payments", "Identified"), ("Search", "Operational")]


def test_fourteen_days_are_shown_with_what_ended_on_each() -> None:
    old = RESOLVED.model_copy(
        update={
            "key": "old",
            "declared_at": NOW - timedelta(days=3),
            "public_at": NOW - timedelta(days=3) + timedelta(hours=2),
            "resolved_at": NOW - timedelta(days=3) + timedelta(hours=2),
        }
    )
    days = build([], [old, row()], {}, NOW).days
    assert [d.ongoing for d in days] == [True] + [False] * 13
    assert len(days) == 14
    assert [str(d.day) for d in days if d.incidents] == ["2026-11-18"]
    assert days[3].incidents[0].lasted == timedelta(hours=2)


def test_every_state_has_a_headline_with_the_service() -> None:
    assert set(HEADLINES) == {"Investigating", "Identified", "Monitoring", "Resolved"}
    assert all("{service}" in text for text in HEADLINES.values())


async def test_many_visitors_are_one_read(door: Door, http: httpx2.AsyncClient) -> None:
    for _ in range(5):
        assert (await http.get("/status")).status_code == 200
    assert door.desk.lists == 2, "one list of the latest, one of the open ones"


async def test_while_the_records_are_down_the_last_state_is_shown_with_its_time(
    door: Door, http: httpx2.AsyncClient
) -> None:
    await http.get("/status")
    door.desk.refuse = Unavailable("no record store at 10.0.0.7")
    door.now += timedelta(minutes=5)
    later = await http.get("/status")
    assert later.status_code == 200
    assert "could not be renewed" in later.text
    assert "14:30:00 UTC" in later.text
    assert "10.0.0.7" not in later.text


@pytest.mark.parametrize("how", ["refused", "degraded"])
async def test_without_records_it_never_says_that_all_is_well(door: Door, http: httpx2.AsyncClient, how: str) -> None:
    if how == "refused":
        door.desk.refuse = Unavailable("no record store at 10.0.0.7")
    door.desk.degraded = True
    answer = await http.get("/status")
    assert answer.status_code == 503
    assert "operational" not in answer.text
    assert "10.0.0.7" not in answer.text


async def test_an_installation_without_a_status_page_goes_without(door: Door, http: httpx2.AsyncClient) -> None:
    """Given no status page, then there is none, and everything else works."""
    off = door.config.status_page.model_copy(update={"enabled": False})
    door.config = door.config.model_copy(update={"status_page": off})
    assert (await http.get("/status")).status_code == 404
    assert (await http.get("/", headers=bearer(ALICE_TOKEN))).status_code == 200
