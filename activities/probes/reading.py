"""What probes read from a cluster, bounded: a part of a list is never judged as if it were the whole."""

from __future__ import annotations

from typing import Any

from activities.cluster.client import Cluster, Clusters
from activities.cluster.paths import Place, collection, selector_text
from mainstay.domain.errors import InvalidArgument
from mainstay.domain.revision import Raw
from mainstay.domain.service import Workload

LONGEST_LIST = 1_000


def place_of(target: Workload) -> Place:
    return Place(target.cluster, target.kind, target.namespace, target.name)


async def listed(cluster: Cluster, path: str, *, labels: str = "", fields: str = "") -> list[dict[str, Any]]:
    """All objects of a collection. Raises InvalidArgument for more than ``LONGEST_LIST``."""
    query = [("limit", str(LONGEST_LIST))]
    query += [("labelSelector", labels)] if labels else []
    query += [("fieldSelector", fields)] if fields else []
    found = await cluster.send("GET", path, query)
    if (found.get("metadata") or {}).get("continue"):
        raise InvalidArgument(f"there are more than {LONGEST_LIST} objects at {path}: look at fewer")
    return list(found.get("items") or [])


async def pods_of(clusters: Clusters, target: Workload) -> tuple[Raw, list[dict[str, Any]]]:
    """The live workload and the pods that its selector matches, those of foreign controllers left out."""
    cluster = clusters[target.cluster]
    live = await cluster.read(place_of(target))
    path = collection("Pod", target.namespace)
    pods = await listed(cluster, path, labels=selector_text(live["spec"]["selector"]))
    return live, [pod for pod in pods if _belongs(pod, live)]


def _belongs(pod: Raw, live: Raw) -> bool:
    """A Deployment's pods hang on its ReplicaSets, so only the other kinds can be told by the owner's UID."""
    owner = next((o for o in pod["metadata"].get("ownerReferences") or () if o.get("controller")), None)
    if owner is None:
        return False
    if live["kind"] == "Deployment":
        return bool(owner["kind"] == "ReplicaSet" and owner["name"].startswith(live["metadata"]["name"] + "-"))
    return bool(owner["uid"] == live["metadata"]["uid"])
