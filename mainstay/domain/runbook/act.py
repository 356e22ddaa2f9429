"""Inside one ``act`` node: check → plan → approve → lease → apply → verify → (undo →) release → branch.

The lease is held from before the change until after it was verified or taken back. What was applied stands
in the ledger from the moment when it may have been written, because an abort can come in between.
"""

from __future__ import annotations

from typing import NamedTuple, assert_never

from pydantic import JsonValue

from mainstay.domain.catalogue.actions import ACTIONS
from mainstay.domain.change import Applied, Change, Risk
from mainstay.domain.errors import KINDS, Unavailable, WrongState
from mainstay.domain.runbook import commands as c
from mainstay.domain.runbook.node import ActNode
from mainstay.domain.runbook.run import MachineState, Standing, StepState
from mainstay.domain.verdict import Verdict

MAX_REPLANS = 5
"""How often a plan is made anew because its target changed; then the step failed."""
_RISKS = (Risk.LOW, Risk.MEDIUM, Risk.HIGH)
_MET = "met"
_REFUSALS = tuple(kind for kind in KINDS if kind != Unavailable.kind)


class After(NamedTuple):
    """The state after a result. ``branch`` is set when the node is done."""

    state: MachineState
    branch: str = ""
    facts: dict[str, JsonValue] = {}  # noqa: RUF012 - never written to


def entered(node: ActNode) -> StepState:
    """The first phase."""
    return StepState(phase="check" if node.precondition else "plan")


def state_of(state: MachineState) -> StepState:
    if state.act is None:
        raise WrongState(f"step {state.node} was not entered")
    return state.act


def riskier(*risks: Risk | None) -> Risk:
    """The highest of several."""
    return max((r for r in risks if r is not None), key=_RISKS.index, default=Risk.HIGH)


def risk_of(node: ActNode, change: Change | None = None) -> Risk:
    """The risk of a step: what the catalogue, the runbook and the plan say, whichever is highest."""
    spec = ACTIONS.get(node.act)
    return riskier(spec.risk if spec else Risk.HIGH, node.risk, change.risk if change else None)


def decide(name: str, node: ActNode, step: StepState) -> c.Command:
    """The command of the current phase."""
    match step.phase:
        case "check":
            return c.Probe(node=name, probe="condition", cases=((_MET, node.precondition), ("unmet", "true")))
        case "plan":
            return c.PlanChange(node=name, action=node.act, parameters=node.parameters)
        case "approve":
            return c.AwaitApproval(node=name, change=_change(step), risk=risk_of(node, step.change))
        case "lease":
            return c.AcquireLease(node=name, change=_change(step))
        case "apply":
            return c.ApplyChange(node=name, change=_change(step), fence=step.fence)
        case "verify":
            return _verify(name, node, step)
        case "undo":
            return c.UndoChange(node=name, change=_change(step), fence=step.fence, why=step.why)
        case "release":
            return c.ReleaseLease(node=name, change=_change(step))
        case other:
            raise WrongState(f"phase {other!r} is unknown to this worker")


def advance(name: str, node: ActNode, ceiling: Risk, state: MachineState, result: c.Result) -> After:
    """Take in the result of the current phase."""
    step = state_of(state)
    if isinstance(result, c.Skipped):
        return _skip(name, node, state, step, result)
    if isinstance(result, c.Drifted) and step.phase in ("approve", "lease", "apply"):
        return _drifted(state, step, result.detail)
    match step.phase, result:
        case "check", c.Answered(branch="met"):
            return _to(state, step, phase="plan")
        case "check", c.Answered() | c.Failure():
            why = result.detail or "the precondition is not met"
            return _done(state, step, "failed", f"precondition: {why}")
        case "plan", c.Planned(change=change):
            return _planned(node, ceiling, state, step, change)
        case (("plan" | "approve"), (c.Failure() | c.Denied())):
            return _done(state, step, *_refused(result))
        case "approve", c.Approved():
            return _to(state, step, phase="lease")
        case "lease", c.Leased(fence=fence):
            return _to(state, step, phase="apply", fence=fence)
        case "lease", (c.Failure() | c.Denied()):
            return _release(state, step, *_refused(result))
        case "apply", c.Changed(applied=applied):
            return _applied(name, node, state, step, applied)
        case "apply", c.Failure():
            return _not_applied(name, node, state, step, result)
        case "verify", c.Verified(verdict=verdict):
            return _verified(node, state, step, verdict, result.detail)
        case "verify", c.Failure():
            return _verified(node, state, step, Verdict.ERROR, f"{result.kind}: {result.detail}")
        case "undo", c.Done():
            branch = step.branch or "not_helped"
            return _release(_without(state, step), step, branch, f"{step.why}; taken back")
        case "undo", (c.Failure() | c.Drifted()):
            kept = _keep(state, step)
            return _release(kept, step, "failed", f"{step.why}; could not be taken back: {result.detail}")
        case "release", (c.Done() | c.Failure()):
            return _released(state, step)
        case _:
            raise WrongState(f"{type(result).__name__} does not answer {step.phase} of step {name}")


