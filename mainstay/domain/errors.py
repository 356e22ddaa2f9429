"""Names of every refusal. A refusal's name is contract: doors map it, retries match it, people read it.

Refusal
├── InvalidArgument     the request itself is wrong; names the field
├── Unauthenticated     nobody proved who they are
├── NotAllowed          proven, but the role or the assurance is not enough
├── NotFound            no such incident, run, person, runbook …
├── WrongState          the thing exists but this cannot happen to it now (acknowledge after close)
├── AlreadyDone         asked twice; harmless, says who did it first
├── Stale               a decision about something that has changed since (plan digest, incident key)
├── Expired             the deadline of the question has passed
├── Halted              the kill switch is on
└── Unavailable         a part that is needed does not answer; trying again may help
"""

from __future__ import annotations

from typing import ClassVar


class Refusal(Exception):  # noqa: N818 - an answer, not a fault
    """An expected no. ``field`` is the path of the request field at fault, if one is."""

    kind: ClassVar[str] = "Refusal"

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field


class InvalidArgument(Refusal):
    kind = "InvalidArgument"


class Unauthenticated(Refusal):
    kind = "Unauthenticated"


class NotAllowed(Refusal):
    kind = "NotAllowed"


class NotFound(Refusal):
    kind = "NotFound"


class WrongState(Refusal):
    kind = "WrongState"


class AlreadyDone(Refusal):
    kind = "AlreadyDone"


class Stale(Refusal):
    kind = "Stale"


class Expired(Refusal):
    kind = "Expired"


class Halted(Refusal):
    kind = "Halted"


class Unavailable(Refusal):
    kind = "Unavailable"


KINDS: dict[str, type[Refusal]] = {
    cls.kind: cls
    for cls in (
        InvalidArgument,
        Unauthenticated,
        NotAllowed,
        NotFound,
        WrongState,
        AlreadyDone,
        Stale,
        Expired,
        Halted,
        Unavailable,
    )
}
