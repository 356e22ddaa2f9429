"""Postmortem drafts as files, with people who edit them and machines that die."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from pathlib import Path

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.documents import Documents
from mainstay.domain.escalation import EscalationPolicy
from mainstay.domain.message import IncidentRef
from mainstay.domain.people import Team
from mainstay.domain.pinned import PinnedConfig
from mainstay.domain.service import Service
from mainstay.domain.severity import Level, SeverityProfile
from mainstay.domain.timeline import Declared, Noted
from mainstay.domain.work import Draft, IncidentRow, PostmortemInput
from tests.activities.samples import INCIDENT, NOW

PINNED = PinnedConfig(
    service=Service(name="payment-service", team="payments"),
    team=Team(name="payments"),
    profile=SeverityProfile(name="guide-004", levels=(Level(rank=0, label="SEV1", title="Critical"),)),
    policy=EscalationPolicy(name="payments-default", steps=()),
)


def given(note: str = "rolled back", incident: IncidentRef = INCIDENT) -> PostmortemInput:
    row = IncidentRow(
        key=incident.key,
        workflow_id=incident.workflow_id,
        number=incident.number,
        title=incident.title,
        severity="SEV1",
        declared_at=NOW,
        resolved_at=NOW + timedelta(minutes=40),
    )
    timeline = (
        Declared(at=NOW, title=incident.title, service="payment-service", severity="SEV1", how="alert"),
        Noted(at=NOW, text=note),
    )
    return PostmortemInput(incident=incident, row=row, timeline=timeline, owner="alice", pinned=PINNED, at=NOW)


async def draft(folder: Path, request: PostmortemInput) -> Draft:
    made = await ActivityEnvironment().run(Documents(folder).draft_postmortem, request)
    assert isinstance(made, Draft)
    return made


async def test_a_draft_is_a_file_named_after_its_incident(tmp_path: Path) -> None:
    made = await draft(tmp_path, given())
    path = tmp_path / "postmortems" / "INC-2026-0042.md"
    assert made.path == str(path)
    text = path.read_text()
    assert "INC-2026-0042" in text
    assert "rolled back" in text


async def test_asking_again_changes_nothing_and_news_replace_the_old_draft(tmp_path: Path) -> None:
    first = await draft(tmp_path, given())
    assert await draft(tmp_path, given()) == first
    newer = await draft(tmp_path, given("and verified"))
    assert newer.path == first.path
    assert newer.digest != first.digest
    assert "and verified" in Path(newer.path).read_text()
    assert [p.name for p in (tmp_path / "postmortems").glob("[!.]*")] == ["INC-2026-0042.md"]


async def test_what_a_person_wrote_is_never_overwritten(tmp_path: Path) -> None:
    first = Path((await draft(tmp_path, given())).path)
    first.write_text("What really happened\n")
    beside = Path((await draft(tmp_path, given("news"))).path)
    assert beside.name == "INC-2026-0042.draft.md"
    beside.write_text("Notes in the draft\n")
    third = Path((await draft(tmp_path, given("more news"))).path)
    assert third.name == "INC-2026-0042.draft-2.md"
    assert first.read_text() == "What really happened\n"
    assert beside.read_text() == "Notes in the draft\n"
    assert Path((await draft(tmp_path, given("even more"))).path) == third


async def test_a_file_that_was_there_before_is_a_persons(tmp_path: Path) -> None:
    theirs = tmp_path / "postmortems" / "INC-2026-0042.md"
    theirs.parent.mkdir()
    theirs.write_text("Started early\n")
    assert (await draft(tmp_path, given())).path.endswith(".draft.md")
    assert theirs.read_text() == "Started early\n"


async def test_a_death_between_the_two_writes_makes_no_second_file(tmp_path: Path) -> None:
    """The mark is written first: a retry must recognise the former draft, and the missing one."""
    made = Path((await draft(tmp_path, given())).path)
    before = made.read_bytes()
    newer = await draft(tmp_path, given("news"))
    made.write_bytes(before)
    assert await draft(tmp_path, given("news")) == newer
    made.unlink()
    assert await draft(tmp_path, given("news")) == newer


@pytest.mark.parametrize("key", ["../../etc/passwd", "/etc/passwd", "..", "a/b", ".hidden", "\x00", "x" * 500])
async def test_no_key_leads_out_of_the_folder(tmp_path: Path, key: str) -> None:
    made = await draft(tmp_path, given(incident=IncidentRef(key=key)))
    assert Path(made.path).resolve().parent == (tmp_path / "postmortems").resolve()


async def test_a_folder_that_cannot_be_written_is_waited_for(tmp_path: Path) -> None:
    (tmp_path / "postmortems").write_text("not a folder")
    with pytest.raises(ApplicationError, match=r"the postmortem INC-2026-0042 cannot be written: ") as failure:
        await draft(tmp_path, given())
    assert not failure.value.non_retryable


async def test_the_digest_is_what_sha256sum_says(tmp_path: Path) -> None:
    made = await draft(tmp_path, given())
    assert made.digest == "sha256:" + hashlib.sha256(Path(made.path).read_bytes()).hexdigest()
