"""People, teams and how they are reached."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from pydantic import Field

from mainstay.domain.access import AccessRole
from mainstay.domain.duration import Duration
from mainstay.domain.model import Strict


class ContactMethod(Strict):
    """One way to reach a person: ``channel`` names a channel of mainstay.yaml."""

    name: str
    channel: str
    address: str


class NotificationRule(Strict):
    """Use ``method`` this long after the page began (S-204: push now, SMS later, voice last)."""

    method: str
    after: Duration = timedelta(0)
    urgency: Literal["any", "high", "low"] = "any"
    """``low``: the severity does not page at any hour (it pages in business hours, or only lists)."""


class Person(Strict):
    """A member of the organisation, known everywhere by ``handle``."""

    handle: str
    name: str
    email: str = ""
    time_zone: str = "UTC"
    manager: str | None = None
    access_roles: tuple[AccessRole, ...] = (AccessRole.RESPONDER,)
    contacts: tuple[ContactMethod, ...] = ()
    notify: tuple[NotificationRule, ...] = ()
    quiet_hours: tuple[str, ...] = ()
    """Like ``mon-sun 22:00-07:00`` in the person's own zone: what is of low urgency waits for their end."""


class Team(Strict):
    name: str
    members: tuple[str, ...] = ()
    manager: str | None = None
    escalation_policy: str | None = None


class ResolvedMethod(Strict):
    """A contact method without its address, which stays out of histories."""

    method: str
    channel: str
    after: timedelta = timedelta(0)
    fallback: bool = False
    """Used only when every method before it has failed for good; no rule of the person asks for it."""
    hold: timedelta = timedelta(0)
    """Not before this long after the page began, whatever failed: the person's quiet hours."""


class ResolvedTarget(Strict):
    """Whom to page, as the on-call look-up answered. In order of preference, best method first."""

    person: str
    via: str = ""
    """Why this person: ``schedule payments-primary`` or ``team payments``."""
    shadow: bool = False
    """Learns the work: gets a copy of the page, and the page does not count on an answer (S-093)."""
    methods: tuple[ResolvedMethod, ...] = Field(default=())
