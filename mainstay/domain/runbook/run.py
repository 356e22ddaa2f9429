"""A runbook run: input, state, commands of people, and view."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any

from pydantic import Field, JsonValue

from mainstay.domain.access import Actor, Command
from mainstay.domain.approval import Question
from mainstay.domain.change import Applied, Change
from mainstay.domain.message import IncidentRef
from mainstay.domain.model import Record
from mainstay.domain.pinned import PinnedConfig
from mainstay.domain.runbook.commands import Aborted, Answered, Skipped
from mainstay.domain.timeline import AnyEntry


class StepState(Record):
    """Where the machine stands inside one ``act`` node."""

    phase: str = "plan"
    """``plan`` → ``approve`` → ``lease`` → ``apply`` → ``verify`` → (``undo`` →) ``release``."""
    change: Change | None = None
    fence: int = 0
    applied: Applied | None = None
    branch: str = ""
    """The branch to take once the lease is released."""
    replans: int = 0
    why: str = ""
    node: str = ""
    """Whose change it is, while a run is being aborted; empty: the present node's."""


class Standing(Record):
    """A change that was applied and has not been undone: what an abort would take back, newest first."""

    node: str
    change: Change
    fence: int = 0
    undo_on_abort: bool = True
    temporary: bool = False


class MachineState(Record):
    """The tree machine's whole state, between two commands."""

    node: str
    act: StepState | None = None
    inputs: dict[str, JsonValue] = Field(default_factory=dict)
    facts: dict[str, dict[str, JsonValue]] = Field(default_factory=dict)
    path: tuple[str, ...] = ()
    """``node:branch`` for every node left behind."""
    standing: tuple[Standing, ...] = ()
    aborting: str = ""
    visits: int = 0


class RunInput(Record):
    """Input of the runbook workflow. The text is content-addressed: editing the file changes no run."""

    runbook: str
    text: str
    digest: str
    library: dict[str, str] = Field(default_factory=dict)
    """Texts of the runbooks that this one calls."""
    inputs: dict[str, JsonValue] = Field(default_factory=dict)
    incident: IncidentRef = Field(default_factory=IncidentRef)
    """Empty for a run without an incident."""
    roles: dict[str, str] = Field(default_factory=dict)
    """Incident roles at the start."""
    requester: Actor | None = None
    """Who started it or changed its inputs by hand; a run that an alert started has none."""
    pinned: PinnedConfig | None = None
    parent_run: str = ""
    """Workflow id of the run that called this one."""
    deadline: timedelta = timedelta(hours=12)
    state: RunState | None = None


class RunState(Record):
    """All that outlives one execution of the run's workflow."""

    machine: MachineState
    key: str = ""
    """First execution's run id: part of every effect's idempotency key."""
    started_at: datetime | None = None
    question: Question | None = None
    """The open request for approval."""
    questions: int = 0
    extended: bool = False
    """The question was put to the next in line when its time had passed."""
    rules: int = 1
    """The rules that the run began with and lives by."""
    roles: dict[str, str] | None = None
    """Incident roles as the incident told them last; None: those at the start."""
    answer: Answered | None = None
    interrupt: Annotated[Skipped | Aborted, Field(discriminator="got")] | None = None
    called: RunReport | None = None
    """What people and the called run have said, and the run has not come to yet."""
    asked: str = ""
    """The question as it was put."""
    ask_node: str = ""
    ask_until: datetime | None = None
    wait_until: datetime | None = None
    paused_by: str = ""
    reminded: bool = False
    tail: tuple[AnyEntry, ...] = ()
    next_seq: int = 1
    reported_seq: int = 0
    seen_updates: tuple[str, ...] = ()
    lease_fence: int = 0
    lease_target: str = ""
    child: str = ""


class RunReport(Record):
    """Signal ``run_report`` to the incident: idempotent by (workflow id, seq)."""

    incident_key: str = ""
    workflow_id: str = ""
    run_id: str = ""
    runbook: str = ""
    status: str = "running"
    waits_for: str = ""
    ended: bool = False
    outcome: str = ""
    summary: str = ""
    entries: tuple[AnyEntry, ...] = ()
    first_seq: int = 1
    needs_approval: bool = False
    mitigations: tuple[dict[str, Any], ...] = ()


class RunView(Record):
    """Answer of the run's query ``view``."""

    workflow_id: str
    key: str
    runbook: str
    incident: IncidentRef = Field(default_factory=IncidentRef)
    status: str
    waits_for: str = ""
    node: str = ""
    path: tuple[str, ...] = ()
    question: Question | None = None
    change: Change | None = None
    """The change that waits for approval or is being carried out."""
    ask: str = ""
    ask_options: tuple[str, ...] = ()
    standing: tuple[str, ...] = ()
    outcome: str = ""
    summary: str = ""
    timeline: tuple[AnyEntry, ...] = ()


# Arguments of the run's updates


class CastVote(Command):
    """``digest`` must be the one shown; empty is refused, so that nobody approves blindly."""

    digest: str = ""
    comment: str = ""
    break_glass: bool = False


class AnswerQuestion(Command):
    option: str = ""
    comment: str = ""


class Control(Command):
    """pause, resume, retry, abort, take_over."""

    reason: str = ""
    undo: bool = True


class Skip(Command):
    branch: str = ""
    reason: str = ""


class Lease(Record):
    """A request for, or the grant of, the right to change one target."""

    holder: str = ""
    """Workflow id of the run."""
    holder_run_id: str = ""
    request_id: str = ""
    fence: int = 0
    target: str = ""
    why: str = ""
    write_timeout: timedelta = timedelta(minutes=2)


RunState.model_rebuild()
RunInput.model_rebuild()
