"""``mainstay oncall swap``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from mainstay.cli import completers, output, session, words
from mainstay.cli.arguments import group
from mainstay.cli.output import Cell
from mainstay.cli.problem import usage

if TYPE_CHECKING:
    from mainstay.gen.mainstay.v1 import on_call_service_pb2 as on_call_pb

app = group("swap", "Give a shift away, take one, change two.")

Schedule = Annotated[str, Parameter(help="Name of a schedule.", completer=completers.schedules)]
Id = Annotated[str, Parameter(help="Id of a swap, from: mainstay oncall swap list")]
_MOMENT = "a duration from now (2h), a date, or an instant in UTC"


@app.command
def offer(
    schedule: Schedule,
    taker: Annotated[str, Parameter(help="Handle of who shall take it; without it, whoever accepts first.")] = "",
    /,
    *,
    from_: Annotated[str, Parameter(name=["--from", "-f"], help=f"First moment: {_MOMENT}.")],
    to: Annotated[str, Parameter(help=f"Last moment: {_MOMENT}.")],
    return_from: Annotated[str, Parameter(help="First moment of the shift that you take in return.")] = "",
    return_to: Annotated[str, Parameter(help="Its last moment.")] = "",
    note: Annotated[str, Parameter(help="Why.")] = "",
) -> None:
    """Offer a shift of yours, or part of it. Nothing changes until somebody accepts."""
    from mainstay.cli import calls
    from mainstay.cli.moments import instant

    if bool(return_from) != bool(return_to):
        raise usage("a shift in return needs --return-from and --return-to", "give both, or neither")
    request = calls.on_call_pb.OfferSwapRequest(
        request_id=session.current().request_id, schedule=schedule, taker=taker, note=note
    )
    request.start.FromDatetime(instant(from_, "--from"))
    request.end.FromDatetime(instant(to, "--to"))
    if return_from:
        request.return_start.FromDatetime(instant(return_from, "--return-from"))
        request.return_end.FromDatetime(instant(return_to, "--return-to"))
    _said(calls.send(calls.on_call().OfferSwap, request).swap)


@app.command
def accept(swap: Id, /) -> None:
    """Take the shift: from then on you are on call in it."""
    from mainstay.cli import calls

    _answer(swap, calls.on_call_pb.SWAP_ANSWER_ACCEPT)


@app.command
def decline(swap: Id, /) -> None:
    """Say no to a swap that was offered to you."""
    from mainstay.cli import calls

    _answer(swap, calls.on_call_pb.SWAP_ANSWER_DECLINE)


@app.command
def withdraw(swap: Id, /) -> None:
    """Take your own offer back."""
    from mainstay.cli import calls

    _answer(swap, calls.on_call_pb.SWAP_ANSWER_WITHDRAW)


@app.command(name="list")
def list_(schedule: Schedule = "", /) -> None:
    """Swaps whose shift is not over, and what became of them."""
    from mainstay.cli import calls, values

    answer = calls.send(calls.on_call().ListSwaps, calls.on_call_pb.ListSwapsRequest(schedule=schedule))
    if session.current().json:
        output.emit(values.of(answer))
        return
    output.table(
        ("SCHEDULE", "FROM", "TO", "GIVES", "TAKES", "STATE", "ID"),
        (
            (
                *(Cell(text) for text in (each.schedule, _utc(each.start), _utc(each.end), each.giver)),
                *(Cell(text) for text in (each.answered_by or each.taker or "anybody", each.state, each.id)),
            )
            for each in answer.swaps
        ),
        "no swaps",
    )


def _answer(swap: str, answer: on_call_pb.SwapAnswer.ValueType) -> None:
    from mainstay.cli import calls

    request = calls.on_call_pb.AnswerSwapRequest(id=swap, answer=answer)
    _said(calls.send(calls.on_call().AnswerSwap, request).swap)


def _said(swap: on_call_pb.Swap) -> None:
    whom = swap.answered_by or swap.taker or "anybody"
    text = f"{swap.state}: {swap.giver} gives {swap.schedule} from {_utc(swap.start)} to {_utc(swap.end)} UTC to {whom}"
    output.outcome(text, changed=True, id=swap.id, state=swap.state)


def _utc(at: object) -> str:
    found = words.moment(at)  # type: ignore[arg-type]
    return f"{found:%a %Y-%m-%d %H:%M}" if found else ""
