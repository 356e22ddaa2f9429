"""What the shell offers on TAB, asked of the server. Whatever goes wrong, nothing is offered, quickly."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cyclopts.completion._engine import CompletionContext

PATIENCE = timedelta(seconds=1)
Found = dict[str, str]


def incidents(context: CompletionContext) -> Found:  # noqa: ARG001 - the shell filters by what was typed
    """Numbers of open incidents, with their titles."""
    from mainstay.cli import calls

    _prepare()
    answer = calls.incidents().ListIncidents(
        calls.incident_pb.ListIncidentsRequest(open_only=True),
        timeout=PATIENCE.total_seconds(),
        metadata=calls.metadata(),
    )
    return {each.number or each.key: _told(each.severity, each.title) for each in answer.incidents}


def runbooks(context: CompletionContext) -> Found:  # noqa: ARG001
    """Names of runbooks, with their titles."""
    from mainstay.cli import calls

    _prepare()
    answer = calls.runbooks().ListRunbooks(
        calls.runbook_pb.ListRunbooksRequest(), timeout=PATIENCE.total_seconds(), metadata=calls.metadata()
    )
    return {each.name: _told(each.title) for each in answer.runbooks}


def schedules(context: CompletionContext) -> Found:  # noqa: ARG001
    """Names of schedules, with who is on call."""
    from mainstay.cli import calls

    _prepare()
    answer = calls.on_call().WhoIsOnCall(
        calls.on_call_pb.WhoIsOnCallRequest(), timeout=PATIENCE.total_seconds(), metadata=calls.metadata()
    )
    return {each.schedule: _told(each.person or "nobody") for each in answer.on_call}


def _prepare() -> None:
    """Completion runs without the launcher: address and token from the environment alone."""
    from mainstay.cli.options import GlobalOptions

    GlobalOptions().begin()


def _told(*parts: Any) -> str:
    from mainstay.cli import words

    return words.line(" ".join(str(part) for part in parts if part), 80)
