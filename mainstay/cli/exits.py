"""Exit codes: contract with scripts. Never renumber one."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """What a script can tell apart without reading a message."""

    OK = 0
    UNEXPECTED = 1
    USAGE = 2
    NOT_FOUND = 3
    NOT_ALLOWED = 4
    WRONG_STATE = 5
    UNAVAILABLE = 6
    CHECK_FAILED = 7
    INTERRUPTED = 130
    BROKEN_PIPE = 141


MEANINGS: dict[Exit, str] = {
    Exit.OK: "done (or it was so already)",
    Exit.UNEXPECTED: "something unexpected, or you answered no at a prompt",
    Exit.USAGE: "wrong usage: an unknown option, a missing or invalid argument",
    Exit.NOT_FOUND: "there is no such incident, run, runbook, person …",
    Exit.NOT_ALLOWED: "no valid token, or its role is not enough",
    Exit.WRONG_STATE: "cannot happen now: wrong state, stale, expired, already done, halted",
    Exit.UNAVAILABLE: "no server, no answer in time, or a part that is needed is away: try again",
    Exit.CHECK_FAILED: "a check found problems, or a run that was waited for did not help",
    Exit.INTERRUPTED: "interrupted with Ctrl-C",
}

KINDS: dict[str, Exit] = {
    "InvalidArgument": Exit.USAGE,
    "NotFound": Exit.NOT_FOUND,
    "Unauthenticated": Exit.NOT_ALLOWED,
    "NotAllowed": Exit.NOT_ALLOWED,
    "WrongState": Exit.WRONG_STATE,
    "AlreadyDone": Exit.WRONG_STATE,
    "Stale": Exit.WRONG_STATE,
    "Expired": Exit.WRONG_STATE,
    "Halted": Exit.WRONG_STATE,
    "Unavailable": Exit.UNAVAILABLE,
}
"""Kind of refusal → exit code. A kind that is not here is unexpected."""


def told() -> str:
    """The table as text, for ``mainstay --help``."""
    lines = [f"{code.value:>3}  {meaning}" for code, meaning in MEANINGS.items()]
    return "\n".join(["Exit codes:", *lines])