# ---- abort ----------------------------------------------------------------------------------------


def abort(state: MachineState, result: c.Aborted) -> MachineState:
    """Stop here: give back what is held, take back what says so, newest first, then end.

    A change whose outcome is not known yet counts as applied: taking back what was never written finds
    the target as it was and writes nothing.
    """
    if state.aborting:
        return state
    why = result.why + (f" (by {result.by})" if result.by else "")
    step = state.act
    if step is not None and step.phase == "apply":
        state = _stands(state, state.node, step, undo_on_abort=True)
    state = state.model_copy(update={"aborting": why or "aborted"})
    if not result.undo:
        state = state.model_copy(
            update={"standing": tuple(s.model_copy(update={"undo_on_abort": False}) for s in state.standing)}
        )
    if step is None or step.change is None or not _holds(step):
        return _next_undo(state.model_copy(update={"act": None}))
    following = _to_undo(state)
    if following and following.change == step.change and step.phase in ("apply", "verify", "undo"):
        return _phase(state, step, phase="undo", why=state.aborting)
    return _phase(state, step, phase="release")


def decide_taking_back(state: MachineState, step: StepState) -> c.Command:
    """The command while a run is being aborted."""
    change = _change(step)
    name = step.node or state.node
    match step.phase:
        case "lease":
            return c.AcquireLease(node=name, change=change)
        case "undo":
            return c.UndoChange(node=name, change=change, fence=step.fence, why=state.aborting)
        case "release":
            return c.ReleaseLease(node=name, change=change)
        case other:
            raise WrongState(f"phase {other!r} cannot be while a run is being aborted")


def taken_back(state: MachineState, result: c.Result) -> MachineState:
    """Take in a result while aborting. What cannot be taken back stays in the ledger, and is said."""
    if state.act is None:
        raise WrongState("the run has ended")
    step = state.act
    match step.phase, result:
        case "lease", c.Leased(fence=fence):
            return _phase(state, step, phase="undo", fence=fence)
        case "lease", _:
            return _phase(_keep(state, step), step, phase="release")
        case "undo", c.Done():
            return _phase(_without(state, step), step, phase="release")
        case "undo", _:
            return _phase(_keep(state, step), step, phase="release")
        case _:
            return _next_undo(state.model_copy(update={"act": None}))


# ---- phases ---------------------------------------------------------------------------------------


def _planned(node: ActNode, ceiling: Risk, state: MachineState, step: StepState, change: Change) -> After:
    risk = risk_of(node, change)
    step = step.model_copy(update={"change": change})
    if _RISKS.index(risk) > _RISKS.index(ceiling):
        why = f"its risk is {risk.value}, and this runbook allows at most {ceiling.value}"
        return _done(state, step, "failed", why)
    if change.already:
        return _to(state, step, phase="verify", applied=Applied(outcome="already"))
    return _to(state, step, phase="approve")


def _applied(name: str, node: ActNode, state: MachineState, step: StepState, applied: Applied) -> After:
    match applied.outcome:
        case "drifted":
            return _drifted(state, step, applied.detail)
        case "changed" | "already":  # "already" on a retry is our own first attempt
            step = step.model_copy(update={"applied": applied})
            stands = _stands(state, name, step, undo_on_abort=node.undo != "never", temporary=node.temporary)
            return _to(stands, step, phase="verify")
        case _:
            assert_never(applied.outcome)


def _not_applied(name: str, node: ActNode, state: MachineState, step: StepState, failure: c.Failure) -> After:
    """A refusal means that nothing was written. After anything else nobody knows: a request whose answer
    was lost may have been carried out, so it is taken back, or stands in the ledger."""
    branch, why = _refused(failure)
    if failure.kind in _REFUSALS:
        return _release(state, step, branch, why)
    undoable = node.undo != "never" and _change(step).undo == "restore"
    stands = _stands(state, name, step, undo_on_abort=undoable, temporary=node.temporary)
    if undoable:
        return _to(stands, step, phase="undo", branch=branch, why=why)
    return _release(stands, step, branch, f"{why}; it may have been carried out")


def _verified(node: ActNode, state: MachineState, step: StepState, verdict: Verdict, detail: str) -> After:
    if verdict is Verdict.HELD:
        state = _without_reversed(state, step)
        kept = state if node.undo == "on_abort" else _keep(state, step)
        return _finish(kept, step, "done", detail)
    why = detail or f"verification: {verdict.value}"
    undoable = node.undo != "never" and _change(step).undo == "restore" and not _change(step).already
    if undoable:
        return _to(state, step, phase="undo", why=why)
    return _finish(_keep(state, step), step, "not_helped", why)


def _drifted(state: MachineState, step: StepState, detail: str) -> After:
    """Plan anew: the vote was for a plan that no longer fits."""
    why = f"the target changed meanwhile: {detail}" if detail else "the target changed meanwhile"
    if step.replans >= MAX_REPLANS:
        why = f"{why} ({MAX_REPLANS} new plans did not help)"
        return _finish(state, step, "failed", why)
    replans = step.replans + 1
    if _holds(step):
        return _to(state, step, phase="release", replans=replans, why=why)
    return _to(state, step, phase="plan", change=None, replans=replans, why=why)


