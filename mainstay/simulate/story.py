"""What is asked of a simulation and what it answers. Pure: the command line reads it, too."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

from pydantic import Field

from mainstay.domain.alert import Alert
from mainstay.domain.duration import show
from mainstay.domain.model import Record

LAST_RESORTS = 2
"""How often the last resort is shown before the story ends: it goes on like that until somebody answers."""
LONGEST = timedelta(days=7)
"""No story is told beyond this."""


class Arrival(Record):
    """Alerts of one delivery, ``after`` the story's beginning."""

    after: timedelta = timedelta(0)
    alerts: tuple[Alert, ...]


class Answer(Record):
    """What a person does, ``after`` the story's beginning."""

    does: Literal["acknowledge", "decline"]
    person: str
    after: timedelta


class Request(Record):
    """One simulation. Times are counted from ``at``, the instant that is simulated."""

    folder: str
    overlay: str = ""
    at: datetime
    file: str
    """The alerts: a payload of Alertmanager's webhook, one alert, or a list of alerts with offsets."""
    answers: tuple[Answer, ...] = ()
    resolve_after: timedelta | None = None
    """Then every alert stops firing."""
    until: timedelta | None = None
    """Go on to this moment, though nobody is to be called any more."""
    down: tuple[str, ...] = ()
    """Channels that accept nothing."""
    temporal: str = ""
    """A Temporal server of one's own (1.32.2 or later); empty: one is started and stopped."""


class Event(Record):
    """One line of the story."""

    after: timedelta
    at: datetime
    kind: str
    """``told`` for a notification, else the kind of journal entry."""
    text: str
    person: str = ""
    method: str = ""
    channel: str = ""
    message: str = ""
    """Kind of message: ``page``, ``status``, ``handled``, ``notice`` …"""
    delivered: bool = True
    says: str = ""
    """The message as one line, as a console channel would show it."""

    @property
    def told(self) -> bool:
        return self.kind == "told"


class Story(Record):
    """One incident from its first alert to the end of the story."""

    service: str
    route: str
    policy: str
    workflow_id: str
    title: str
    severity: str = ""
    mode: str = "page"
    events: tuple[Event, ...] = ()
    ends: str = ""
    """Why it is not told any further."""
    acknowledged_by: str = ""


class Told(Record):
    """The answer: a story for each incident, and what routes wanted ignored."""

    at: datetime
    time_zone: str
    stories: tuple[Story, ...] = ()
    dropped: int = 0
    warnings: tuple[str, ...] = Field(default=())


def line(event: Event) -> str:
    """``5m page bob by email``: one notification as expectation files write it."""
    whom = event.person or "-"
    way = event.method or event.channel
    return f"{show(event.after)} {event.message} {whom} by {way}" + ("" if event.delivered else " fails")


def lines(told: Told, kinds: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Every notification, in the order of time; with several incidents each says its service."""
    several = len(told.stories) > 1
    found = [
        (event.after, number, line(event) + (f" for {story.service}" if several else ""))
        for number, story in enumerate(told.stories)
        for event in story.events
        if event.told and (not kinds or event.message in kinds)
    ]
    return tuple(text for _, _, text in sorted(found, key=lambda row: (row[0], row[1])))
