"""Telling people: from a message of a workflow to one channel and one address."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.channels.channel import Attendee, Channel, Later, Outgoing, refused
from activities.channels.opening import Channels
from activities.failures import transient
from activities.holder import ConfigHolder
from mainstay.config import Config
from mainstay.domain.errors import Refusal
from mainstay.domain.letter import Offer
from mainstay.domain.message import AnyMessage, IncidentRef, InvitationMessage, Link, PageMessage
from mainstay.domain.names import LAST_RESORT
from mainstay.domain.oncall.resolve import resolve
from mainstay.domain.people import ContactMethod, ResolvedTarget
from mainstay.domain.rendering import offers
from mainstay.domain.routing import UNROUTED
from mainstay.domain.signature import LinkClaim, Signer
from mainstay.domain.work import Receipt, SendRequest

LINK_LIFETIME = timedelta(hours=24)
"""For links whose message names no end."""


def _now() -> datetime:
    return datetime.now(UTC)


class Paging:
    """Looks up the address, signs the links, hands over. What it answers and raises may stay in a history:
    no address, no link and no token is ever part of it."""

    def __init__(
        self,
        config: ConfigHolder,
        signer: Signer,
        channels: Channels,
        public_url: str,
        now: Callable[[], datetime] = _now,
    ) -> None:
        """``public_url``: by what people reach the web door, where mainstay.yaml does not say it."""
        self._config = config
        self._signer = signer
        self._channels = channels
        self._public_url = public_url
        self._now = now

    @activity.defn(name="send")
    async def send(self, request: SendRequest) -> Receipt:
        """Hand over one message. A permanent refusal is an answer, so that the next method follows at once.

        Fails as Unavailable when trying again may help; the retry carries the same idempotency key.
        """
        config = self._config.current
        if request.channel == LAST_RESORT and LAST_RESORT not in config.channels:
            return await self._to_the_last_resort(config, request)
        contact = _contact(config, request)
        if isinstance(contact, Receipt):
            return contact
        settings = config.channels.get(contact.channel)
        if settings is None:
            return refused(f"there is no channel {contact.channel!r} in this worker's configuration")
        try:
            channel = self._channels.open(contact.channel, settings)
        except Refusal as refusal:
            return refused(f"channel {contact.channel} cannot be used: {refusal.message}")
        if channel.supports.address and not contact.address:
            return refused(f"channel {contact.channel} needs a person's address")
        return await _hand_over(channel, contact.channel, self._outgoing(config, request, contact, channel))

    async def _to_the_last_resort(self, config: Config, request: SendRequest) -> Receipt:
        """Everybody whom the fallback route's policy names as last resort, each by the first method that works.

        Fails as Unavailable when nobody's channel took it and trying again may help.
        """
        fault: ApplicationError | None = None
        answers: list[Receipt] = []
        for person in _last_resort(config, self._now()):
            for method in person.methods:
                one = {"person": person.person, "method": method.method, "channel": method.channel}
                one["key"] = f"{request.key}/{person.person}/{method.method}"
                try:
                    answers.append(await self.send(request.model_copy(update=one)))
                except ApplicationError as error:
                    fault = error
                    continue
                if answers[-1].accepted:
                    break
        accepted = next((answer for answer in answers if answer.accepted), None)
        if accepted is None and fault is not None:
            raise fault
        return accepted or refused("; ".join(a.detail for a in answers) or "nobody is the last resort")

    def _outgoing(self, config: Config, request: SendRequest, contact: ContactMethod, channel: Channel) -> Outgoing:
        at = self._now()
        message = _completed(config, request)
        links = self._links(message, request.person, at) if channel.supports.links else ()
        return Outgoing(
            key=request.key,
            message=message,
            at=at,
            person=request.person,
            address=contact.address,
            links=links,
            attendees=_attendees(config, message),
            follows=request.follows,
            replaces=request.replaces,
            base=self._base,
        )

    def _links(self, message: AnyMessage, person: str, at: datetime) -> tuple[Offer, ...]:
        """A link is a right of one person: a message to nobody in particular carries none."""
        if not person:
            return ()
        urls = tuple(f"{self._base}/a/{self._token(link, message, person, at)}" for link in message.links)
        return offers(message.links, urls)

    @property
    def _base(self) -> str:
        return (self._config.current.public_url or self._public_url).rstrip("/")

    def _token(self, link: Link, message: AnyMessage, person: str, at: datetime) -> str:
        claim = LinkClaim(
            purpose=link.purpose,
            workflow_id=link.workflow_id or message.incident.workflow_id,
            incident_key=message.incident.key,
            person=person,
            argument=link.argument,
            expires_at=link.expires_at or at + LINK_LIFETIME,
        )
        return self._signer.link_token(claim)


def _last_resort(config: Config, at: datetime) -> tuple[ResolvedTarget, ...]:
    """Of the fallback route's policy the last resort, or its first step where it names none."""
    fallback = next((route for route in config.routes if route.fallback), None)
    try:
        pinned = config.pin((fallback.service if fallback else None) or UNROUTED)
    except Refusal:
        return ()
    policy = pinned.policy
    targets = policy.last_resort or next((step.targets for step in policy.steps), ())
    found = resolve(targets, at, schedules=pinned.schedules, teams=pinned.teams, people=pinned.people)
    return found.people


async def _hand_over(channel: Channel, name: str, outgoing: Outgoing) -> Receipt:
    try:
        return await channel.send(outgoing)
    except Later as later:
        raise transient(later.message, later.retry_after) from None
    except Exception as bug:
        # A library's own error may quote the address: only its kind may reach a history or a log
        raise transient(f"channel {name} failed unexpectedly: {type(bug).__name__}") from None


def _contact(config: Config, request: SendRequest) -> ContactMethod | Receipt:
    """Where to send it. Incidents pin methods, not addresses: those are always the current ones."""
    if not request.person:
        return ContactMethod(name="", channel=request.channel, address=request.room)
    person = config.people.get(request.person)
    if person is None:
        return refused(f"{request.person} is not among the people of this worker's configuration")
    for contact in person.contacts:
        if contact.name == request.method:
            return contact
    return refused(f"{request.person} has no contact method {request.method!r} in this worker's configuration")


def _completed(config: Config, request: SendRequest) -> AnyMessage:
    """The number that was drawn since the message was made, and where to look for a page's service."""
    message: AnyMessage = request.message
    incident: IncidentRef = message.incident
    if request.number and not incident.number:
        message = message.model_copy(update={"incident": incident.model_copy(update={"number": request.number})})
    service = config.services.get(incident.service)
    if isinstance(message, PageMessage) and service and not message.references:
        message = message.model_copy(update={"references": tuple(service.links.items())})
    return message


def _attendees(config: Config, message: AnyMessage) -> tuple[Attendee, ...]:
    """Everybody invited who has an e-mail address; the others are told by a message of their own."""
    if not isinstance(message, InvitationMessage):
        return ()
    people = (config.people[handle] for handle in message.attendees if handle in config.people)
    return tuple(Attendee(name=person.name, address=person.email) for person in people if person.email)
