"""Chat commands at the desk: who typed it, which incident is meant, what is done, what is answered.

A chat proves its members to us (Slack's signature, a Matrix homeserver's word), so its people act with the
assurance ``chat``. Who is who stands in people.yaml: the address of a person's contact on that channel.
"""

from __future__ import annotations

from collections.abc import Callable

from mainstay.config import Config
from mainstay.desk.answers import IncidentFilter
from mainstay.desk.desk import Desk
from mainstay.domain import names
from mainstay.domain.access import Actor, Assurance, Command
from mainstay.domain.chat_command import ChatCommand, parse, usage
from mainstay.domain.errors import InvalidArgument, NotAllowed, NotFound
from mainstay.domain.incident import (
    CONFIRMATIONS,
    Acknowledge,
    AddNote,
    AssignRole,
    Declaration,
    Escalate,
    IncidentView,
    PagePeople,
    PostUpdate,
    RecordMitigation,
    Resolve,
    SetSeverity,
)
from mainstay.domain.text import plain
from mainstay.domain.timeline_view import stamped
from mainstay.domain.work import IncidentRow

SHOWN = 15
LAST_ENTRIES = 5


class ChatDesk:
    """One chat channel's door to the desk. ``prefix`` is how commands are typed there."""

    def __init__(self, desk: Desk, config: Callable[[], Config], channel: str, prefix: str) -> None:
        self._desk = desk
        self._config = config
        self.channel = channel
        self.prefix = prefix

    def actor(self, address: str) -> Actor:
        """The person whose contact on this channel has this address. Raises NotAllowed, saying what to do."""
        people = self._config().people.values()
        found = [p for p in people if any(c.channel == self.channel and c.address == address for c in p.contacts)]
        if len(found) != 1:
            why = "nobody" if not found else "several people"
            raise NotAllowed(
                f"{plain(address, 80)} is {why} in Mainstay's people.yaml: add a contact with channel "
                f"{self.channel!r} and this address to the one person it belongs to",
                field="actor",
            )
        return Actor(person=found[0].handle, roles=found[0].access_roles, assurance=Assurance.CHAT, door=self.channel)

    async def run(self, text: str, address: str, room: str, request_id: str, *, about: str = "") -> str:
        """Do it, and answer in plain text of one or more lines. Raises every refusal.

        ``about``: key of the incident whose message is answered, if one is.
        """
        actor = self.actor(address)
        command = parse(text)
        command = command if command.ref else command.model_copy(update={"ref": about})
        match command.verb:
            case "help":
                return usage(self.prefix)
            case "list":
                return await self._list()
            case "oncall":
                return await self._on_call(command.text)
            case "declare" | "start":
                return await self._declare(command, actor, request_id)
            case "show":
                return _shown(await self._desk.view(await self._ref(command, room)))
            case _:
                return await self._update(command, actor, room, request_id)

    async def _declare(self, command: ChatCommand, actor: Actor, request_id: str) -> str:
        severity = next((w.partition("=")[2] for w in command.words if w.casefold().startswith("severity=")), "")
        words = [w for w in command.words if not w.casefold().startswith("severity=")]
        if command.verb == "start":
            severity = severity or (words[1] if len(words) > 1 else "")
            words = [words[0], words[0].replace("-", " ")]
        if len(words) < 2:
            raise InvalidArgument("say what is wrong: declare SERVICE TITLE…", field="title")
        declared = Declaration(
            title=" ".join(words[1:]),
            service=self._service(words[0], any_slug=command.verb == "start"),
            severity=severity,
            request_id=request_id,
        )
        address = await self._desk.declare(declared, actor)
        again = (
            "was declared by this command already" if address.existed else "is declared; whoever is on call is paged"
        )
        return f"{address.number or 'The incident'} {again}: {declared.title} ({declared.service})"

    def _service(self, name: str, *, any_slug: bool) -> str:
        """``start`` takes any slug: what is no service belongs to the fallback route's."""
        config = self._config()
        if name in config.services or not any_slug:
            return name
        fallback = next((route for route in config.routes if route.fallback), None)
        return (fallback.service if fallback else None) or name

    async def _update(self, command: ChatCommand, actor: Actor, room: str, request_id: str) -> str:
        ref = await self._ref(command, room)
        name, update = _update_of(command)
        outcome = await self._desk.update(ref, name, update, actor, request_id)
        return f"{await self._number(ref)}: {outcome.message}"

    async def _number(self, ref: str) -> str:
        return (await self._desk.find(ref)).number or "the incident"

    async def _ref(self, command: ChatCommand, room: str) -> str:
        """The one that was named, that of the room, or the only open one. Raises InvalidArgument."""
        if command.ref:
            return command.ref
        if room and (here := await self._desk.of_room(room)):
            return here
        rows = await self._open()
        if len(rows) == 1:
            return rows[0].key
        which = ", ".join(row.number or row.key[:8] for row in rows[:5]) or "none is open"
        raise InvalidArgument(f"say which incident: {which}", field="incident")

    async def _open(self) -> tuple[IncidentRow, ...]:
        page = await self._desk.incidents(IncidentFilter(open_only=True, limit=SHOWN))
        return page.rows

    async def _list(self) -> str:
        rows = await self._open()
        if not rows:
            return "No incident is open."
        return "\n".join(
            f"{row.number or row.key[:8]}  {row.severity}  {row.phase}  {row.service}: {plain(row.title, 100)}"
            for row in rows
        )

    async def _on_call(self, schedule: str) -> str:
        answer = await self._desk.on_call(schedule)
        if not answer.people:
            raise NotFound("there is no schedule")
        return "\n".join(
            f"{one.schedule}: {one.person or 'nobody'}" + (f" until {one.until:%a %H:%M} UTC" if one.until else "")
            for one in answer.people
        )


