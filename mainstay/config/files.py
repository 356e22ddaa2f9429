"""Each kind of file in the operators' folder, in the form people write it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, Field, WithJsonSchema

from mainstay.config.channels import AnyChannel
from mainstay.config.parts import Alertmanager, Cluster, Defaults, LevelChange, Overlay, Prometheus, StatusPage, Token
from mainstay.domain.access import AccessRole, Assurance
from mainstay.domain.approval import ApprovalPolicy, ApprovalRule
from mainstay.domain.duration import Duration
from mainstay.domain.escalation import EscalationPolicy, Step, Target, Unmitigated
from mainstay.domain.model import Strict
from mainstay.domain.oncall.pagerduty import PagerDutySchedule
from mainstay.domain.oncall.schedule import Schedule
from mainstay.domain.people import ContactMethod, NotificationRule, Person, Team
from mainstay.domain.positioned import Problem
from mainstay.domain.profiles import PROFILES
from mainstay.domain.routing import Route
from mainstay.domain.runbook.node import Runbook
from mainstay.domain.service import Service
from mainstay.domain.severity import SeverityProfile


class MainFile(Strict):
    """``mainstay.yaml``."""

    organisation: str
    public_url: str = Field("", pattern=r"^$|^https?://")
    """Where people open incident pages; empty: what the process's settings say."""
    time_zone: str = "UTC"
    team_size: Literal["small", "medium", "large"] | None = None
    """Small: one rotation is enough. Medium: a rotation per kind of service is advised. Large: several
    rotations, and somebody on call day and night, or the folder does not load (M-14, S-097)."""
    business_hours: tuple[str, ...] = ("mon-fri 09:00-17:00",)
    holidays: tuple[str, ...] = ()
    channels: dict[str, AnyChannel] = Field(default_factory=dict)
    prometheus: dict[str, Prometheus] = Field(default_factory=dict)
    alertmanagers: dict[str, Alertmanager] = Field(default_factory=dict)
    http_hosts: tuple[str, ...] = ()
    """Hosts (``HOST`` or ``HOST:PORT``) that runbooks may ask over HTTP; others are refused."""
    clusters: dict[str, Cluster] = Field(default_factory=dict)
    tokens: tuple[Token, ...] = ()
    stakeholders: tuple[str, ...] = ()
    executives: tuple[str, ...] = ()
    status_page: StatusPage = Field(default_factory=StatusPage)
    defaults: Defaults = Field(default_factory=Defaults)


class WrittenContact(Strict):
    channel: str
    address: str = Field(min_length=1)


class WrittenPerson(Strict):
    """One entry of ``people.yaml``; the handle is its key, and the key of a contact its name."""

    name: str
    email: str = ""
    time_zone: str = "UTC"
    manager: str | None = None
    access_roles: tuple[AccessRole, ...] = (AccessRole.RESPONDER,)
    contacts: dict[str, WrittenContact] = Field(default_factory=dict)
    notify: tuple[NotificationRule, ...] = ()
    quiet_hours: tuple[str, ...] = ()

    def person(self, handle: str) -> Person:
        contacts = tuple(
            ContactMethod(name=name, channel=one.channel, address=one.address) for name, one in self.contacts.items()
        )
        fields = {name: getattr(self, name) for name in WrittenPerson.model_fields if name != "contacts"}
        return Person(handle=handle, contacts=contacts, **fields)


class PeopleFile(Strict):
    """``people.yaml``."""

    people: dict[str, WrittenPerson] = Field(default_factory=dict)


class WrittenTeam(Strict):
    """One entry of ``teams.yaml``; the name is its key."""

    members: tuple[str, ...] = ()
    manager: str | None = None
    escalation_policy: str | None = None

    def team(self, name: str) -> Team:
        return Team(
            name=name,
            members=self.members,
            manager=self.manager,
            escalation_policy=self.escalation_policy,
        )


