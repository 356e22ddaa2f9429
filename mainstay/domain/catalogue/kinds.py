"""What actions can be aimed at, and the rights that reading and patching it takes."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from mainstay.domain.catalogue.spec import Parameters, Verb
from mainstay.domain.service import Workload

LabelKey = Annotated[
    str, Field(pattern=r"^([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$")
]
"""A qualified name (Kubernetes, labels and annotations: optional DNS prefix, name of at most 63)."""
LabelValue = Annotated[str, Field(pattern=r"^([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?$")]
DataKey = Annotated[str, Field(pattern=r"^[-._a-zA-Z0-9]{1,253}$")]
"""A key of a ConfigMap."""


class ObjectRef(Parameters):
    """One object of a cluster. There is no default name or namespace: a change names its target."""

    cluster: str = "default"
    namespace: str
    name: str


class DeploymentRef(ObjectRef):
    kind: Literal["Deployment"] = "Deployment"


class ScalableRef(Workload):
    kind: Literal["Deployment", "StatefulSet"] = "Deployment"


class ServiceRef(ObjectRef):
    """A Service of a cluster."""

    kind: Literal["Service"] = "Service"


class IngressRef(ObjectRef):
    kind: Literal["Ingress"] = "Ingress"


class CronJobRef(ObjectRef):
    kind: Literal["CronJob"] = "CronJob"


class AutoscalerRef(ObjectRef):
    kind: Literal["HorizontalPodAutoscaler"] = "HorizontalPodAutoscaler"


class ConfigMapRef(ObjectRef):
    kind: Literal["ConfigMap"] = "ConfigMap"


class SettingRef(ObjectRef):
    """Where an application reads a setting: a key of a ConfigMap, or an annotation of another object."""

    kind: Literal["ConfigMap", "Deployment", "StatefulSet", "DaemonSet", "Service", "Ingress"] = "ConfigMap"


class CustomRef(ObjectRef):
    """A custom resource; ``kind`` as kubectl writes it in full: ``destinationrules.v1.networking.istio.io``."""

    kind: Annotated[str, Field(pattern=r"^[a-z][a-z0-9]*\.v[0-9]+((alpha|beta)[0-9]+)?(\.[a-z0-9-]+)+$")]


_PATCHES = ("get", "patch")
DEPLOYMENTS = Verb("apps", "deployments", _PATCHES)
STATEFUL_SETS = Verb("apps", "statefulsets", _PATCHES)
DAEMON_SETS = Verb("apps", "daemonsets", _PATCHES)
WORKLOADS = (DEPLOYMENTS, STATEFUL_SETS, DAEMON_SETS)
SERVICES = Verb("", "services", _PATCHES)
CONFIG_MAPS = Verb("", "configmaps", _PATCHES)
INGRESSES = Verb("networking.k8s.io", "ingresses", _PATCHES)
CRON_JOBS = Verb("batch", "cronjobs", _PATCHES)
AUTOSCALERS = Verb("autoscaling", "horizontalpodautoscalers", _PATCHES)
CUSTOM = Verb("{group}", "{plural}", _PATCHES)
"""Which resource it is, the runbook says; grant it where a runbook needs it."""
WORKLOAD_KINDS = ("Deployment", "StatefulSet", "DaemonSet")
SETTINGS = (CONFIG_MAPS, *WORKLOADS, SERVICES, INGRESSES)
SETTING_KINDS = ("ConfigMap", *WORKLOAD_KINDS, "Service", "Ingress")