def _update_of(command: ChatCommand) -> tuple[str, Command]:
    words, text = command.words, command.text
    match command.verb:
        case "ack":
            return names.ACKNOWLEDGE, Acknowledge()
        case "escalate":
            return names.ESCALATE, Escalate(reason=text)
        case "page":
            target = words[0] if ":" in words[0] else f"person:{words[0].removeprefix('@')}"
            return names.PAGE, PagePeople(target=target, message=" ".join(words[1:]))
        case "update" | "status":
            return names.POST_UPDATE, PostUpdate(text=text, public=command.verb == "status")
        case "note":
            return names.ADD_NOTE, AddNote(text=text)
        case "mitigate":
            return names.RECORD_MITIGATION, RecordMitigation(text=text)
        case "severity":
            return names.SET_SEVERITY, SetSeverity(severity=words[0], reason=" ".join(words[1:]))
        case "role":
            return names.ASSIGN_ROLE, AssignRole(role=words[0].casefold(), person=words[1].removeprefix("@"))
        case "resolve":
            return names.RESOLVE, _resolve(words)
        case _:
            raise InvalidArgument(f"{command.verb} changes nothing", field="text")


def _resolve(words: tuple[str, ...]) -> Resolve:
    if words and words[0].casefold() == "anyway":
        return Resolve(anyway=" ".join(words[1:]))
    if [word.casefold() for word in words] == ["all"]:
        return Resolve(confirmations=tuple(CONFIRMATIONS))
    return Resolve(confirmations=tuple(word.casefold().strip(",") for word in words))


def _shown(view: IncidentView) -> str:
    holder = f"acknowledged by {view.acknowledged_by}" if view.acknowledged_by else "not acknowledged"
    head = (
        f"{view.number or view.key[:8]}  {view.severity}  {view.phase.value}  {view.service}: {plain(view.title, 150)}"
    )
    waits = [f"waits for {view.waits_for}"] if view.waits_for else []
    roles = [f"{role}: {person}" for role, person in view.roles.items()]
    entries = [stamped(entry) for entry in view.timeline[-LAST_ENTRIES:]]
    return "\n".join([head, "; ".join([holder, *roles]), *waits, *entries])
