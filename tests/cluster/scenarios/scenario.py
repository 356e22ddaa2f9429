"""What a scenario says."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from mainstay.domain.catalogue import ACTIONS
from mainstay.domain.catalogue.spec import Verb
from tests.cluster.lab import Lab

NAME = "shop"
"""Every target's name."""
_PLURALS = {
    "Deployment": "deployments",
    "StatefulSet": "statefulsets",
    "DaemonSet": "daemonsets",
    "Service": "services",
    "ConfigMap": "configmaps",
    "Ingress": "ingresses",
    "CronJob": "cronjobs",
    "HorizontalPodAutoscaler": "horizontalpodautoscalers",
    "Node": "nodes",
}


@dataclass(frozen=True)
class Scenario:
    """``before`` and ``after`` are what ``effect`` reads of the live target; undone it reads ``undone``, which
    is ``before`` unless given. ``meddle`` is a merge patch by somebody else that voids the plan."""

    action: str
    make: Callable[[Lab], Awaitable[None]]
    effect: Callable[[dict[str, Any]], Any]
    before: Any
    after: Any
    meddle: dict[str, Any] = field(default_factory=dict)
    kind: str = "Deployment"
    parameters: dict[str, Any] = field(default_factory=dict)
    undone: Any = None
    rights: tuple[Verb, ...] = ()
    """What it takes here; by default the documented verbs on the target's kind, and all that it reads."""
    owned: str = ""
    """The kind that is written where that is an object which the target controls, not the target itself."""
    advisory: frozenset[str] = frozenset()
    """Resources without which the plan is made, with a warning that names the missing verb."""

    @property
    def arguments(self) -> dict[str, Any]:
        return {"target": {"kind": self.kind, "name": NAME}, **self.parameters}

    @property
    def needs(self) -> tuple[Verb, ...]:
        spec = ACTIONS[self.action]
        own = tuple(v for v in spec.writes if v.resource == _PLURALS.get(self.kind))
        return self.rights or (*own, *spec.reads)

    async def live(self, lab: Lab) -> dict[str, Any]:
        return await lab.live(await self.name(lab), self.owned or self.kind)

    async def name(self, lab: Lab) -> str:
        """The name of the object that is written."""
        if not self.owned:
            return NAME
        owner = (await lab.live(NAME, self.kind))["metadata"]["uid"]
        entries = (await lab.cluster.api.get(lab.path(self.owned)))["items"]
        names = [e["metadata"]["name"] for e in entries if e["metadata"]["ownerReferences"][0]["uid"] == owner]
        assert len(names) == 1
        return str(names[0])

    async def seen(self, lab: Lab) -> Any:
        return self.effect(await self.live(lab))
