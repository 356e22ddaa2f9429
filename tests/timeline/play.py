"""Time lines as scripts: ``at 0 page alice by push``, ``at 2m page alice by sms``, ``at 3m ack alice``.

The real incident workflow lives through them on virtual time. A script says everything that is sent as a page:
what it does not say must not be sent, also after its last line.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from mainstay.domain.duration import parse as duration
from mainstay.domain.incident import IncidentView
from tests.workflows.conftest import Story

LATE = timedelta(seconds=40)
"""A page may be so much later than the script says: workflow time goes on while the machine is busy."""
AFTERWARDS = timedelta(minutes=2)
_LINE = re.compile(r"at (\S+) (page|ack|say|escalate) (\w+)(?: by (\w+))?")


async def play(story: Story, script: str, rest: timedelta = AFTERWARDS) -> None:
    """Live through ``script`` and ``rest`` after it; everything paged is what the script says, when it says it."""
    begun = (await story.until(lambda v: v.declared_at, "declared")).declared_at
    assert begun is not None
    expected: list[tuple[timedelta, str]] = []
    passed = timedelta(0)
    for line in filter(None, (line.strip() for line in script.splitlines())):
        found = _LINE.fullmatch(line)
        assert found, f"cannot read {line!r}"
        at, what, who, by = timedelta(0) if found[1] == "0" else duration(found[1]), *found.groups()[1:]
        if at > passed:
            await story.clock.fast_forward(story.handle, at - passed + timedelta(seconds=1))
            passed = at
        if what == "page":
            expected.append((at, f"{who} by {by}"))
            count = len(expected)
            await story.until(lambda v: len(pages(v, begun)) >= count, line)  # noqa: B023 - awaited at once
        elif what == "ack":
            await story.tell("acknowledge", who)
        elif what == "say":
            await story.tell("add_note", who, text="still on it")
        else:
            await story.tell("escalate", who)
    await story.clock.fast_forward(story.handle, rest)
    await story.tell("add_note", "test", text="the end")
    seen = pages(await story.view(), begun)
    assert [text for _, text in seen] == [text for _, text in expected]
    for (really, text), (wanted, _) in zip(seen, expected, strict=True):
        assert -timedelta(seconds=5) <= really - wanted <= LATE, f"{text} came at {really}, not at {wanted}"


def pages(view: IncidentView, begun: datetime) -> list[tuple[timedelta, str]]:
    """(how long after the declaration, ``alice by push``) of each page that a provider took."""
    return [
        (entry.at - begun, f"{entry.person} by {entry.method}")
        for entry in view.timeline
        if entry.kind == "paged" and entry.reason == "page" and entry.delivered
    ]
