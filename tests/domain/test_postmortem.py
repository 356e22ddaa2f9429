"""The draft that people start from."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from mainstay.domain import lifecycle
from mainstay.domain.access import Actor, Assurance
from mainstay.domain.escalation import EscalationPolicy
from mainstay.domain.incident import AddNote, ItemDraft
from mainstay.domain.message import IncidentRef
from mainstay.domain.people import Team
from mainstay.domain.pinned import PinnedConfig
from mainstay.domain.postmortem import render
from mainstay.domain.profiles import PROFILES
from mainstay.domain.service import Service
from mainstay.domain.timeline import AnyEntry, Late, Noted, RoleAssigned, SeveritySet, UpdatePosted
from mainstay.domain.work import IncidentRow, PostmortemInput
from tests.domain.made_incidents import BOB, NOW, begun, pinned
from tests.domain.test_timeline_view import GUIDE_002, at

PINNED = PinnedConfig(
    service=Service(name="payments", team="payments"),
    team=Team(name="payments"),
    profile=PROFILES["002"],
    policy=EscalationPolicy(name="p", steps=()),
)
HOSTILE = "<script>alert(1)</script> | [x](http://evil.example) bob@example.com password=hunter2 \x1b[31m\n# heading"


def draft(*more: AnyEntry, title: str = "Payments failing", items: tuple[ItemDraft, ...] = ()) -> str:
    return render(
        PostmortemInput(
            incident=IncidentRef(key="k", number="INC-2026-0042", title=title),
            row=IncidentRow(key="k", workflow_id="w", service="payments", severity="P1"),
            timeline=(*GUIDE_002, *more),
            items=items,
            responders=("alice", "bob", "carol"),
            owner="alice",
            pinned=PINNED,
        )
    )


@pytest.mark.capability("S-264")
def test_the_draft_has_all_sections() -> None:
    """Given a closed incident, then the draft has every section and the time line of its journal, in UTC."""
    text = draft()
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == [
        "Summary",
        "Impact",
        "Detection and response",
        "Communication",
        "Timeline (UTC)",
        "Root Cause Analysis",
        "Contributing Factors",
        "What Went Well",
        "What Went Poorly",
        "Action Items",
        "Lessons Learned",
        "Before the review",
    ]
    assert text.startswith("# Postmortem INC-2026-0042: Payments failing\n")
    assert "| 2026-01-02 14:35:00 | alice acknowledged |" in text
    assert "2026-01-02 14:32 – 2026-01-02 15:15 UTC (0 h 43 min)" in text


def test_durations_roles_and_misses_are_filled_in() -> None:
    """What the journal knows is not left to memory."""
    text = draft(
        RoleAssigned(at=at("14:36"), role="communications_lead", person="carol"),
        Late(at=at("14:40"), what="response target"),
    )
    for said in (
        "Time to acknowledge: 3m",
        "Time to mitigate: 38m",
        "Time to resolve: 43m",
        "Communications lead: carol",
    ):
        assert said in text
    assert "Targets missed: response target" in text
    assert "**Responders:** alice, bob, carol" in text


@pytest.mark.capability("S-267")
def test_both_severities_are_shown() -> None:
    """Given a changed severity, then the first and the last are shown, and how it was detected."""
    text = draft(
        SeveritySet(at=at("14:50"), actor=Actor(person="a", assurance=Assurance.TOKEN), former="P1", severity="P2")
    )
    assert "**Severity:** P1" in text
    assert "Detected by: alert at 2026-01-02 14:32" in text
    changed = render(
        PostmortemInput(
            incident=IncidentRef(),
            row=IncidentRow(key="k", workflow_id="w", severity="P2"),
            timeline=GUIDE_002,
            pinned=PINNED,
        )
    )
    assert "**Severity:** P2 (at first P1)" in changed


def test_items_become_a_table() -> None:
    """Priority, action, type, owner, date and status, a row each."""
    item = ItemDraft(
        text="add an alert | on pool use", owner="bob", due=datetime(2026, 2, 1, tzinfo=UTC), kind="detect"
    )
    assert r"| P1 | add an alert \| on pool use | detect | bob | 2026-02-01 | Not Started |" in draft(items=(item,))
    assert "needs a reason" in draft()


def test_hostile_text_is_shown_and_not_obeyed() -> None:
    """Nothing in a title or a note becomes markup, and no secret or address is in the draft."""
    text = draft(Noted(at=at("14:45"), text=HOSTILE), title=HOSTILE)
    for bad in ("<script", "](http", "bob@example", "hunter2", "\x1b", "\n# heading"):
        assert bad not in text
    assert len([line for line in text.splitlines() if line.startswith("# ")]) == 1


@pytest.mark.capability("S-370")
def test_the_draft_holds_no_personal_data() -> None:
    """Given an e-mail address, a card number, a token and an IP address, then the draft has none."""
    secrets = ("bob@example.com", "4111 1111 1111 1111", "ghp_" + "a1" * 18, "192.0.2.17")
    text = draft(Noted(at=at("14:45"), text="seen: " + ", ".join(secrets)))
    assert not [secret for secret in secrets if secret in text or secret.replace("@", "\\@") in text]
    assert r"\[e-mail\], \[card number\], \[token\], \[address\]" in text


def test_an_empty_journal_still_gives_a_draft() -> None:
    """What is not known is marked, not guessed."""
    text = render(PostmortemInput(incident=IncidentRef(), row=IncidentRow(key="k", workflow_id="w"), pinned=PINNED))
    assert "The journal is empty." in text
    assert "**Duration:** unknown" in text


@pytest.mark.capability("S-137")
def test_how_soon_each_role_was_filled() -> None:
    """Given a closed incident, then the time from its declaration to each role being first filled is in its draft."""
    text = draft(
        RoleAssigned(at=at("14:35"), role="commander", person="alice"),
        RoleAssigned(at=at("14:40"), role="scribe", person="bob"),
        RoleAssigned(at=at("15:00"), role="commander", person="carol"),
    )
    assert "Commander: carol (first filled 3m after the declaration)" in text
    assert "Scribe: bob (first filled 8m after the declaration)" in text


@pytest.mark.capability("S-290")
def test_response_and_communication_are_filled_in() -> None:
    """Given a draft, then its sections on the response and on communication say which targets were met and missed."""
    updates = [UpdatePosted(at=at(t), text="u", public=False, public_state="Investigating") for t in ("14:50", "15:14")]
    text = draft(*updates, Late(at=at("14:37"), what="response target"))
    response, _, rest = text.partition("## Detection and response")[2].partition("## Communication")
    assert "Time to acknowledge: 3m" in response
    assert "Targets missed: response target" in response
    assert "Targets missed: none recorded" in draft()
    communication = rest.partition("##")[0]
    assert "First update: 18m after detection" in communication
    assert "One was due every 30m: 2 in time, 0 missed (100%)" in communication
    late = draft(updates[0].model_copy(update={"at": at("15:10")}))
    assert "One was due every 30m: 0 in time, 1 missed (0%)" in late


@pytest.mark.capability("S-127")
def test_notes_of_anybody_are_in_the_time_line_and_in_the_draft() -> None:
    """Given a note from any responder, then an entry with author, time and kind is appended, and the draft has it."""
    state = lifecycle.add_note(begun(), AddNote(text="cache hit rate fell at 14:40"), pinned(), BOB, NOW)
    entry = state.recent[-1]
    assert (entry.kind, entry.actor.person, entry.at) == ("noted", "bob", NOW)
    assert f"| {NOW:%Y-%m-%d %H:%M:%S} | bob noted: cache hit rate fell at 14:40 |" in draft(entry)
