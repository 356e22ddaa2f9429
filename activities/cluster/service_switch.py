"""Point a Service at other pods: failover to a standby, and back."""

from __future__ import annotations

import json
import shlex
from typing import Any

from activities.cluster.action import Action, Value
from activities.cluster.client import Body, Style
from activities.cluster.difference import unified
from activities.cluster.paths import Place, collection, selector_text
from mainstay.domain.catalogue.traffic import ServiceSwitch
from mainstay.domain.change import Change
from mainstay.domain.errors import WrongState
from mainstay.domain.model import digest
from mainstay.domain.revision import Raw
from mainstay.domain.work import PlanRequest

_FIELDS = (("spec", "selector"),)


class SwitchService(Action[ServiceSwitch]):
    """Writes a Service's selector. Refuses to point it at pods of which none is ready."""

    name = "service_switch"

    async def plan(self, request: PlanRequest, parameters: ServiceSwitch) -> Change:
        target = parameters.target
        place = Place(target.cluster, target.kind, target.namespace, target.name)
        live = await self.open_target(request, place)
        now = _selector(live)
        if not now:
            raise WrongState(f"{place} has no selector: its endpoints are kept by somebody else")
        selector = {**now, **parameters.selector}
        value: Value = {"selector": dict(selector)}
        already = selector == now
        after = live if already else await self.rehearse(place, live, value, request)
        ready = await self._ready(place, selector)
        if not ready and not already:
            raise WrongState(
                f"no ready pod in {place.namespace} has the labels {_text(selector)}: nothing to switch to"
            )
        return self.change(
            request,
            parameters,
            place,
            live,
            title=f"Point {place} at pods with {_text(selector)} ({ready} ready)",
            command=_command(place, selector),
            desired=value,
            former={"selector": dict(now)},
            diff=unified(place, live, after, _FIELDS),
            already=already,
        )

    def observed(self, live: Raw, _: Value) -> str:
        return digest([live["metadata"]["uid"], _selector(live)])

    def stands_at(self, live: Raw, value: Value) -> bool:
        return _selector(live) == value["selector"]

    def drift(self, live: Raw, change: Change) -> str:
        return f"it points at {_text(_selector(live))} now" if super().drift(live, change) else ""

    def patch(self, live: Raw, value: Value) -> tuple[Body, Style]:
        wanted = value["selector"]
        assert isinstance(wanted, dict), "a selector is pinned as labels"
        gone: dict[str, Any] = {key: None for key in _selector(live) if key not in wanted}
        return {
            "metadata": {"resourceVersion": live["metadata"]["resourceVersion"]},
            "spec": {"selector": {**gone, **wanted}},
        }, "merge"

    async def _ready(self, place: Place, selector: dict[str, str]) -> int:
        text = selector_text({"matchLabels": selector})
        pods = await self._clusters[place.cluster].list(collection("Pod", place.namespace), text)
        return sum(_is_ready(pod) for pod in pods)


def _selector(live: Raw) -> dict[str, str]:
    return dict(live["spec"].get("selector") or {})


def _is_ready(pod: Raw) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    leaving = pod["metadata"].get("deletionTimestamp")
    return not leaving and any(c.get("type") == "Ready" and c.get("status") == "True" for c in conditions)


def _text(selector: dict[str, str]) -> str:
    return ", ".join(f"{key}={value}" for key, value in sorted(selector.items()))


def _command(place: Place, selector: dict[str, str]) -> str:
    patch = json.dumps({"spec": {"selector": selector}}, sort_keys=True)
    return f"kubectl patch service {place.name} -n {place.namespace} -p {shlex.quote(patch)}"
