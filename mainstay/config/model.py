"""The operators' folder as one frozen value: what doors, workflows' pins and activities read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from functools import cached_property
from typing import Any, TypeVar

from pydantic import Field

from mainstay.config.channels import AnyChannel
from mainstay.config.parts import Alertmanager, Cluster, Defaults, Prometheus, StatusPage, Token
from mainstay.config.secrets import value_of
from mainstay.config.slice import Slice, slice_for
from mainstay.domain.approval import ApprovalPolicy
from mainstay.domain.errors import InvalidArgument, NotFound
from mainstay.domain.escalation import EscalationPolicy
from mainstay.domain.freeze import Freeze
from mainstay.domain.model import Strict, digest
from mainstay.domain.oncall.schedule import Schedule
from mainstay.domain.people import ContactMethod, Person, Team
from mainstay.domain.pinned import PinnedConfig, PublicKey
from mainstay.domain.positioned import Problem
from mainstay.domain.profiles import GUIDE_002, PROFILES
from mainstay.domain.routing import Route
from mainstay.domain.service import Service
from mainstay.domain.severity import SeverityProfile

T = TypeVar("T")
_NOT_CONTENT = {"keys", "warnings"}


class Config(Strict):
    """Everything that the organisation decides. References in it lead somewhere: ``load`` has checked."""

    organisation: str = ""
    public_url: str = ""
    people: dict[str, Person] = Field(default_factory=dict)
    teams: dict[str, Team] = Field(default_factory=dict)
    services: dict[str, Service] = Field(default_factory=dict)
    schedules: dict[str, Schedule] = Field(default_factory=dict)
    policies: dict[str, EscalationPolicy] = Field(default_factory=dict)
    profile: SeverityProfile = GUIDE_002
    """The severity scale in use."""
    profiles: dict[str, SeverityProfile] = Field(default_factory=lambda: dict(PROFILES))
    """Every scale known: the shipped ones and the organisation's own."""
    routes: tuple[Route, ...] = ()
    approvals: ApprovalPolicy = Field(default_factory=ApprovalPolicy)
    channels: dict[str, AnyChannel] = Field(default_factory=dict)
    clusters: dict[str, Cluster] = Field(default_factory=dict)
    prometheus: dict[str, Prometheus] = Field(default_factory=dict)
    alertmanagers: dict[str, Alertmanager] = Field(default_factory=dict)
    http_hosts: tuple[str, ...] = ()
    """Hosts that runbooks may ask over HTTP, each as text or as a reference; see ``hosts``."""
    tokens: tuple[Token, ...] = ()
    stakeholders: tuple[str, ...] = ()
    executives: tuple[str, ...] = ()
    time_zone: str = "UTC"
    business_hours: tuple[str, ...] = ("mon-fri 09:00-17:00",)
    holidays: tuple[str, ...] = ()
    status_page: StatusPage = Field(default_factory=StatusPage)
    defaults: Defaults = Field(default_factory=Defaults)
    runbooks: dict[str, str] = Field(default_factory=dict)
    """Name → YAML text: the built-in ones and the organisation's own, which win."""
    templates: dict[str, str] = Field(default_factory=dict)
    """File name → text."""
    keys: tuple[PublicKey, ...] = ()
    """Public keys of the doors whose word counts; see ``with_keys``."""
    warnings: tuple[Problem, ...] = ()
    """What is unwise, though it works."""

    @cached_property
    def digest(self) -> str:
        """Of all content: equal folders have equal digests. Holds references, so no secret is behind it."""
        return digest(self.model_dump(mode="json", exclude=_NOT_CONTENT))

    def with_keys(self, *keys: PublicKey) -> Config:
        """The same, trusting these doors: ``config.with_keys(signer.public())``."""
        return self.model_copy(update={"keys": keys})

    def pin(self, service: str) -> PinnedConfig:
        """The slice that one incident of ``service`` lives by, without a single address. Raises NotFound."""
        found = self.service(service)
        team = self.team(found.team)
        policy = self.policy_of(found)
        part = slice_for(
            found,
            team,
            policy,
            Slice(people=self.people, teams=self.teams, schedules=self.schedules, runbooks=self.runbooks),
            also=(*self.stakeholders, *self.executives, *_voters(self.approvals)),
        )
        return PinnedConfig(
            service=found,
            team=team,
            profile=self.profile,
            policy=policy,
            schedules=part.schedules,
            teams=part.teams,
            people={handle: _without_addresses(person) for handle, person in part.people.items()},
            approvals=self.approvals,
            keys=self.keys,
            runbooks=part.runbooks,
            allowed_namespaces=self._namespaces(found),
            stakeholders=self.stakeholders,
            public_url=self.public_url,
            monitoring_hold=self.defaults.monitoring_hold,
            auto_close_after=self.defaults.auto_close_after,
            business_hours=self.business_hours,
            time_zone=self.time_zone,
            holidays=self.holidays,
        )

    def _namespaces(self, service: Service) -> tuple[str, ...]:
        """Those of the cluster that the service runs on; one without a workload has none."""
        cluster = self.clusters.get(service.workload.cluster) if service.workload else None
        return cluster.allowed_namespaces if cluster else ()

    def policy_of(self, service: Service) -> EscalationPolicy:
        """The service's own policy, else its team's, else the default (S-106). Raises NotFound."""
        name = service.escalation_policy or self.team(service.team).escalation_policy or self.defaults.escalation_policy
        return _get(self.policies, name or "", "escalation policy")

    def service(self, name: str) -> Service:
        """Raises NotFound with the names that are close."""
        return _get(self.services, name, "service")

    def team(self, name: str) -> Team:
        """Raises NotFound with the names that are close."""
        return _get(self.teams, name, "team")

    def person(self, handle: str) -> Person:
        """Raises NotFound with the names that are close."""
        return _get(self.people, handle, "person")

    def schedule(self, name: str) -> Schedule:
        """Raises NotFound with the names that are close."""
        return _get(self.schedules, name, "schedule")

    def runbook(self, name: str) -> str:
        """The text. Raises NotFound with the names that are close."""
        return _get(self.runbooks, name, "runbook")

    def channel(self, name: str) -> AnyChannel:
        """Raises NotFound with the names that are close."""
        return _get(self.channels, name, "channel")

    def address(self, person: str, method: str) -> tuple[str, str]:
        """(channel, address) of one contact method. Raises NotFound; the address is in no message."""
        contact = next((c for c in self.person(person).contacts if c.name == method), None)
        if contact is None:
            known = ", ".join(c.name for c in self.person(person).contacts)
            raise NotFound(f"{person} has no contact method {method!r}: there is {known}", field="method")
        return contact.channel, contact.address

    def credentials(self) -> tuple[tuple[Token, str], ...]:
        """Each token's entry with the SHA-256 of the token, looked up now.

        Raises InvalidArgument that names every reference that leads nowhere: a door that starts without
        a token would turn its owner away in the middle of an incident.
        """
        found, faults = [], []
        for token in self.tokens:
            try:
                found.append((token, token.fingerprint()))
            except InvalidArgument as fault:
                faults.append(f"token of {token.owner}: {fault.message}")
        if faults:
            raise InvalidArgument("; ".join(faults), field="tokens")
        return tuple(found)

    def kubeconfigs(self, over: Mapping[str, tuple[str, str]] | None = None) -> dict[str, tuple[str, str]]:
        """Cluster → (path, context); what ``over`` (the process's settings) says goes before."""
        mine = {name: cluster.access() for name, cluster in self.clusters.items() if name not in (over or {})}
        return mine | {name: (path, context) for name, (path, context) in (over or {}).items()}

    def freezes(self) -> dict[str, tuple[Freeze, ...]]:
        """Cluster → its freeze windows."""
        return {name: cluster.freezes for name, cluster in self.clusters.items()}

    def hosts(self) -> tuple[str, ...]:
        """``http_hosts``, looked up now. Raises InvalidArgument naming the reference."""
        return tuple(value_of(host) for host in self.http_hosts)


def _get(known: Mapping[str, T], name: str, what: str) -> T:
    if name in known:
        return known[name]
    close = get_close_matches(name, known, n=3)
    hint = f": did you mean {' or '.join(close)}?" if close else _all(known, what)
    raise NotFound(f"no {what} is called {name!r}{hint}", field=what.replace(" ", "_"))


def _all(known: Iterable[str], what: str) -> str:
    names = sorted(known)
    if not names:
        return f": there is no {what} at all"
    return ": there is " + ", ".join(names[:10]) + (" …" if len(names) > 10 else "")


def _voters(approvals: ApprovalPolicy) -> list[str]:
    rules = (approvals.low, approvals.medium, approvals.high)
    selectors = (selector for rule in rules for selector in rule.by)
    return [s.removeprefix("person:") for s in selectors if s.startswith("person:")]


def _without_addresses(person: Person) -> Person:
    contacts: tuple[Any, ...] = tuple(
        ContactMethod(name=c.name, channel=c.channel, address="") for c in person.contacts
    )
    return person.model_copy(update={"contacts": contacts, "email": ""})
