"""Runbooks that are not of the right form are refused with every problem at its line and column."""

from __future__ import annotations

import pytest

from mainstay.domain.runbook.node import ActNode, AskNode, EndNode, ProbeNode
from mainstay.domain.runbook.parse import RunbookErrors, parse
from tests.runbook.tree import RUNBOOKS, TREE, builtin

HEAD = "name: r\ntitle: R\nstart: a\nnodes:\n  a:\n"
"""Five lines; a node's keys follow in line 6, column 5."""
ACT = (
    "    act: scale\n    with: {replicas: 1}\n"
    "    verify: {looks: [{probe: rollout_status}], within: 5m}\n    undo: never\n"
)

ONE_KIND = "a node has exactly one of the keys probe, ask, act, wait, notify, page, call, parallel, end"
INPUT_TYPES = "Input should be 'string', 'number', 'boolean', 'duration', 'workload', 'labels', 'url' or 'query'"

MANY = """\
name: R!
title: R
start: a
colour: red
inputs:
  x: {type: colour}
nodes:
  a: {end: mitigated}
  B: {}
"""

FORM: list[tuple[str, str, list[str]]] = [
    (
        "a probe must handle what it cannot see",
        HEAD + "    probe: http\n    on: {held: b, failed: b}\n",
        ["5:3: nodes.a: 'on' does not say what follows inconclusive, error"],
    ),
    (
        "a probe's cases must be handled",
        HEAD + "    probe: http\n    cases: {up: reached}\n    on: {held: b, inconclusive: b, error: b}\n",
        ["5:3: nodes.a: 'on' does not say what follows up"],
    ),
    (
        "a branch that can never be taken",
        HEAD + "    probe: http\n    on: {held: b, failed: b, inconclusive: b, error: b, x: b}\n",
        ["5:3: nodes.a: 'on' names x, which never happens here: it has held, failed, inconclusive, error"],
    ),
    (
        "a case named like a verdict",
        HEAD + "    probe: http\n    cases: {held: reached}\n    on: {held: b, inconclusive: b, error: b}\n",
        ["5:3: nodes.a: a case cannot be called held: verdicts are"],
    ),
    (
        "an act says where each of its ends leads",
        HEAD + ACT + "    on: {done: b}\n",
        ["5:3: nodes.a: 'on' does not say what follows not_helped, failed, denied"],
    ),
    (
        "an act names its verification and its undo",
        HEAD + "    act: scale\n    with: {}\n    on: {done: b, not_helped: b, failed: b, denied: b}\n",
        ["5:3: field 'undo' is required in nodes.a", "5:3: field 'verify' is required in nodes.a"],
    ),
    (
        "an act names its parameters",
        HEAD
        + ACT.replace("    with: {replicas: 1}\n", "")
        + "    on: {done: b, not_helped: b, failed: b, denied: b}\n",
        ["5:3: field 'with' is required in nodes.a"],
    ),
    (
        "a verification looks at something",
        HEAD
        + ACT.replace("[{probe: rollout_status}]", "[]")
        + "    on: {done: b, not_helped: b, failed: b, denied: b}\n",
        ["8:14: nodes.a.verify.looks: Tuple should have at least 1 item after validation, not 0"],
    ),
    (
        "a question has a deadline",
        HEAD + '    ask: Well?\n    options: ["yes"]\n    on: {"yes": b, timeout: b}\n',
        ["5:3: field 'timeout' is required in nodes.a"],
    ),
    (
        "nobody's answer is handled",
        HEAD + '    ask: Well?\n    options: ["yes"]\n    timeout: 5m\n    on: {"yes": b}\n',
        ["5:3: nodes.a: 'on' does not say what follows timeout"],
    ),
    (
        "a duration has a unit",
        HEAD + "    wait: 30\n    next: b\n",
        ["6:5: nodes.a.wait: 30 has no unit: write a duration such as 30s or 30m"],
    ),
    (
        "a node is of one kind",
        HEAD + "    wait: 30s\n    notify: x\n    next: b\n",
        [f"5:3: nodes.a: {ONE_KIND}"],
    ),
    (
        "a called runbook has five outcomes",
        HEAD + "    call: other\n    on: {mitigated: b}\n",
        ["5:3: nodes.a: 'on' does not say what follows nothing_to_do, escalated, failed, aborted"],
    ),
    (
        "an end has a known outcome",
        HEAD + "    end: fine\n",
        ["6:5: nodes.a.end: Input should be 'mitigated', 'nothing_to_do', 'escalated' or 'failed'"],
    ),
    (
        "whom to page is spelled out",
        HEAD + "    page: somebody\n    text: x\n    next: b\n",
        ["6:5: nodes.a.page: String should match pattern '^(on_call|owner|(person|team|schedule):.+)$'"],
    ),
    (
        "a bound says what follows it",
        HEAD + "    wait: 30s\n    next: b\n    max_visits: 3\n",
        ["5:3: nodes.a: 'max_visits' and 'exhausted' (the node to go to then) belong together"],
    ),
    (
        "everything at once, in the order of the lines",
        MANY,
        [
            "1:1: name: String should match pattern '^[a-z][a-z0-9-]{0,62}$'",
            "4:1: unknown field 'colour'",
            f"6:7: inputs.x.type: {INPUT_TYPES}",
            "9:3: nodes.B: String should match pattern '^[a-z][a-z0-9_]{0,62}$'",
            f"9:3: nodes.B: {ONE_KIND}",
        ],
    ),
    (
        "a key given twice",
        HEAD + "    end: failed\n    end: mitigated\n",
        ["7:5: key 'end' is already given in line 6"],
    ),
    ("no YAML", "name: [", ["2:1: while parsing a flow node did not find expected node content"]),
    ("nothing", "", ["1:1: field 'name' is required", "1:1: field 'nodes' is required"]),
]