class TeamsFile(Strict):
    """``teams.yaml``."""

    teams: dict[str, WrittenTeam] = Field(default_factory=dict)


def _target(value: object) -> object:
    if isinstance(value, str):
        kind, colon, name = value.partition(":")
        if not colon or kind not in ("schedule", "person", "team", "manager", "role") or not name:
            raise ValueError(
                f"{value!r}: write schedule:NAME, person:HANDLE, team:NAME, manager:TEAM or role:INCIDENT_ROLE"
            )
        return {"kind": kind, "name": name}
    return value


WrittenTarget = Annotated[
    Target,
    BeforeValidator(_target),
    WithJsonSchema({"type": "string", "pattern": "^(schedule|person|team|manager|role):.+$"}),
]


class WrittenStep(Step):
    targets: tuple[WrittenTarget, ...] = Field(min_length=1)


class WrittenUnmitigated(Unmitigated):
    targets: tuple[WrittenTarget, ...] = Field(min_length=1)


class PolicyFile(EscalationPolicy):
    """``policies/NAME.yaml``: an escalation policy, its targets written ``schedule:NAME``."""

    steps: tuple[WrittenStep, ...]
    last_resort: tuple[WrittenTarget, ...] = ()
    unmitigated: tuple[WrittenUnmitigated, ...] = ()

    def policy(self) -> EscalationPolicy:
        return EscalationPolicy.model_validate(self.model_dump())


class SeverityFile(Strict):
    """``severity.yaml``: a shipped scale (000 … 004) or one's own, and rows that are changed."""

    profile: str = "002"
    profiles: tuple[SeverityProfile, ...] = ()
    levels: dict[str, LevelChange] = Field(default_factory=dict)

    def known(self) -> dict[str, SeverityProfile]:
        return PROFILES | {profile.name: profile for profile in self.profiles}


class RoutesFile(Strict):
    """``routes.yaml``: the first route that matches wins."""

    routes: tuple[Route, ...] = ()


def _assurance(value: object) -> object:
    if isinstance(value, str):
        try:
            return Assurance[value.upper()]
        except KeyError:
            known = ", ".join(level.name.lower() for level in Assurance)
            raise ValueError(f"{value!r} is no assurance: use one of {known}") from None
    return value


class WrittenRule(ApprovalRule):
    minimum_assurance: Annotated[
        Assurance,
        BeforeValidator(_assurance),
        WithJsonSchema({"enum": [level.name.lower() for level in Assurance]}),
    ] = Assurance.LINK
    expires_after: Duration = ApprovalRule.model_fields["expires_after"].default
    remind_before: Duration = ApprovalRule.model_fields["remind_before"].default


class ApprovalsFile(Strict):
    """``approvals.yaml``: who must say yes, by the risk of the change. One left out has the shipped rule."""

    low: WrittenRule | None = None
    medium: WrittenRule | None = None
    high: WrittenRule | None = None

    def policy(self) -> ApprovalPolicy:
        given = {"low": self.low, "medium": self.medium, "high": self.high}
        return ApprovalPolicy.model_validate(
            {risk: rule.model_dump() for risk, rule in given.items() if rule is not None}
        )


KINDS: dict[str, type[BaseModel]] = {
    "mainstay": MainFile,
    "people": PeopleFile,
    "teams": TeamsFile,
    "service": Service,
    "schedule": Schedule,
    "pagerduty-schedule": PagerDutySchedule,
    "policy": PolicyFile,
    "severity": SeverityFile,
    "routes": RoutesFile,
    "approvals": ApprovalsFile,
    "runbook": Runbook,
    "overlay": Overlay,
}
"""Kind of file → its form; ``schemas.py`` turns each into a JSON Schema."""


class ConfigErrors(Exception):  # noqa: N818 - several at once
    """Everything that is wrong with an operators' folder, by file and line."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        self.problems = problems
        super().__init__("\n".join(map(str, problems)))
