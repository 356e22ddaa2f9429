"""Case tables, and the cases of the shipped runbooks."""

from __future__ import annotations

from pathlib import Path

import pytest

from mainstay.domain.catalogue.spec import parse_criterion
from mainstay.domain.condition import choose
from mainstay.domain.message import IncidentRef
from mainstay.domain.runbook import commands as c
from mainstay.domain.runbook import step
from mainstay.domain.runbook.cases import CaseTable, parse_cases, report, run_cases
from mainstay.domain.runbook.lint import check
from mainstay.domain.runbook.node import ActNode, EndNode, ProbeNode, Runbook
from mainstay.domain.runbook.parse import parse
from mainstay.domain.template import render
from mainstay.domain.verdict import Criterion, Sample, Verdict, judge, worst
from tests.runbook.tree import DONE, RUNBOOKS, TREE, applied, builtin, change, run, tree

SHIPPED = sorted(path.stem for path in RUNBOOKS.glob("*.yaml"))


def shipped_cases(name: str) -> CaseTable:
    path = RUNBOOKS / "cases" / f"{name}.yaml"
    table, problems = parse_cases(path.read_text(encoding="utf-8"), path.name)
    assert not problems
    assert table is not None
    return table


def library() -> dict[str, Runbook]:
    return {name: builtin(name) for name in SHIPPED}


def test_there_are_runbooks_for_the_common_failures() -> None:
    """The guides' outages and mitigations each have one."""
    assert [
        *("api-error-rate", "failover", "fallback", "mitigate-bad-deployment", "payments-outage"),
        *("restart", "rollback", "scale"),
    ] == SHIPPED


@pytest.mark.capability("S-222")
@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_runbook_has_no_problem(name: str) -> None:
    """S-222. Given the repository, then at least rollback, failover, restart, scale and fallback runbooks
    load and validate; without a warning even."""
    path = RUNBOOKS / f"{name}.yaml"
    assert [str(p) for p in check(path.read_text(encoding="utf-8"), path.name, library())] == []
    assert builtin(name).name == name
    assert {"rollback", "failover", "restart", "scale", "fallback"} <= set(SHIPPED)


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_cases_hold(name: str) -> None:
    """Each answer leads where the table says."""
    results = run_cases(builtin(name), shipped_cases(name))
    assert all(result.passed for result in results), report(results)


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_runbook_has_a_case_for_each_leaf(name: str) -> None:
    """Every end is reached by a case, every change is made by one, and every node is visited."""
    runbook = builtin(name)
    results = run_cases(runbook, shipped_cases(name))
    ends = {result.end for result in results}
    left = {taken.partition(":")[0] for result in results for taken in result.path}
    done = {taken for result in results for taken in result.path}
    for node_name, node in runbook.nodes.items():
        if isinstance(node, EndNode):
            assert node_name in ends, f"no case ends in {node_name}"
        else:
            assert node_name in left, f"no case comes through {node_name}"
        if isinstance(node, ActNode):
            assert f"{node_name}:done" in done, f"no case has {node_name} done"


def leaf(name: str, case: str) -> tuple[tuple[str, ...], str]:
    """(path, summary of the end) of one shipped case."""
    runbook, table = builtin(name), shipped_cases(name)
    (result,) = run_cases(
        runbook, table.model_copy(update={"cases": tuple(row for row in table.cases if row.name == case)})
    )
    assert result.passed, result.problem
    end = runbook.nodes[result.end]
    assert isinstance(end, EndNode)
    return result.path, end.summary


@pytest.mark.capability("S-187")
@pytest.mark.parametrize(
    ("case", "action"),
    [
        ("a recent deployment that is safe to roll back is rolled back", "ROLLBACK"),
        (
            "a rollback that would lose data is refused; the change is switched off by its flag",
            "FEATURE FLAG",
        ),
        (
            "no recent deployment and a dependency down opens the circuit breaker",
            "CIRCUIT BREAKER / FALLBACK",
        ),
        ("load is met by more replicas", "SCALE UP"),
        ("a bad state is met by a restart", "RESTART"),
        ("a bad place is met by failing over", "FAILOVER"),
    ],
)
def test_the_mitigation_tree_reaches_one_leaf_and_names_its_action(case: str, action: str) -> None:
    """S-187. Given answers, then the tree reaches exactly one leaf per path and names its action; all leaves
    of T-3 are tested."""
    assert leaf("mitigate-bad-deployment", case)[1].startswith(f"{action}: ")