@pytest.mark.parametrize(("text", "wanted"), [case[1:] for case in FORM], ids=[case[0] for case in FORM])
def test_wrong_form_is_shown_at_its_place(text: str, wanted: list[str]) -> None:
    """All problems, each as ``file:line:column: message``."""
    with pytest.raises(RunbookErrors) as refused:
        parse(text, "r.yaml")
    shown = [str(problem).removeprefix("r.yaml:") for problem in refused.value.problems]
    assert shown[: len(wanted)] == wanted or shown == wanted


def test_a_good_runbook_is_read() -> None:
    """Kinds are told by their keys."""
    nodes = parse(TREE).nodes
    assert isinstance(nodes["look"], ProbeNode)
    assert isinstance(nodes["ask"], AskNode)
    assert isinstance(nodes["change"], ActNode)
    assert isinstance(nodes["over"], EndNode)


@pytest.mark.capability("S-192")
@pytest.mark.parametrize("section", ["alerts", "dashboard", "diagnosis", "rollback", "contacts"])
def test_a_missing_section_is_named(section: str) -> None:
    """S-192. Given a YAML runbook missing any of its sections (title, alert and dashboard, diagnosis,
    decision tree, rollback, contacts), then schema validation names it."""
    text = (RUNBOOKS / "api-error-rate.yaml").read_text(encoding="utf-8")
    with pytest.raises(RunbookErrors, match=f"field '{section}' is required in about"):
        parse(text.replace(f"  {section}:", f"  x-{section}:"))
    with pytest.raises(RunbookErrors, match="field 'title' is required"):
        parse(text.replace("title: API - high error rate", ""))
    with pytest.raises(RunbookErrors, match="field 'nodes' is required"):
        parse(text[: text.index("nodes:")])


@pytest.mark.capability("S-193")
def test_the_payment_runbook_has_its_seven_sections() -> None:
    """S-193. Given the payment runbook file, then the seven sections parse into typed models."""
    about = builtin("payments-outage").about
    assert about is not None
    reference = (about.owner, about.dashboard, about.repository, about.architecture)
    assert reference == (
        "Payments Team",
        "https://grafana.example.com/d/payments",
        "https://github.com/example/payments-service",
        "https://wiki.example.com/payments/architecture",
    )
    assert len(about.symptoms) == 3
    assert len(about.assessment) == 3
    assert len(about.diagnosis) == 3
    assert list(about.resolution) == ["database", "gateway", "deployment"]
    assert about.contacts == ("database team", "platform team", "gateway account manager")
    assert list(about.communication) == ["internal", "customers"]
