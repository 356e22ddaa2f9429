"""How actions, probes and channels are described as data, and how parameters are checked against it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, NamedTuple, TypeVar

from pydantic import BeforeValidator, ConfigDict, JsonValue, ValidationError

from mainstay.domain.change import Risk
from mainstay.domain.condition import Type
from mainstay.domain.errors import InvalidArgument
from mainstay.domain.model import Strict
from mainstay.domain.template import is_template
from mainstay.domain.verdict import Criterion


class Parameters(Strict):
    """Base of every parameter model. A template may yield a number where text is wanted."""

    model_config = ConfigDict(frozen=True, extra="forbid", coerce_numbers_to_str=True)


class Verb(NamedTuple):
    """A right that the worker's service account needs: ``("apps", "deployments", ("get", "patch"))``."""

    group: str
    resource: str
    verbs: tuple[str, ...]


class ActionSpec(NamedTuple):
    """One kind of change. ``risk`` is the least: a runbook may raise it, never lower it."""

    name: str
    title: str
    parameters: type[Parameters]
    target_kinds: tuple[str, ...]
    risk: Risk
    undo: Literal["restore", "none"]
    writes: tuple[Verb, ...]
    reads: tuple[Verb, ...] = ()
    restores: tuple[tuple[str, JsonValue], ...] | None = None
    """Parameters by which it takes something back, so that no freeze hinders it; empty: always, None: never."""
    beyond: str = ""
    """What it does that kubectl does not."""

    @property
    def reversible(self) -> bool:
        return self.undo == "restore"

    @property
    def group(self) -> str:
        """The family that lists and docs put it in: the module that describes it."""
        return self.parameters.__module__.rpartition(".")[2]


class ProbeSpec(NamedTuple):
    """One kind of look. Every fact is always answered; what is not known is empty, 0 or false."""

    name: str
    title: str
    parameters: type[Parameters]
    facts: Mapping[str, Type]
    held: str
    """What ``held`` means, for people: ``there was a rollout within the time given``."""
    failed: str
    reads: tuple[Verb, ...] = ()
    group: str = ""
    """The family that lists and docs put it in."""
    target_kinds: tuple[str, ...] = ()
    """What it looks at in a cluster; empty: nothing there."""
    beyond: str = ""
    """What it answers that kubectl does not."""


class Supports(NamedTuple):
    """What a channel can carry. What it cannot is left out of the message, not sent garbled."""

    address: bool
    """Needs the person's own address; False: the channel has one of its own."""
    links: bool
    html: bool = False
    calendar: bool = False
    threads: bool = False
    rooms: bool = False
    """Can make a room for one incident, and post there."""
    updates: bool = False
    """Can change a message that was sent."""
    acknowledge: bool = False
    """A person can acknowledge inside the channel, by a button, a key or a reply."""
    idempotent: bool = False
    """The provider, or the mailbox, takes a retry with the same key for the same message."""


class ChannelSpec(NamedTuple):
    """One way to reach people, as configured in mainstay.yaml. ``secrets`` are settings by reference."""

    name: str
    title: str
    settings: type[Parameters]
    secrets: tuple[str, ...] = ()
    supports: Supports = Supports(address=False, links=False)


class Fault(NamedTuple):
    """One wrong parameter: where (inside the parameters) and why."""

    path: tuple[str | int, ...]
    message: str


_Parameters = TypeVar("_Parameters", bound=Parameters)
_OPERATORS = ("<=", ">=", "==", "!=", "<", ">")


def check_parameters(
    spec: ActionSpec | ProbeSpec, parameters: Mapping[str, JsonValue], *, rendered: bool
) -> tuple[Fault, ...]:
    """Every unknown, missing or wrong parameter. While not ``rendered``, a template stands for any value."""
    try:
        spec.parameters.model_validate(dict(parameters))
    except ValidationError as error:
        faults = [Fault(_known(parameters, detail["loc"]), _why(detail)) for detail in error.errors()]
        return tuple(f for f in faults if rendered or not _behind_template(parameters, f.path))
    return ()


def parse_parameters(model: type[_Parameters], parameters: Mapping[str, JsonValue]) -> _Parameters:
    """Rendered parameters as their model. Raises InvalidArgument that names the first wrong one."""
    try:
        return model.model_validate(dict(parameters))
    except ValidationError as error:
        detail = error.errors()[0]
        path = ".".join(map(str, _known(parameters, detail["loc"]))) or "parameters"
        raise InvalidArgument(f"{path}: {_why(detail)}", field=path) from None


def parse_criterion(value: object) -> object:
    """``"<= 0.01"`` as a criterion; a mapping is taken as it is."""
    if not isinstance(value, str):
        return value
    operator = next((o for o in _OPERATORS if value.strip().startswith(o)), None)
    try:
        if operator is None:
            raise ValueError
        return {"op": operator, "value": float(value.strip().removeprefix(operator))}
    except ValueError:
        raise ValueError(f"{value!r} is no criterion: write an operator and a number, such as '<= 0.01'") from None


Threshold = Annotated[Criterion, BeforeValidator(parse_criterion)]
"""A criterion, written ``"<= 0.01"`` or ``{op: "<=", value: 0.01, at_least_samples: 3}``."""


def _known(parameters: Mapping[str, JsonValue], loc: tuple[str | int, ...]) -> tuple[str | int, ...]:
    """The part of pydantic's location that is in what was given, and the missing name behind it."""
    at: Any = parameters
    path: list[str | int] = []
    for part in loc:
        path.append(part)
        try:
            at = at[part]
        except (KeyError, IndexError, TypeError):
            break
    return tuple(path)


def _behind_template(parameters: Mapping[str, JsonValue], path: tuple[str | int, ...]) -> bool:
    at: Any = parameters
    for part in path:
        try:
            at = at[part]
        except (KeyError, IndexError, TypeError):
            return is_template(at)
    return is_template(at)


def _why(detail: Any) -> str:
    match detail["type"]:
        case "extra_forbidden":
            return f"unknown parameter {detail['loc'][-1]!r}"
        case "missing":
            return f"parameter {detail['loc'][-1]!r} is required"
        case _:
            return str(detail["msg"]).removeprefix("Value error, ")
