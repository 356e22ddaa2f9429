"""Parameters that several probes share, and the rights that they need."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from mainstay.domain.catalogue.spec import Parameters, Verb

Namespace = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$")]
ObjectName = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$")]
Host = Annotated[str, Field(pattern=r"^[A-Za-z0-9]([-A-Za-z0-9.]{0,251}[A-Za-z0-9])?$")]
"""A host name or an IPv4 address, without a port."""

GET_WORKLOADS = tuple(Verb("apps", kind, ("get",)) for kind in ("deployments", "statefulsets", "daemonsets"))
LIST_REVISIONS = tuple(Verb("apps", kind, ("list",)) for kind in ("replicasets", "controllerrevisions"))
LIST_PODS = Verb("", "pods", ("list",))
WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet")


class InNamespace(Parameters):
    """Base of looks at one namespace of one cluster."""

    cluster: str = "default"
    namespace: Namespace


class NoParameters(Parameters):
    """Takes none."""
