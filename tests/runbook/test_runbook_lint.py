"""Lint: names that lead nowhere, wrong parameters, conditions and templates, circles."""

from __future__ import annotations

import pytest

from mainstay.domain.runbook.lint import check, lint
from mainstay.domain.runbook.parse import parse
from tests.runbook.tree import TREE, tree

OTHER = """\
name: other
title: Other
inputs: {speed: {type: number}, note: {type: string, required: false}}
start: over
nodes:
  over: {end: mitigated}
"""
CALL = """\
  b:
    call: CALLED
    with: WITH
    on: {mitigated: over, nothing_to_do: over, escalated: over, failed: over, aborted: over}
"""


def node(text: str) -> str:
    """A runbook whose node ``a`` (line 8) is this, followed by ``b``."""
    return (
        "name: r\ntitle: R\ninputs:\n  workload: {type: workload}\n  n: {type: number, default: 3}\n"
        f"start: a\nnodes:\n  a:\n{text}  over: {{end: mitigated}}\n"
    )


def probe(probe_: str, with_: str, cases: str = "") -> str:
    ways = ", ".join(f"{case}: over" for case in (["c"] if cases else ["held", "failed"]))
    return node(
        f"    probe: {probe_}\n    with: {with_}\n"
        + (f"    cases: {{c: {cases}}}\n" if cases else "")
        + f"    on: {{{ways}, inconclusive: over, error: over}}\n"
    )


def act(act_: str, with_: str, more: str = "", undo: str = "never") -> str:
    return node(
        f"    act: {act_}\n    with: {with_}\n    undo: {undo}\n{more}"
        '    verify:\n      looks: [{probe: rollout_status, with: {target: "{{ inputs.workload }}"}}]\n'
        "      within: 5m\n    on: {done: over, not_helped: over, failed: over, denied: over}\n"
    )


TARGET = 'target: "{{ inputs.workload }}"'
ERRORS: list[tuple[str, str, list[str]]] = [
    (
        "unknown probe",
        probe("htttp", "{}"),
        ["9:5: there is no probe 'htttp': did you mean http?"],
    ),
    (
        "unknown and missing parameters of a probe",
        probe("http", "{addres: x}"),
        ["10:5: http: parameter 'url' is required", "10:12: http: unknown parameter 'addres'"],
    ),
    (
        "a wrong value of a parameter",
        probe("prometheus", '{query: up, criterion: "about 3"}'),
        ["10:23: prometheus: 'about 3' is no criterion: write an operator and a number, such as '<= 0.01'"],
    ),
    (
        "a condition with an unknown fact",
        probe("recent_rollout", f"{{{TARGET}}}", "fuond"),
        ["11:13: condition 'fuond': column 1: undeclared reference to 'fuond'"],
    ),
    (
        "a condition with wrong types",
        probe("recent_rollout", f"{{{TARGET}}}", "age_seconds > '1h'"),
        ["11:13: condition \"age_seconds > '1h'\": column 13: found no matching overload for '_>_'"],
    ),
    (
        "a condition with an unknown input",
        probe("condition", "{}", "inputs.m > 3"),
        ["11:13: there is no input 'm'"],
    ),
    (
        "a template that does not parse",
        probe("http", '{url: "https://{{ inputs.n"}'),
        ["10:12: template 'https://{{ inputs.n': unexpected end of template, "],
    ),
    (
        "templates with unknown names",
        node('    notify: "{{ inputs.m }} {{ facts.z.x }} {{ incident.colour }} {{ env.X }}"\n    next: over\n'),
        [
            "9:5: 'env.X' is unknown: there are inputs, facts and incident",
            "9:5: 'facts.z': there is no node 'z'",
            "9:5: an incident has no 'colour': it has key, workflow_id, number, title, severity, service, ",
            "9:5: there is no input 'm'",
        ],
    ),
    ("unknown action", act("reboot", "{}"), ["9:5: there is no action 'reboot': use "]),
    (
        "an action without its target",
        act("rollout_restart", "{}"),
        ["10:5: rollout_restart: parameter 'target' is required"],
    ),
    (
        "an action on a target of the wrong kind",
        act("scale", "{target: {kind: DaemonSet, namespace: a, name: b}, replicas: -1}"),
        [
            "10:21: scale: Input should be 'Deployment' or 'StatefulSet'",
            "10:62: scale: Input should be greater than or equal to 0",
        ],
    ),
    (
        "risk can be raised, never lowered",
        act("rollout_undo", f"{{{TARGET}}}", "    risk: low\n"),
        ["12:5: rollout_undo is of medium risk: a runbook can raise that, not lower it"],
    ),
    (
        "risk above the ceiling",
        "risk_ceiling: low\n" + act("rollout_undo", f"{{{TARGET}}}"),
        ["10:5: its risk is medium, above this runbook's ceiling low"],
    ),
    (
        "an undo that does not exist",
        act("rollout_restart", f"{{{TARGET}}}", undo="on_failure"),
        ["11:5: rollout_restart cannot be taken back: write 'undo: never'"],
    ),
    (
        "a precondition that is no condition",
        act("rollout_restart", f"{{{TARGET}}}", "    precondition: inputs.n\n    risk: high\n"),
        [],
    ),
    (
        "a precondition of the wrong type",
        act("rollout_restart", f"{{{TARGET}}}", "    precondition: \"'yes'\"\n"),
        ["12:5: condition \"'yes'\" gives STRING, not true or false"],
    ),
    (
        "ways that lead nowhere",
        node("    wait: 1s\n    next: b\n    max_visits: 2\n    exhausted: c\n"),
        ["10:5: there is no node 'b'", "12:5: there is no node 'c'"],
    ),
    (
        "no start",
        "start: z\n" + OTHER.replace("start: over\n", ""),
        ["1:1: there is no node 'z' to start with"],
    ),
    (
        "nodes that nothing leads to",
        node("    wait: 1s\n    next: over\n  lost: {wait: 1s, next: over}\n"),
        ["11:3: no way leads to node 'lost'"],
    ),
    (
        "a circle without a bound",
        node("    wait: 1s\n    next: b\n  b: {wait: 1s, next: a}\n"),
        [
            "8:3: goes in circles without 'max_visits': a → b → a",
            "12:3: no way leads to node 'over'",
        ],
    ),
    (
        "a circle by what follows a used-up bound",
        node("    wait: 1s\n    next: over\n    max_visits: 2\n    exhausted: b\n  b: {wait: 1s, next: a}\n"),
        ["8:3: goes in circles without 'max_visits': a → b → a"],
    ),
    (
        "a fact that is never known here",
        node('    notify: "{{ facts.later.branch }}"\n    next: later\n  later: {wait: 1s, next: over}\n'),
        ["9:5: 'facts.later' is never known here: no way leads from there to 'a'"],
    ),
    (
        "a fact that the probe does not have",
        probe("http", '{url: "https://x"}')
        .replace("  over:", '  tell: {notify: "{{ facts.a.colour }}", next: over}\n  over:')
        .replace("{held: over", "{held: tell"),
        ["12:10: probe http has no fact 'colour': it has reached, status, latency_seconds, "],
    ),
    (
        "a default of another type",
        node("    wait: 1s\n    next: over\n").replace("default: 3", "default: many"),
        ["5:21: default of input 'n': 'many' is not a number"],
    ),
    (
        "an unknown runbook",
        node("    wait: 1s\n    next: b\n" + CALL.replace("CALLED", "nope").replace("WITH", "{}")),
        ["12:5: there is no runbook 'nope': there are other"],
    ),
    (
        "inputs of a called runbook",
        node("    wait: 1s\n    next: b\n" + CALL.replace("CALLED", "other").replace("WITH", "{sped: 3}")),
        ["12:5: runbook other needs the input 'speed'", "13:12: runbook other has no input 'sped'"],
    ),
]