def _released(state: MachineState, step: StepState) -> After:
    if step.branch:
        return _done(state, step, step.branch, step.why)
    return _to(state, step, phase="plan", change=None, fence=0, applied=None)


def _skip(name: str, node: ActNode, state: MachineState, step: StepState, result: c.Skipped) -> After:
    """A person chose the branch. What was or may have been applied goes on standing."""
    if step.phase == "apply":
        state = _stands(state, name, step, undo_on_abort=node.undo == "on_abort", temporary=node.temporary)
    elif step.phase == "undo" or node.undo != "on_abort":
        state = _keep(state, step)
    return _finish(state, step, result.branch, f"skipped by {result.by}")


def _finish(state: MachineState, step: StepState, branch: str, why: str) -> After:
    """Leave by ``branch``, giving the lease back first if there is one."""
    return _release(state, step, branch, why) if _holds(step) else _done(state, step, branch, why)


def _release(state: MachineState, step: StepState, branch: str, why: str) -> After:
    return _to(state, step, phase="release", branch=branch, why=why)


def _done(state: MachineState, step: StepState, branch: str, why: str) -> After:
    title = step.change.title if step.change else ""
    facts: dict[str, JsonValue] = {"branch": branch, "title": title, "detail": why[:1_000]}
    return After(state.model_copy(update={"act": None}), branch, facts)


def _refused(result: c.Result) -> tuple[str, str]:
    """(branch, why) of an answer that means no."""
    if isinstance(result, c.Denied):
        return "denied", result.detail or result.why
    if isinstance(result, c.Failure):
        return "failed", f"{result.kind}: {result.detail}"
    raise WrongState(f"{type(result).__name__} is no refusal")


def _verify(name: str, node: ActNode, step: StepState) -> c.VerifyChange:
    probes = tuple(c.Probe(node=name, probe=look.probe, parameters=look.parameters) for look in node.verify.looks)
    return c.VerifyChange(
        node=name,
        change=_change(step),
        applied=step.applied or Applied(outcome="already"),
        probes=probes,
        within=node.verify.within,
        settle=node.verify.settle,
    )


def _holds(step: StepState) -> bool:
    """Is the lease held, or may it be? Asked for counts: a grant may be on its way."""
    if step.phase == "verify":
        return step.change is not None and not step.change.already
    return step.phase in ("lease", "apply", "undo", "release")


def _change(step: StepState) -> Change:
    if step.change is None:
        raise WrongState(f"phase {step.phase} without a plan")
    return step.change


# ---- the ledger -----------------------------------------------------------------------------------


def _stands(
    state: MachineState, node: str, step: StepState, *, undo_on_abort: bool, temporary: bool = False
) -> MachineState:
    change = _change(step)
    entry = Standing(
        node=node,
        change=change,
        fence=step.fence,
        undo_on_abort=undo_on_abort and change.undo == "restore",
        temporary=temporary,
    )
    return state.model_copy(update={"standing": (*state.standing, entry)})


def _without_reversed(state: MachineState, step: StepState) -> MachineState:
    """A fail-back brings back what the failover found: from then on the failover stands no longer."""
    change = _change(step)

    def reversed_(earlier: Change) -> bool:
        same = change.target == earlier.target and change.action == earlier.action
        return same and change.desired is not None and change.desired == earlier.former

    left = tuple(entry for entry in state.standing if entry.change == change or not reversed_(entry.change))
    return state.model_copy(update={"standing": left})


def _without(state: MachineState, step: StepState) -> MachineState:
    """The newest entry of this change is taken back."""
    index = _index(state, step)
    if index is None:
        return state
    return state.model_copy(update={"standing": state.standing[:index] + state.standing[index + 1 :]})


def _keep(state: MachineState, step: StepState) -> MachineState:
    """It goes on standing: an abort leaves it alone, because it helped or because it cannot be undone."""
    index = _index(state, step)
    if index is None:
        return state
    entry = state.standing[index].model_copy(update={"undo_on_abort": False})
    return state.model_copy(update={"standing": (*state.standing[:index], entry, *state.standing[index + 1 :])})


def _index(state: MachineState, step: StepState) -> int | None:
    if step.change is None or step.change.already:
        return None
    found = [index for index, entry in enumerate(state.standing) if entry.change == step.change]
    return found[-1] if found else None


def _to_undo(state: MachineState) -> Standing | None:
    return next((entry for entry in reversed(state.standing) if entry.undo_on_abort), None)


def _next_undo(state: MachineState) -> MachineState:
    entry = _to_undo(state)
    if entry is None:
        return state
    step = StepState(phase="lease", change=entry.change, why=state.aborting, node=entry.node)
    return state.model_copy(update={"act": step})


def _phase(state: MachineState, step: StepState, **update: object) -> MachineState:
    return state.model_copy(update={"act": step.model_copy(update=update)})


def _to(state: MachineState, step: StepState, **update: object) -> After:
    return After(_phase(state, step, **update))
