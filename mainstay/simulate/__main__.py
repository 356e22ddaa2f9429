"""``python -m mainstay.simulate``: a request as JSON on standard input, one answer as JSON on standard output.

The command line runs this as a process of its own: it knows neither workflows nor Temporal.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from pathlib import Path

from mainstay.domain.errors import Refusal
from mainstay.domain.model import Record
from mainstay.domain.positioned import DocumentErrors
from mainstay.rooms import check_rooms
from mainstay.simulate import server
from mainstay.simulate.reply import Fault, Reply
from mainstay.simulate.story import Request
from mainstay.simulate.tell import prepared, tell


def _report(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


async def reply(request: Request) -> Reply:
    """Mistakes in files and options come before any server is started."""
    try:
        config, arrived = prepared(request)
        async with server.client(request.temporal, _report) as client:
            told = await tell(client, request, config, arrived)
    except DocumentErrors as errors:
        return Reply(problems=errors.problems)
    except Refusal as refusal:
        return Reply(fault=Fault(kind=refusal.kind, message=refusal.message, field=refusal.field or ""))
    return Reply(told=told)


def main() -> None:
    """One request, one answer."""
    check_rooms(Path(__file__).resolve().parents[2] / "worker.py")
    logging.basicConfig(level=logging.CRITICAL)  # what the SDK remarks on a story that ends early helps nobody
    answer: Record = asyncio.run(reply(Request.model_validate_json(sys.stdin.read())))
    sys.stdout.write(answer.model_dump_json() + "\n")
    sys.stdout.flush()
    os._exit(0)  # threads of the SDK's core may still run, and abort an interpreter that is taken down in order


if __name__ == "__main__":
    main()
