"""What kwok lets pods do, chosen by the suffix of the image's tag (`…:v2-crash`).

`BEHAVIOURS` is the list; an image with none of the suffixes becomes ready at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

BEHAVIOURS: Mapping[str, str] = {
    "never-ready": "runs, but its readiness probe never succeeds",
    "crash": "crashes shortly after each start: CrashLoopBackOff, restartCount grows",
    "pull-fail": "the image cannot be pulled: ImagePullBackOff",
    "oom": "ready, then OOMKilled every few seconds and started again",
    "slow": "ready after 15 s",
    "slow-stop": "ready at once, takes 10 s to stop",
}
SLOW_SECONDS = 15
SLOW_STOP_SECONDS = 10
CRASH_UP_SECONDS = 0.5
CRASH_BACKOFF_SECONDS = 3
OOM_UP_SECONDS = 4
OOM_DOWN_SECONDS = 1

_SUFFIXES = "|".join(sorted(BEHAVIOURS, key=len, reverse=True))
_BEHAVIOUR = f'([.spec.containers[].image | capture("-(?<b>{_SUFFIXES})$").b] | first) // "ready"'
_WAITING = ".status.containerStatuses.[0].state.waiting.reason"
_RUNNING = ".status.containerStatuses.[0].state.running.startedAt"
_TERMINATED = ".status.containerStatuses.[0].state.terminated.reason"

_STARTED = "running: {startedAt: {{ $now | Quote }}}"
_KEEP_LAST = """
  lastState: {{ or (index $root.status.containerStatuses $index).lastState dict | toJson }}