@pytest.mark.capability("S-190")
def test_a_rollback_that_would_lose_data_is_refused() -> None:
    """S-190. Given a destructive migration came with the version, then rollback is refused and the tree takes
    the flag branch; even a person who forces the branch does not get past the precondition."""
    case = "a rollback that would lose data is refused; the change is switched off by its flag"
    path, _ = leaf("mitigate-bad-deployment", case)
    assert not any(taken.startswith("rollback") for taken in path)
    assert "ask_flag:switched_off" in path
    runbook = builtin("mitigate-bad-deployment")
    state = step.begin(runbook, {"workload": "shop/checkout", "error_rate_query": "q"})
    state = step.advance(runbook, state, c.Skipped(branch="safe", by="alice"))
    guard = step.decide(runbook, state)
    assert isinstance(guard, c.Probe)
    chosen = choose(guard.cases, Verdict.HELD, {}, step.values(state, IncidentRef()))
    state = step.advance(runbook, state, c.Answered(branch=chosen.branch))
    assert state.path == ("recent:safe", "rollback:failed")


@pytest.mark.capability("S-207")
def test_an_hour_decides_between_rollback_and_the_dependency_question() -> None:
    """S-207. Given the last rollout 59 min ago, then rollback; 61 min ago, then the dependency question."""
    assert leaf("api-error-rate", "the last rollout was 59 minutes ago")[0][1] == "rollback:done"
    later = leaf("api-error-rate", "the last rollout was 61 minutes ago")[0]
    assert later[1:3] == ("dependency_known:named", "dependency:failed")


@pytest.mark.capability("S-208")
def test_a_rollback_that_leaves_the_rate_high_is_not_resolved() -> None:
    """S-208. Given the rollout is complete but the error rate above baseline at 5 min, then the result is
    'not resolved' and it is escalated."""
    path, summary = leaf("api-error-rate", "rolled back, but the rate is above its baseline after five minutes")
    assert path == ("recent:deployed", "rollback:not_helped", "page_owner:next")
    assert summary.startswith("Not resolved")
    act = builtin("api-error-rate").nodes["rollback"]
    assert isinstance(act, ActNode)
    assert act.verify.within.total_seconds() == 300
    assert [look.probe for look in act.verify.looks] == ["rollout_status", "prometheus"]


@pytest.mark.capability("S-253")
@pytest.mark.parametrize(("rate", "verdict"), [(0.003, Verdict.FAILED), (0.002, Verdict.HELD)])
def test_the_error_rate_must_be_at_its_baseline(rate: float, verdict: Verdict) -> None:
    """S-253. Given baseline 0.2 % and value 0.3 % at minute 5 with tolerance 0, then fail; at 0.2 % pass."""
    act = builtin("api-error-rate").nodes["rollback"]
    assert isinstance(act, ActNode)
    template = str(act.verify.looks[1].parameters["criterion"])
    criterion = Criterion.model_validate(parse_criterion(render(template, {"inputs": {"max_error_rate": 0.002}})))
    assert judge((Sample(value=rate),), criterion) is verdict


@pytest.mark.capability("S-252")
def test_good_metrics_do_not_outweigh_a_failing_check() -> None:
    """S-252. Given monitoring OK and a synthetic check failing, then it is not verified."""
    assert worst((Verdict.HELD, Verdict.FAILED)) is Verdict.FAILED
    assert worst((Verdict.HELD, Verdict.INCONCLUSIVE)) is Verdict.INCONCLUSIVE
    before = [c.Answered(branch="fresh"), *applied(change())]
    undone = run(tree(), [*before, c.Verified(verdict=worst((Verdict.HELD, Verdict.FAILED))), DONE, DONE])
    assert undone.path[-1] == "change:not_helped"


