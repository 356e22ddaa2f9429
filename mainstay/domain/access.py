"""Who is asking, how sure we are, and what they may do.

Access roles come from the token; incident roles (commander, …) from the incident. Assurance says how the
person was proven: a signed link is weaker than a token, and what arrives through Temporal's own UI or CLI
proves nothing and is shown as ``unverified:NAME`` (architecture section 3).
"""

from __future__ import annotations

from datetime import datetime
from enum import IntEnum, StrEnum

from pydantic import Field

from mainstay.domain.model import Record


class AccessRole(StrEnum):
    """What a token allows, from the least to the most. ``alert_source`` may only deliver alerts."""

    VIEWER = "viewer"
    RESPONDER = "responder"
    APPROVER = "approver"
    COMMANDER = "commander"
    ADMIN = "admin"
    ALERT_SOURCE = "alert_source"


class Assurance(IntEnum):
    """How a person was proven, weakest first."""

    UNVERIFIED = 0
    LINK = 1
    CHAT = 2
    TOKEN = 3
    OIDC = 4
    MTLS = 5


class SignedActor(Record):
    """Who did it, as a door signed it. Without a valid signature it names an unverified person.

    The Ed25519 signature covers every other field, so a door's word for one update of one incident cannot
    be carried over to another. ``digest`` is that of the command without its actor.
    """

    person: str = ""
    roles: tuple[AccessRole, ...] = ()
    assurance: Assurance = Assurance.UNVERIFIED
    door: str = ""
    incident_key: str = ""
    update_id: str = ""
    digest: str = ""
    expires_at: datetime | None = None
    key_id: str = ""
    signature: str = ""


class Actor(Record):
    """A person (or a part of Mainstay) after the check."""

    person: str
    roles: tuple[AccessRole, ...] = ()
    assurance: Assurance = Assurance.UNVERIFIED
    door: str = ""

    @property
    def shown(self) -> str:
        """The name for people: ``alice`` or ``unverified:alice``."""
        return self.person if self.assurance > Assurance.UNVERIFIED else f"unverified:{self.person}"


SYSTEM = Actor(person="mainstay", assurance=Assurance.MTLS, door="workflow")
"""The product itself, where a rule and not a person acted."""


class Command(Record):
    """Base of every update's argument. ``actor`` is filled in and signed by the door."""

    actor: SignedActor = Field(default_factory=SignedActor)
