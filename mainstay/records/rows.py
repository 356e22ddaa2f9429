"""What the record store is asked and what it answers, beyond the records of ``mainstay.domain.work``."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

from mainstay.domain.incident import Phase
from mainstay.domain.model import Record
from mainstay.domain.work import IncidentRow


class IncidentQuery(Record):
    """Which incidents to list, newest first. Empty fields do not filter."""

    phases: tuple[Phase, ...] = ()
    open_only: bool = False
    service: str = ""
    team: str = ""
    severity: str = ""
    since: datetime | None = None
    until: datetime | None = None
    text: str = ""
    """Part of the title or the number."""
    public_only: bool = False
    """Only those with a public name: what the status page lists."""
    limit: int = 50
    after: str = ""
    """``next`` of the page before."""


class IncidentList(Record):
    rows: tuple[IncidentRow, ...]
    next: str = ""
    """Where the next page begins; empty: there is none."""


class OverrideRow(Record):
    """An override made at run time. ``person`` None means a gap is meant."""

    id: str
    schedule: str
    person: str | None
    start: datetime
    end: datetime
    note: str = ""
    by: str = ""
    created_at: datetime
    origin: str = ""
    """Where it comes from: ``swap:ID``, ``temporary:ID``, ``ical:UID``; empty: made by hand."""


class FeedRow(Record):
    """A calendar feed. ``id`` is the SHA-256 of its secret, which nobody keeps."""

    id: str
    kind: Literal["person", "schedule"]
    name: str
    by: str = ""
    created_at: datetime


class DeliveryRow(Record):
    """One notification: what became of it. ``id`` is its idempotency key."""

    id: str
    incident_key: str = ""
    person: str = ""
    method: str = ""
    channel: str = ""
    reason: str = ""
    state: Literal["sending", "accepted", "failed", "delivered", "dead"] = "sending"
    """``accepted``: the provider has it. ``failed``: may be tried again. ``dead``: never will work."""
    provider_id: str = ""
    detail: str = ""
    at: datetime


class DeliveryReported(Record):
    """What a provider says later of a notification that it had accepted: a callback, a bounce, a receipt.

    It is found by ``key`` (the idempotency key, which a channel puts into its callback address or its
    Message-ID) or, where the provider tells only its own, by ``provider_id`` and ``channel``.
    """

    state: Literal["delivered", "dead"]
    """``dead``: it will never arrive, so the person's next method follows at once."""
    at: datetime
    key: str = ""
    provider_id: str = ""
    channel: str = ""
    detail: str = ""
    """One line without address, token or text of the message."""

    @property
    def incident_key(self) -> str:
        """Every key of a notification begins with its incident's."""
        return self.key.partition("/")[0]


class ChainReport(Record):
    """What ``verify_chain`` found. ``intact`` is False when a row was changed, removed or put in."""

    key: str
    entries: int
    intact: bool
    broken_at: int = 0
    """Position of the first row that does not fit; 0 if all do."""
    detail: str = ""
    missing: tuple[str, ...] = ()
    """``source: first to last`` of the sequence numbers that never arrived."""


class LevelReport(Record):
    """Means over the incidents of one severity that have the instant in question; None: none has."""

    severity: str
    rank: int
    incidents: int
    open: int
    mtta: timedelta | None = None
    """Declared → acknowledged (S-330)."""
    mttm: timedelta | None = None
    """Declared → mitigated (S-332)."""
    mttr: timedelta | None = None
    """Declared → resolved (S-333, D-03); closing does not count (S-257)."""


class DeliveryReport(Record):
    channel: str
    accepted: int
    failed: int


class Report(Record):
    """Incidents declared in [``since``, ``until``), without exercises."""

    since: datetime
    until: datetime
    incidents: int
    mtta: timedelta | None = None
    mttm: timedelta | None = None
    mttr: timedelta | None = None
    levels: tuple[LevelReport, ...] = ()
    services: tuple[tuple[str, int], ...] = ()
    """Most incidents first."""
    deliveries: tuple[DeliveryReport, ...] = ()
