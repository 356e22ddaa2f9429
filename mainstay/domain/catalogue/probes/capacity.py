"""Probes of what limits a workload: nodes, autoscalers, budgets, quotas, endpoints."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from mainstay.domain.catalogue.probes.shape import (
    GET_WORKLOADS,
    LIST_PODS,
    WORKLOADS,
    InNamespace,
    ObjectName,
)
from mainstay.domain.catalogue.spec import Parameters, ProbeSpec, Threshold, Verb, parse_criterion
from mainstay.domain.duration import Duration
from mainstay.domain.service import Workload
from mainstay.domain.verdict import Criterion


class NodeConditions(Parameters):
    """The nodes that the workload's pods are on."""

    target: Workload


class AutoscalerAtMax(Parameters):
    """The autoscaler that scales the target."""

    target: Workload
    at_least: Duration = timedelta(0)
    """Only when it has been limited for this long."""


class DisruptionBudgets(InNamespace):
    """Every budget of the namespace, or one."""

    name: str = Field("", pattern=r"^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?)?$")
    allowed: int = Field(1, ge=0, le=10_000)
    """How many pods each must still let go."""


class Quota(InNamespace):
    """Every ResourceQuota of the namespace."""

    resources: tuple[Annotated[str, Field(pattern=r"^[-A-Za-z0-9./]{1,253}$")], ...] = ()
    """Such as ``requests.memory``; empty: all."""
    criterion: Threshold = Field(
        default_factory=lambda: Criterion.model_validate(parse_criterion("< 0.9")),
    )
    """What the used share must be."""


class EndpointsReady(InNamespace):
    """By the EndpointSlices of a Service: what traffic is sent to."""

    service: ObjectName
    criterion: Threshold = Field(default_factory=lambda: Criterion.model_validate(parse_criterion(">= 1")))
    """What the number of ready endpoints must be."""


CAPACITY = (
    ProbeSpec(
        name="node_conditions",
        title="Are the nodes that a workload runs on ready and without pressure?",
        group="capacity",
        target_kinds=WORKLOADS,
        parameters=NodeConditions,
        facts={
            "nodes": "integer",
            "not_ready": "list",
            "pressure": "list",
            "unschedulable": "list",
            "why": "string",
        },
        held="all are ready and without pressure",
        failed="one is not",
        reads=(*GET_WORKLOADS, LIST_PODS, Verb("", "nodes", ("get",))),
        beyond="asks the nodes of this workload only",
    ),
    ProbeSpec(
        name="autoscaler_at_max",
        title="Is the autoscaler at its maximum and would it go further?",
        group="capacity",
        target_kinds=("Deployment", "StatefulSet"),
        parameters=AutoscalerAtMax,
        facts={
            "found": "boolean",
            "name": "string",
            "current": "integer",
            "desired": "integer",
            "minimum": "integer",
            "maximum": "integer",
            "limited": "boolean",
        },
        held="it stands at its maximum",
        failed="there is room",
        reads=(Verb("autoscaling", "horizontalpodautoscalers", ("list",)),),
        beyond="finds the autoscaler by what it scales, and tells a limit from a coincidence",
    ),
    ProbeSpec(
        name="disruption_budget",
        title="Would the disruption budgets let pods go?",
        group="capacity",
        target_kinds=("PodDisruptionBudget",),
        parameters=DisruptionBudgets,
        facts={"budgets": "integer", "blocking": "list", "least_allowed": "integer", "healthy": "integer"},
        held="each allows as many disruptions as asked",
        failed="one allows fewer",
        reads=(Verb("policy", "poddisruptionbudgets", ("list",)),),
        beyond="a budget whose status is not of its newest version is inconclusive",
    ),
    ProbeSpec(
        name="quota",
        title="How much of the namespace's quota is used?",
        group="capacity",
        target_kinds=("ResourceQuota",),
        parameters=Quota,
        facts={"fullest": "string", "share": "number", "quotas": "integer", "over": "list"},
        held="the used share of every resource meets the criterion",
        failed="that of one does not",
        reads=(Verb("", "resourcequotas", ("list",)),),
        beyond="as shares, over all quotas of the namespace",
    ),
    ProbeSpec(
        name="endpoints_ready",
        title="Has a Service pods to send traffic to?",
        group="capacity",
        target_kinds=("Service",),
        parameters=EndpointsReady,
        facts={"ready": "integer", "total": "integer", "serving": "integer", "terminating": "integer"},
        held="the number of ready endpoints meets the criterion",
        failed="it does not",
        reads=(
            Verb("", "services", ("get",)),
            Verb("discovery.k8s.io", "endpointslices", ("list",)),
        ),
        beyond="counts over all slices, ready and terminating told apart",
    ),
)
