"""Actions on the pod template and the rollout of a workload."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, JsonValue, model_validator

from mainstay.domain.catalogue.kinds import DEPLOYMENTS, WORKLOAD_KINDS, WORKLOADS, DeploymentRef
from mainstay.domain.catalogue.spec import ActionSpec, Parameters, Verb
from mainstay.domain.change import Risk
from mainstay.domain.service import Workload

_Image = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/@-]{0,511}$")]
_EnvName = Annotated[str, Field(pattern=r"^[-._a-zA-Z][-._a-zA-Z0-9]{0,252}$")]
_Quantity = Annotated[str, Field(pattern=r"^[0-9]+(\.[0-9]+)?(m|k|M|G|T|Ki|Mi|Gi|Ti)?$")]
Pointer = Annotated[str, Field(pattern=r"^/spec(/[^/{}]+)+$")]
"""A JSON pointer (RFC 6901) into the spec; metadata and status are not to be patched so."""


class RolloutUndo(Parameters):
    """``previous`` is the revision before the current one, ``last_good`` the newest that was complete."""

    target: Workload
    to: Literal["previous", "revision", "last_good"] = "previous"
    revision: int | None = Field(None, ge=1)

    @model_validator(mode="after")
    def _revision_goes_with_to(self) -> Self:
        if (self.to == "revision") != (self.revision is not None):
            raise ValueError("give 'revision' together with 'to: revision', and only then")
        return self


class RolloutRestart(Parameters):
    target: Workload


class MarkVerified(Parameters):
    """The revision that runs now gets a record of good verification, which ``to: last_good`` looks for."""

    target: Workload


class RolloutPause(Parameters):
    """Pausing and resuming are each other's inverse; only a Deployment can be paused."""

    target: DeploymentRef


class SetImage(Parameters):
    """``images``: container → image. Init containers count, too."""

    target: Workload
    images: dict[str, _Image] = Field(min_length=1)


class SetEnv(Parameters):
    """``env``: variable → text, or null to take it away. ``container`` may be left out if there is one only."""

    target: Workload
    container: str = ""
    env: dict[_EnvName, str | None] = Field(min_length=1)


class SetResources(Parameters):
    """Entries replace those of the same name: ``limits: {memory: 1Gi}`` leaves the limit of CPU alone."""

    target: Workload
    container: str = ""
    requests: dict[str, _Quantity] = Field(default_factory=dict)
    limits: dict[str, _Quantity] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not (self.requests or self.limits):
            raise ValueError("give 'requests' or 'limits'")
        return self


class PatchOperation(Parameters):
    """An operation of RFC 6902 whose repetition changes nothing: no ``move``, no append."""

    op: Literal["add", "replace", "remove"]
    path: Pointer
    value: JsonValue = None


class JsonPatch(Parameters):
    """``allow``: what may be patched; each path lies at or under one of these. Neither may be a template."""

    target: Workload
    allow: list[Pointer] = Field(min_length=1)
    patch: list[PatchOperation] = Field(min_length=1, max_length=20)

    @model_validator(mode="after")
    def _allowed(self) -> Self:
        for operation in self.patch:
            if not any(operation.path == a or operation.path.startswith(f"{a}/") for a in self.allow):
                raise ValueError(f"path {operation.path} is not among those that this step allows")
        return self


def _on_template(name: str, title: str, parameters: type[Parameters], risk: Risk = Risk.MEDIUM) -> ActionSpec:
    return ActionSpec(name, title, parameters, WORKLOAD_KINDS, risk, "restore", WORKLOADS)


ROLLOUT_UNDO = ActionSpec(
    name="rollout_undo",
    beyond="pins the revision: a retry cannot go forward again; refuses one that loses data; diff first",
    title="Roll a workload back to a former revision",
    parameters=RolloutUndo,
    target_kinds=WORKLOAD_KINDS,
    risk=Risk.MEDIUM,
    undo="restore",
    writes=WORKLOADS,
    reads=(Verb("apps", "replicasets", ("list",)), Verb("apps", "controllerrevisions", ("list",))),
    restores=(),
)
ROLLOUT_RESTART = ActionSpec(
    name="rollout_restart",
    beyond="the time comes from the run, so that a retry does not restart twice",
    title="Restart the pods of a workload, one after the other",
    parameters=RolloutRestart,
    target_kinds=WORKLOAD_KINDS,
    risk=Risk.LOW,
    undo="none",
    writes=WORKLOADS,
)
MARK_VERIFIED = ActionSpec(
    "mark_verified",
    "Record that the revision which runs now serves well",
    MarkVerified,
    WORKLOAD_KINDS,
    Risk.LOW,
    "restore",
    (
        Verb("apps", "replicasets", ("get", "list", "patch")),
        Verb("apps", "controllerrevisions", ("get", "list", "patch")),
    ),
    tuple(Verb(verb.group, verb.resource, ("get",)) for verb in WORKLOADS),
)
ROLLOUT_PAUSE = ActionSpec(
    "rollout_pause", "Stop a rollout where it is", RolloutPause, ("Deployment",), Risk.LOW, "restore", (DEPLOYMENTS,)
)
ROLLOUT_RESUME = ActionSpec(
    "rollout_resume",
    "Let a paused rollout go on",
    RolloutPause,
    ("Deployment",),
    Risk.MEDIUM,
    "restore",
    (DEPLOYMENTS,),
)
SET_IMAGE = _on_template("set_image", "Roll out other images", SetImage)
SET_ENV = _on_template("set_env", "Set environment variables of a container", SetEnv)
SET_RESOURCES = _on_template("set_resources", "Set requests and limits of a container", SetResources)
JSON_PATCH = _on_template("json_patch", "Patch allowed fields of a workload", JsonPatch, Risk.HIGH)
