"""The tree machine as scripts: after these results, that is done next."""

from __future__ import annotations

import pytest

from mainstay.domain.change import Applied, Risk
from mainstay.domain.errors import InvalidArgument, WrongState
from mainstay.domain.message import IncidentRef
from mainstay.domain.runbook import commands as c
from mainstay.domain.runbook import step
from mainstay.domain.runbook.act import MAX_REPLANS
from mainstay.domain.runbook.lint import check
from mainstay.domain.runbook.run import MachineState
from mainstay.domain.verdict import Verdict
from tests.runbook.tree import (
    CHANGED,
    DONE,
    HELD,
    NOT_HELD,
    TREE,
    WORKLOAD,
    applied,
    change,
    run,
    script,
    tree,
)

FRESH = c.Answered(branch="fresh", verdict=Verdict.HELD, facts={"found": True})
ONE, TWO = change(), change("scale", number=2)
FIRST = [FRESH, *applied(ONE)]
"""… up to the verification of the first change."""
BOTH = [*FIRST, HELD, DONE, *applied(TWO, fence=2)]
"""… up to the verification of the second."""
STOP = c.Aborted(why="wrong service", by="alice")
DENIED = c.Denied(why="rejected", detail="bob: not now")
DOWN = c.Failure(kind="Unavailable", detail="no answer")
REFUSED = c.Failure(kind="NotAllowed", detail="namespace kube-system is not allowed")
DRIFT = c.Drifted(detail="somebody scaled it")

ACT = [
    "change:plan_change",
    "change:await_approval",
    "change:acquire_lease",
    "change:apply_change",
    "change:verify_change",
]
MORE = [step_.replace("change:", "more:", 1) for step_ in ACT]
REST = ["tell:notify", "call:page", "pause:wait", "over:end=escalated"]

