"""Actions on what an application reads: flags, limits, modes, labels, and custom resources."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, JsonValue, field_validator, model_validator

from mainstay.domain.catalogue.kinds import (
    CONFIG_MAPS,
    CUSTOM,
    SETTING_KINDS,
    SETTINGS,
    ConfigMapRef,
    CustomRef,
    DataKey,
    LabelKey,
    LabelValue,
    SettingRef,
)
from mainstay.domain.catalogue.spec import ActionSpec, Parameters
from mainstay.domain.change import Risk

_RESERVED = ("kubernetes.io", "k8s.io", "mainstay.dev")
_INGRESS_NGINX = "nginx.ingress.kubernetes.io"
"""Its annotations are settings (limits, for one) that only live on the Ingress."""


class FeatureFlag(Parameters):
    """A flag in a flagd file (flagd.dev/reference/flag-definitions) that is a key of a ConfigMap."""

    target: ConfigMapRef
    key: DataKey = "flags.json"
    flag: str = Field(min_length=1)
    variant: str | None = None
    """The variant that becomes the default one; it must be among the flag's variants."""
    state: Literal["ENABLED", "DISABLED"] | None = None

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.variant is None and self.state is None:
            raise ValueError("give 'variant' or 'state'")
        return self


class Setting(Parameters):
    """``key`` is a key of the ConfigMap, or the name of an annotation where the target is another kind."""

    target: SettingRef
    key: LabelKey | DataKey
    expected: str | None = None
    """Refuse when the setting is another now."""

    @model_validator(mode="after")
    def _not_reserved(self) -> Self:
        refuse_reserved(self.key)
        return self


class RateLimit(Setting):
    limit: int = Field(ge=0)
    """In the unit that the application reads, such as requests a second."""


class CircuitBreaker(Setting):
    """``open`` stops the calls, ``closed`` lets them through; other words where the application wants them."""

    state: Literal["open", "closed"]
    words: dict[Literal["open", "closed"], str] = Field(default_factory=dict)


class Degrade(Setting):
    mode: str = Field(min_length=1, max_length=253)


class ReplicaSwitch(Setting):
    """``endpoint``: the host, or host and port, that the application reads from."""

    endpoint: str = Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?(:[0-9]{1,5})?$")


class Labels(Parameters):
    """Labels of the object itself, never of its pods. A null takes one away."""

    target: SettingRef
    labels: dict[LabelKey, LabelValue | None] = Field(min_length=1)

    @field_validator("labels")
    @classmethod
    def _free(cls, labels: dict[str, str | None]) -> dict[str, str | None]:
        for key in labels:
            refuse_reserved(key)
        return labels


class Annotations(Parameters):
    """Annotations of the object itself, never of its pods. A null takes one away."""

    target: SettingRef
    annotations: dict[LabelKey, str | None] = Field(min_length=1)

    @field_validator("annotations")
    @classmethod
    def _free(cls, annotations: dict[str, str | None]) -> dict[str, str | None]:
        for key in annotations:
            refuse_reserved(key)
        return annotations


class CustomPatch(Parameters):
    """A merge patch (RFC 7396) of ``spec``: a null takes a member away, a list replaces the whole list."""

    target: CustomRef
    spec: dict[str, JsonValue] = Field(min_length=1)


def refuse_reserved(key: str) -> None:
    """Raises ValueError for a name that Kubernetes, its controllers or Mainstay itself read."""
    prefix = key.partition("/")[0] if "/" in key else ""
    reserved = any(prefix == name or prefix.endswith(f".{name}") for name in _RESERVED)
    if reserved and prefix != _INGRESS_NGINX:
        raise ValueError(f"{key!r} is reserved: what has the prefix {prefix!r} is not for runbooks to write")


def _setting(name: str, title: str, parameters: type[Parameters]) -> ActionSpec:
    return ActionSpec(name, title, parameters, SETTING_KINDS, Risk.MEDIUM, "restore", SETTINGS)


FEATURE_FLAG = ActionSpec(
    "feature_flag",
    "Switch a feature flag",
    FeatureFlag,
    ("ConfigMap",),
    Risk.LOW,
    "restore",
    (CONFIG_MAPS,),
    restores=(("state", "DISABLED"), ("variant", None)),
)
RATE_LIMIT = _setting("rate_limit", "Set a rate limit", RateLimit)
CIRCUIT_BREAKER = _setting("circuit_breaker", "Open or close a circuit breaker", CircuitBreaker)
DEGRADE = _setting("degrade", "Switch to a degraded mode, or back", Degrade)
REPLICA_SWITCH = _setting("replica_switch", "Read from another replica", ReplicaSwitch)
LABEL = ActionSpec("label", "Label an object", Labels, SETTING_KINDS, Risk.LOW, "restore", SETTINGS)
ANNOTATE = ActionSpec("annotate", "Annotate an object", Annotations, SETTING_KINDS, Risk.LOW, "restore", SETTINGS)
CUSTOM_PATCH = ActionSpec(
    "custom_patch", "Patch the spec of a custom resource", CustomPatch, ("custom",), Risk.HIGH, "restore", (CUSTOM,)
)
