"""Pieces of mainstay.yaml that the domain does not know: clusters, tokens, the status page, defaults."""

from __future__ import annotations

import hashlib
import re
from datetime import timedelta
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from mainstay.config.channels import Url
from mainstay.config.secrets import Reference, is_reference, resolve, value_of
from mainstay.domain.access import AccessRole
from mainstay.domain.duration import Duration
from mainstay.domain.errors import InvalidArgument
from mainstay.domain.freeze import Freeze
from mainstay.domain.model import Strict

_HEX = re.compile(r"[0-9a-f]{64}")


def _hash_or_reference(text: str) -> str:
    if not _HEX.fullmatch(text) and not is_reference(text):
        raise ValueError("64 hex digits (printf %s TOKEN | sha256sum), or a reference such as env:NAME")
    return text


class Token(Strict):
    """Who a bearer token belongs to, and what it allows. The token itself never stands here."""

    name: str = ""
    """What it is for, to tell several tokens of one person apart."""
    person: str | None = None
    source: str | None = None
    """A sender of alerts, instead of a person."""
    roles: tuple[AccessRole, ...] = Field(min_length=1)
    token: Reference | None = None
    sha256: Annotated[str, AfterValidator(_hash_or_reference)] | None = None

    @model_validator(mode="after")
    def _is_one_of_each(self) -> Self:
        if bool(self.person) == bool(self.source):
            raise ValueError("a token belongs either to a person or to a source of alerts")
        if bool(self.token) == bool(self.sha256):
            raise ValueError("give either token (a reference) or sha256")
        if self.source and set(self.roles) != {AccessRole.ALERT_SOURCE}:
            raise ValueError("a source has the role alert_source and no other")
        return self

    @property
    def owner(self) -> str:
        return self.person or self.source or ""

    def fingerprint(self) -> str:
        """SHA-256 of the token in hex, looked up now. Raises InvalidArgument naming the reference."""
        if self.token:
            return hashlib.sha256(resolve(self.token).encode()).hexdigest()
        assert self.sha256
        found = value_of(self.sha256).strip().casefold()
        if not _HEX.fullmatch(found):
            raise InvalidArgument(f"{self.sha256 if is_reference(self.sha256) else 'sha256'} is no SHA-256")
        return found


class Cluster(Strict):
    """Access to one Kubernetes cluster. Without a kubeconfig: the pod's own service account."""

    kubeconfig: str = ""
    """A path, or ``env:NAME`` of a variable that holds the path."""
    context: str = ""
    allowed_namespaces: tuple[str, ...] = ()
    """Where Mainstay may change anything. Empty: nowhere."""
    freezes: tuple[Freeze, ...] = ()
    """When a forward change needs the approval of the next higher risk."""

    def access(self) -> tuple[str, str]:
        """(path, context), looked up now. Raises InvalidArgument naming the reference."""
        is_variable = self.kubeconfig.startswith("env:")
        path = resolve(self.kubeconfig) if is_variable else self.kubeconfig.removeprefix("file:")
        return path, value_of(self.context) if self.context else ""


class Prometheus(Strict):
    """One Prometheus (or what speaks its query API)."""

    url: Url
    token: Reference | None = None


class Alertmanager(Strict):
    """One Alertmanager, which probes ask about alerts and silences (API v2)."""

    url: Url
    token: Reference | None = None


class StatusPage(Strict):
    enabled: bool = True
    title: str = "Status"
    about: str = ""
    """A sentence above the list."""


class Defaults(Strict):
    """What holds where nothing more special is said."""

    escalation_policy: str | None = None
    monitoring_hold: Duration | None = None
    """Overrides the hold of every severity."""
    auto_close_after: Duration | None = None
    """Close a resolved incident by itself after this long; none: a person closes it."""


class OverlayPolicy(Strict):
    """Other times for one escalation policy; who is paged stays as it is."""

    waits: tuple[Annotated[Duration, Field(ge=timedelta(0))], ...] = ()
    """One per step."""
    repeat: int | None = Field(None, ge=0, le=100)
    last_resort_every: Annotated[Duration, Field(ge=timedelta(minutes=1))] | None = None


class Overlay(Strict):
    """``demo.yaml`` and the like: other times for the same organisation. Read only when it is named."""

    policies: dict[str, OverlayPolicy] = Field(default_factory=dict)
    defaults: Defaults = Field(default_factory=Defaults)
    levels: dict[str, LevelChange] = Field(default_factory=dict)


class LevelChange(Strict):
    """Another row for one level of the chosen severity profile (S-023). What is not said stays."""

    title: str | None = None
    meaning: str | None = None
    response_warn: Duration | None = None
    response_breach: Duration | None = None
    response_business_days: int | None = None
    page: str | None = Field(None, pattern="^(page|business_hours|ticket)$")
    page_whom: str | None = Field(None, pattern="^(on_call|team|everyone)$")
    tell: tuple[str, ...] | None = None
    update_every: Duration | None = None
    public_update_every: Duration | None = None
    monitoring_hold: Duration | None = None
    update_owner: str | None = None
    required_roles: tuple[str, ...] | None = None
    postmortem: bool | None = None


Overlay.model_rebuild()
