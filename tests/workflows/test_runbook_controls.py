"""What people can do to a run in each of its phases, and the kinds of nodes besides changes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from temporalio import activity
from temporalio.client import Client
from temporalio.exceptions import ApplicationError

from devstack.processes import eventually
from mainstay.domain.access import AccessRole, Actor, Assurance, SignedActor
from mainstay.domain.approval import ApprovalPolicy, ApprovalRule
from mainstay.domain.change import Applied, ApplyRequest, Change, Risk
from mainstay.domain.model import digest
from mainstay.domain.runbook.run import CastVote, RunView
from mainstay.domain.signature import Signer
from mainstay.domain.verdict import Verdict
from mainstay.domain.work import Look, LookRequest, PlanRequest
from mainstay.simulate.recording import Recorder
from tests.workflows.conftest import Stage, make_pinned, refused, workers
from tests.workflows.test_incident_ending import RESTING
from tests.workflows.test_runbook import TREE, Run, start

SIGNER = Signer(Ed25519PrivateKey.generate(), "door")


@dataclass
class Scripted(Recorder):
    """Holds one activity type back until it is let go; plans with a risk of the test's choosing."""

    held: str = ""
    go: asyncio.Event = field(default_factory=asyncio.Event)
    begun: list[str] = field(default_factory=list)
    risk: Risk = Risk.MEDIUM
    refusals: list[str] = field(default_factory=list)

    async def _gate(self, name: str) -> None:
        self.begun.append(name)
        if name == self.held:
            await self.go.wait()

    @activity.defn(name="look")
    async def look(self, request: LookRequest) -> Look:
        await self._gate("look")
        return await super().look(request)

    @activity.defn(name="plan_change")
    async def plan_change(self, request: PlanRequest) -> Change:
        await self._gate("plan_change")
        change = await super().plan_change(request)
        return change.model_copy(update={"risk": self.risk})

    @activity.defn(name="apply_change")
    async def apply_change(self, request: ApplyRequest) -> Applied:
        await self._gate("undo" if request.undo else "apply_change")
        if self.refusals and not request.undo:
            raise ApplicationError("not today", type=self.refusals.pop(0), non_retryable=True)
        return await super().apply_change(request)


@asynccontextmanager
async def scripted(client: Client, **fields: Any) -> AsyncIterator[tuple[Stage, Scripted]]:
    recorder = Scripted(pinned=make_pinned(keys=(SIGNER.public(),)), **fields)
    async with workers(client, recorder):
        yield Stage(client), recorder


async def until(run: Run, **wanted: Any) -> RunView:
    seen: list[RunView] = []

    async def ok() -> bool:
        seen.append(await run.view())
        return all(getattr(seen[-1], name) == value for name, value in wanted.items())

    try:
        await eventually(ok, 30, str(wanted), 0.05)
    except TimeoutError:
        raise AssertionError(f"{wanted} never came; last seen: {seen[-1:]}") from None
    return seen[-1]


async def began(recorder: Scripted, name: str) -> None:
    async def ok() -> bool:
        return name in recorder.begun

    await eventually(ok, 30, f"{name} has begun", 0.05)


async def vote(run: Run, name: str = "approve", who: str = "alice", **body: Any) -> None:
    view = await run.until("waiting for approval")
    assert view.question is not None
    await run.tell(name, who, digest=view.question.digest, **body)


async def signed_vote(run: Run, person: str, *roles: AccessRole, **body: Any) -> None:
    """A vote through a door that has proven who it is."""
    view = await run.until("waiting for approval")
    assert view.question is not None
    request_id = f"vote/{person}/{view.question.number}/{body.get('break_glass', False)}"
    command = CastVote(digest=view.question.digest, **body)
    actor = SIGNER.sign_actor(
        Actor(person=person, roles=roles or (AccessRole.RESPONDER,), assurance=Assurance.TOKEN, door="test"),
        incident_key=view.key,
        update_id=request_id,
        digest=digest(command.model_copy(update={"actor": SignedActor()})),
        expires_at=view.question.expires_at + timedelta(days=3650),
    )
    await run.handle.execute_update("approve", command.model_copy(update={"actor": actor}), id=request_id)