@pytest.mark.parametrize(("text", "wanted"), [case[1:] for case in ERRORS], ids=[case[0] for case in ERRORS])
def test_errors_are_shown_at_their_place(text: str, wanted: list[str]) -> None:
    """Each with line and column; nothing else is complained about."""
    found = [p for p in check(text, "r.yaml", {"other": parse(OTHER)}) if p.severity == "error"]
    shown = [str(problem).removeprefix("r.yaml:") for problem in found]
    assert len(shown) == len(wanted), shown
    assert all(any(line.startswith(start) for line in shown) for start in wanted), shown


def test_runbooks_that_call_each_other_without_end() -> None:
    """A calls B calls A: refused, over however many others."""
    text = node(CALL.replace("  b:\n", "").replace("CALLED", "other").replace("WITH", "{}"))
    call = CALL.replace("CALLED", "r").replace("WITH", "{workload: a/b}")
    there = parse(f"name: other\ntitle: Other\nstart: b\nnodes:\n{call}  over: {{end: mitigated}}\n")
    assert "calls this one again, without end" in str(check(text, "r.yaml", {"other": there}))


def test_a_good_runbook_has_no_problem_but_its_missing_sections() -> None:
    """A warning does not keep it from being loaded."""
    problems = check(TREE, "tree.yaml")
    assert [(p.severity, p.line) for p in problems] == [("warning", 1)]
    assert str(problems[0]).startswith("tree.yaml:1:1: warning: 'about' is missing")


def test_without_positions_the_place_is_in_the_message() -> None:
    """For runbooks that were not read from a file."""
    broken = tree(TREE.replace("next: over", "next: nowhere"))
    messages = [problem.message for problem in lint(broken, {})]
    assert "nodes.pause.next: there is no node 'nowhere'" in messages


def test_form_and_meaning_share_one_way_in() -> None:
    """``check`` shows problems of form, too."""
    assert "field 'title' is required" in str(check(TREE.replace("title: A tree\n", ""))[0])
