"""Named points at which tests let a worker die, hang or lose an answer; off unless the environment says so.

``MAINSTAY_FAILPOINTS`` is a comma-separated list of ``POINT=WHAT``:

- ``apply.before_call=kill@/tmp/marker``: end the process with exit code 9, once: not if the file is there
- ``apply.after_call=lose@/tmp/marker``: raise ``ConnectionResetError``, as if the answer had been lost
- ``apply.after_answer=sleep:5``: wait that many seconds; with ``@FILE`` once, too
- ``apply.before_call=hang@/tmp/marker``: add a byte to the file and stay there, until somebody kills the process

Points: ``apply.before_call`` (checked and about to write), ``apply.after_call`` (the cluster has answered,
nothing has been looked at), ``apply.after_answer`` (read back, about to tell Temporal). The environment is
read once, at import; in production ``reach`` is one look into an empty dictionary.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

EXIT_CODE = 9


def parse(text: str) -> dict[str, str]:
    """``POINT=WHAT`` pairs. Raises ValueError for one that is none."""
    pairs = [entry.partition("=") for entry in text.split(",") if entry.strip()]
    if any(not what for _, _, what in pairs):
        raise ValueError(f"MAINSTAY_FAILPOINTS: expected POINT=WHAT[,POINT=WHAT …], found {text!r}")
    return {point.strip(): what.strip() for point, _, what in pairs}


_active = parse(os.environ.get("MAINSTAY_FAILPOINTS", ""))


async def reach(point: str) -> None:
    """Do what the environment asks for at this point; nothing if it does not name it."""
    if point in _active:
        await _carry_out(_active[point])


async def _carry_out(what: str) -> None:
    action, _, marker = what.partition("@")
    if action == "hang":
        with Path(marker).open("a") as arrivals:  # noqa: ASYNC230 - a byte, in tests only
            arrivals.write(".")
        await asyncio.Event().wait()
    if marker and not _first_time(Path(marker)):
        return
    name, _, argument = action.partition(":")
    match name:
        case "kill":
            os._exit(EXIT_CODE)
        case "lose":
            raise ConnectionResetError("failpoint: the answer is lost")
        case "sleep":
            await asyncio.sleep(float(argument))
        case _:
            raise ValueError(f"MAINSTAY_FAILPOINTS: {name!r} is none of kill, lose, sleep, hang")


def _first_time(marker: Path) -> bool:
    try:
        marker.touch(exist_ok=False)
    except FileExistsError:
        return False
    return True
