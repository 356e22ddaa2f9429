"""The filters of ``kubectl drain``: every reason is told, and what may be evicted is exactly what kubectl evicts."""

from __future__ import annotations

from typing import Any

import pytest

from mainstay.domain.eviction import Consent, budgets_of, selects, sort_pods

ALL = Consent(empty_dir_data=True, unmanaged=True)


def pod(name: str = "p", owner: str = "ReplicaSet", phase: str = "Running", **more: Any) -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": name, "namespace": "shop", "uid": f"uid-{name}", **more.pop("metadata", {})}
    if owner:
        metadata["ownerReferences"] = [{"kind": owner, "controller": True, "name": "x"}]
    return {"metadata": metadata, "spec": more.pop("spec", {}), "status": {"phase": phase}}


EMPTY_DIR = {"volumes": [{"name": "scratch", "emptyDir": {}}]}
MIRROR = {"annotations": {"kubernetes.io/config.mirror": "x"}}


@pytest.mark.parametrize(
    ("given", "consent", "evicted", "reasons"),
    [
        (pod(), Consent(), True, 0),
        (pod(owner="DaemonSet"), Consent(), False, 0),
        (pod(owner="DaemonSet"), Consent(ignore_daemon_sets=False), False, 1),
        (pod(owner="DaemonSet", phase="Succeeded"), Consent(ignore_daemon_sets=False), True, 0),
        (pod(owner="", metadata=MIRROR, spec=EMPTY_DIR), Consent(), False, 0),
        (pod(owner=""), Consent(), False, 1),
        (pod(owner=""), ALL, True, 0),
        (pod(spec=EMPTY_DIR), Consent(), False, 1),
        (pod(spec=EMPTY_DIR), ALL, True, 0),
        (pod(owner="", spec=EMPTY_DIR), Consent(), False, 2),
        (pod(owner="", phase="Failed", spec=EMPTY_DIR), Consent(), True, 0),
    ],
)
def test_each_pod_is_evicted_left_alone_or_a_reason(
    given: dict[str, Any], consent: Consent, evicted: bool, reasons: int
) -> None:
    """As kubectl does, but with all reasons of a pod instead of the first."""
    found = sort_pods([given], consent)
    assert (bool(found.evict), len(found.blocked)) == (evicted, reasons)


def test_all_reasons_of_all_pods_are_told() -> None:
    """One look is enough to know what to allow."""
    found = sort_pods([pod("a", owner=""), pod("b", spec=EMPTY_DIR), pod("c")], Consent())
    assert [line.split(":")[0] for line in found.blocked] == ["pod/shop/a", "pod/shop/b"]
    assert found.evict == ("uid-c",)


@pytest.mark.parametrize(
    ("selector", "wanted"),
    [
        ({}, True),
        ({"matchLabels": {"app": "web"}}, True),
        ({"matchLabels": {"app": "db"}}, False),
        ({"matchExpressions": [{"key": "app", "operator": "In", "values": ["web"]}]}, True),
        ({"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["web"]}]}, False),
        ({"matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["x"]}]}, True),
        ({"matchExpressions": [{"key": "tier", "operator": "Exists"}]}, False),
        ({"matchExpressions": [{"key": "tier", "operator": "DoesNotExist"}]}, True),
    ],
)
def test_a_budget_counts_the_pods_that_its_selector_selects(selector: dict[str, Any], wanted: bool) -> None:
    """metav1.LabelSelector; a budget of another namespace, or without a selector, counts none."""
    assert selects(selector, {"app": "web"}) is wanted
    given = pod(metadata={"labels": {"app": "web"}})
    budget = {"metadata": {"name": "b", "namespace": "shop"}, "spec": {"selector": selector}}
    assert bool(budgets_of(given, [budget])) is wanted
    assert budgets_of(given, [{**budget, "metadata": {"name": "b", "namespace": "other"}}]) == []
    assert budgets_of(given, [{**budget, "spec": {}}]) == []
