"""What a runbook may do, and how it is shown."""

from __future__ import annotations

import pytest

from mainstay.domain.approval import ApprovalPolicy, ApprovalRule
from mainstay.domain.change import Risk
from mainstay.domain.errors import InvalidArgument
from mainstay.domain.runbook.graph import mermaid
from mainstay.domain.runbook.page import page
from mainstay.domain.runbook.plan import outline, paths
from tests.runbook.tree import TREE, WORKLOAD, builtin, tree


def test_every_way_through_the_tree_ends() -> None:
    """Each path is listed once, with the end that it leads to."""
    ways = paths(tree())
    change = 4 + 3
    ask = change + 2
    assert len(ways) == change + 3 * ask
    assert ways[0].steps == (*("look:fresh", "change:done", "more:done", "tell:next", "call:next", "pause:next"),)
    assert {way.outcome for way in ways} == {"escalated", "nothing_to_do"}


def test_a_circle_is_listed_up_to_its_return() -> None:
    """A way that comes back to where it was has no outcome."""
    circles = [way for way in paths(builtin("restart")) if not way.outcome]
    assert circles
    assert all(way.end == "rate" for way in circles)


def test_outline_names_risk_votes_and_lease_of_each_change() -> None:
    """Rendered for the given target, under the approval policy."""
    acts = outline(tree(), {"workload": WORKLOAD}).acts
    assert [(a.node, a.risk, a.votes, a.lease) for a in acts] == [
        ("more", Risk.LOW, 0, "lease/default/shop/Deployment/checkout"),
        ("change", Risk.MEDIUM, 1, "lease/default/shop/Deployment/checkout"),
    ]
    assert acts[0].temporary
    assert acts[1].by == ("on_call", "commander")
    assert acts[1].after == ("look:fresh",)


def test_outline_follows_the_policy() -> None:
    """A stricter policy shows in the plan."""
    policy = ApprovalPolicy(low=ApprovalRule(votes=2, by=("access:admin",)))
    first = outline(tree(), {"workload": WORKLOAD}, policy).acts[0]
    assert (first.votes, first.by) == (2, ("access:admin",))


def test_outline_leaves_open_what_only_the_run_will_know() -> None:
    """A parameter that depends on a finding stays a template, and so the lease is not known."""
    text = TREE.replace(
        'act: scale\n    with: {target: "{{ inputs.workload }}"',
        'act: scale\n    with: {target: {namespace: shop, name: "{{ facts.look.image }}"}',
    )
    act = outline(tree(text), {"workload": WORKLOAD}).acts[0]
    assert act.parameters == {
        "target": {"namespace": "shop", "name": "{{ facts.look.image }}"},
        "replicas": 5,
    }
    assert act.lease == ""


def test_outline_refuses_wrong_inputs() -> None:
    """As a run would."""
    with pytest.raises(InvalidArgument, match="needs the input 'workload'"):
        outline(tree(), {})


@pytest.mark.capability("S-189")
def test_reversible_and_low_risk_changes_come_first() -> None:
    """S-189. Given several candidate actions, then they are ordered reversible and low-risk before
    irreversible ones."""
    acts = outline(builtin("mitigate-bad-deployment"), {"workload": WORKLOAD, "error_rate_query": "q"}).acts
    assert [(a.node, a.reversible, a.risk) for a in acts] == [
        ("flag_off_here", True, Risk.LOW),
        ("scale", True, Risk.LOW),
        ("rollback", True, Risk.MEDIUM),
        ("open_breaker", True, Risk.MEDIUM),
        ("failover", True, Risk.HIGH),
        ("restart", False, Risk.LOW),
    ]


def test_graph() -> None:
    """Every node and branch is drawn; text that Mermaid would read as its own is escaped."""
    text = TREE.replace("ask: Roll back?", 'ask: "Roll [back] \\"now\\"?"')
    drawn = mermaid(tree(text), ("look:old", "ask:yes")).splitlines()
    assert drawn[0] == "flowchart TD"
    assert '  n_look{"look: recent_rollout?"}' in drawn
    assert '  n_ask{{"Roll #91;back#93; #34;now#34;?"}}' in drawn
    assert '  n_change["change: rollout_undo"]' in drawn
    assert '  n_over(["over: escalated"])' in drawn
    assert '  n_change -->|"not_helped"| n_tell' in drawn
    assert "  n_look:::visited" in drawn
    assert "  n_tell:::visited" not in drawn
    branches = sum(len(node.branches) for node in tree().nodes.values())
    assert sum("-->" in line for line in drawn) == branches


@pytest.mark.capability("S-195")
def test_a_playbook_is_represented_and_rendered() -> None:
    """S-195. Given a playbook, then stepwise troubleshooting, the decision tree, dashboard and log links,
    containment per failure, contacts and vendors, and the rollback of recent deployments are rendered."""
    shown = page(builtin("payments-outage"))
    for wanted in (
        "# Payments - processing outage",
        "- Dashboard: https://grafana.example.com/d/payments",
        "- kubectl logs -n payments -l app=payment-service --tail=100 | grep ERROR",
        "## Decision tree\n\n```mermaid\nflowchart TD",
        "## Resolution: gateway",
        "USE_FALLBACK_PROCESSOR=true",
        "## Rollback",
        "- kubectl rollout undo deployment/payment-service -n payments",
        "## Escalation\n\n- database team\n- platform team\n- gateway account manager",
    ):
        assert wanted in shown
    headings = [line for line in shown.splitlines() if line.startswith("## ")]
    assert headings[:4] == ["## Quick reference", "## Symptoms", "## Initial assessment", "## Diagnosis"]
