"""Seeded random workloads and requests to them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any

from tests.cluster.lab import workload

KINDS = ("Deployment", "StatefulSet", "DaemonSet")
REPOSITORY = "registry.example/shop"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
VERBS = {
    "rollout_undo": KINDS,
    "rollout_restart": KINDS,
    "scale": KINDS[:2],
    "rollout_pause": KINDS[:1],
    "rollout_resume": KINDS[:1],
    "set_image": KINDS,
    "set_env": KINDS,
    "rollout_history": KINDS,
    "rollout_status": KINDS,
}


@dataclass(frozen=True)
class Case:
    """``manifests`` are rolled out one after the other; then comes the request, in both languages.

    ``difference`` names the class of DIFFERENCES that must show, empty where both must do the same.
    """

    name: str
    kind: str
    verb: str
    manifests: tuple[dict[str, Any], ...]
    kubectl: tuple[str, ...] = ()
    parameters: dict[str, Any] = field(default_factory=dict)
    difference: str = ""
    retried: bool = False
    """Ours is applied twice, as after a lost answer; kubectl is asked once."""

    @property
    def ready(self) -> bool:
        """Whether the newest rollout can complete."""
        spec = self.manifests[-1]["spec"]
        image = spec["template"]["spec"]["containers"][0]["image"]
        return "never-ready" not in image or spec.get("replicas") == 0

    @property
    def reference(self) -> str:
        return f"{self.kind.lower()}/{self.name}"

    def __str__(self) -> str:
        images = [m["spec"]["template"]["spec"]["containers"][0]["image"].rpartition(":")[2] for m in self.manifests]
        return f"{self.name} {self.kind} {images}: kubectl {' '.join(self.kubectl)} | {self.verb} {self.parameters}"


class Maker:
    """Draws one case; ``state`` is what all versions of its workload share."""

    def __init__(self, random: Random, number: int, verb: str) -> None:
        self.random = random
        self.verb = verb
        self.name = f"w-{number}"
        self.kind = random.choice(VERBS[verb])
        self.unsafe = verb == "rollout_undo" and random.random() < 0.1
        self.paused = self.kind == "Deployment" and not self.unsafe and self._paused()
        self.replicas = random.choice((0, 1, 1, 2, 4)) if verb == "scale" else random.choice((0, 0, 1, 2))
        self.limit = {} if self.unsafe else self._limit()

    def _paused(self) -> bool:
        """Of a paused rollout nothing is ever complete."""
        return self.verb != "rollout_status" and self.random.random() < (0.7 if self.verb == "rollout_resume" else 0.2)

    def _limit(self) -> dict[str, Any]:
        """Old revisions go once a rollout is complete, which an empty Deployment's is at once."""
        if self.kind == "Deployment" and not self.replicas and self.random.random() < 0.3:
            return {"revisionHistoryLimit": self.random.choice((0, 1, 2))}
        return {}

    def case(self) -> Case:
        tags = self._tags()
        manifests = [self._version(tag) for tag in tags]
        if self.unsafe:
            annotations = {"mainstay.dev/rollback-safe": "false"}
            manifests[-1]["spec"]["template"]["metadata"]["annotations"] = annotations
        if self.paused:
            manifests[-1]["spec"]["paused"] = True
        kubectl, parameters, difference = getattr(self, f"_{self.verb}")(tags, manifests[-1])
        retried = self.random.random() < 0.25
        return Case(self.name, self.kind, self.verb, tuple(manifests), kubectl, parameters, difference, retried)

    def _tags(self) -> list[str]:
        """A tag that comes back takes its revision's number along and leaves a gap."""
        most = 4 if self.verb in ("rollout_undo", "rollout_history") else 2
        tags: list[str] = []
        for _ in range(self.random.randint(2 if self.unsafe else 1, most)):
            tags.append(
                self.random.choice([tag for tag in ("v1", "v2", "v3", "v4-never-ready") if tag not in tags[-1:]])
            )
        return tags

    def _version(self, tag: str) -> dict[str, Any]:
        """The same tag is the same template; what hangs on the workload itself may differ."""
        fixed = Random(f"{self.name} {tag}")
        annotations = {}
        for key in ("kubernetes.io/change-cause", "note", LAST_APPLIED):
            if self.random.random() < 0.4:
                annotations[key] = "{}" if key == LAST_APPLIED else f"{tag} {self.random.randint(1, 9)}"
        env = [
            {"name": name, "value": fixed.choice(("on", "off"))} for name in ("MODE", "CACHE") if fixed.random() < 0.5
        ]
        side = [{"name": "side", "image": "registry.example/side:v9"}] if fixed.random() < 0.3 else []
        labels = {"tier": fixed.choice("ab")} if fixed.random() < 0.3 else {}
        return workload(
            self.name,
            tag,
            self.kind,
            replicas=self.replicas,
            annotations=annotations,
            labels=labels,
            container={"env": env} if env else {},
            containers=side,
            spec=dict(self.limit),
        )

    @property
    def _on(self) -> str:
        return f"{self.kind.lower()}/{self.name}"

    def _rollout_undo(self, tags: list[str], _: Any) -> tuple[tuple[str, ...], dict[str, Any], str]:
        asked: tuple[str, ...] = ()
        parameters: dict[str, Any] = {}
        if not self.unsafe and self.random.random() < 0.5:
            revision = self.random.randint(1, len(tags) + 1)
            asked, parameters = (f"--to-revision={revision}",), {"to": "revision", "revision": revision}
        return ("rollout", "undo", self._on, *asked), parameters, "unsafe_rollback" if self.unsafe else ""

    def _rollout_restart(self, *_: Any) -> tuple[tuple[str, ...], dict[str, Any], str]:
        return ("rollout", "restart", self._on), {}, ""

    def _scale(self, *_: Any) -> tuple[tuple[str, ...], dict[str, Any], str]:
        to, expected = self.random.randint(0, 5), self.random.choice((None, self.replicas, self.replicas + 1))
        asked: tuple[str, ...] = ("scale", self._on, f"--replicas={to}")
        parameters: dict[str, Any] = {"replicas": to}
        if expected is not None:
            asked, parameters = (*asked, f"--current-replicas={expected}"), {**parameters, "expected_current": expected}
        cut = self.replicas and to * 2 < self.replicas and expected in (None, self.replicas)
        return asked, parameters, "large_cut" if cut else ""

    def _rollout_pause(self, *_: Any) -> tuple[tuple[str, ...], dict[str, Any], str]:
        return ("rollout", "pause", self._on), {}, "asked_again" if self.paused else ""

    def _rollout_resume(self, *_: Any) -> tuple[tuple[str, ...], dict[str, Any], str]:
        return ("rollout", "resume", self._on), {}, "" if self.paused else "asked_again"

    def _set_image(self, *_: Any) -> tuple[tuple[str, ...], dict[str, Any], str]:
        container = "app" if self.paused else self.random.choice(("app", "app", "side"))
        image = f"{REPOSITORY}:{self.random.choice(('v1', 'v5', 'v6-never-ready'))}"
        return ("set", "image", self._on, f"{container}={image}"), {"images": {container: image}}, self._template()

    def _set_env(self, *_: Any) -> tuple[tuple[str, ...], dict[str, Any], str]:
        names = self.random.sample(("MODE", "CACHE", "NEW"), self.random.randint(1, 2))
        env = {name: self.random.choice((None, "on", "a b=c")) for name in sorted(names)}
        words = [f"{name}-" if text is None else f"{name}={text}" for name, text in env.items()]
        return ("set", "env", self._on, "-c", "app", *words), {"env": env, "container": "app"}, self._template()

    def _template(self) -> str:
        return "paused_template" if self.paused else ""

    def _rollout_history(self, *_: Any) -> tuple[tuple[str, ...], dict[str, Any], str]:
        return ("rollout", "history", self._on), {}, ""

    def _rollout_status(self, *_: Any) -> tuple[tuple[str, ...], dict[str, Any], str]:
        return ("rollout", "status", self._on, "--watch=false"), {}, ""


def cases(seed: int, count: int) -> Iterator[Case]:
    """The same cases for the same seed; every verb in turn."""
    random = Random(seed)
    verbs = list(VERBS)
    for number in range(count):
        yield Maker(random, number, verbs[number % len(verbs)]).case()
