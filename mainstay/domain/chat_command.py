"""What people type into a chat: ``/incident ack INC-2026-0042``, ``!ack``, ``note: …`` → a command.

Pure: text in, one of the commands out. A mistake is an InvalidArgument that shows how it is written.
"""

from __future__ import annotations

import re
import shlex
from typing import Literal, get_args

from mainstay.domain.errors import InvalidArgument
from mainstay.domain.model import Record

Verb = Literal[
    "help",
    "declare",
    "start",
    "list",
    "show",
    "ack",
    "escalate",
    "page",
    "update",
    "status",
    "note",
    "mitigate",
    "severity",
    "role",
    "resolve",
    "oncall",
]

USAGE: dict[Verb, str] = {
    "declare": "declare SERVICE TITLE… [severity=SEV1]",
    "start": "start SERVICE-OR-SLUG [SEVERITY]",
    "list": "list",
    "show": "show [INC-…]",
    "ack": "ack [INC-…]",
    "escalate": "escalate [INC-…] [why]",
    "page": "page [INC-…] PERSON|team:NAME|schedule:NAME [message]",
    "update": "update [INC-…] TEXT (to stakeholders)",
    "status": "status [INC-…] TEXT (to stakeholders and the status page)",
    "note": "note [INC-…] TEXT (into the time line)",
    "mitigate": "mitigate [INC-…] TEXT (what has been done about it)",
    "severity": "severity [INC-…] SEV1 [why]",
    "role": "role [INC-…] ROLE PERSON (such as: role commander alice)",
    "resolve": "resolve [INC-…] [metrics customers errors data mitigations status_page | all | anyway REASON]",
    "oncall": "oncall [SCHEDULE]",
    "help": "help",
}
_OTHER_NAMES: dict[str, Verb] = {
    "acknowledge": "ack",
    "new": "declare",
    "ls": "list",
    "sev": "severity",
    "on-call": "oncall",
    "whoisoncall": "oncall",
    "?": "help",
    "": "help",
}
_NUMBER = re.compile(r"[A-Za-z]{2,10}-\d{4}-\d{1,9}")
MAX_TEXT = 4000


class ChatCommand(Record):
    """``ref`` empty: the incident of the room, or the only one that is open. ``words`` are what follows."""

    verb: Verb
    ref: str = ""
    words: tuple[str, ...] = ()
    text: str = ""
    """``words`` as they were typed."""


def parse(text: str) -> ChatCommand:
    """Raises InvalidArgument with the usage of the command that was probably meant."""
    if len(text) > MAX_TEXT:
        raise InvalidArgument(f"a command has at most {MAX_TEXT} characters", field="text")
    name, _, rest = text.strip().partition(" ")
    verb = _verb(name.casefold().strip("`*"))
    first, _, after = rest.strip().partition(" ")
    ref = first.upper() if _NUMBER.fullmatch(first) else ""
    said = unquoted(after if ref else rest)
    return _checked(ChatCommand(verb=verb, ref=ref, words=_words(said), text=said))


def meant_for_us(text: str) -> str | None:
    """The command in an ordinary message: ``!ack``, ``!incident list``, ``note: …``; None: it is talk."""
    text = text.strip()
    if text.casefold().startswith("note:"):
        return f"note {text[5:].strip()}"
    if not text.startswith("!") or len(text) == 1 or not text[1].isalpha():
        return None
    return re.sub(r"^incident\b\s*", "", text[1:], flags=re.IGNORECASE)


def usage(prefix: str) -> str:
    """Every command, a line each, behind ``prefix`` such as ``/incident``."""
    return "\n".join(f"{prefix} {shown}" for shown in USAGE.values())


def unquoted(text: str) -> str:
    """Without one pair of quotes around all of it (``"Rerouted traffic"``, also the curly ones of phones)."""
    text = text.strip()
    pairs = (('"', '"'), ("\u201c", "\u201d"), ("'", "'"))
    for left, right in pairs:
        inner = text[1:-1]
        if len(text) > 1 and text[0] == left and text[-1] == right and left not in inner:
            return inner.strip()
    return text


def _verb(name: str) -> Verb:
    found = _OTHER_NAMES.get(name, name)
    if found in get_args(Verb):
        return found  # type: ignore[return-value]  # just checked
    raise InvalidArgument(f"there is no command {name[:30]!r}: try help", field="text")


def _words(text: str) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(text))
    except ValueError:  # an apostrophe is no quotation
        return tuple(text.split())


_LEAST: dict[Verb, int] = {
    "declare": 2,
    "start": 1,
    "page": 1,
    "update": 1,
    "status": 1,
    "note": 1,
    "mitigate": 1,
    "severity": 1,
    "role": 2,
}


def _checked(command: ChatCommand) -> ChatCommand:
    if len(command.words) < _LEAST.get(command.verb, 0):
        raise InvalidArgument(f"it is written: {USAGE[command.verb]}", field="text")
    return command
