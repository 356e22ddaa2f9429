"""Reading a workload's kept revisions."""

from __future__ import annotations

from activities.cluster.client import Cluster
from activities.cluster.paths import collection, selector_text
from mainstay.domain.revision import Raw, Revision, revisions


async def history(cluster: Cluster, live: Raw) -> tuple[Revision, ...]:
    """The workload's revisions, newest first: ReplicaSets or ControllerRevisions that it controls."""
    kind, metadata = live["kind"], live["metadata"]
    entries = await cluster.list(
        collection("ReplicaSet" if kind == "Deployment" else "ControllerRevision", metadata["namespace"]),
        selector_text(live["spec"]["selector"]),
    )
    return revisions(kind, metadata["uid"], entries)
