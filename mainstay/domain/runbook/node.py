"""A runbook as people write it: typed inputs and a tree of nodes, each told by its key.

Nothing dangerous is a default: a probe must say what happens when it saw nothing or could not look, an
act must say how its effect is verified, whether it is taken back and where each of its four ends leads.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, JsonValue, StringConstraints, Tag, model_validator

from mainstay.domain.change import Risk
from mainstay.domain.duration import Duration
from mainstay.domain.model import Strict

NodeName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
"""No hyphen: a node's facts are used as ``facts.NODE.x`` in conditions."""
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,62}$")]
Branch = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
Text = Annotated[str, StringConstraints(min_length=1, max_length=4_000)]
InputType = Literal["string", "number", "boolean", "duration", "workload", "labels", "url", "query"]
Outcome = Literal["mitigated", "nothing_to_do", "escalated", "failed", "aborted"]
UndoWhen = Literal["on_failure", "on_abort", "never"]

VERDICT_BRANCHES = ("held", "failed")
MUST_HANDLE = ("inconclusive", "error")
ACT_BRANCHES = ("done", "not_helped", "failed", "denied")
CALL_BRANCHES: tuple[Outcome, ...] = ("mitigated", "nothing_to_do", "escalated", "failed", "aborted")
TIMEOUT = "timeout"
KINDS = ("probe", "ask", "act", "wait", "notify", "page", "call", "parallel", "end")


class Input(Strict):
    """A value that the runbook needs. Without a default it is required, unless ``required: false``."""

    type: InputType
    title: str = ""
    required: bool = True
    default: JsonValue = None

    @property
    def must_be_given(self) -> bool:
        return self.required and self.default is None


class Look(Strict):
    """One probe inside a verification or a parallel node."""

    probe: str
    parameters: dict[str, JsonValue] = Field(default_factory=dict, alias="with")


class Verify(Strict):
    """Every look must hold within ``within``; ``settle`` is how long to wait before the first."""

    looks: tuple[Look, ...] = Field(min_length=1)
    within: Duration = Field(gt=timedelta(0), le=timedelta(hours=6))
    settle: Duration = Field(timedelta(0), ge=timedelta(0), le=timedelta(hours=1))


class _Node(Strict):
    """Common to all. A node of a cycle has a bound, and says where to go when it is used up."""

    title: str = ""
    max_visits: int | None = Field(None, ge=1, le=50)
    exhausted: str = ""

    @property
    def branches(self) -> Mapping[str, str]:
        """Branch → the node that it leads to, in the order of the document."""
        return {}

    @model_validator(mode="after")
    def _bound_leads_somewhere(self) -> Self:
        if (self.max_visits is None) != (not self.exhausted):
            raise ValueError("'max_visits' and 'exhausted' (the node to go to then) belong together")
        return self


class _Forked(_Node):
    on: dict[Branch, str]

    @property
    def branches(self) -> Mapping[str, str]:
        return self.on


class _Straight(_Node):
    next: str

    @property
    def branches(self) -> Mapping[str, str]:
        return {"next": self.next}


