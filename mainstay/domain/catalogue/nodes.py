"""Actions on nodes, as data."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from mainstay.domain.catalogue.spec import ActionSpec, Parameters, Verb
from mainstay.domain.change import Risk

_TAINT_KEY = Annotated[str, Field(pattern=r"^([a-z0-9.-]{1,253}/)?[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$")]
_TAINT_VALUE = Annotated[str, Field(pattern=r"^([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?$")]
Effect = Literal["NoSchedule", "PreferNoSchedule", "NoExecute"]


class NodeRef(Parameters):
    """A node of a cluster."""

    cluster: str = "default"
    kind: Literal["Node"] = "Node"
    name: str


class NodeParameters(Parameters):
    target: NodeRef


class Cordon(NodeParameters):
    """Close a node to new pods."""


class Uncordon(NodeParameters):
    """Open a node to new pods."""


class Taint(NodeParameters):
    """A taint of the same key and effect is replaced."""

    key: _TAINT_KEY
    value: _TAINT_VALUE = ""
    effect: Effect


class Untaint(NodeParameters):
    """Without an effect all taints of the key go."""

    key: _TAINT_KEY
    effect: Effect | Literal[""] = ""


class Drain(NodeParameters):
    """What may be lost must be said: data of emptyDir volumes, pods that no controller brings back."""

    ignore_daemon_sets: bool = True
    empty_dir_data: bool = False
    unmanaged: bool = False
    grace_seconds: int | None = Field(None, ge=0, le=3_600)
    """Time for a pod to stop; without one each pod's own."""
    timeout_seconds: int = Field(300, ge=1, le=3_600)
    at_most: int = Field(110, ge=1, le=500)
    """The most pods that this step may evict."""


_NODES = Verb("", "nodes", ("get", "list", "patch"))

NODE_ACTIONS = (
    ActionSpec(
        name="cordon",
        title="Close a node to new pods",
        parameters=Cordon,
        target_kinds=("Node",),
        risk=Risk.LOW,
        undo="restore",
        writes=(_NODES,),
    ),
    ActionSpec(
        name="uncordon",
        title="Open a node to new pods",
        parameters=Uncordon,
        target_kinds=("Node",),
        risk=Risk.LOW,
        undo="restore",
        writes=(_NODES,),
    ),
    ActionSpec(
        name="taint",
        title="Taint a node",
        parameters=Taint,
        target_kinds=("Node",),
        risk=Risk.HIGH,
        undo="restore",
        writes=(_NODES,),
    ),
    ActionSpec(
        name="untaint",
        title="Remove a taint of a node",
        parameters=Untaint,
        target_kinds=("Node",),
        risk=Risk.LOW,
        undo="restore",
        writes=(_NODES,),
    ),
    ActionSpec(
        name="drain",
        title="Close a node and evict its pods within their disruption budgets",
        parameters=Drain,
        target_kinds=("Node",),
        risk=Risk.HIGH,
        undo="restore",
        writes=(_NODES, Verb("", "pods/eviction", ("create",))),
        reads=(Verb("", "pods", ("get", "list")), Verb("policy", "poddisruptionbudgets", ("list",))),
    ),
)
