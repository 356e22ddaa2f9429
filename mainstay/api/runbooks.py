# ruff: noqa: N802, ARG002 - methods have the names and the parameters of the wire
"""RunbookService over the desk."""

from __future__ import annotations

from mainstay.api import wire
from mainstay.api.call import Context, budget, caller
from mainstay.desk import check
from mainstay.desk.desk import READ_TIMEOUT, UPDATE_TIMEOUT, Desk
from mainstay.domain import names
from mainstay.domain.access import Command
from mainstay.domain.incident import Outcome
from mainstay.domain.runbook.run import AnswerQuestion, CastVote, Control, Skip
from mainstay.gen.mainstay.v1 import common_pb2 as common_pb
from mainstay.gen.mainstay.v1 import runbook_service_pb2 as pb
from mainstay.gen.mainstay.v1.runbook_service_pb2_grpc import RunbookServiceServicer

_Vote = pb.ApproveRequest | pb.RejectRequest | pb.WithdrawRequest
_Control = pb.PauseRequest | pb.ResumeRequest | pb.RetryRequest | pb.TakeOverRequest
_Any = _Vote | _Control | pb.AnswerRequest | pb.SkipRequest | pb.AbortRequest


class Runbooks(RunbookServiceServicer):
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def ListRunbooks(self, request: pb.ListRunbooksRequest, context: Context) -> pb.ListRunbooksResponse:
        return pb.ListRunbooksResponse(runbooks=[wire.write_runbook(info) for info in self._desk.runbooks()])

    async def PlanRunbook(self, request: pb.PlanRunbookRequest, context: Context) -> pb.PlanRunbookResponse:
        lines = await self._desk.plan(
            check.name(request.runbook, "runbook", required=True),
            check.name(request.service, "service"),
            wire.read_json(request.inputs, "inputs"),
        )
        return pb.PlanRunbookResponse(steps=[wire.write_plan_line(line) for line in lines])

    async def RunRunbook(self, request: pb.RunRunbookRequest, context: Context) -> pb.RunRunbookResponse:
        started = await self._desk.run_runbook(
            check.name(request.runbook, "runbook", required=True),
            wire.read_json(request.inputs, "inputs"),
            caller(),
            request.request_id,
            incident=request.incident,
            service=check.name(request.service, "service"),
        )
        outcome = Outcome(message=started.message, changed=started.changed)
        return pb.RunRunbookResponse(run=started.run, outcome=wire.write_outcome(outcome))

    async def GetRun(self, request: pb.GetRunRequest, context: Context) -> pb.GetRunResponse:
        view = await self._desk.run_view(request.run, budget(context, READ_TIMEOUT))
        return pb.GetRunResponse(run=wire.write_run(view))

    async def Approve(self, request: pb.ApproveRequest, context: Context) -> pb.ApproveResponse:
        command = _vote(request).model_copy(update={"break_glass": request.break_glass})
        return pb.ApproveResponse(outcome=await self._send(request, names.APPROVE, command, context))

    async def Reject(self, request: pb.RejectRequest, context: Context) -> pb.RejectResponse:
        return pb.RejectResponse(outcome=await self._send(request, names.REJECT, _vote(request), context))

    async def Withdraw(self, request: pb.WithdrawRequest, context: Context) -> pb.WithdrawResponse:
        return pb.WithdrawResponse(outcome=await self._send(request, names.WITHDRAW, _vote(request), context))

    async def Answer(self, request: pb.AnswerRequest, context: Context) -> pb.AnswerResponse:
        command = AnswerQuestion(
            option=check.name(request.option, "option", required=True),
            comment=check.text(request.comment, "comment"),
        )
        return pb.AnswerResponse(outcome=await self._send(request, names.ANSWER, command, context))

    async def Pause(self, request: pb.PauseRequest, context: Context) -> pb.PauseResponse:
        return pb.PauseResponse(outcome=await self._send(request, names.PAUSE, _control(request), context))

    async def Resume(self, request: pb.ResumeRequest, context: Context) -> pb.ResumeResponse:
        return pb.ResumeResponse(outcome=await self._send(request, names.RESUME, _control(request), context))

    async def Skip(self, request: pb.SkipRequest, context: Context) -> pb.SkipResponse:
        command = Skip(branch=check.name(request.branch, "branch"), reason=check.text(request.reason, "reason"))
        return pb.SkipResponse(outcome=await self._send(request, names.SKIP, command, context))

    async def Retry(self, request: pb.RetryRequest, context: Context) -> pb.RetryResponse:
        return pb.RetryResponse(outcome=await self._send(request, names.RETRY, _control(request), context))

    async def Abort(self, request: pb.AbortRequest, context: Context) -> pb.AbortResponse:
        command = Control(reason=check.text(request.reason, "reason"), undo=not request.keep_changes)
        return pb.AbortResponse(outcome=await self._send(request, names.ABORT, command, context))

    async def TakeOver(self, request: pb.TakeOverRequest, context: Context) -> pb.TakeOverResponse:
        command = _control(request)
        return pb.TakeOverResponse(outcome=await self._send(request, names.TAKE_OVER, command, context))

    async def _send(self, request: _Any, name: str, command: Command, context: Context) -> common_pb.Outcome:
        outcome = await self._desk.run_update(
            request.run, name, command, caller(), request.request_id, budget(context, UPDATE_TIMEOUT)
        )
        return wire.write_outcome(outcome)


def _vote(request: _Vote) -> CastVote:
    return CastVote(
        digest=check.name(request.digest, "digest", required=True),
        comment=check.text(request.comment, "comment"),
    )


def _control(request: _Control) -> Control:
    return Control(reason=check.text(request.reason, "reason"))