SCRIPTS: dict[str, tuple[list[c.Result], list[str]]] = {
    "everything helps": (
        [*BOTH, HELD, DONE, DONE, DONE, DONE],
        ["look:probe", *ACT, "change:release_lease", *MORE, "more:release_lease", *REST],
    ),
    "a person decides": (
        [c.Answered(branch="old"), c.Answered(branch="no", by="alice")],
        ["look:probe", "ask:ask", "nothing:end=nothing_to_do"],
    ),
    "a probe that could not look leads to its error branch": (
        [DOWN, c.Answered(branch="timeout")],
        ["look:probe", "ask:ask", "tell:notify"],
    ),
    "an answer that the runbook does not know is an error": (
        [c.Answered(branch="fine")],
        ["look:probe", "ask:ask"],
    ),
    "a question that could not be put counts as unanswered": (
        [c.Answered(branch="old"), DOWN],
        ["look:probe", "ask:ask", "tell:notify"],
    ),
    "already as wanted: nothing is approved, leased or written, but it is verified": (
        [FRESH, c.Planned(change=change(already=True)), HELD],
        ["look:probe", "change:plan_change", "change:verify_change", "more:plan_change"],
    ),
    "already as wanted and still bad: there is nothing to take back": (
        [FRESH, c.Planned(change=change(already=True)), NOT_HELD],
        ["look:probe", "change:plan_change", "change:verify_change", "tell:notify"],
    ),
    "it did not help: taken back under the same lease": (
        [*FIRST, NOT_HELD, DONE, DONE],
        ["look:probe", *ACT, "change:undo_change", "change:release_lease", "tell:notify"],
    ),
    "inconclusive is not success": (
        [*FIRST, c.Verified(verdict=Verdict.INCONCLUSIVE), DONE, DONE],
        ["look:probe", *ACT, "change:undo_change", "change:release_lease", "tell:notify"],
    ),
    "a verification that fails to run is not success": (
        [*FIRST, DOWN, DONE, DONE],
        ["look:probe", *ACT, "change:undo_change", "change:release_lease", "tell:notify"],
    ),
    "taking back fails: the lease is given back all the same": (
        [*FIRST, NOT_HELD, REFUSED, DONE],
        ["look:probe", *ACT, "change:undo_change", "change:release_lease", "tell:notify"],
    ),
    "rejected: nothing is leased": (
        [FRESH, c.Planned(change=ONE), DENIED],
        ["look:probe", *ACT[:2], "tell:notify"],
    ),
    "no plan can be made": ([FRESH, REFUSED], ["look:probe", ACT[0], "tell:notify"]),
    "no lease: asked for counts as held, so it is given back": (
        [FRESH, c.Planned(change=ONE), c.Approved(), DOWN, DONE],
        ["look:probe", *ACT[:3], "change:release_lease", "tell:notify"],
    ),
    "refused for good: nothing was written, so nothing is taken back": (
        [FRESH, c.Planned(change=ONE), c.Approved(), c.Leased(fence=1), REFUSED, DONE],
        ["look:probe", *ACT[:4], "change:release_lease", "tell:notify"],
    ),
    "no answer to a write: it may have been carried out, so it is taken back": (
        [FRESH, c.Planned(change=ONE), c.Approved(), c.Leased(fence=1), DOWN, DONE, DONE],
        ["look:probe", *ACT[:4], "change:undo_change", "change:release_lease", "tell:notify"],
    ),
    "drift while approval is awaited: planned and asked anew": (
        [FRESH, c.Planned(change=ONE), DRIFT],
        ["look:probe", *ACT[:2], "change:plan_change"],
    ),
    "drift when applying: lease back, plan anew, ask anew": (
        [FRESH, c.Planned(change=ONE), c.Approved(), c.Leased(fence=1), DRIFT, DONE, c.Planned(change=TWO)],
        ["look:probe", *ACT[:4], "change:release_lease", *ACT[:2]],
    ),
    "drift told as the outcome of applying": (
        [*FIRST[:-1], c.Changed(applied=Applied(outcome="drifted")), DONE],
        ["look:probe", *ACT[:4], "change:release_lease", "change:plan_change"],
    ),
    "telling people never holds a run up": (
        [c.Answered(branch="old"), c.Answered(branch="timeout"), DOWN, DOWN, DONE],
        ["look:probe", "ask:ask", *REST],
    ),
    "a skipped probe": (
        [c.Skipped(branch="old", by="alice")],
        ["look:probe", "ask:ask"],
    ),
    "a skipped wait takes its only way": (
        [c.Answered(branch="old"), c.Answered(branch="timeout"), DONE, c.Skipped(), c.Skipped()],
        ["look:probe", "ask:ask", *REST],
    ),
    "a skip to a branch that is not there changes nothing": (
        [c.Skipped(branch="next"), c.Skipped(branch="old", node="ask")],
        ["look:probe", "look:probe", "look:probe"],
    ),
    "a skipped approval": (
        [FRESH, c.Planned(change=ONE), c.Skipped(branch="failed", by="alice")],
        ["look:probe", *ACT[:2], "tell:notify"],
    ),
    "a skipped verification gives the lease back": (
        [*FIRST, c.Skipped(branch="done", by="alice"), DONE],
        ["look:probe", *ACT, "change:release_lease", "more:plan_change"],
    ),
    "aborted at a question": (
        [c.Answered(branch="old"), STOP],
        ["look:probe", "ask:ask", "ask:end=aborted"],
    ),
    "aborted while approval is awaited": (
        [FRESH, c.Planned(change=ONE), STOP],
        ["look:probe", *ACT[:2], "change:end=aborted"],
    ),
    "aborted while the lease is awaited: the request is withdrawn": (
        [FRESH, c.Planned(change=ONE), c.Approved(), STOP, DONE],
        ["look:probe", *ACT[:3], "change:release_lease", "change:end=aborted"],
    ),
    "aborted while it is applied: taken back under the lease": (
        [FRESH, c.Planned(change=ONE), c.Approved(), c.Leased(fence=1), STOP, DONE, DONE],
        ["look:probe", *ACT[:4], "change:undo_change", "change:release_lease", "change:end=aborted"],
    ),
    "aborted while it is verified": (
        [*FIRST, STOP, DONE, DONE],
        ["look:probe", *ACT, "change:undo_change", "change:release_lease", "change:end=aborted"],
    ),
    "aborted after it helped: on_failure leaves it": (
        [*FIRST, HELD, STOP, DONE],
        ["look:probe", *ACT, "change:release_lease", "change:release_lease", "change:end=aborted"],
    ),
    "aborted at the second: on_abort takes it back, the first helped and stays": (
        [*BOTH, STOP, DONE, DONE],
        [
            *("look:probe", *ACT, "change:release_lease", *MORE),
            *("more:undo_change", "more:release_lease", "more:end=aborted"),
        ],
    ),
    "aborted later: the lease is taken again to take back": (
        [*BOTH, HELD, DONE, STOP, c.Leased(fence=9), DONE, DONE],
        [
            *("look:probe", *ACT, "change:release_lease", *MORE, "more:release_lease", "tell:notify"),
            *("more:acquire_lease", "more:undo_change", "more:release_lease", "tell:end=aborted"),
        ],
    ),
    "aborted later, and no lease is to be had": (
        [*BOTH, HELD, DONE, STOP, DOWN, DONE],
        [
            *("look:probe", *ACT, "change:release_lease", *MORE, "more:release_lease", "tell:notify"),
            *("more:acquire_lease", "more:release_lease", "tell:end=aborted"),
        ],
    ),
    "aborted twice is aborted once": (
        [*FIRST, STOP, STOP, DONE, DONE],
        [
            *("look:probe", *ACT, "change:undo_change", "change:undo_change"),
            *("change:release_lease", "change:end=aborted"),
        ],
    ),
    "taken over: everything stays, the lease goes back": (
        [*FIRST, c.Aborted(why="by hand", by="alice", undo=False), DONE],
        ["look:probe", *ACT, "change:release_lease", "change:end=aborted"],
    ),
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_script(name: str) -> None:
    """After each result the machine asks for exactly this."""
    results, wanted = SCRIPTS[name]
    assert script(tree(), results) == wanted


def test_it_gives_up_after_five_new_plans() -> None:
    """A target that keeps changing fails the step; it is never written on a stale plan."""
    results: list[c.Result] = [FRESH]
    for number in range(MAX_REPLANS + 1):
        results += [c.Planned(change=change(number=number)), DRIFT]
    state = run(tree(), results)
    assert state.path[-1] == "change:failed"
    assert "5 new plans did not help" in str(state.facts["change"]["detail"])
    assert state.standing == ()


def test_the_vote_after_drift_is_on_the_new_plan() -> None:
    """The change that is asked about anew, and leased and applied, is the new one."""
    new = change(number=2)
    state = run(tree(), [*FIRST[:-1], DRIFT, DONE, c.Planned(change=new)])
    asked = step.decide(tree(), state)
    assert isinstance(asked, c.AwaitApproval)
    assert asked.change == new
    state = run(tree(), [*FIRST[:-1], DRIFT, DONE, c.Planned(change=new), c.Approved(), c.Leased(fence=5)])
    apply = step.decide(tree(), state)
    assert isinstance(apply, c.ApplyChange)
    assert (apply.change, apply.fence) == (new, 5)


LEDGER: dict[str, tuple[list[c.Result], list[tuple[str, bool]]]] = {
    "nothing yet": ([FRESH, c.Planned(change=ONE), c.Approved(), c.Leased(fence=1)], []),
    "applied": (FIRST, [("change", True)]),
    "applied by an earlier try": (
        [*FIRST[:-1], c.Changed(applied=Applied(outcome="already"))],
        [("change", True)],
    ),
    "it helped": ([*FIRST, HELD], [("change", False)]),
    "it helped, and goes with the run": ([*BOTH, HELD], [("change", False), ("more", True)]),
    "taken back": ([*FIRST, NOT_HELD, DONE], []),
    "could not be taken back": ([*FIRST, NOT_HELD, REFUSED], [("change", False)]),
    "nobody knows": ([*FIRST[:-1], DOWN], [("change", True)]),
    "refused": ([*FIRST[:-1], REFUSED], []),
    "aborted while applying": ([*FIRST[:-1], STOP], [("change", True)]),
    "aborted and taken back": ([*FIRST, STOP, DONE], []),
    "taken over": ([*FIRST, c.Aborted(why="", undo=False)], [("change", False)]),
    "skipped while applying": ([*FIRST[:-1], c.Skipped(branch="done")], [("change", False)]),
    "already there": ([FRESH, c.Planned(change=change(already=True)), HELD], []),
}


@pytest.mark.parametrize("name", LEDGER)
def test_ledger(name: str) -> None:
    """The ledger holds what was or may have been applied and is not undone: (node, taken back on abort)."""
    results, wanted = LEDGER[name]
    assert [(s.node, s.undo_on_abort) for s in run(tree(), results).standing] == wanted


def test_temporary_changes_are_marked_in_the_ledger() -> None:
    """A temporary mitigation stands as such until it is removed."""
    assert [s.temporary for s in run(tree(), [*BOTH, HELD]).standing] == [False, True]


def test_what_could_not_be_taken_back_is_said_at_the_end() -> None:
    """The summary of an aborted run names who stopped it and what still stands."""
    state = run(tree(), [*FIRST, STOP, REFUSED, DONE])
    end = step.decide(tree(), state)
    assert isinstance(end, c.End)
    assert end.summary == ("wrong service (by alice). Still standing: rollout_undo checkout #1 (step change).")


def test_failing_back_clears_the_failover_from_the_ledger() -> None:
    """A change that brings back what the earlier one found ends its standing, once it is verified."""
    there = change("scale", number=1)
    back = there.model_copy(update={"desired": there.former, "former": there.desired, "title": "back"})
    text = TREE.replace("act: rollout_undo", "act: scale").replace(
        'with: {target: "{{ inputs.workload }}"}\n    verify',
        'with: {target: "{{ inputs.workload }}", replicas: 2}\n    verify',
    )
    results = [FRESH, *applied(there), HELD, DONE, *applied(back)]
    assert [s.change.title for s in run(tree(text), results).standing] == ["scale checkout #1", "back"]
    assert [s.change.title for s in run(tree(text), [*results, HELD]).standing] == ["back"]


def test_risk_is_the_highest_of_catalogue_runbook_and_plan() -> None:
    """What the plan finds can raise the risk that approval is asked for."""
    risky = change().model_copy(update={"risk": Risk.HIGH})
    asked = step.decide(tree(), run(tree(), [FRESH, c.Planned(change=risky)]))
    assert isinstance(asked, c.AwaitApproval)
    assert asked.risk is Risk.HIGH
    raised = tree(TREE.replace("act: rollout_undo\n", "act: rollout_undo\n    risk: high\n"))
    asked = step.decide(raised, run(raised, [FRESH, c.Planned(change=ONE)]))
    assert isinstance(asked, c.AwaitApproval)
    assert asked.risk is Risk.HIGH


def test_a_plan_above_the_ceiling_is_not_even_asked_about() -> None:
    """The runbook's ceiling holds for what the plan finds, too."""
    capped = tree(TREE.replace("start: look", "risk_ceiling: medium\nstart: look"))
    risky = change().model_copy(update={"risk": Risk.HIGH})
    state = run(capped, [FRESH, c.Planned(change=risky)])
    assert state.path[-1] == "change:failed"
    assert "allows at most medium" in str(state.facts["change"]["detail"])


PRECONDITION = TREE.replace("    verify:\n", "    precondition: facts.look.found\n    verify:\n", 1)


@pytest.mark.parametrize(
    ("answer", "wanted"),
    [
        (c.Answered(branch="met"), "change:plan_change"),
        (c.Answered(branch="unmet"), "tell:notify"),
        (c.Answered(branch="error"), "tell:notify"),
        (DOWN, "tell:notify"),
    ],
)
def test_precondition_is_checked_before_anything_is_planned(answer: c.Result, wanted: str) -> None:
    """Not met, or not to be evaluated: the step failed, and nothing was planned."""
    assert script(tree(PRECONDITION), [FRESH, answer]) == ["look:probe", "change:probe", wanted]


def test_a_precondition_is_asked_as_a_condition_probe() -> None:
    """Conditions run in an activity, so that a new engine changes no run in flight."""
    asked = step.decide(tree(PRECONDITION), run(tree(PRECONDITION), [FRESH]))
    assert isinstance(asked, c.Probe)
    assert (asked.probe, asked.cases) == ("condition", (("met", "facts.look.found"), ("unmet", "true")))


LOOP = """\
name: loop
title: A loop
start: look
nodes:
  look:
    probe: condition
    max_visits: 3
    exhausted: enough
    on: {held: good, failed: pause, inconclusive: pause, error: pause}
  pause: {wait: 1s, next: look}
  good: {end: mitigated}
  enough: {end: escalated}
"""


def test_a_bounded_node_leads_elsewhere_when_it_is_used_up() -> None:
    """The third visit is the last."""
    runbook = tree(LOOP)
    state = step.begin(runbook, {})
    for _ in range(3):
        state = step.advance(runbook, state, c.Answered(branch="failed"))
        state = step.advance(runbook, state, DONE)
    assert state.node == "enough"
    assert state.path[-1] == "look:exhausted"


def test_a_runaway_tree_ends_as_failed() -> None:
    """A loop without a bound (which lint refuses) ends after 200 steps all the same."""
    runbook = tree(LOOP.replace("    max_visits: 3\n    exhausted: enough\n", ""))
    state = step.begin(runbook, {})
    for _ in range(step.MAX_VISITS):
        command = step.decide(runbook, state)
        result: c.Result = c.Answered(branch="failed") if isinstance(command, c.Probe) else DONE
        state = step.advance(runbook, state, result)
    end = step.decide(runbook, state)
    assert isinstance(end, c.End)
    assert (end.outcome, "circles" in end.summary) == ("failed", True)
    assert isinstance(step.decide(runbook, step.advance(runbook, state, STOP)), c.End)


def test_used_up_nodes_that_lead_to_each_other_end_the_run() -> None:
    """Not even a circle of exhausted nodes hangs the machine."""
    text = LOOP.replace("exhausted: enough", "exhausted: twin").replace(
        "  pause:",
        "  twin:\n    probe: condition\n    max_visits: 1\n    exhausted: look\n"
        "    on: {held: good, failed: look, inconclusive: look, error: look}\n  pause:",
    )
    runbook = tree(text)
    state = step.begin(runbook, {})
    for _ in range(20):
        command = step.decide(runbook, state)
        if isinstance(command, c.End):
            break
        state = step.advance(runbook, state, DONE if isinstance(command, c.Wait) else c.Answered(branch="failed"))
    assert isinstance(command, c.End)
    assert command.outcome == "failed"


def test_what_was_learned_is_kept_by_node() -> None:
    """Templates see inputs, facts of earlier nodes and the incident."""
    state = run(tree(), [FRESH.model_copy(update={"detail": "rev 7"}), c.Planned(change=ONE), DENIED])
    values = step.values(state, IncidentRef(key="abcdefgh1", number="INC-2026-0042", service="shop"))
    assert values["inputs"] == {
        "workload": {"cluster": "default", "namespace": "shop", "kind": "Deployment", "name": "checkout"}
    }
    facts = values["facts"]
    assert isinstance(facts, dict)
    assert facts["look"] == {
        "found": True,
        "branch": "fresh",
        "verdict": "held",
        "detail": "rev 7",
        "by": "",
    }
    assert facts["change"] == {"branch": "denied", "title": ONE.title, "detail": "bob: not now"}
    incident = values["incident"]
    assert isinstance(incident, dict)
    assert incident["shown"] == "INC-2026-0042"


def test_facts_are_bounded() -> None:
    """A probe that answers a novel does not blow up the state that every continuation carries."""
    flood = c.Answered(branch="old", facts={f"fact{n:03}": "x" * 100 for n in range(500)} | {"count": 7})
    state = run(tree(), [flood])
    assert state.facts["look"]["truncated"] is True
    assert state.facts["look"]["branch"] == "old"
    assert state.facts["look"]["count"] == 7
    assert len(state.model_dump_json()) < 8_000


def test_state_survives_serialising() -> None:
    """The whole state goes through JSON at every continuation and decides the same."""
    for results, _ in SCRIPTS.values():
        state = step.begin(tree(), {"workload": WORKLOAD})
        for result in results:
            again = MachineState.model_validate_json(state.model_dump_json())
            assert step.decide(tree(), again) == step.decide(tree(), state)
            state = step.advance(tree(), again, result)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({}, "needs the input 'workload'"),
        ({"workload": "checkout"}, "write NAMESPACE/NAME"),
        ({"workload": WORKLOAD, "speed": 5}, "has no input 'speed'"),
    ],
)
def test_wrong_inputs_are_refused_by_name(inputs: dict[str, str], message: str) -> None:
    """A run does not start with inputs that are missing, unknown or of another type."""
    with pytest.raises(InvalidArgument, match=message) as refused:
        step.begin(tree(), inputs)
    assert (refused.value.field or "").startswith("inputs.")


