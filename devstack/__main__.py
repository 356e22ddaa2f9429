"""``python -m devstack up``: start the embedded stack, print where it is, and run until Ctrl-C."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from pathlib import Path

from devstack.binaries import MissingToolError
from devstack.processes import ProcessFailedError
from devstack.stack import PARTS, Stack

DATA_DIR = Path.home() / ".local" / "share" / "mainstay" / "devstack"


async def up(options: argparse.Namespace) -> None:
    """Run the wanted parts until SIGINT or SIGTERM."""
    stopping = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    stack = Stack(
        options.data_dir,
        options.parts or PARTS,
        ui=not options.no_ui,
        webhook_url=options.webhook_url,
        webhook_token=options.webhook_token,
        report=_say,
    )
    starting = asyncio.create_task(stack.start())
    interrupted = asyncio.create_task(stopping.wait())
    await asyncio.wait({starting, interrupted}, return_when=asyncio.FIRST_COMPLETED)
    if starting.done():
        await starting
        for name, url in stack.urls().items():
            _say(f"{name:14} {url}")
        _say("Ctrl-C stops everything; the data stays.")
        await interrupted
    starting.cancel()
    await asyncio.gather(starting, return_exceptions=True)
    await stack.stop()


def _say(line: str) -> None:
    print(line, flush=True)


def main(arguments: list[str]) -> int:
    """Parse the command line and run; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m devstack", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("up", help="start the stack and run until Ctrl-C")
    run.add_argument("parts", nargs="*", metavar="part", help=f"of: {', '.join(PARTS)} (all when none is named)")
    run.add_argument("--data-dir", type=Path, default=DATA_DIR)
    run.add_argument("--no-ui", action="store_true", help="without Temporal's web page")
    run.add_argument("--webhook-url", default="http://127.0.0.1:9/", help="where Alertmanager posts alerts")
    run.add_argument("--webhook-token", help="bearer token it sends; a random one when not given")
    try:
        asyncio.run(up(parser.parse_args(arguments)))
    except (MissingToolError, ProcessFailedError, LookupError) as fault:
        print(fault, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
