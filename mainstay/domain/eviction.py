"""Which pods of a node a drain evicts, by the filters of ``kubectl drain`` in kubectl's order. Pure.

kubectl reports the first filter that stops it; here every reason is collected, so that one look tells all.
Source: kubectl pkg/drain/filters.go.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from mainstay.domain.model import Record

MIRROR = "kubernetes.io/config.mirror"
FINISHED = ("Succeeded", "Failed")


class Consent(Record):
    """What the runbook allows a drain to lose."""

    ignore_daemon_sets: bool = True
    empty_dir_data: bool = False
    """Data in ``emptyDir`` volumes is lost with the pod."""
    unmanaged: bool = False
    """A pod without a controller does not come back."""


class Sorted(Record):
    """The pods of one node. ``blocked`` is one line per reason and pod; with any, nothing is drained."""

    evict: tuple[str, ...] = ()
    blocked: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def sort_pods(pods: Iterable[Mapping[str, Any]], consent: Consent) -> Sorted:
    """``evict`` are UIDs. Pods that terminate already are evicted too: kubectl waits for them as well."""
    evict, blocked, warnings = [], [], []
    for pod in pods:
        why, told, skipped = _filters(pod, consent)
        blocked += [f"pod/{label(pod)}: {reason}" for reason in why]
        warnings += [f"pod/{label(pod)}: {text}" for text in told]
        if not why and not skipped:
            evict.append(str(pod["metadata"]["uid"]))
    return Sorted(evict=tuple(evict), blocked=tuple(blocked), warnings=tuple(warnings))


def label(pod: Mapping[str, Any]) -> str:
    return f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"


def _filters(pod: Mapping[str, Any], consent: Consent) -> tuple[list[str], list[str], bool]:
    """(reasons against, warnings, is left alone)."""
    owner = _controller(pod)
    finished = (pod.get("status") or {}).get("phase") in FINISHED
    if MIRROR in (pod["metadata"].get("annotations") or {}):
        return [], ["a mirror pod of the kubelet, left alone"], True
    if owner == "DaemonSet" and not finished:
        if consent.ignore_daemon_sets:
            return [], ["belongs to a DaemonSet, left alone"], True
        return ["belongs to a DaemonSet, which would start it again: set ignore_daemon_sets"], [], True
    against, told = [], []
    if not finished:
        if _has_empty_dir(pod):
            if consent.empty_dir_data:
                told.append("loses the data of its emptyDir volumes")
            else:
                against.append("has emptyDir volumes, whose data would be lost: set empty_dir_data to allow it")
        if not owner:
            if consent.unmanaged:
                told.append("has no controller and will not come back")
            else:
                against.append("has no controller and would not come back: set unmanaged to allow it")
    return against, told, False


def _controller(pod: Mapping[str, Any]) -> str:
    owners = pod["metadata"].get("ownerReferences") or ()
    return next((str(owner["kind"]) for owner in owners if owner.get("controller")), "")


def _has_empty_dir(pod: Mapping[str, Any]) -> bool:
    return any("emptyDir" in volume for volume in (pod.get("spec") or {}).get("volumes") or ())


def selects(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Whether a metav1.LabelSelector selects these labels; an empty one selects everything."""
    wanted = selector.get("matchLabels") or {}
    if any(labels.get(key) != value for key, value in wanted.items()):
        return False
    return all(_expression(expression, labels) for expression in selector.get("matchExpressions") or ())


def _expression(expression: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    key, values = expression["key"], expression.get("values") or ()
    match expression["operator"]:
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case "DoesNotExist":
            return key not in labels
        case _:
            return False


def budgets_of(pod: Mapping[str, Any], budgets: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The PodDisruptionBudgets that count this pod."""
    labels = pod["metadata"].get("labels") or {}
    same = (b for b in budgets if b["metadata"]["namespace"] == pod["metadata"]["namespace"])
    return [b for b in same if b["spec"].get("selector") is not None and selects(b["spec"]["selector"], labels)]


def budget_line(budget: Mapping[str, Any]) -> str:
    """``poddisruptionbudget/web in shop allows 0 disruptions (2 of 2 needed pods are healthy)``."""
    status, metadata = budget.get("status") or {}, budget["metadata"]
    return (
        f"poddisruptionbudget/{metadata['name']} in {metadata['namespace']} allows "
        f"{status.get('disruptionsAllowed', 0)} disruptions ({status.get('currentHealthy', 0)} healthy, "
        f"{status.get('desiredHealthy', 0)} needed)"
    )