@pytest.mark.parametrize(
    ("before", "result"),
    [([], CHANGED), ([FRESH], c.Leased(fence=1)), ([FRESH], FRESH), (FIRST, c.Planned(change=ONE))],
)
def test_a_result_that_answers_something_else_is_a_mistake(before: list[c.Result], result: c.Result) -> None:
    """The machine never guesses what a result was for."""
    with pytest.raises(WrongState):
        step.advance(tree(), run(tree(), before), result)


def test_unknown_rules_are_refused() -> None:
    """An older worker does not carry on a run that lives by newer rules."""
    with pytest.raises(WrongState, match="rules 2"):
        step.begin(tree(), {"workload": WORKLOAD}, rules=2)


@pytest.mark.capability("S-191")
def test_one_action_then_its_verification_then_the_next() -> None:
    """S-191. Given action 1's verification is failing, then action 2 does not start before the verification
    step ends: while it runs nothing else is asked for, and what follows is taking back, not action 2."""
    state = run(tree(), FIRST)
    assert isinstance(step.decide(tree(), state), c.VerifyChange)
    assert step.decide(tree(), state) == step.decide(tree(), state)
    state = step.advance(tree(), state, NOT_HELD)
    assert isinstance(step.decide(tree(), state), c.UndoChange)
    helped = step.advance(tree(), run(tree(), FIRST), HELD)
    assert isinstance(step.decide(tree(), helped), c.ReleaseLease)
    then = step.decide(tree(), step.advance(tree(), helped, DONE))
    assert (then.node, then.do) == ("more", "plan_change")


