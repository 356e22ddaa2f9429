"""Actions on where requests go."""

from __future__ import annotations

from pydantic import Field

from mainstay.domain.catalogue.kinds import INGRESSES, SERVICES, IngressRef, LabelKey, LabelValue, ServiceRef
from mainstay.domain.catalogue.spec import ActionSpec, Parameters, Verb
from mainstay.domain.change import Risk


class ServiceSwitch(Parameters):
    """Point a Service at other pods. ``selector`` entries replace those of the same key."""

    target: ServiceRef
    selector: dict[LabelKey, LabelValue] = Field(min_length=1)


class IngressCanary(Parameters):
    """``weight``: percent of the requests that the canary Ingress takes (ingress-nginx, canary-weight)."""

    target: IngressRef
    weight: int = Field(ge=0, le=100)


SERVICE_SWITCH = ActionSpec(
    name="service_switch",
    beyond="refuses a selector that no ready pod matches; the former one is put back on undo",
    title="Point a Service at other pods (failover, or back)",
    parameters=ServiceSwitch,
    target_kinds=("Service",),
    risk=Risk.MEDIUM,
    undo="restore",
    writes=(SERVICES,),
    reads=(Verb("", "pods", ("list",)),),
)
INGRESS_CANARY = ActionSpec(
    "ingress_canary",
    "Set the share of requests that a canary takes",
    IngressCanary,
    ("Ingress",),
    Risk.MEDIUM,
    "restore",
    (INGRESSES,),
)
