"""Probes of what is going on around: other incidents, flags, alerts, maintenance."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from mainstay.domain.catalogue.probes.shape import InNamespace, NoParameters, ObjectName
from mainstay.domain.catalogue.spec import Parameters, ProbeSpec, Verb
from mainstay.domain.service import Workload

_LabelName = Annotated[str, Field(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]{0,127}$")]
_LabelValue = Annotated[str, Field(max_length=500)]
MAINTENANCE = "mainstay.dev/maintenance"
"""Annotation of a workload or its namespace: somebody works on it. Its value says who and what; ``none``,
``false`` and an empty value do not count."""


class DependencyIncident(Parameters):
    """Is there an open incident of one of these services? By the record store, so by what was declared."""

    services: tuple[str, ...] = Field(min_length=1, max_length=50)


class FeatureFlag(InNamespace):
    """A flag of flagd's file format in a ConfigMap (https://flagd.dev/reference/flag-definitions/)."""

    config_map: ObjectName
    key: str = Field("flags.json", pattern=r"^[-._a-zA-Z0-9]{1,253}$")
    flag: str = Field(min_length=1, max_length=200)
    variant: str = ""
    """The default variant that it must have; empty: that of the value true, or enabled without variants."""


class AlertFiring(Parameters):
    """``matchers`` are labels and the values that they must have; ``alertmanager`` is one of mainstay.yaml."""

    matchers: dict[_LabelName, _LabelValue] = Field(min_length=1, max_length=20)
    alertmanager: str = "default"


class Maintenance(Parameters):
    """An annotation of the workload or its namespace, a chaos experiment (Chaos Mesh) in its namespace, or a
    silence of Alertmanager whose matchers are all met by ``labels``.
    """

    target: Workload
    labels: dict[_LabelName, _LabelValue] = Field(default_factory=dict, max_length=20)
    """Labels of the service's alerts; with any, silences are looked for too."""
    alertmanager: str = "default"


_CHAOS = ("podchaos", "networkchaos", "stresschaos", "iochaos", "httpchaos", "dnschaos", "timechaos")

CONTEXT = (
    ProbeSpec(
        name="dependency_incident",
        title="Has a service that this one needs an open incident of its own?",
        group="context",
        target_kinds=("service",),
        parameters=DependencyIncident,
        facts={"found": "boolean", "count": "integer", "service": "string", "number": "string", "title": "string"},
        held="there is an open one",
        failed="there is none",
    ),
    ProbeSpec(
        name="feature_flag",
        title="How does a feature flag stand?",
        group="context",
        target_kinds=("ConfigMap",),
        parameters=FeatureFlag,
        facts={"found": "boolean", "enabled": "boolean", "variant": "string", "on": "boolean", "targeted": "boolean"},
        held="it is on, or stands at the variant asked for",
        failed="it is off, or stands at another",
        reads=(Verb("", "configmaps", ("get",)),),
        beyond="reads the flag, not the file: a targeting rule that may decide otherwise is told",
    ),
    ProbeSpec(
        name="alert_firing",
        title="Does an alert still fire?",
        group="context",
        target_kinds=("alert",),
        parameters=AlertFiring,
        facts={
            "firing": "boolean",
            "active": "integer",
            "silenced": "integer",
            "inhibited": "integer",
            "since": "string",
        },
        held="no alert matches any more",
        failed="one still fires, silenced and inhibited ones included",
    ),
    ProbeSpec(
        name="maintenance",
        title="Is somebody working on it, or breaking it on purpose?",
        group="context",
        target_kinds=("Deployment", "StatefulSet", "DaemonSet"),
        parameters=Maintenance,
        facts={"found": "boolean", "kind": "string", "what": "string"},
        held="there is maintenance, an experiment or a silence",
        failed="there is none",
        reads=(
            *(Verb("apps", kind, ("get",)) for kind in ("deployments", "statefulsets", "daemonsets")),
            Verb("", "namespaces", ("get",)),
            *(Verb("chaos-mesh.org", kind, ("list",)) for kind in _CHAOS),
        ),
        beyond="one look over annotations, experiments and silences",
    ),
    ProbeSpec(
        name="condition",
        title="Look at nothing: decide by what is already known",
        group="context",
        parameters=NoParameters,
        facts={},
        held="always",
        failed="never",
    ),
)
CHAOS_KINDS = _CHAOS