TWICE = TREE.replace("undo: on_failure", "undo: on_abort")


def test_abort_takes_back_newest_first_each_under_its_own_lease() -> None:
    """The present change goes back under the lease that is held; the older one under a new lease."""
    results: list[c.Result] = [*BOTH, STOP, DONE, DONE, c.Leased(fence=9), DONE, DONE]
    assert script(tree(TWICE), results)[-6:] == [
        "more:undo_change",
        "more:release_lease",
        "change:acquire_lease",
        "change:undo_change",
        "change:release_lease",
        "more:end=aborted",
    ]


def test_abort_later_takes_back_newest_first() -> None:
    """A later change may rest on an earlier one, so it goes first."""
    state = run(tree(TWICE), [*BOTH, HELD, DONE, STOP])
    again = step.decide(tree(TWICE), state)
    assert isinstance(again, c.AcquireLease)
    assert again.change == TWO


def test_abort_never_undoes_one_change_under_the_lease_of_another() -> None:
    """The present change stays as it is; the older one is taken back, but under a lease of its own."""
    text = TWICE.replace("undo: on_abort\n    temporary", "undo: never\n    temporary")
    results: list[c.Result] = [*BOTH, STOP, DONE, c.Leased(fence=9), DONE, DONE]
    assert script(tree(text), results)[-5:] == [
        "more:release_lease",
        "change:acquire_lease",
        "change:undo_change",
        "change:release_lease",
        "more:end=aborted",
    ]


