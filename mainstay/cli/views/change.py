"""A planned change as its approver sees it: all of it, nothing cut."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from rich.console import Group
from rich.text import Text

from mainstay.cli import values, words
from mainstay.cli.views.facts import RISK, Fact, facts, heading

if TYPE_CHECKING:
    from mainstay.gen.mainstay.v1 import common_pb2, runbook_service_pb2


def risk_of(
    change: common_pb2.Change | runbook_service_pb2.PlanStep | runbook_service_pb2.ApprovalRequest,
) -> str:
    return values.name_in(change, "risk")


def change_view(change: common_pb2.Change) -> Group:
    """Title, risk, target, command, warnings and the whole difference."""
    risk = risk_of(change)
    parts: list[Text] = [heading((change.title, "bold"), (f"{risk} risk" if risk else "", RISK.get(risk, "")))]
    if change.already:
        parts.append(Text("The target is already as wanted: nothing will be written.", "green"))
    parts += [Text(f"! {words.line(warning, 2000)}", "bold yellow") for warning in change.warnings]
    return Group(*parts, facts(_facts(change)), difference(change.diff))


def _facts(change: common_pb2.Change) -> Iterator[Fact]:
    target = change.target
    place = f"{target.namespace}/{target.name}" if target.namespace else target.name
    cluster = f" in cluster {target.cluster}" if target.cluster else ""
    yield "target", f"{target.kind} {place}{cluster}" if target.name else ""
    yield "command", Text(words.line(change.command, 8000), "cyan") if change.command else ""
    yield "digest", words.short(change.digest)


def difference(diff: str) -> Text:
    """A unified diff, coloured by the first character of each line."""
    made = Text()
    for number, row in enumerate(words.block(diff).split("\n") if diff else ()):
        made.append(("\n" if number else "") + row, style=_colour(row))
    return made


def _colour(row: str) -> str:
    if row.startswith(("+++", "---")):
        return "bold"
    return {"+": "green", "-": "red", "@": "cyan"}.get(row[:1], "")


def approval_facts(question: runbook_service_pb2.ApprovalRequest, now: datetime) -> Iterator[Fact]:
    """What is asked of whom, and until when."""
    given = sum(1 for vote in question.votes if vote.kind == 1)
    yield "expires", words.when(question.expires_at, now)
    yield (
        "needs",
        f"{words.count(question.votes_needed, 'approval')} of {', '.join(question.by)}; {given} given",
    )
    yield "eligible", ", ".join(question.eligible)
    yield "asked by", question.requester
    for vote in question.votes:
        kind = values.name_in(vote, "kind")
        glass = " (break-glass)" if vote.break_glass else ""
        yield "vote", f"{vote.actor.shown or vote.actor.person}: {kind}{glass} {vote.comment}"
