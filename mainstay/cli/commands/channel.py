"""``mainstay channel``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from mainstay.cli import output, session
from mainstay.cli.arguments import group
from mainstay.cli.exits import Exit

if TYPE_CHECKING:
    from mainstay.gen.mainstay.v1.system_service_pb2 import TestChannelResponse

app = group("channel", "How people can be reached.")


@app.command(name="list")
def list_() -> None:
    """Every kind of channel, and its settings in mainstay.yaml."""
    from mainstay.cli.catalogues import show_channels
    from mainstay.domain.catalogue import CHANNELS

    show_channels(CHANNELS.values())


@app.command(name="test")
def try_(
    name: Annotated[str, Parameter(help="The channel's name in mainstay.yaml.")],
    /,
    *,
    person: Annotated[str, Parameter(help="Who gets it. [default: nobody in particular, or you]")] = "",
) -> int:
    """Send a real test message, as a page would be sent. Ends with 7 if it was not accepted."""
    from mainstay.cli import calls, values

    request = calls.system_pb.TestChannelRequest(request_id=session.current().request_id, channel=name, person=person)
    answer = calls.send(calls.system().TestChannel, request)
    if session.current().json:
        output.emit({**values.of(answer), "channel": name, "request_id": request.request_id})
    else:
        _tell(name, answer)
    return Exit.OK if answer.accepted else Exit.CHECK_FAILED


def _tell(name: str, answer: TestChannelResponse) -> None:
    whom = f" for {answer.person}" if answer.person else ""
    came = "accepted" if answer.accepted else "refused" if answer.permanent else "not now"
    output.say(f"{came} by {name} ({answer.channel_type}){whom}" + (f": {answer.detail}" if answer.detail else ""))
    output.say(f"what to do: {answer.advice}")
