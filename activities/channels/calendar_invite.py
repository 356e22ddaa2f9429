"""A meeting as an iTIP request (RFC 5546) in iCalendar (RFC 5545)."""

from __future__ import annotations

from datetime import UTC, datetime

from icalendar import Calendar, Event, vCalAddress, vText

from activities.channels.channel import Attendee
from mainstay.domain.message import InvitationMessage
from mainstay.domain.text import plain


def request(message: InvitationMessage, attendees: tuple[Attendee, ...], *, organizer: str, at: datetime) -> bytes:
    """The .ics of an invitation. The same ``uid`` in a retry updates the same meeting in every calendar."""
    calendar = Calendar()
    calendar.add("prodid", "-//Mainstay//Incident response//EN")
    calendar.add("version", "2.0")
    calendar.add("method", "REQUEST")
    calendar.add_component(_event(message, attendees, organizer, at))
    return bytes(calendar.to_ical())


def _event(message: InvitationMessage, attendees: tuple[Attendee, ...], organizer: str, at: datetime) -> Event:
    event = Event()
    event.add("uid", plain(message.uid, 200))
    event.add("sequence", 0)
    event.add("dtstamp", at.astimezone(UTC))
    event.add("dtstart", message.starts_at.astimezone(UTC))
    event.add("dtend", message.ends_at.astimezone(UTC))
    event.add("summary", plain(_title(message), 200))
    event.add("description", plain(message.document, 1000))
    event.add("status", "CONFIRMED")
    event["organizer"] = _person("Mainstay", organizer)
    for attendee in attendees:
        invited = _person(attendee.name, attendee.address)
        invited.params["role"] = vText("REQ-PARTICIPANT")
        invited.params["partstat"] = vText("NEEDS-ACTION")
        invited.params["rsvp"] = vText("TRUE")
        event.add("attendee", invited, encode=False)
    return event


def _title(message: InvitationMessage) -> str:
    """Names the incident, once."""
    shown = message.incident.shown
    return message.what if shown in message.what else f"{shown}: {message.what}"


def _person(name: str, address: str) -> vCalAddress:
    person = vCalAddress(f"mailto:{address}")
    # Quotes and control characters have no escape in a parameter value (RFC 5545, 3.2)
    person.params["cn"] = vText(plain(name, 100).replace('"', "'"))
    return person