def approvals(recorder: Recorder, **rules: Any) -> None:
    policy = ApprovalPolicy(**{name: ApprovalRule.model_validate(rule) for name, rule in rules.items()})
    recorder.pinned = recorder.pinned.model_copy(update={"approvals": policy})


# ---- abort and take over, phase by phase ----------------------------------------------------------


@pytest.mark.parametrize(
    ("held", "undone"), [("look", []), ("plan_change", []), ("apply_change", [False, True]), ("undo", [False, True])]
)
async def test_an_abort_in_each_phase(client: Client, held: str, undone: list[bool]) -> None:
    """While it looks or plans nothing was changed; a write is waited for and taken back; a second abort, and a cancel
    of the workflow while it undoes, change nothing any more."""
    async with scripted(client, held=held) as (stage, recorder):
        run = await start(stage, recorder, RESTING)
        if held in ("apply_change", "undo"):
            await vote(run)
        if held == "undo":
            await until(run, node="rest")
        else:
            await began(recorder, held)
        await run.tell("abort", reason="wrong service")
        if held == "undo":
            await began(recorder, "undo")
        if held in ("apply_change", "undo"):
            with refused("AlreadyDone", "being aborted"):
                await run.tell("abort")
            with refused("WrongState", "being aborted"):
                await run.tell("pause")
            with refused("WrongState", "being aborted"):
                await run.tell("skip", branch="done")
            await run.handle.cancel()
        recorder.go.set()
        view = await run.handle.result()
        assert view.outcome == "aborted"
        assert "wrong service" in view.summary
        assert [request.undo for request in recorder.applied] == undone


async def test_who_aborted_is_in_the_journal(client: Client) -> None:
    """The name is the one that was given, not doubly unverified."""
    async with scripted(client) as (stage, recorder):
        run = await start(stage, recorder)
        await run.until("waiting for approval")
        await run.tell("abort", "bob", reason="not now")
        view = await run.handle.result()
        stops = [entry for entry in view.timeline if getattr(entry, "text", "").startswith("stop:")]
        assert [entry.actor.shown for entry in stops] == ["unverified:bob"]


async def test_a_cancel_while_it_reports_still_undoes(client: Client) -> None:
    """Given the workflow is cancelled while a change is being made, then it is made, taken back, and over."""
    async with scripted(client) as (stage, recorder):
        run = await start(stage, recorder, RESTING)
        await vote(run)
        await began(recorder, "apply_change")
        await run.handle.cancel()
        assert (await run.handle.result()).outcome == "aborted"
        assert [request.undo for request in recorder.applied] == [False, True]


async def test_taking_over_leaves_things_as_they_are(client: Client) -> None:
    """The run ends, nothing is undone, and the summary says what still stands."""
    async with scripted(client) as (stage, recorder):
        run = await start(stage, recorder, RESTING)
        await vote(run)
        await until(run, node="rest")
        await run.tell("take_over", "bob")
        view = await run.handle.result()
        assert (view.outcome, [request.undo for request in recorder.applied]) == ("aborted", [False])
        assert "Still standing: rollout_undo deployment/api" in view.summary
        assert "bob goes on by hand" in view.summary


# ---- pause, resume, skip, retry -------------------------------------------------------------------


async def test_a_pause_stops_before_the_next_step(client: Client) -> None:
    """The step that runs is finished, the next waits; retrying and pausing again are refused; resuming goes on."""
    async with scripted(client, held="look") as (stage, recorder):
        run = await start(stage, recorder)
        await began(recorder, "look")
        await run.tell("pause", "bob", reason="let me look")
        recorder.go.set()
        view = await run.until("paused")
        assert (view.waits_for, recorder.planned) == ("unverified:bob to resume it", [])
        with refused("AlreadyDone", "bob"):
            await run.tell("pause")
        with refused("WrongState", "resume it first"):
            await run.tell("retry")
        await run.tell("resume")
        with refused("WrongState", "not paused"):
            await run.tell("resume")
        await vote(run)
        assert (await run.handle.result()).outcome == "mitigated"


