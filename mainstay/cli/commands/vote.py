"""Votes on a change. A vote carries the whole digest of what was shown, and of nothing else."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from mainstay.cli import output, prompts, session
from mainstay.cli.arguments import Comment, RunOrIncident, Yes
from mainstay.cli.problem import Problem, declined, usage

if TYPE_CHECKING:
    from mainstay.gen.mainstay.v1.runbook_service_pb2 import Run

Digest = Annotated[
    str, Parameter(help="For scripts: vote on exactly this digest (sha256:…), without looking at it again.")
]
_WHOLE = re.compile(r"sha256:[0-9a-f]{64}")


def approve(
    target: RunOrIncident,
    /,
    *,
    yes: Yes = False,
    digest: Digest = "",
    comment: Comment = "",
    break_glass: Annotated[
        bool, Parameter(negative="", help="Approve alone in an emergency; it is reviewed afterwards.")
    ] = False,
) -> None:
    """Look at the change that waits for approval, and approve it."""
    from mainstay.cli import calls

    run, seen = _seen(target, digest, yes, "Approve this change?")
    request = calls.runbook_pb.ApproveRequest(run=run, digest=seen, comment=comment, break_glass=break_glass)
    calls.change(calls.runbooks().Approve, request, run=run, digest=seen)


def reject(target: RunOrIncident, /, *, yes: Yes = False, digest: Digest = "", comment: Comment = "") -> None:
    """Reject the change that waits for approval."""
    from mainstay.cli import calls

    run, seen = _seen(target, digest, yes, "Reject this change?")
    request = calls.runbook_pb.RejectRequest(run=run, digest=seen, comment=comment)
    calls.change(calls.runbooks().Reject, request, run=run, digest=seen)


def withdraw(target: RunOrIncident, /, *, digest: Digest = "", comment: Comment = "") -> None:
    """Take your vote back, while the change still waits."""
    from mainstay.cli import calls

    run, seen = _seen(target, digest, True, "")
    request = calls.runbook_pb.WithdrawRequest(run=run, digest=seen, comment=comment)
    calls.change(calls.runbooks().Withdraw, request, run=run, digest=seen)


def _seen(target: str, digest: str, yes: bool, question: str) -> tuple[str, str]:
    """(run, digest to vote on). Raises Problem when the person says no, or nobody can be asked."""
    from mainstay.cli import reading

    if digest and not _WHOLE.fullmatch(digest):
        raise usage(
            "--digest must be the whole digest, sha256: and 64 hex digits",
            "`mainstay runbook show RUN --json` has it",
            field="digest",
        )
    if digest and target.startswith(reading.RUN):
        return target, digest
    if not (digest or yes or prompts.possible()):
        raise usage(
            "there is nobody to show the change to: this is no terminal",
            "add --yes to vote on the change as it is now, or --digest to vote on one you have seen",
        )
    run = reading.run_that_waits(target)
    if digest:
        return run.workflow_id, digest
    if question:
        _shown(run)
    if not yes and not prompts.yes(question):
        raise declined("no vote was given")
    return run.workflow_id, run.approval.digest


def _shown(run: Run) -> None:
    """The change, on standard error: standard output is the answer alone.

    Raises Problem where the server shows another change than the one that it asks about.
    """
    from mainstay.cli.views.change import approval_facts, change_view
    from mainstay.cli.views.facts import facts

    if not run.HasField("change") or run.change.digest != run.approval.digest:
        raise Problem("Stale", "the change is being planned again", "repeat the command in a moment")
    if session.current().json:
        return
    screen = output.console(sys.stderr)
    screen.print(change_view(run.change))
    screen.print(facts(approval_facts(run.approval, session.now())))
