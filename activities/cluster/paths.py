"""Where an object lives in the API. Names come from rendered templates, so they are checked before use."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mainstay.domain.change import TargetRef
from mainstay.domain.errors import InvalidArgument

_ROOTS = {
    "Deployment": ("/apis/apps/v1", "deployments"),
    "StatefulSet": ("/apis/apps/v1", "statefulsets"),
    "DaemonSet": ("/apis/apps/v1", "daemonsets"),
    "ReplicaSet": ("/apis/apps/v1", "replicasets"),
    "ControllerRevision": ("/apis/apps/v1", "controllerrevisions"),
    "Service": ("/api/v1", "services"),
    "Pod": ("/api/v1", "pods"),
    "ConfigMap": ("/api/v1", "configmaps"),
    "Ingress": ("/apis/networking.k8s.io/v1", "ingresses"),
    "CronJob": ("/apis/batch/v1", "cronjobs"),
    "HorizontalPodAutoscaler": ("/apis/autoscaling/v2", "horizontalpodautoscalers"),
    "PodDisruptionBudget": ("/apis/policy/v1", "poddisruptionbudgets"),
    "Job": ("/apis/batch/v1", "jobs"),
    "NetworkPolicy": ("/apis/networking.k8s.io/v1", "networkpolicies"),
    "Node": ("/api/v1", "nodes"),
}
_CLUSTER_SCOPED = ("Node",)
_CUSTOM = re.compile(r"(?P<plural>[a-z][a-z0-9]*)\.(?P<version>v\d+(?:(?:alpha|beta)\d+)?)\.(?P<group>[a-z0-9.-]+)")
"""A custom resource as kubectl writes it in full: ``destinationrules.v1.networking.istio.io``."""
_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


@dataclass(frozen=True)
class Place:
    """One object of one cluster, checked. ``str`` is how people write it: ``deployment/checkout in shop``."""

    cluster: str
    kind: str
    namespace: str
    name: str

    def __post_init__(self) -> None:
        """Raises InvalidArgument for a kind that is not known and for what cannot be a name."""
        if self.kind not in _ROOTS and not _CUSTOM.fullmatch(self.kind):
            raise InvalidArgument(f"kind {self.kind!r} is none of {', '.join(_ROOTS)}", field="target.kind")
        if self.kind in _CLUSTER_SCOPED:
            if self.namespace:
                raise InvalidArgument(f"a {self.kind} is in no namespace", field="target.namespace")
        elif not _NAMESPACE.fullmatch(self.namespace):
            raise InvalidArgument(f"{self.namespace[:80]!r} cannot be a namespace", field="target.namespace")
        if not _NAME.fullmatch(self.name) or ".." in self.name:
            raise InvalidArgument(f"{self.name[:80]!r} cannot be the name of a {self.kind}", field="target.name")

    @classmethod
    def of(cls, target: TargetRef) -> Place:
        return cls(target.cluster, target.kind, target.namespace, target.name)

    @property
    def path(self) -> str:
        return f"{self.siblings}/{self.name}"

    @property
    def siblings(self) -> str:
        """The collection that it is in."""
        return collection(self.kind, self.namespace)

    def ref(self, uid: str) -> TargetRef:
        return TargetRef(cluster=self.cluster, namespace=self.namespace, kind=self.kind, name=self.name, uid=uid)

    def __str__(self) -> str:
        return f"{self.kind.lower()}/{self.name}" + (f" in {self.namespace}" if self.namespace else "")


def collection(kind: str, namespace: str) -> str:
    """The path of all objects of a kind in a namespace; an empty namespace: in the whole cluster."""
    if custom := _CUSTOM.fullmatch(kind):
        root, plural = f"/apis/{custom['group']}/{custom['version']}", custom["plural"]
    else:
        root, plural = _ROOTS[kind]
    return f"{root}/namespaces/{namespace}/{plural}" if namespace else f"{root}/{plural}"


def selector_text(selector: dict[str, object]) -> str:
    """A LabelSelector as the query parameter has it (metav1.LabelSelector: labels and expressions)."""
    labels = selector.get("matchLabels") or {}
    assert isinstance(labels, dict)
    parts = [f"{key}={value}" for key, value in labels.items()]
    expressions = selector.get("matchExpressions") or []
    assert isinstance(expressions, list)
    return ",".join([*parts, *map(_expression, expressions)])


def _expression(expression: dict[str, object]) -> str:
    key, operator = expression["key"], expression["operator"]
    values = expression.get("values") or []
    assert isinstance(values, list)
    match operator:
        case "In" | "NotIn":
            return f"{key} {str(operator).lower()} ({','.join(values)})"
        case "Exists":
            return str(key)
        case "DoesNotExist":
            return f"!{key}"
        case _:
            raise InvalidArgument(f"the selector's operator {operator!r} is not known")
