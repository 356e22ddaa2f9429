"""Probes that ask Prometheus."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Self

from pydantic import Field, model_validator

from mainstay.domain.catalogue.probes.shape import Namespace
from mainstay.domain.catalogue.spec import Parameters, ProbeSpec, Threshold, parse_criterion
from mainstay.domain.duration import Duration
from mainstay.domain.verdict import Criterion

MAX_POINTS = 1_000
"""Points of one series that a range query may answer."""
WINDOW = "$window"
"""What an SLO probe replaces by the window, written as PromQL wants it (``5m``)."""

_Query = Annotated[str, Field(min_length=1, max_length=5_000)]
_Windowed = Annotated[str, Field(min_length=1, max_length=5_000, pattern=r"\$window")]
_Objective = Annotated[float, Field(gt=0, lt=100)]


class Prometheus(Parameters):
    """``server`` is the name of a Prometheus in mainstay.yaml, never an address from an alert."""

    query: str = Field(min_length=1)
    criterion: Threshold
    server: str = "default"


class PrometheusRange(Parameters):
    """Every series over the last ``over``; ``tolerance`` is the share of its points that may miss."""

    query: _Query
    criterion: Threshold
    over: Duration = timedelta(minutes=10)
    step: Duration = timedelta(seconds=30)
    tolerance: float = Field(0.0, ge=0, lt=1)
    server: str = "default"

    @model_validator(mode="after")
    def _points_are_bounded(self) -> Self:
        if self.step < timedelta(seconds=1):
            raise ValueError("step: at least 1s")
        if not self.step <= self.over <= self.step * MAX_POINTS:
            raise ValueError(f"over: at least one step and at most {MAX_POINTS}")
        return self


class PrometheusBaseline(Parameters):
    """The criterion judges now divided by before, for each series: ``<= 1.5`` is at most half as much again.

    ``before`` is how long ago: ``1h``, ``1d`` or ``1w`` compare with the same hour.
    """

    query: _Query
    criterion: Threshold
    before: Duration = timedelta(days=1)
    least: float = Field(0.0, ge=0)
    """A value now up to this one holds whatever it was before: twice of nearly nothing is no news."""
    server: str = "default"

    @model_validator(mode="after")
    def _looks_back(self) -> Self:
        if not timedelta(minutes=1) <= self.before <= timedelta(days=90):
            raise ValueError("before: from 1m to 90d")
        return self


class BurnPair(Parameters):
    """Burning counts when it is at least ``factor`` over both windows."""

    long: Duration
    short: Duration
    factor: float = Field(gt=0)

    @model_validator(mode="after")
    def _long_is_longer(self) -> Self:
        if not timedelta(0) < self.short < self.long <= timedelta(days=90):
            raise ValueError("short must be shorter than long, and long at most 90d")
        return self


class SloBurnRate(Parameters):
    """``error_ratio`` is the share of bad events as PromQL, with ``$window`` where the window belongs:
    ``sum(rate(errors[$window])) / sum(rate(requests[$window]))``.

    The default pairs page when 2% of a 30-day budget went in an hour or 5% in six
    (https://sre.google/workbook/alerting-on-slos/, section 6).
    """

    error_ratio: _Windowed
    objective: _Objective
    pairs: tuple[BurnPair, ...] = Field(
        default=(
            BurnPair(long=timedelta(hours=1), short=timedelta(minutes=5), factor=14.4),
            BurnPair(long=timedelta(hours=6), short=timedelta(minutes=30), factor=6),
        ),
        min_length=1,
        max_length=4,
    )
    server: str = "default"


class SloBudget(Parameters):
    """``criterion`` judges the share of the budget that is left: ``> 0.25``."""

    error_ratio: _Windowed
    objective: _Objective
    window: Duration = timedelta(days=30)
    criterion: Threshold = Field(default_factory=lambda: Criterion.model_validate(parse_criterion("> 0.1")))
    server: str = "default"


class VolumeFill(Parameters):
    """By the kubelet's ``kubelet_volume_stats_*``; ``claim`` is one claim, empty: all of the namespace."""

    namespace: Namespace
    claim: str = Field("", pattern=r"^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?)?$")
    criterion: Threshold = Field(default_factory=lambda: Criterion.model_validate(parse_criterion("< 0.9")))
    server: str = "default"


METRICS = (
    ProbeSpec(
        name="prometheus",
        title="Judge the samples of an instant query",
        group="metrics",
        parameters=Prometheus,
        facts={"value": "number", "values": "list", "samples": "integer"},
        held="every sample meets the criterion",
        failed="a sample does not meet the criterion",
    ),
    ProbeSpec(
        name="prometheus_range",
        title="Judge every point of a range query, with a tolerance",
        group="metrics",
        parameters=PrometheusRange,
        facts={
            "points": "integer",
            "missing": "integer",
            "series": "integer",
            "worst_share": "number",
            "lowest": "number",
            "highest": "number",
        },
        held="in every series at most the tolerated share of points misses the criterion",
        failed="in a series more points miss it than tolerated",
    ),
    ProbeSpec(
        name="prometheus_baseline",
        title="Compare a query with itself some time ago",
        group="metrics",
        parameters=PrometheusBaseline,
        facts={"now": "number", "before": "number", "ratio": "number", "series": "integer"},
        held="now divided by before meets the criterion for every series",
        failed="it does not for one",
    ),
    ProbeSpec(
        name="slo_burn_rate",
        title="Does the error budget burn too fast, over a long and a short window?",
        group="metrics",
        parameters=SloBurnRate,
        facts={"burning": "boolean", "fastest": "number", "rates": "list"},
        held="no pair of windows burns at its factor or faster",
        failed="both windows of a pair burn at its factor or faster",
    ),
    ProbeSpec(
        name="slo_budget",
        title="How much of the error budget is left?",
        group="metrics",
        parameters=SloBudget,
        facts={
            "remaining": "number",
            "consumed": "number",
            "remaining_minutes": "number",
            "band": "string",
            "may_deploy": "boolean",
            "may_experiment": "boolean",
        },
        held="the share that is left meets the criterion",
        failed="it does not",
    ),
    ProbeSpec(
        name="volume_fill",
        title="How full are the persistent volumes?",
        group="metrics",
        parameters=VolumeFill,
        facts={"fullest": "string", "share": "number", "volumes": "integer"},
        held="every volume's used share meets the criterion",
        failed="a volume's does not",
        beyond="kubectl does not show how full a volume is",
    ),
)
