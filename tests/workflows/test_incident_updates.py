"""Every update of the incident over the wire: what it does, and how it is refused."""

from __future__ import annotations

from typing import Any

import pytest

from mainstay.domain.incident import CONFIRMATIONS, Declaration, IncidentInput, Phase
from mainstay.domain.model import canonical
from mainstay.simulate.recording import Recorder
from tests.domain.test_lifecycle import WHEN_OPEN
from tests.workflows.conftest import Stage, alert, refused


async def test_every_update_does_what_it_says(stage: Stage, recorder: Recorder) -> None:
    """One incident through all of them; the journal tells each, the view shows each."""
    recorder.pinned = recorder.pinned.model_copy(update={"runbooks": {"look": "{not: a runbook}"}})
    story = await stage.start(recorder)
    await story.paged("alice")
    assert (await story.tell("escalate", reason="no answer")).message == "the next step is being paged"
    await story.paged("alice", "bob")
    assert "already called" in (await story.tell("acknowledge", "bob")).message
    await story.tell("set_severity", "bob", severity="SEV1", reason="all of it is down")
    await story.tell("assign_role", "bob", role="scribe", person="carol")
    await story.tell("release_role", "bob", role="scribe")
    await story.tell("add_note", "bob", text="the pool is empty")
    await story.tell("record_decision", "bob", text="restart", rationale="it helped before")
    await story.tell("post_update", "bob", text="we restart the pool", public=True)
    await story.tell("start_runbook", "bob", runbook="look")
    await story.tell("record_mitigation", "bob", text="cache off", temporary=True, inverse="cache on")
    await story.tell("page", "bob", target="person:carol", message="the pool again")
    await story.paged("alice", "bob", "carol")
    assert (await story.tell("acknowledge", "carol")).message == "you have joined: unverified:bob has it"
    await story.until(lambda v: v.runs and v.runs[0].ended, "the unusable runbook has ended")
    await story.alerts(alert(firing=False))
    await story.tell("resolve", "bob", confirmations=list(CONFIRMATIONS), anyway="hold waived")
    await story.tell("reopen", "bob", reason="not yet")
    view = await story.view()
    assert (view.phase, view.severity) == (Phase.DECLARED, "SEV1")
    assert view.public_text == "We are investigating a problem with API."
    assert [m.id for m in view.mitigations] == ["m1"]
    kinds = {entry.kind for entry in view.timeline}
    assert kinds >= {
        "noted", "acknowledged", "severity_set", "role_assigned", "role_released", "decided", "update_posted",
        "run_started", "run_ended", "mitigated", "resolved", "reopened", "paged", "escalation_step",
    }  # fmt: skip
    await story.tell("record_mitigation", "bob", removes="m1")
    await story.over()


async def test_every_refusal_reaches_the_caller_by_name(stage: Stage, recorder: Recorder) -> None:
    """The pure rules' table, sent as updates: each answer has the refusal's name, and nothing is recorded."""
    declared = Declaration(title="Checkout is down", service="api", severity="SEV1")
    story = await stage.start(recorder, IncidentInput(declaration=declared, pinned=recorder.pinned))
    await story.tell("acknowledge")
    await story.until(lambda v: v.number, "recorded")
    before = (await story.view()).revision
    for name, change, command, actor, kind in WHEN_OPEN:
        update = {"page_people": "page"}.get(change.__name__, change.__name__)
        body = command.model_dump(mode="json", exclude={"actor"}, exclude_defaults=True)
        if name == "into itself":
            body["into"] = story.handle.id
        with refused(kind.kind):
            await story.tell(update, actor.person, **body)
    assert (await story.view()).revision == before
    await story.over()
    history = await story.handle.fetch_history()
    accepted = [e for e in history.events if e.HasField("workflow_execution_update_accepted_event_attributes")]
    assert len(accepted) == 2, "acknowledge and cancel: a refused update is not even in the history"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [([], "send one value"), ([{}, {}], "send one value"), ([{}], "say who you are")],
)
async def test_updates_with_too_few_or_too_many_values(
    stage: Stage, recorder: Recorder, arguments: list[Any], message: str
) -> None:
    """Temporal's own pages send what one types: nothing of it stops the incident."""
    story = await stage.start(recorder)
    with refused("InvalidArgument", message):
        await story.handle.execute_update("acknowledge", args=arguments)
    await story.over()


async def test_an_oversized_command_is_refused(stage: Stage, recorder: Recorder) -> None:
    """More than 64 KiB never reach the history."""
    story = await stage.start(recorder)
    with refused("InvalidArgument", "at most 65536"):
        await story.tell("add_note", text="x" * 70_000)
    await story.over()


async def test_an_update_id_is_answered_once(stage: Stage, recorder: Recorder) -> None:
    """The same request again, whatever the door did meanwhile, is the first answer and one entry."""
    story = await stage.start(recorder)
    for _ in range(2):
        await story.handle.execute_update("add_note", {"actor": {"person": "alice"}, "text": "once"}, id="request-1")
    assert [entry.text for entry in await story.journal("noted")] == ["once"]
    await story.over()


SIGNALS: list[tuple[str, list[Any]]] = [
    ("alerts", []),
    ("alerts", [{}, {}]),
    ("alerts", [1, 2, 3]),
    ("alerts", ["no batch"]),
    ("alerts", [{"alerts": "many"}]),
    ("alerts", [{"alerts": [{"status": "on fire"}]}]),
    ("run_report", []),
    ("run_report", [[1]]),
    ("run_report", [{"first_seq": "x"}]),
    ("child_report", []),
    ("child_report", [{"not": "text"}]),
    ("child_report", ["a", "b"]),
]


async def test_malformed_signals_are_in_the_journal_and_stop_nothing(stage: Stage, recorder: Recorder) -> None:
    """No value, two values, a wrong type: each is refused by an entry, and the incident goes on."""
    story = await stage.start(recorder)
    await story.paged("alice")
    for name, arguments in SIGNALS:
        await story.handle.signal(name, args=arguments)
    refusals = await story.until(
        lambda v: sum(e.kind == "refused" for e in v.timeline) == len(SIGNALS), "each signal is refused"
    )
    whats = [entry.what for entry in refusals.timeline if entry.kind == "refused"]
    assert whats == [f"signal {name}" for name, _ in SIGNALS]
    await story.handle.signal("alerts", {"labels": {"alertname": "Bare"}})
    assert (await story.until(lambda v: v.firing == 2, "a bare alert")).firing_names == ("HighErrors", "Bare")
    await story.over()


async def test_a_large_batch_is_counted_and_bounded(stage: Stage, recorder: Recorder) -> None:
    """Given 700 alerts in one batch of 200 KiB, then all are counted and the view stays small."""
    story = await stage.start(recorder)
    await story.alerts(*(alert(f"Alert{n}" + "x" * 100) for n in range(700)))
    view = await story.until(lambda v: v.firing == 701, "all are taken")
    assert len(canonical(view)) < 100_000
    await story.over()
