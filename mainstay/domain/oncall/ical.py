"""Shifts as an iCalendar text, and overrides read from one (RFC 5545), through the library icalendar."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from icalendar import Calendar, Event

from mainstay.domain.errors import InvalidArgument
from mainstay.domain.model import Record
from mainstay.domain.oncall.rotation import instant
from mainstay.domain.oncall.schedule import Override, Shift
from mainstay.domain.people import Person

MAX_BYTES = 1024 * 1024
MAX_EVENTS = 1000


class CalendarShift(Record):
    """A shift and the schedule that it is of."""

    schedule: str
    shift: Shift


def render(title: str, shifts: Iterable[CalendarShift], people: Mapping[str, Person]) -> str:
    """A calendar of the shifts in which somebody is on call.

    Equal shifts give equal text, so that it can have an ETag: DTSTAMP is the shift's start, and a UID is
    made of schedule, person and start.
    """
    calendar = Calendar()
    calendar.add("prodid", "-//Mainstay//On call//EN")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    calendar.add("x-wr-calname", title)
    calendar.add("refresh-interval;value=duration", "PT1H")
    for entry in shifts:
        if entry.shift.person:
            calendar.add_component(_event(entry, people))
    return str(calendar.to_ical().decode())


def _event(entry: CalendarShift, people: Mapping[str, Person]) -> Event:
    shift, handle = entry.shift, entry.shift.person or ""
    named = people[handle].name if handle in people else handle
    event = Event()
    key = hashlib.sha256(f"{entry.schedule}\n{handle}\n{shift.start.isoformat()}".encode()).hexdigest()[:32]
    event.add("uid", f"{key}@mainstay")
    event.add("dtstamp", shift.start)
    event.add("dtstart", shift.start)
    event.add("dtend", shift.end)
    event.add("summary", f"{named} is on call: {entry.schedule}")
    event.add("description", f"Layer {shift.layer}" if shift.layer else "")
    event.add("x-mainstay-person", handle)
    event.add("x-mainstay-schedule", entry.schedule)
    return event


class ReadOverride(Record):
    """One event: what it makes so; ``override`` None: it was cancelled."""

    uid: str
    override: Override | None


def read(text: str, people: Mapping[str, Person], tz: ZoneInfo) -> tuple[ReadOverride, ...]:
    """Overrides from the events of a calendar; times without a zone are on the clock of ``tz``.

    Who stands in is X-MAINSTAY-PERSON, else an ATTENDEE whose mail address is a person's, else a summary
    that is a handle. Raises InvalidArgument with every event that cannot be read, none of them is guessed.
    """
    if len(text.encode()) > MAX_BYTES:
        raise InvalidArgument("the calendar is larger than 1 MiB", field="calendar")
    try:
        events: list[Any] = list(Calendar.from_ical(text).walk("VEVENT"))
    except (ValueError, KeyError, IndexError) as fault:
        raise InvalidArgument(f"this is no iCalendar text: {str(fault)[:200]}", field="calendar") from None
    if len(events) > MAX_EVENTS:
        raise InvalidArgument(f"{len(events)} events, at most {MAX_EVENTS} are read at once", field="calendar")
    found: dict[str, ReadOverride] = {}
    faults = []
    for number, event in enumerate(events, start=1):
        try:
            one = _read(event, people, tz)
            if one.uid in found:
                raise ValueError(f"a second event with the UID {one.uid[:80]!r}")
            found[one.uid] = one
        except (ValueError, TypeError, AttributeError, KeyError) as fault:
            faults.append(f"event {number}: {str(fault)[:200]}")
    if faults:
        raise InvalidArgument("; ".join(faults[:20]), field="calendar")
    return tuple(found.values())


def _read(event: Any, people: Mapping[str, Person], tz: ZoneInfo) -> ReadOverride:
    uid = str(event.get("UID", "")).strip()
    if not uid or len(uid) > 255:
        raise ValueError("it has no UID of at most 255 characters, and without one it could not be read twice")
    if str(event.get("STATUS", "")).upper() == "CANCELLED":
        return ReadOverride(uid=uid, override=None)
    if "RRULE" in event or "RDATE" in event or "RECURRENCE-ID" in event:
        raise ValueError("it repeats: write a layer for that, or export single events")
    if "DTSTART" not in event:
        raise ValueError("it has no DTSTART")
    start = event.decoded("DTSTART")
    if "DTEND" in event:
        end = event.decoded("DTEND")
    elif "DURATION" in event:
        end = start + event.decoded("DURATION")
    else:
        end = start + timedelta(days=1) if not isinstance(start, datetime) else start
    note = str(event.get("DESCRIPTION", "")).strip().splitlines()
    who = _person(event, people)
    return ReadOverride(
        uid=uid,
        override=Override(person=who, start=_instant(start, tz), end=_instant(end, tz), note=(note or [""])[0][:500]),
    )


def _instant(value: date | datetime, tz: ZoneInfo) -> datetime:
    """A whole day begins at its first midnight, as a hand-off does."""
    if not isinstance(value, datetime):
        value = datetime.combine(value, time())
    if value.tzinfo is not None:
        return value.astimezone(UTC)
    return instant(value, tz).replace(tzinfo=UTC)


def _person(event: Any, people: Mapping[str, Person]) -> str:
    said = str(event.get("X-MAINSTAY-PERSON", "")).strip()
    attendees = event.get("ATTENDEE", [])
    mails = [str(one) for one in (attendees if isinstance(attendees, list) else [attendees])]
    wanted = {mail.lower().removeprefix("mailto:") for mail in mails}
    by_mail = [handle for handle, person in people.items() if person.email and person.email.lower() in wanted]
    summary = str(event.get("SUMMARY", "")).strip()
    for handle in (said, *by_mail, summary):
        if handle in people:
            return handle
    raise ValueError(f"nobody is meant: no X-MAINSTAY-PERSON, no ATTENDEE of ours, and {summary[:60]!r} is no handle")
