"""What people tell a run."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from mainstay.cli import prompts
from mainstay.cli.arguments import Comment, Reason, Run, Yes
from mainstay.cli.problem import Problem, declined, usage


def answer(
    run: Run,
    option: Annotated[str, Parameter(help="One of its options; without it you are asked.")] = "",
    /,
    *,
    comment: Comment = "",
) -> None:
    """Answer the question that a run asks."""
    from mainstay.cli import calls

    found = _id(run)
    request = calls.runbook_pb.AnswerRequest(run=found, option=option or _chosen(found), comment=comment)
    calls.change(calls.runbooks().Answer, request, run=found)


def _chosen(run: str) -> str:
    """The option that the person at the terminal names. Raises Problem."""
    from mainstay.cli import reading

    found = reading.run(run)
    if not found.ask:
        raise Problem("WrongState", f"{run} asks nothing: it is {found.outcome or found.status}")
    options = ", ".join(found.ask_options)
    if not prompts.possible():
        raise usage(f"it asks: {found.ask}", f"name one of its options behind the run: {options}")
    given = prompts.ask(f"{found.ask} ({options})")
    if given not in found.ask_options:
        raise declined(f"{given!r} is none of: {options}")
    return given


def pause(run: Run, /, *, reason: Reason = "") -> None:
    """Hold a run before its next step. What is under way is finished."""
    from mainstay.cli import calls

    request = calls.runbook_pb.PauseRequest(run=_id(run), reason=reason)
    calls.change(calls.runbooks().Pause, request, run=request.run)


def resume(run: Run, /, *, reason: Reason = "") -> None:
    """Let a paused run go on."""
    from mainstay.cli import calls

    request = calls.runbook_pb.ResumeRequest(run=_id(run), reason=reason)
    calls.change(calls.runbooks().Resume, request, run=request.run)


def skip(
    run: Run,
    branch: Annotated[str, Parameter(help="The branch to take instead.")] = "",
    /,
    *,
    reason: Reason = "",
) -> None:
    """Leave a step out and take another branch."""
    from mainstay.cli import calls

    request = calls.runbook_pb.SkipRequest(run=_id(run), branch=branch, reason=reason)
    calls.change(calls.runbooks().Skip, request, run=request.run)


def retry(run: Run, /, *, reason: Reason = "") -> None:
    """Try the step again that failed."""
    from mainstay.cli import calls

    request = calls.runbook_pb.RetryRequest(run=_id(run), reason=reason)
    calls.change(calls.runbooks().Retry, request, run=request.run)


def abort(
    run: Run,
    /,
    *,
    reason: Reason = "",
    keep_changes: Annotated[bool, Parameter(negative="", help="Leave changes that stand as they are.")] = False,
    yes: Yes = False,
) -> None:
    """Stop a run; what it changed is taken back where the runbook says so."""
    from mainstay.cli import calls

    found = _id(run)
    what = "and leave its changes" if keep_changes else "and take its changes back"
    if not yes and prompts.possible() and not prompts.yes(f"Stop {found} {what}?"):
        raise declined("the run goes on")
    request = calls.runbook_pb.AbortRequest(run=found, reason=reason, keep_changes=keep_changes)
    calls.change(calls.runbooks().Abort, request, run=found)


def take_over(run: Run, /, *, reason: Reason = "") -> None:
    """Stop a run and go on by hand."""
    from mainstay.cli import calls

    request = calls.runbook_pb.TakeOverRequest(run=_id(run), reason=reason)
    calls.change(calls.runbooks().TakeOver, request, run=request.run)


def _id(run: str) -> str:
    from mainstay.cli import reading

    return reading.run_id(run)
