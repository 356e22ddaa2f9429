"""Every action, as data. The implementations are in ``activities/cluster``; a test holds both equal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from mainstay.domain.catalogue.spec import ActionSpec, Parameters, Verb
from mainstay.domain.change import Risk
from mainstay.domain.service import Workload

_LABEL_VALUE = Annotated[str, Field(pattern=r"^([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?$")]


class ScalableRef(Workload):
    kind: Literal["Deployment", "StatefulSet"] = "Deployment"


class ServiceRef(Parameters):
    """A Service of a cluster."""

    cluster: str = "default"
    namespace: str
    kind: Literal["Service"] = "Service"
    name: str


class RolloutUndo(Parameters):
    """``previous`` is the revision before the current one, ``last_good`` the newest that was complete."""

    target: Workload
    to: Literal["previous", "revision", "last_good"] = "previous"
    revision: int | None = Field(None, ge=1)

    @model_validator(mode="after")
    def _revision_goes_with_to(self) -> Self:
        if (self.to == "revision") != (self.revision is not None):
            raise ValueError("give 'revision' together with 'to: revision', and only then")
        return self


class RolloutRestart(Parameters):
    target: Workload


class Scale(Parameters):
    """``replicas`` is absolute, so that a retry cannot add twice."""

    target: ScalableRef
    replicas: int = Field(ge=0, le=10_000)
    expected_current: int | None = Field(None, ge=0)
    """Refuse when the live number differs: somebody else has scaled meanwhile."""


class ServiceSwitch(Parameters):
    """Point a Service at other pods. ``selector`` entries replace those of the same key."""

    target: ServiceRef
    selector: dict[str, _LABEL_VALUE] = Field(min_length=1)


_DEPLOYMENTS = Verb("apps", "deployments", ("get", "patch"))
_STATEFUL_SETS = Verb("apps", "statefulsets", ("get", "patch"))
_DAEMON_SETS = Verb("apps", "daemonsets", ("get", "patch"))

ACTIONS: Mapping[str, ActionSpec] = {
    spec.name: spec
    for spec in (
        ActionSpec(
            name="rollout_undo",
            title="Roll a workload back to a former revision",
            parameters=RolloutUndo,
            target_kinds=("Deployment", "StatefulSet", "DaemonSet"),
            risk=Risk.MEDIUM,
            undo="restore",
            writes=(_DEPLOYMENTS, _STATEFUL_SETS, _DAEMON_SETS),
            reads=(
                Verb("apps", "replicasets", ("get", "list")),
                Verb("apps", "controllerrevisions", ("get", "list")),
            ),
        ),
        ActionSpec(
            name="rollout_restart",
            title="Restart the pods of a workload, one after the other",
            parameters=RolloutRestart,
            target_kinds=("Deployment", "StatefulSet", "DaemonSet"),
            risk=Risk.LOW,
            undo="none",
            writes=(_DEPLOYMENTS, _STATEFUL_SETS, _DAEMON_SETS),
        ),
        ActionSpec(
            name="scale",
            title="Set the number of replicas",
            parameters=Scale,
            target_kinds=("Deployment", "StatefulSet"),
            risk=Risk.LOW,
            undo="restore",
            writes=(_DEPLOYMENTS, _STATEFUL_SETS),
            reads=(Verb("autoscaling", "horizontalpodautoscalers", ("list",)),),
        ),
        ActionSpec(
            name="service_switch",
            title="Point a Service at other pods (failover, or back)",
            parameters=ServiceSwitch,
            target_kinds=("Service",),
            risk=Risk.MEDIUM,
            undo="restore",
            writes=(Verb("", "services", ("get", "patch")),),
            reads=(Verb("", "pods", ("list",)),),
        ),
    )
}
"""Action name → its description."""
