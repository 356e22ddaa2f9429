"""A small tree, and the answers of the outside world, for tests of the machine."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from mainstay.domain.change import Applied, Change, Risk, TargetRef
from mainstay.domain.runbook import commands as c
from mainstay.domain.runbook import step
from mainstay.domain.runbook.node import Runbook
from mainstay.domain.runbook.parse import parse
from mainstay.domain.runbook.run import MachineState
from mainstay.domain.verdict import Verdict

RUNBOOKS = Path(__file__).parents[2] / "runbooks"
WORKLOAD = "shop/checkout"

TREE = """\
name: tree
title: A tree
inputs:
  workload: {type: workload}
start: look
nodes:
  look:
    probe: recent_rollout
    with: {target: "{{ inputs.workload }}"}
    cases: {fresh: found, old: "!found"}
    on: {fresh: change, old: ask, inconclusive: ask, error: ask}
  ask:
    ask: Roll back?
    options: ["yes", "no"]
    timeout: 10m
    on: {"yes": change, "no": nothing, timeout: tell}
  change:
    act: rollout_undo
    with: {target: "{{ inputs.workload }}"}
    verify:
      looks: [{probe: rollout_status, with: {target: "{{ inputs.workload }}"}}]
      within: 5m
    undo: on_failure
    on: {done: more, not_helped: tell, failed: tell, denied: tell}
  more:
    act: scale
    with: {target: "{{ inputs.workload }}", replicas: 5}
    verify:
      looks: [{probe: rollout_status, with: {target: "{{ inputs.workload }}"}}]
      within: 5m
    undo: on_abort
    temporary: true
    on: {done: tell, not_helped: tell, failed: tell, denied: tell}
  tell: {notify: "{{ inputs.workload.name }} is looked at", next: call}
  call: {page: on_call, text: Please look, next: pause}
  pause: {wait: 30s, next: over}
  over: {end: escalated}
  nothing: {end: nothing_to_do}
"""


def tree(text: str = TREE) -> Runbook:
    return parse(text, "tree.yaml")


def builtin(name: str) -> Runbook:
    path = RUNBOOKS / f"{name}.yaml"
    return parse(path.read_text(encoding="utf-8"), path.name)


def change(action: str = "rollout_undo", name: str = "checkout", *, number: int = 1, already: bool = False) -> Change:
    return Change(
        action=action,
        target=TargetRef(namespace="shop", kind="Deployment", name=name, uid=f"uid-{name}"),
        title=f"{action} {name} #{number}",
        risk=Risk.MEDIUM,
        desired={"n": number},
        former={"n": number - 1},
        observed=f"seen-{number}",
        already=already,
        undo="none" if action == "rollout_restart" else "restore",
    )


HELD = c.Verified(verdict=Verdict.HELD)
NOT_HELD = c.Verified(verdict=Verdict.FAILED, detail="error rate 7 %")
CHANGED = c.Changed(applied=Applied(outcome="changed", generation=7))
DONE = c.Done()


def applied(change_: Change, fence: int = 1) -> list[c.Result]:
    """The results that carry an act up to its verification."""
    return [c.Planned(change=change_), c.Approved(by=("alice",)), c.Leased(fence=fence), CHANGED]


def run(runbook: Runbook, results: Iterable[c.Result], inputs: dict[str, str] | None = None) -> MachineState:
    """The state after these results."""
    state = step.begin(runbook, inputs or {"workload": WORKLOAD})
    for result in results:
        state = step.advance(runbook, state, result)
    return state


def script(runbook: Runbook, results: Iterable[c.Result]) -> list[str]:
    """What is done next after each result: ``node:command``, from the first command on."""
    state = step.begin(runbook, {"workload": WORKLOAD})
    lines = [shown(step.decide(runbook, state))]
    for result in results:
        state = step.advance(runbook, state, result)
        lines.append(shown(step.decide(runbook, state)))
    return lines


def shown(command: c.Command) -> str:
    outcome = f"={command.outcome}" if isinstance(command, c.End) else ""
    return f"{command.node}:{command.do}{outcome}"
