"""``mainstay oncall feed``."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from mainstay.cli import completers, output
from mainstay.cli.arguments import group

app = group("feed", "Calendar addresses for phones and calendar programs.")

Schedule = Annotated[str, Parameter(help="Of this schedule.", completer=completers.schedules)]
Person = Annotated[str, Parameter(help="Of this person, over all schedules.")]


@app.command
def create(*, schedule: Schedule = "", person: Person = "") -> None:
    """A new secret address. Your earlier one for the same calendar stops working."""
    from mainstay.cli import calls

    request = calls.on_call_pb.CreateFeedRequest(schedule=schedule, person=person)
    answer = calls.send(calls.on_call().CreateFeed, request)
    output.outcome(f"subscribe to {answer.path} at the web address of Mainstay", changed=True, path=answer.path)


@app.command
def revoke(
    *,
    schedule: Schedule = "",
    person: Person = "",
    everybody: Annotated[bool, Parameter(negative="", help="Addresses that others made, too.")] = False,
) -> None:
    """Your addresses for this calendar stop working at once."""
    from mainstay.cli import calls

    request = calls.on_call_pb.RevokeFeedsRequest(schedule=schedule, person=person, everybody=everybody)
    count = calls.send(calls.on_call().RevokeFeeds, request).revoked
    output.outcome(f"{count} addresses no longer work", changed=count > 0, revoked=count)