async def test_an_abort_ends_a_pause(client: Client) -> None:
    async with scripted(client) as (stage, recorder):
        run = await start(stage, recorder)
        await run.tell("pause")
        await run.until("paused")
        await run.tell("abort")
        assert (await run.handle.result()).outcome == "aborted"


async def test_a_skip_takes_the_branch_that_was_named(client: Client) -> None:
    """A branch that the node does not have is refused with those it has; the approval's question is closed."""
    async with scripted(client) as (stage, recorder):
        run = await start(stage, recorder)
        await run.until("waiting for approval")
        with refused("InvalidArgument", "done, not_helped, failed, denied"):
            await run.tell("skip", branch="sideways")
        await run.tell("skip", branch="denied", reason="we restart instead")
        view = await run.handle.result()
        assert (view.outcome, view.path[-1], recorder.applied) == ("escalated", "back:denied", [])
        assert view.question is None


async def test_a_skip_during_a_write_does_not_skip_what_comes_after(client: Client) -> None:
    """Given the write ends with the run in another node, then the skip meant the former one and skips nothing."""
    async with scripted(client, held="look") as (stage, recorder):
        run = await start(stage, recorder)
        await began(recorder, "look")
        await run.tell("skip", branch="held")
        recorder.go.set()
        await run.until("waiting for approval")
        await vote(run)
        assert (await run.handle.result()).path == ("look:held", "back:done")


async def test_a_retry_looks_again(client: Client) -> None:
    """Given a slow probe, when somebody asks to try again, then it is asked anew."""
    async with scripted(client, held="look") as (stage, recorder):
        run = await start(stage, recorder)
        await began(recorder, "look")
        recorder.held = ""
        await run.tell("retry")
        await run.until("waiting for approval")
        assert recorder.begun.count("look") == 2
        recorder.go.set()
        await run.tell("abort")
        await run.handle.result()


WAITING = """
name: fix
title: Wait
start: rest
nodes:
  rest: {wait: 2h, next: good}
  good: {end: mitigated}
"""


async def test_a_retry_of_a_wait_waits_from_the_beginning(stage: Stage, recorder: Recorder) -> None:
    """It does not pass for the end of the wait."""
    run = await start(stage, recorder, WAITING)
    await until(run, node="rest")
    await stage.clock.fast_forward(run.handle, timedelta(hours=1))
    await run.tell("retry")
    await stage.clock.fast_forward(run.handle, timedelta(hours=1, minutes=30))
    assert (await run.view()).node == "rest"
    await stage.clock.fast_forward(run.handle, timedelta(minutes=31))
    assert (await run.handle.result()).outcome == "mitigated"


async def test_the_deadline_undoes(stage: Stage, recorder: Recorder) -> None:
    """Given a run of a deadline of 30 minutes with a standing change, then it takes the change back by itself."""
    run = await start(stage, recorder, RESTING, deadline=timedelta(minutes=30))
    await vote(run)
    await until(run, node="rest")
    await stage.clock.fast_forward(run.handle, timedelta(minutes=31))
    view = await run.handle.result()
    assert (view.outcome, "deadline" in view.summary) == ("aborted", True)
    assert [request.undo for request in recorder.applied] == [False, True]


# ---- approvals ------------------------------------------------------------------------------------


async def test_a_rejection_takes_the_denied_branch(client: Client) -> None:
    async with scripted(client) as (stage, recorder):
        run = await start(stage, recorder)
        await vote(run, "reject", comment="it is the database")
        view = await run.handle.result()
        assert (view.outcome, view.path[-1], recorder.applied) == ("escalated", "back:denied", [])
        with pytest.raises(Exception, match="workflow"):
            await run.tell("approve", digest="sha256:0")


