"""Cut a workload's pods off the network by a NetworkPolicy of this step's own; the undo deletes exactly it."""

from __future__ import annotations

from typing import Any

import yaml

from activities.cluster.client import Mark
from activities.cluster.creation import Creation, own_name
from activities.cluster.paths import Place
from mainstay.domain.catalogue.pods import Isolate
from mainstay.domain.change import Change
from mainstay.domain.work import PlanRequest

_NAMESPACE_NAME = "kubernetes.io/metadata.name"


class IsolateWorkload(Creation[Isolate]):
    """A policy only works where the cluster's network enforces policies, which people are told."""

    name = "isolate"

    async def plan(self, request: PlanRequest, parameters: Isolate) -> Change:
        target = parameters.target
        place = Place(target.cluster, target.kind, target.namespace, target.name)
        live = await self.open_target(request, place)
        name = own_name(f"isolate-{target.name}", request.run_id, request.step)
        manifest = _manifest(name, live["spec"]["selector"], parameters)
        policy = Place(target.cluster, "NetworkPolicy", target.namespace, name)
        if await self._clusters[place.cluster].find(policy) is None:
            await self.rehearsed(policy, manifest, Mark(request.run_id, request.step))
        shown = yaml.safe_dump(manifest, sort_keys=True)
        return self.change(
            request,
            parameters,
            place,
            live,
            title=f"Cut {place} off the network ({parameters.direction})",
            command=f"kubectl create -f - -n {target.namespace}",
            desired={"manifest": manifest},
            former={},
            diff="\n".join(f"+{line}" for line in shown.splitlines()),
            warnings=("works only where the cluster's network plugin enforces NetworkPolicy",),
        )


def _manifest(name: str, selector: Any, parameters: Isolate) -> dict[str, Any]:
    types = {"ingress": ["Ingress"], "egress": ["Egress"], "both": ["Ingress", "Egress"]}[parameters.direction]
    peers = [{"namespaceSelector": {"matchLabels": {_NAMESPACE_NAME: n}}} for n in parameters.allow_from_namespaces]
    spec: dict[str, Any] = {"podSelector": selector, "policyTypes": types}
    if peers and "Ingress" in types:
        spec["ingress"] = [{"from": peers}]
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "namespace": parameters.target.namespace},
        "spec": spec,
    }