class ProbeNode(_Forked):
    """Look and branch: by verdict, or by ``cases`` (name → condition on the facts; the first that holds)."""

    probe: str
    parameters: dict[str, JsonValue] = Field(default_factory=dict, alias="with")
    cases: dict[Branch, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _every_answer_leads_somewhere(self) -> Self:
        reserved = [case for case in self.cases if case in (*VERDICT_BRANCHES, *MUST_HANDLE)]
        if reserved:
            raise ValueError(f"a case cannot be called {' or '.join(reserved)}: verdicts are")
        _exactly(self.on, (*(self.cases or VERDICT_BRANCHES), *MUST_HANDLE))
        return self


class AskNode(_Forked):
    """Ask a person; each option is a branch, and so is nobody's answer (``timeout``)."""

    ask: Text
    options: tuple[Branch, ...] = Field(min_length=1)
    to: tuple[str, ...] = Field(("on_call",), min_length=1)
    commands: tuple[str, ...] = ()
    """What to type by hand; templates."""
    timeout: Duration = Field(gt=timedelta(0), le=timedelta(days=14))

    @model_validator(mode="after")
    def _every_option_leads_somewhere(self) -> Self:
        if TIMEOUT in self.options or len(set(self.options)) < len(self.options):
            raise ValueError("options must differ from each other and from 'timeout'")
        _exactly(self.on, (*self.options, TIMEOUT))
        return self


class ActNode(_Forked):
    """Change something: plan, have it approved, take the lease, apply, verify, take back if it must be.

    ``undo: never`` leaves it as it is; ``on_failure`` takes it back when it did not help or the run is
    aborted before that is known; ``on_abort`` also when the run is aborted later.
    """

    act: str
    parameters: dict[str, JsonValue] = Field(alias="with")
    risk: Risk | None = None
    """Default: the action's own, which is also the least."""
    precondition: str = ""
    """Condition over ``inputs``, ``facts`` and ``incident``; if not true, it ``failed``."""
    verify: Verify
    undo: UndoWhen
    temporary: bool = False
    """Stands in the incident's ledger until it is removed (S-247)."""

    @model_validator(mode="after")
    def _every_end_leads_somewhere(self) -> Self:
        _exactly(self.on, ACT_BRANCHES)
        return self


class WaitNode(_Straight):
    wait: Duration = Field(gt=timedelta(0), le=timedelta(days=7))


class NotifyNode(_Straight):
    notify: Text
    to: tuple[str, ...] = Field(("responders",), min_length=1)


class PageNode(_Straight):
    """Call ``on_call``, ``owner`` (the service's team), ``person:``, ``team:`` or ``schedule:NAME``."""

    page: str = Field(pattern=r"^(on_call|owner|(person|team|schedule):.+)$")
    text: Text
    commands: tuple[str, ...] = ()


class CallNode(_Forked):
    """Run another runbook to its end; the branch is its outcome."""

    call: Name
    inputs: dict[str, JsonValue] = Field(default_factory=dict, alias="with")

    @model_validator(mode="after")
    def _every_outcome_leads_somewhere(self) -> Self:
        _exactly(self.on, CALL_BRANCHES)
        return self


class ParallelNode(_Forked):
    """Several looks at once; the branch is the worst verdict of all."""

    parallel: tuple[Look, ...] = Field(min_length=2, max_length=20)

    @model_validator(mode="after")
    def _every_verdict_leads_somewhere(self) -> Self:
        _exactly(self.on, (*VERDICT_BRANCHES, *MUST_HANDLE))
        return self


class EndNode(_Node):
    end: Literal["mitigated", "nothing_to_do", "escalated", "failed"]
    summary: str = Field("", max_length=4_000)


def _kind(value: Any) -> str | None:
    """The tag of the one key that tells the kind. Not the key itself: in the place of a problem, a tag must
    not look like a field."""
    known = type(value).model_fields if isinstance(value, _Node) else value
    found = [kind for kind in KINDS if isinstance(known, dict) and kind in known]
    return f"<{found[0]}>" if len(found) == 1 else None


AnyNode = Annotated[
    Annotated[ProbeNode, Tag("<probe>")]
    | Annotated[AskNode, Tag("<ask>")]
    | Annotated[ActNode, Tag("<act>")]
    | Annotated[WaitNode, Tag("<wait>")]
    | Annotated[NotifyNode, Tag("<notify>")]
    | Annotated[PageNode, Tag("<page>")]
    | Annotated[CallNode, Tag("<call>")]
    | Annotated[ParallelNode, Tag("<parallel>")]
    | Annotated[EndNode, Tag("<end>")],
    Discriminator(
        _kind,
        custom_error_type="node_kind",
        custom_error_message="a node has exactly one of the keys " + ", ".join(KINDS),
    ),
]


class About(Strict):
    """The sections that a responder looks for (S-192): what alerts, where to look, whom to call."""

    owner: Text
    alerts: tuple[str, ...] = Field(min_length=1)
    dashboard: Text
    diagnosis: tuple[str, ...] = Field(min_length=1)
    rollback: tuple[str, ...] = Field(min_length=1)
    contacts: tuple[str, ...] = Field(min_length=1)
    repository: str = ""
    architecture: str = ""
    symptoms: tuple[str, ...] = ()
    assessment: tuple[str, ...] = ()
    """What to look at first."""
    resolution: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """Scenario → its steps, for people who do it by hand."""
    communication: dict[str, str] = Field(default_factory=dict)
    """Audience → what to tell it."""


class Runbook(Strict):
    """One decision tree."""

    name: Name
    title: Text
    description: str = ""
    about: About | None = None
    inputs: dict[NodeName, Input] = Field(default_factory=dict)
    risk_ceiling: Risk = Risk.HIGH
    """No change of this runbook may be riskier, whatever its plan finds."""
    start: str
    nodes: dict[NodeName, AnyNode] = Field(min_length=1, max_length=200)

    def node(self, name: str) -> AnyNode:
        return self.nodes[name]


def _exactly(on: Mapping[str, str], wanted: tuple[str, ...]) -> None:
    """Each wanted branch must be handled, and no other can ever be taken."""
    missing = [branch for branch in wanted if branch not in on]
    if missing:
        raise ValueError(f"'on' does not say what follows {', '.join(missing)}")
    extra = [branch for branch in on if branch not in wanted]
    if extra:
        raise ValueError(f"'on' names {', '.join(extra)}, which never happens here: it has {', '.join(wanted)}")
