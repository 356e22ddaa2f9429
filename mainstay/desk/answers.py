"""What the desk answers, for the doors to show."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from mainstay.domain.change import Change, Risk
from mainstay.domain.incident import IncidentView
from mainstay.domain.model import Record
from mainstay.domain.oncall.schedule import Shift
from mainstay.domain.timeline import AnyEntry
from mainstay.domain.work import IncidentRow, Receipt
from mainstay.records.rows import IncidentQuery


class Delivered(Record):
    """What became of the alerts of one incident. ``ignored``: nothing fired and no incident was open."""

    workflow_id: str
    service: str
    alerts: int
    ignored: bool = False


IncidentFilter = IncidentQuery
"""Which incidents to list: the record store's own question."""


class IncidentPage(Record):
    """Newest first. ``degraded``: the record store was silent, and this is what Temporal lists."""

    rows: tuple[IncidentRow, ...]
    next: str = ""
    degraded: bool = False


class Timeline(Record):
    """All entries. ``degraded``: the record store was silent, and these are the latest ones only."""

    entries: tuple[AnyEntry, ...]
    degraded: bool = False


class Snapshot(Record):
    """The whole state: first, and again where a viewer was too slow to take every change."""

    kind: Literal["snapshot"] = "snapshot"
    view: IncidentView


class Delta(Record):
    """The state without its time line, and the entries after the last revision sent."""

    kind: Literal["delta"] = "delta"
    view: IncidentView
    entries: tuple[AnyEntry, ...]


class Heartbeat(Record):
    """Nothing has changed, and the stream lives."""

    kind: Literal["heartbeat"] = "heartbeat"
    at: datetime
    revision: int


class Ended(Record):
    """The incident's workflow is over; the stream ends after this."""

    kind: Literal["ended"] = "ended"
    reason: str
    revision: int


WatchEvent = Snapshot | Delta | Heartbeat | Ended


class OnCallNow(Record):
    """Who is on call for one schedule; ``person`` empty: nobody."""

    schedule: str
    person: str = ""
    name: str = ""
    until: datetime | None = None
    layer: str = ""


class OnCallAnswer(Record):
    """``degraded``: overrides made at run time could not be read."""

    people: tuple[OnCallNow, ...]
    degraded: bool = False


class ShiftsAnswer(Record):
    shifts: tuple[Shift, ...]
    degraded: bool = False


class Imported(Record):
    """What reading a calendar changed, or would change; ``lines`` begin with + or -."""

    added: int
    removed: int
    unchanged: int
    lines: tuple[str, ...] = ()


class RunbookInputInfo(Record):
    name: str
    type: str
    description: str = ""
    required: bool = False
    default_json: str = ""


class RunbookInfo(Record):
    name: str
    title: str = ""
    description: str = ""
    inputs: tuple[RunbookInputInfo, ...] = ()
    digest: str = ""


class PlanLine(Record):
    """One node of a runbook's plan, in the order of a walk."""

    node: str
    kind: str
    text: str = ""
    risk: Risk | None = None
    approval: str = ""
    branches: tuple[str, ...] = ()
    change: Change | None = None
    problem: str = ""


class RunStarted(Record):
    """``run`` is its workflow id; empty where the incident has not named it yet."""

    run: str
    message: str
    changed: bool = True


class HaltState(Record):
    """The kill switch."""

    on: bool
    by: str = ""
    reason: str = ""
    allow_undo: bool = True
    since: datetime | None = None


class PartState(Record):
    name: str
    answers: bool
    detail: str = ""


class ChannelTested(Record):
    """What came of a test message, and what to do about it."""

    channel: str
    kind: str
    person: str = ""
    method: str = ""
    receipt: Receipt
    advice: str


class Status(Record):
    version: str
    halt: HaltState
    parts: tuple[PartState, ...]
    config_digest: str = ""