TABLE = """\
inputs: {workload: shop/checkout}
cases:
  - name: good
    answers: {look: {facts: {found: false}}, ask: "no"}
    path: ["look:old", "ask:no"]
    outcome: nothing_to_do
"""

DIFFERENCE = """\
FAIL good
       look:old
     - ask:no
     - = nothing_to_do
     + ask:timeout
     + tell:next
     + call:next
     + pause:next
     + = escalated
0 of 1 cases hold
"""


def play(table: str, runbook: str = TREE) -> str:
    parsed, problems = parse_cases(table)
    assert parsed is not None, problems
    return report(run_cases(tree(runbook), parsed))


def test_a_case_that_holds() -> None:
    """One line."""
    assert play(TABLE) == "ok   good\n1 of 1 cases hold\n"


@pytest.mark.parametrize(
    ("table", "runbook", "wanted"),
    [
        (
            TABLE.replace('ask: "no"', "ask: timeout"),
            TREE,
            DIFFERENCE,
        ),
        (TABLE.replace(', ask: "no"', ""), TREE, "no (further) answer for 'ask': yes, no, timeout"),
        (TABLE.replace('ask: "no"', "ask: maybe"), TREE, "branch 'maybe' does not exist here"),
        (TABLE.replace("found: false", "fuond: false"), TREE, "probe recent_rollout has no fact 'fuond'"),
        (TABLE.replace("{workload: shop/checkout}", "{}"), TREE, "needs the input 'workload'"),
        (
            TABLE,
            TREE.replace("ask: Roll back?", 'ask: "{{ facts.look.colour }}?"'),
            "has no attribute 'colour'",
        ),
        (TABLE, TREE.replace('old: "!found"', 'old: "found"'), "- look:old"),
    ],
)
def test_a_case_that_does_not_hold_shows_why(table: str, runbook: str, wanted: str) -> None:
    """The difference of the paths, or what stopped it: answers, inputs, templates, conditions."""
    shown = play(table, runbook)
    assert "FAIL good" in shown
    assert wanted in shown


def test_preconditions_are_evaluated_for_real() -> None:
    """A case cannot claim that a change was made whose precondition is not met."""
    text = TREE.replace("    verify:\n", "    precondition: facts.look.rollback_safe\n    verify:\n", 1)
    table = TABLE.replace('{look: {facts: {found: false}}, ask: "no"}', "{look: fresh, change: done}")
    assert "+ change:failed" in play(table, text)


def test_problems_of_a_table_have_their_place() -> None:
    """A table is checked like every document."""
    table, problems = parse_cases("cases:\n  - name: x\n    pth: []\n", "c.yaml")
    assert table is None
    assert "c.yaml:3:5: unknown field 'cases.0.pth'" in [str(problem) for problem in problems]


def test_changing_a_shipped_runbook_breaks_a_case(tmp_path: Path) -> None:
    """The tables are strict enough to notice a branch that leads elsewhere."""
    text = (RUNBOOKS / "api-error-rate.yaml").read_text(encoding="utf-8")
    broken = parse(text.replace("age_seconds < 3600 &&", "age_seconds < 3500 &&", 1))
    results = run_cases(broken, shipped_cases("api-error-rate"))
    assert [r.name for r in results if not r.passed] == ["the last rollout was 59 minutes ago"]


@pytest.mark.capability("S-201")
@pytest.mark.parametrize(
    ("code", "leads_to"), [(0, "gateway"), (1, "database_pods"), (2, "database_pods"), (3, "ask_database")]
)
def test_pg_isready_decides_whether_it_is_the_database(code: int, leads_to: str) -> None:
    """S-201. Given that pg_isready ends with another exit code than 0, then the diagnosis is the database; only 3,
    by which it says that it has not tried, leaves that to a person."""
    node = builtin("payments-outage").nodes["pg_isready"]
    assert isinstance(node, ProbeNode)
    verdict = Verdict.HELD if code == 0 else Verdict.FAILED
    chosen = choose(tuple(node.cases.items()), verdict, {"exit_code": code, "pod": "p", "output": ""}, {})
    assert node.on[chosen.branch] == leads_to
