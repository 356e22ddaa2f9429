"""Set the share of requests that a canary Ingress takes (ingress-nginx, annotation ``canary-weight``)."""

from __future__ import annotations

from typing_extensions import override

from activities.cluster.fields import FieldAction, Wish, pointer
from activities.cluster.paths import Place
from mainstay.domain.catalogue.traffic import IngressCanary
from mainstay.domain.errors import WrongState
from mainstay.domain.revision import Raw
from mainstay.domain.work import PlanRequest

_PREFIX = "nginx.ingress.kubernetes.io/canary"
_STRONGER = (f"{_PREFIX}-by-header", f"{_PREFIX}-by-cookie")


class WeighCanary(FieldAction[IngressCanary]):
    """Writes the weight. Refuses an Ingress that is no canary: the weight would do nothing there."""

    name = "ingress_canary"

    @override
    def wish(self, request: PlanRequest, live: Raw, parameters: IngressCanary, place: Place) -> Wish:
        annotations = live["metadata"].get("annotations") or {}
        if annotations.get(_PREFIX) != "true":
            raise WrongState(f"{place} is no canary ({_PREFIX} is not 'true'), so a weight would do nothing")
        total = int(annotations.get(f"{_PREFIX}-weight-total", "100"))
        weight = str(round(parameters.weight * total / 100))
        warnings = tuple(f"{key} is set and goes before the weight" for key in _STRONGER if key in annotations)
        return Wish(
            f"Send {parameters.weight}% of the requests to",
            {pointer("metadata", "annotations", f"{_PREFIX}-weight"): weight},
            (pointer("metadata", "annotations", _PREFIX),),
            warnings,
            f"annotate ingress/{place.name} --overwrite {_PREFIX}-weight={weight}",
        )