"""
_ADDRESS = """
hostIP: {{ NodeIPWith .spec.nodeName | Quote }}
podIP: {{ PodIPWith .spec.nodeName ( or .spec.hostNetwork false ) ( or .metadata.uid "" ) \
( or .metadata.name "" ) ( or .metadata.namespace "" ) | Quote }}
startTime: {{ $now | Quote }}
"""
_INIT_CONTAINERS = """
initContainerStatuses:
{{ range .spec.initContainers }}
- image: {{ .image | Quote }}
  name: {{ .name | Quote }}
  ready: true
  restartCount: 0
  state:
    terminated:
      exitCode: 0
      reason: Completed
      startedAt: {{ $now | Quote }}
      finishedAt: {{ $now | Quote }}
{{ end }}
"""


def pod_stages() -> list[dict[str, Any]]:
    """The kwok `Stage` documents for pods."""
    return [
        *_starts(),
        _stage("slow-ready", "slow", [_exists(_RUNNING), _not_ready()], _status(True, _STARTED), SLOW_SECONDS),
        _stage("crash-down", "crash", [_exists(_RUNNING)], _crashed(), CRASH_UP_SECONDS, event=_BACK_OFF),
        _stage("crash-up", "crash", [_exists(_WAITING)], _again(ready=False), CRASH_BACKOFF_SECONDS),
        _stage("oom-down", "oom", [_exists(_RUNNING)], _killed(), OOM_UP_SECONDS, event=_OOM),
        _stage("oom-up", "oom", [_exists(_TERMINATED)], _again(ready=True), OOM_DOWN_SECONDS),
        _complete(),
        _delete("delete", "NotIn", 0),
        _delete("delete-slowly", "In", SLOW_STOP_SECONDS),
    ]


_BACK_OFF = {"type": "Warning", "reason": "BackOff", "message": "Back-off restarting failed container"}
_PULL = {"type": "Warning", "reason": "Failed", "message": "Failed to pull image: not found"}
_OOM = {"type": "Warning", "reason": "OOMKilling", "message": "Memory cgroup out of memory"}


def _starts() -> list[dict[str, Any]]:
    new = [{"key": ".status.podIP", "operator": "DoesNotExist"}]
    pull = 'waiting: {reason: ImagePullBackOff, message: "Back-off pulling image"}'
    return [
        _stage("start-ready", ("ready", "slow-stop", "oom"), new, _status(True, _STARTED) + _ADDRESS),
        _stage("start-unready", ("never-ready", "slow", "crash"), new, _status(False, _STARTED) + _ADDRESS),
        _stage(
            "pull-fail",
            "pull-fail",
            new,
            _status(False, pull, phase="Pending") + _ADDRESS,
            0,
            event=_PULL,
        ),
    ]


def _stage(
    name: str,
    behaviour: str | Sequence[str],
    when: Sequence[Mapping[str, Any]],
    status: str,
    delay_seconds: float = 0,
    *,
    event: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    behaviours = [behaviour] if isinstance(behaviour, str) else list(behaviour)
    alive = {"key": ".metadata.deletionTimestamp", "operator": "DoesNotExist"}
    is_one = {"key": _BEHAVIOUR, "operator": "In", "values": behaviours}
    following: dict[str, Any] = {"statusTemplate": status}
    if event:
        following["event"] = dict(event)
    return _document(name, [alive, is_one, *when], following, delay_seconds)


def _document(
    name: str, when: Sequence[Mapping[str, Any]], following: Mapping[str, Any], delay_seconds: float
) -> dict[str, Any]:
    delay = {"delay": {"durationMilliseconds": int(delay_seconds * 1000)}} if delay_seconds else {}
    return {
        "apiVersion": "kwok.x-k8s.io/v1alpha1",
        "kind": "Stage",
        "metadata": {"name": f"pod-{name}"},
        "spec": {
            "resourceRef": {"apiGroup": "v1", "kind": "Pod"},
            "selector": {"matchExpressions": [dict(condition) for condition in when]},
            **delay,
            "next": dict(following),
        },
    }


def _exists(key: str) -> dict[str, str]:
    return {"key": key, "operator": "Exists"}


def _not_ready() -> dict[str, Any]:
    return {
        "key": '.status.conditions.[] | select(.type == "Ready") | .status',
        "operator": "In",
        "values": ["False"],
    }


def _status(ready: bool, state: str, *, restarts: str = "0", rest: str = "", phase: str = "Running") -> str:
    flag = "true" if ready else "false"
    conditions = "".join(
        f'- {{type: {kind}, status: "{value}", lastTransitionTime: {{{{ $now | Quote }}}}{why}}}\n'
        for kind, value, why in (
            ("Initialized", "True", ""),
            ("Ready", flag.capitalize(), "" if ready else ", reason: ContainersNotReady"),
            ("ContainersReady", flag.capitalize(), "" if ready else ", reason: ContainersNotReady"),
        )
    )
    return f"""
{{{{ $now := Now }}}}
{{{{ $root := . }}}}
phase: {phase}
conditions:
{conditions}
containerStatuses:
{{{{ range $index, $item := .spec.containers }}}}
- image: {{{{ $item.image | Quote }}}}
  imageID: {{{{ $item.image | Quote }}}}
  name: {{{{ $item.name | Quote }}}}
  ready: {flag}
  started: {"true" if "running" in state else "false"}
  restartCount: {restarts}
  state:
    {state}
{rest.strip(chr(10))}
{{{{ end }}}}
{_INIT_CONTAINERS}"""


_COUNT = "(index $root.status.containerStatuses $index).restartCount"
_START = "(index $root.status.containerStatuses $index).state.running.startedAt"


def _ended(reason: str, code: int) -> str:
    times = f"startedAt: {{{{ {_START} | Quote }}}}, finishedAt: {{{{ $now | Quote }}}}"
    return f"terminated: {{exitCode: {code}, reason: {reason}, {times}}}"


def _crashed() -> str:
    waiting = 'waiting: {reason: CrashLoopBackOff, message: "back-off restarting failed container"}'
    last = f"  lastState: {{{_ended('Error', 1)}}}"
    return _status(False, waiting, restarts=f"{{{{ add {_COUNT} 1 }}}}", rest=last)


def _killed() -> str:
    return _status(False, _ended("OOMKilled", 137), restarts=f"{{{{ {_COUNT} }}}}", rest=_KEEP_LAST)


def _again(*, ready: bool) -> str:
    """Running again; what was terminated becomes the last state, as the kubelet does it."""
    if not ready:
        return _status(False, _STARTED, restarts=f"{{{{ {_COUNT} }}}}", rest=_KEEP_LAST)
    last = "  lastState: {{ (index $root.status.containerStatuses $index).state | toJson }}"
    return _status(True, _STARTED, restarts=f"{{{{ add {_COUNT} 1 }}}}", rest=last)


def _complete() -> dict[str, Any]:
    owned = {"key": ".metadata.ownerReferences.[].kind", "operator": "In", "values": ["Job"]}
    done = _status(False, _ended("Completed", 0), phase="Succeeded")
    return _stage("complete", "ready", [owned, _exists(_RUNNING)], done)


def _delete(name: str, operator: str, delay_seconds: float) -> dict[str, Any]:
    when: list[dict[str, Any]] = [
        {"key": ".metadata.deletionTimestamp", "operator": "Exists"},
        {"key": _BEHAVIOUR, "operator": operator, "values": ["slow-stop"]},
    ]
    return _document(name, when, {"finalizers": {"empty": True}, "delete": True}, delay_seconds)