@pytest.mark.parametrize(
    ("broken", "where"),
    [("start: look", "start"), ("fresh: change", "look.fresh")],
)
def test_a_tree_that_leads_nowhere_does_not_begin(broken: str, where: str) -> None:
    """Found out at once, and not halfway through a mitigation."""
    text = TREE.replace(broken, broken.partition(":")[0] + ": gone", 1)
    with pytest.raises(InvalidArgument, match=f"{where} leads to node 'gone'"):
        step.begin(tree(text), {"workload": WORKLOAD})


@pytest.mark.capability("S-249")
def test_a_tree_is_data_for_machines_and_people() -> None:
    """Given a YAML tree, then a node that probes is answered by an activity, one that asks waits for a person's answer
    and for nothing else, and a circle or a node that nothing leads to fails validation."""
    runbook = tree()
    probing = step.begin(runbook, {"workload": WORKLOAD})
    assert isinstance(step.decide(runbook, probing), c.Probe)
    asking = step.advance(runbook, probing, c.Answered(branch="old"))
    assert isinstance(step.decide(runbook, asking), c.Ask)
    with pytest.raises(WrongState):
        step.advance(runbook, asking, HELD)
    answered = step.advance(runbook, asking, c.Answered(branch="yes", by="alice"))
    assert isinstance(step.decide(runbook, answered), c.PlanChange)
    circle = TREE.replace("pause: {wait: 30s, next: over}", "pause: {wait: 30s, next: tell}")
    assert "goes in circles" in str(check(circle, "tree.yaml", {}))
    lost = TREE + "  lost: {wait: 1s, next: over}\n"
    assert "no way leads to node 'lost'" in str(check(lost, "tree.yaml", {}))