async def test_a_vote_taken_back_does_not_count(client: Client) -> None:
    """Given two votes are needed, when the first is withdrawn, then one more is not enough; with both it is done."""
    async with scripted(client) as (stage, recorder):
        approvals(recorder, medium={"votes": 2, "by": ("on_call", "person:bob"), "minimum_assurance": 0})
        run = await start(stage, recorder)
        with refused("NotFound", "no vote"):
            await vote(run, "withdraw")
        await vote(run)
        await run.tell("withdraw")
        await vote(run, who="bob")
        assert (await run.view()).status == "waiting for approval"
        with refused("AlreadyDone", "bob"):
            await vote(run, who="bob")
        asked = {request.person for request in recorder.sent if request.message.kind == "approval"}
        assert asked == {"alice", "bob"}, "whoever the policy names by name or role is told, not the on-call alone"
        await vote(run)
        assert (await run.handle.result()).outcome == "mitigated"


async def test_low_risk_needs_nobody(client: Client) -> None:
    """Given the shipped policy and an action of low risk, then no approval is asked for."""
    async with scripted(client, risk=Risk.LOW) as (stage, recorder):
        recorder.pinned = recorder.pinned.model_copy(update={"approvals": ApprovalPolicy()})
        tree = TREE.replace("act: rollout_undo", "act: rollout_restart").replace(", to: previous", "")
        run = await start(stage, recorder, tree)
        assert (await run.handle.result()).outcome == "mitigated"
        assert [r for r in recorder.sent if r.message.kind == "approval"] == []


async def test_high_risk_needs_four_eyes(client: Client) -> None:
    """Given alice started the run by hand, then her yes does not count for high risk, and two others' do."""
    async with scripted(client, risk=Risk.HIGH) as (stage, recorder):
        by = ("on_call", "person:bob", "person:carol")
        approvals(recorder, high={"votes": 2, "by": by, "requester_may_vote": False})
        alice = Actor(person="alice", roles=(AccessRole.RESPONDER,), assurance=Assurance.TOKEN)
        run = await start(stage, recorder, requester=alice)
        with refused("NotAllowed", "four eyes"):
            await signed_vote(run, "alice")
        with refused("NotAllowed", "unverified"):
            await vote(run, who="bob")
        await signed_vote(run, "bob")
        await signed_vote(run, "carol")
        assert (await run.handle.result()).outcome == "mitigated"


async def test_breaking_the_glass_is_one_commander_and_recorded(client: Client) -> None:
    """Given high risk at night, then a commander alone may approve with a reason, and it is marked for review."""
    async with scripted(client, risk=Risk.HIGH) as (stage, recorder):
        approvals(recorder, high={"votes": 2, "break_glass": True})
        run = await start(stage, recorder)
        with refused("NotAllowed", "may not break the glass"):
            await signed_vote(run, "alice", break_glass=True, comment="nobody else is awake")
        await signed_vote(run, "carol", AccessRole.COMMANDER, break_glass=True, comment="nobody else is awake")
        view = await run.handle.result()
        answers = [entry.answer for entry in view.timeline if entry.kind == "approval_answered"]
        assert (view.outcome, answers) == ("mitigated", ["approve (break-glass, to be reviewed)"])


async def test_an_approval_that_expires_may_go_to_the_next(stage: Stage, recorder: Recorder) -> None:
    """Given a policy that escalates at expiry, then bob is asked for as long again, and his yes counts."""
    approvals(recorder, medium={"by": ("on_call",), "minimum_assurance": 0, "on_expiry": "escalate"})
    run = await start(stage, recorder)
    await run.until("waiting for approval")
    await stage.clock.fast_forward(run.handle, timedelta(minutes=31))
    view = await until(run, status="waiting for approval")
    assert view.question is not None
    assert view.question.eligible == ("alice", "bob")
    await vote(run, who="bob")
    assert (await run.handle.result()).outcome == "mitigated"


