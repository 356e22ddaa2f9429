"""Actions on pods, Jobs and isolation, as data."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, JsonValue, model_validator

from mainstay.domain.catalogue.spec import ActionSpec, Parameters, Verb
from mainstay.domain.change import Risk
from mainstay.domain.service import Workload

_LABEL = Annotated[str, Field(max_length=63)]


class PodRef(Parameters):
    """One pod."""

    cluster: str = "default"
    namespace: str
    kind: Literal["Pod"] = "Pod"
    name: str


class PodDelete(Parameters):
    """``uid`` refuses another pod that has come by the name; ``evict`` keeps disruption budgets."""

    target: PodRef
    uid: str = ""
    how: Literal["evict", "delete"] = "evict"
    grace_seconds: int | None = Field(None, ge=0, le=3_600)
    timeout_seconds: int = Field(120, ge=1, le=3_600)


class PodsDelete(Parameters):
    """Pods of one workload. ``which``: all of them, those that are not ready, or those with these labels too."""

    target: Workload
    which: Literal["not_ready", "all"] = "not_ready"
    labels: dict[str, _LABEL] = Field(default_factory=dict)
    how: Literal["evict", "delete"] = "evict"
    at_most: int = Field(10, ge=1, le=100)
    timeout_seconds: int = Field(300, ge=1, le=3_600)


class StuckPodsDelete(Parameters):
    """Pods of one workload that have not stopped ``beyond_seconds`` after their grace period, or whose node
    does not answer. ``force`` deletes without waiting for the kubelet: a process may still run on the node."""

    target: Workload
    beyond_seconds: int = Field(60, ge=0, le=86_400)
    force: bool = False
    at_most: int = Field(10, ge=1, le=100)
    timeout_seconds: int = Field(60, ge=1, le=3_600)


class JobRef(Parameters):
    """A Job to be made, or the CronJob that it is made from."""

    cluster: str = "default"
    namespace: str
    kind: Literal["CronJob", "Job"]
    name: str


class JobRun(Parameters):
    """From a CronJob, or from ``template`` (a Job's ``spec``) under the name of the target and the step."""

    target: JobRef
    template: dict[str, JsonValue] | None = None
    timeout_seconds: int = Field(600, ge=1, le=3_600)
    log_lines: int = Field(20, ge=0, le=100)

    @model_validator(mode="after")
    def _template_goes_with_job(self) -> Self:
        if (self.target.kind == "Job") != (self.template is not None):
            raise ValueError("give 'template' together with kind Job, and only then")
        return self


class Isolate(Parameters):
    """A NetworkPolicy that selects the workload's pods and lets nothing in (or out), but what is named."""

    target: Workload
    direction: Literal["ingress", "egress", "both"] = "ingress"
    allow_from_namespaces: tuple[_LABEL, ...] = ()
    """Namespaces that are still let in, such as that of the monitoring."""


_PODS = Verb("", "pods", ("get", "list", "delete"))
_EVICTION = Verb("", "pods/eviction", ("create",))
_WORKLOADS = tuple(Verb("apps", name, ("get",)) for name in ("deployments", "statefulsets", "daemonsets"))
_KINDS = ("Deployment", "StatefulSet", "DaemonSet")
_BUDGETS = Verb("policy", "poddisruptionbudgets", ("list",))

POD_ACTIONS = (
    ActionSpec(
        name="pod_delete",
        title="Evict or delete one pod",
        parameters=PodDelete,
        target_kinds=("Pod",),
        risk=Risk.LOW,
        undo="none",
        writes=(_PODS, _EVICTION),
        reads=(_BUDGETS,),
    ),
    ActionSpec(
        name="pods_delete",
        title="Evict or delete pods of a workload",
        parameters=PodsDelete,
        target_kinds=_KINDS,
        risk=Risk.MEDIUM,
        undo="none",
        writes=(_PODS, _EVICTION),
        reads=(*_WORKLOADS, _BUDGETS),
    ),
    ActionSpec(
        name="stuck_pods_delete",
        title="Delete pods that do not stop",
        parameters=StuckPodsDelete,
        target_kinds=_KINDS,
        risk=Risk.MEDIUM,
        undo="none",
        writes=(_PODS,),
        reads=(*_WORKLOADS, Verb("", "nodes", ("list",))),
    ),
    ActionSpec(
        name="job_run",
        title="Run a Job, from a template or a CronJob, and wait for its end",
        parameters=JobRun,
        target_kinds=("CronJob", "Job"),
        risk=Risk.MEDIUM,
        undo="restore",
        writes=(Verb("batch", "jobs", ("get", "create", "delete")),),
        reads=(
            Verb("batch", "cronjobs", ("get",)),
            Verb("", "pods", ("list",)),
            Verb("", "pods/log", ("get",)),
        ),
    ),
    ActionSpec(
        name="isolate",
        title="Cut a workload's pods off the network",
        parameters=Isolate,
        target_kinds=_KINDS,
        risk=Risk.HIGH,
        undo="restore",
        writes=(Verb("networking.k8s.io", "networkpolicies", ("get", "create", "delete")),),
        reads=_WORKLOADS,
    ),
)
