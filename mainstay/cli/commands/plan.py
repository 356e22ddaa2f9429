"""``mainstay runbook plan``: by the server, which asks the cluster; or offline, from the files alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from mainstay.cli import completers, output, session, words
from mainstay.cli.inputs import InputFile, Inputs, Service, given_inputs
from mainstay.cli.problem import Problem

if TYPE_CHECKING:
    from rich.console import RenderableType

    from mainstay.domain.approval import ApprovalPolicy
    from mainstay.domain.runbook.node import Runbook
    from mainstay.domain.runbook.plan import Outline, PlannedAct
    from mainstay.gen.mainstay.v1.runbook_service_pb2 import PlanStep


def plan(
    runbook: Annotated[str, Parameter(help="Name of a runbook; offline also a file.", completer=completers.runbooks)],
    /,
    *,
    service: Service = "",
    input_: Inputs = (),
    inputs: InputFile = None,
    offline: Annotated[
        bool, Parameter(negative="", help="From the files alone: no server, no cluster, no diff.")
    ] = False,
    config: Annotated[
        Path | None, Parameter(help="Offline: the operators' folder.", env_var="MAINSTAY_CONFIG_DIR")
    ] = None,
) -> None:
    """What a run would do, step by step, with the approvals it would need, without doing any of it."""
    given = given_inputs(input_, inputs)
    if offline:
        _offline(runbook, service, given, config)
        return
    from mainstay.cli import calls, values

    request = calls.runbook_pb.PlanRunbookRequest(runbook=runbook, service=service)
    request.inputs.update(given)
    answer = calls.send(calls.runbooks().PlanRunbook, request)
    if session.current().json:
        output.emit(values.of(answer))
        return
    for number, step in enumerate(answer.steps, 1):
        output.show(*_step(number, step))


def _step(number: int, step: PlanStep) -> Iterator[RenderableType]:
    from rich.text import Text

    from mainstay.cli.views.change import change_view, risk_of
    from mainstay.cli.views.facts import RISK, facts, heading

    risk = risk_of(step)
    yield heading(
        (f"{number}. {step.node}", "bold"),
        (step.kind, "cyan"),
        (f"{risk} risk" if risk else "", RISK.get(risk, "")),
    )
    yield facts((("  what", step.text), ("  approval", step.approval), ("  then", "; ".join(step.branches))))
    if step.problem:
        yield Text(f"  ! {words.line(step.problem, 2000)}", "bold yellow")
    if step.HasField("change"):
        yield change_view(step.change)


def _offline(name: str, service: str, given: dict[str, Any], folder: Path | None) -> None:
    from mainstay.cli import library
    from mainstay.domain.runbook.plan import outline

    _, parsed = library.one(name)
    policy, given = _bound(parsed, service, given, folder or library.operators_folder())
    found = outline(parsed, given, policy)
    if session.current().json:
        output.emit(_as_json(parsed, found))
        return
    from mainstay.cli.views.facts import RISK, facts, heading

    output.say(
        f"{parsed.title}: {words.count(found.ways, 'way')} through the tree, "
        f"{words.count(len(found.acts), 'change')} that may come"
    )
    for act in found.acts:
        risk = act.risk.value
        output.show(heading((act.node, "bold"), (act.title, ""), (f"{risk} risk", RISK[risk])), facts(_facts(act)))


def _bound(parsed: Runbook, service: str, given: dict[str, Any], folder: Path) -> tuple[ApprovalPolicy, dict[str, Any]]:
    """The operators' approval rules and the service's inputs, where there is a service. Raises Problem."""
    from mainstay.domain.approval import ApprovalPolicy

    if not service:
        return ApprovalPolicy(), given
    from mainstay.config import ConfigErrors, load
    from mainstay.domain.runbook import inputs

    try:
        config = load(folder)
    except ConfigErrors as error:
        hint = f"`mainstay config check {folder}` shows all of them"
        raise Problem("InvalidArgument", f"{folder} has problems, first: {error.problems[0]}", hint) from None
    return config.approvals, inputs.bind(parsed, config.service(service), given)


def _facts(act: PlannedAct) -> Iterator[tuple[str, str]]:
    yield "  action", act.action
    yield "  with", output.dump(act.parameters, indent=None)
    yield "  approval", f"{act.votes} of {', '.join(act.by)}" if act.votes else "none"
    yield "  undo", act.undo
    yield "  lease", act.lease
    yield "  after", " → ".join(act.after)


def _as_json(parsed: Runbook, found: Outline) -> dict[str, Any]:
    return {
        "runbook": parsed.name,
        "inputs": found.inputs,
        "ways": found.ways,
        "acts": [
            {**act._asdict(), "risk": act.risk.value, "by": list(act.by), "after": list(act.after)}
            for act in found.acts
        ],
    }