async def test_a_signal_votes_by_the_same_rules(client: Client) -> None:
    """An approval by signal counts like an update's; one that cannot count is in the journal with its reason."""
    async with scripted(client) as (stage, recorder):
        run = await start(stage, recorder)
        view = await run.until("waiting for approval")
        assert view.question is not None
        for arguments in ([], ["yes"], [{"actor": {"person": "alice"}}], [1, 2]):
            await run.handle.signal("approve", args=arguments)
        view = await run.view()
        whys = [entry.why for entry in view.timeline if entry.kind == "refused"]
        assert len(whys) == 4
        assert whys[-1] == "it carries 2 values; send one"
        assert view.question is not None
        await run.handle.signal("approve", {"actor": {"person": "alice"}, "digest": view.question.digest})
        assert (await run.handle.result()).outcome == "mitigated"


@pytest.mark.parametrize("signal", ["lease_granted", "run_report", "roles"])
@pytest.mark.parametrize("arguments", [[], ["words"], [{"fence": "x", "first_seq": "x", "commander": 1}], [{}, {}]])
async def test_malformed_signals_do_not_stop_a_run(
    stage: Stage, recorder: Recorder, signal: str, arguments: list[Any]
) -> None:
    run = await start(stage, recorder)
    await run.until("waiting for approval")
    await run.handle.signal(signal, args=arguments)
    assert "refused" in [entry.kind for entry in (await run.view()).timeline]
    await vote(run)
    assert (await run.handle.result()).outcome == "mitigated"


# ---- other nodes ----------------------------------------------------------------------------------

ASKING = """
name: fix
title: Ask first
start: ask
nodes:
  ask:
    ask: "Is it {{ incident.title or 'broken' }}?"
    options: [yes_it_is, no_it_is_not]
    to: [on_call]
    commands: ["kubectl get pods"]
    timeout: 10m
    on: {yes_it_is: good, no_it_is_not: over, timeout: again}
  again: {notify: "nobody answered", to: [stakeholders, owner], next: over}
  good: {end: mitigated}
  over: {end: escalated}
"""


async def test_a_question_is_put_and_answered_once(stage: Stage, recorder: Recorder) -> None:
    """The on-call person gets the rendered question; an unknown option and a second answer are refused."""
    run = await start(stage, recorder, ASKING)
    view = await run.until("waiting for an answer")
    assert (view.ask, view.ask_options) == ("Is it broken?", ("yes_it_is", "no_it_is_not"))
    with refused("InvalidArgument", "yes_it_is"):
        await run.tell("answer", option="maybe")
    await run.tell("answer", option="yes_it_is", comment="I see it")
    assert (await run.handle.result()).outcome == "mitigated"
    questions = [request for request in recorder.sent if request.message.kind == "question"]
    assert [(q.person, q.message.question, q.message.commands) for q in questions] == [
        ("alice", "Is it broken?", ("kubectl get pods",))
    ]


async def test_nobodys_answer_is_a_branch(stage: Stage, recorder: Recorder) -> None:
    """After its time the run goes on by ``timeout`` and tells people; a late answer is refused."""
    run = await start(stage, recorder, ASKING)
    await run.until("waiting for an answer")
    await stage.clock.fast_forward(run.handle, timedelta(minutes=10, seconds=5))
    view = await run.handle.result()
    assert view.path == ("ask:timeout", "again:next")
    notices = [request.person for request in recorder.sent if request.message.kind == "notice"]
    assert sorted(notices) == ["alice", "bob"]


CALLING = """
name: fix
title: Call another
start: call
nodes:
  call:
    call: other
    with: {}
    on: {mitigated: good, nothing_to_do: over, escalated: over, failed: over, aborted: over}
  good: {end: mitigated}
  over: {end: escalated}
"""


async def child_of(run: Run) -> Run:
    view = await until(run, waits_for="runbook other to end")
    handle = run.stage.clock.client.get_workflow_handle(f"{view.workflow_id}/call/0", result_type=RunView)
    return Run(run.stage, handle)


@pytest.mark.parametrize(("answer", "outcome"), [("yes_it_is", "mitigated"), ("no_it_is_not", "escalated")])
async def test_a_called_runbook_decides_the_branch(stage: Stage, recorder: Recorder, answer: str, outcome: str) -> None:
    run = await start(stage, recorder, CALLING, library={"other": ASKING})
    child = await child_of(run)
    await child.until("waiting for an answer")
    await child.tell("answer", option=answer)
    assert (await run.handle.result()).outcome == outcome


