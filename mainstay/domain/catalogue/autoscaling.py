"""Actions on how many there are."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from mainstay.domain.catalogue.kinds import AUTOSCALERS, DEPLOYMENTS, STATEFUL_SETS, AutoscalerRef, ScalableRef
from mainstay.domain.catalogue.spec import ActionSpec, Parameters, Verb
from mainstay.domain.change import Risk


class Scale(Parameters):
    """``replicas`` is absolute, so that a retry cannot add twice."""

    target: ScalableRef
    replicas: int = Field(ge=0, le=10_000)
    expected_current: int | None = Field(None, ge=0)
    """Refuse when the live number differs: somebody else has scaled meanwhile."""


class AutoscalerBounds(Parameters):
    """Bounds that are not given stay as they are."""

    target: AutoscalerRef
    min_replicas: int | None = Field(None, ge=1, le=10_000)
    max_replicas: int | None = Field(None, ge=1, le=10_000)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.min_replicas is None and self.max_replicas is None:
            raise ValueError("give 'min_replicas' or 'max_replicas'")
        if self.min_replicas is not None and self.max_replicas is not None and self.min_replicas > self.max_replicas:
            raise ValueError("'min_replicas' is greater than 'max_replicas'")
        return self


SCALE = ActionSpec(
    name="scale",
    beyond="refuses when somebody else has scaled meanwhile, and warns of an autoscaler",
    title="Set the number of replicas",
    parameters=Scale,
    target_kinds=("Deployment", "StatefulSet"),
    risk=Risk.LOW,
    undo="restore",
    writes=(DEPLOYMENTS, STATEFUL_SETS),
    reads=(Verb("autoscaling", "horizontalpodautoscalers", ("list",)),),
)
AUTOSCALER_BOUNDS = ActionSpec(
    "autoscaler_bounds",
    "Set the least and the greatest number of replicas of an autoscaler",
    AutoscalerBounds,
    ("HorizontalPodAutoscaler",),
    Risk.LOW,
    "restore",
    (AUTOSCALERS,),
)
