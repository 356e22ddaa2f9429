"""Probes of pods: their health, events, logs, and what a command in one of them says."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field

from mainstay.domain.catalogue.probes.shape import (
    GET_WORKLOADS,
    LIST_PODS,
    WORKLOADS,
    InNamespace,
    ObjectName,
)
from mainstay.domain.catalogue.spec import Parameters, ProbeSpec, Threshold, Verb, parse_criterion
from mainstay.domain.duration import Duration
from mainstay.domain.service import Workload
from mainstay.domain.verdict import Criterion

_Argument = Annotated[str, Field(max_length=1_000, pattern=r"^[^\x00]*$")]
_Exit = Annotated[int, Field(ge=0, le=255)]


def _none() -> Criterion:
    return Criterion.model_validate(parse_criterion("== 0"))


class PodHealth(Parameters):
    """``restarts_within``: an out-of-memory kill or a crash longer ago than this is forgotten."""

    target: Workload
    restarts_within: Duration = timedelta(minutes=10)
    pending_after: Duration = timedelta(minutes=1)
    """A pod that is younger is on its way, not pending."""


class Events(InNamespace):
    """Events of the last ``within``; ``name`` is the object's, or the beginning of its pods' names."""

    kind: str = Field("", pattern=r"^[A-Za-z]{0,63}$")
    name: str = Field("", pattern=r"^([a-z0-9][-a-z0-9.]{0,252})?$")
    reasons: tuple[Annotated[str, Field(pattern=r"^[A-Za-z0-9]{1,128}$")], ...] = ()
    """Such as ``FailedScheduling``; empty: every reason."""
    type: Literal["Warning", "Normal", "any"] = "Warning"
    within: Duration = timedelta(minutes=10)
    criterion: Threshold = Field(default_factory=_none)
    """What their number must be; repeated events count as often as they happened."""


class Logs(Parameters):
    """Lines of the last ``within`` in all pods of a workload, judged by how many match ``pattern``.

    The pattern is RE2's: it takes time in proportion to the text, whatever it is.
    """

    target: Workload
    pattern: str = Field(min_length=1, max_length=500)
    criterion: Threshold = Field(default_factory=_none)
    within: Duration = timedelta(minutes=5)
    container: str = Field("", pattern=r"^([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)?$")
    """Empty: the pod's only or default container."""
    previous: bool = False
    """The log of the container before its last restart."""
    max_pods: int = Field(10, ge=1, le=50)
    max_lines: int = Field(1_000, ge=1, le=10_000)
    """Newest lines of each pod."""


class Exec(Parameters):
    """Runs a command in one ready pod of a workload. An argument list, no shell: nothing is expanded.

    Only for commands that look: it may run more than once.
    """

    target: Workload
    command: tuple[_Argument, ...] = Field(min_length=1, max_length=50)
    container: str = Field("", pattern=r"^([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)?$")
    expect_exit: tuple[_Exit, ...] = (0,)
    timeout: Annotated[Duration, Field(gt=timedelta(0), le=timedelta(seconds=30))] = timedelta(seconds=5)


class JobStatus(InNamespace):
    """How the newest run of a CronJob, or a Job itself, ended."""

    kind: Literal["Job", "CronJob"] = "CronJob"
    name: ObjectName
    within: Duration | None = None
    """The newest success must be younger than this."""


PODS = (
    ProbeSpec(
        name="pod_health",
        title="Do the pods of a workload crash, lack memory, an image or a place?",
        group="pods",
        target_kinds=WORKLOADS,
        parameters=PodHealth,
        facts={
            "pods": "integer",
            "ready": "integer",
            "crash_loop": "integer",
            "oom_killed": "integer",
            "image_pull": "integer",
            "pending": "integer",
            "evicted": "integer",
            "restarts": "integer",
            "why": "string",
            "nodes": "list",
        },
        held="no pod has one of these faults, and all are ready",
        failed="a pod has one, or is not ready",
        reads=(*GET_WORKLOADS, LIST_PODS),
        beyond="sums up what takes a get, a describe and a look at each container's last state",
    ),
    ProbeSpec(
        name="events",
        title="How often did something happen to an object?",
        group="pods",
        target_kinds=("any",),
        parameters=Events,
        facts={"count": "integer", "newest": "string", "reasons": "list"},
        held="their number meets the criterion",
        failed="it does not",
        reads=(Verb("", "events", ("list",)),),
        beyond="bounded in time, repetitions counted",
    ),
    ProbeSpec(
        name="logs",
        title="How many lines of the pods' logs match a pattern?",
        group="pods",
        target_kinds=WORKLOADS,
        parameters=Logs,
        facts={"matches": "integer", "lines": "integer", "pods": "integer", "sample": "string", "cut": "boolean"},
        held="the number of matching lines meets the criterion",
        failed="it does not",
        reads=(*GET_WORKLOADS, LIST_PODS, Verb("", "pods/log", ("get",))),
        beyond="all pods at once, bounded in pods, lines, bytes and time; cut logs never prove an absence",
    ),
    ProbeSpec(
        name="exec",
        title="Run a command that looks, in a pod, and judge its exit code",
        group="pods",
        target_kinds=WORKLOADS,
        parameters=Exec,
        facts={"exit_code": "integer", "pod": "string", "output": "string"},
        held="it ended with an expected exit code",
        failed="it ended with another",
        reads=(*GET_WORKLOADS, LIST_PODS, Verb("", "pods/exec", ("create", "get"))),
        beyond="picks a ready pod, and ends after the timeout",
    ),
    ProbeSpec(
        name="job_status",
        title="How did the newest run of a CronJob end?",
        group="pods",
        target_kinds=("Job", "CronJob"),
        parameters=JobStatus,
        facts={
            "state": "string",
            "job": "string",
            "reason": "string",
            "suspended": "boolean",
            "success_age_seconds": "integer",
        },
        held="it succeeded, recently enough",
        failed="it failed, or the newest success is too old",
        reads=(Verb("batch", "jobs", ("get", "list")), Verb("batch", "cronjobs", ("get",))),
        beyond="follows a CronJob to its newest finished run",
    ),
)