async def test_an_abort_reaches_the_called_runbook(stage: Stage, recorder: Recorder) -> None:
    run = await start(stage, recorder, CALLING, library={"other": ASKING})
    child = await child_of(run)
    await run.tell("abort", reason="a test")
    assert (await run.handle.result()).outcome == "aborted"
    assert (await child.handle.result()).outcome == "aborted"


async def test_a_called_runbook_that_is_gone_is_noticed(stage: Stage, recorder: Recorder) -> None:
    """Given the called run is terminated, which tells nobody, then the caller goes on by ``failed``."""
    run = await start(stage, recorder, CALLING, library={"other": ASKING})
    child = await child_of(run)
    await child.handle.terminate("a test")
    recorder.holder_open = False
    await stage.clock.fast_forward(run.handle, timedelta(minutes=10, seconds=5))
    view = await run.handle.result()
    assert (view.outcome, view.path) == ("escalated", ("call:failed",))


async def test_a_runbook_that_is_not_in_the_library_fails_the_step(stage: Stage, recorder: Recorder) -> None:
    run = await start(stage, recorder, CALLING)
    assert (await run.handle.result()).path == ("call:failed",)


@pytest.mark.parametrize(
    ("text", "why"),
    [("nodes: [", "cannot run"), (TREE.replace("start: look", "start: gone"), "gone"), ("", "cannot run")],
)
async def test_an_unusable_text_ends_the_run(stage: Stage, recorder: Recorder, text: str, why: str) -> None:
    """It does not wedge: it fails, and says what is wrong with it."""
    run = await start(stage, recorder, text)
    view = await run.handle.result()
    assert (view.outcome, why in view.summary) == ("failed", True)


PARALLEL = """
name: fix
title: Look twice
start: look
nodes:
  look:
    parallel:
      - {probe: rollout_status, with: {target: "{{ inputs.workload }}"}}
      - {probe: http, with: {url: "https://example.com"}}
    on: {held: good, failed: over, inconclusive: over, error: over}
  good: {end: nothing_to_do}
  over: {end: escalated}
inputs:
  workload: {type: workload}
"""


@pytest.mark.parametrize(
    ("second", "path"),
    [(Verdict.HELD, "look:held"), (Verdict.FAILED, "look:failed"), (Verdict.INCONCLUSIVE, "look:inconclusive")],
)
async def test_parallel_looks_give_the_worst(stage: Stage, recorder: Recorder, second: Verdict, path: str) -> None:
    """No data is never success."""
    recorder.looks["http"] = [Look(verdict=second, branch=second.value)]
    run = await start(stage, recorder, PARALLEL)
    assert (await run.handle.result()).path == (path,)


@pytest.mark.parametrize(("kind", "standing"), [("NotAllowed", False), ("Unavailable", True)])
async def test_a_write_that_failed(client: Client, kind: str, standing: bool) -> None:
    """A refusal means that nothing was written; after anything else it is taken back, because nobody knows."""
    async with scripted(client, refusals=[kind]) as (stage, recorder):
        run = await start(stage, recorder)
        await vote(run)
        view = await run.handle.result()
        assert view.path[-1] == "back:failed"
        assert [request.undo for request in recorder.applied] == ([True] if standing else [])


async def test_a_change_held_by_the_kill_switch_waits(client: Client) -> None:
    """Given mutations are halted, then the run says so and makes the change once they are not."""
    async with scripted(client, refusals=["Halted"]) as (stage, recorder):
        run = await start(stage, recorder)
        await vote(run)
        await until(run, status="halted")
        await stage.clock.fast_forward(run.handle, timedelta(seconds=5))
        view = await run.handle.result()
        assert (view.outcome, len(recorder.applied)) == ("mitigated", 1)
        assert any("kill switch" in getattr(entry, "text", "") for entry in view.timeline)
