"""What no action may leave, and what people should know before they approve (architecture 6, rule 5)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from activities.cluster.paths import Place
from mainstay.domain.errors import NotAllowed, Unavailable, WrongState
from mainstay.domain.model import Record
from mainstay.domain.revision import RUN, STEP, Raw, is_ours

_GITOPS_KEYS = {
    "argocd.argoproj.io/tracking-id": "Argo CD",
    "argocd.argoproj.io/instance": "Argo CD",
    "kustomize.toolkit.fluxcd.io/name": "Flux",
    "helm.toolkit.fluxcd.io/name": "Flux",
}
_GITOPS_MANAGERS = {
    "argocd-controller": "Argo CD",
    "argocd-application-controller": "Argo CD",
    "kustomize-controller": "Flux",
    "helm-controller": "Flux",
}


class Envelope(Record):
    """Limits of one worker. ``largest_cut`` is the largest share of replicas that one step may take away;
    within ``cooldown`` of another run's change of the same object nothing is planned.
    ``largest_node_share`` is the largest share of a cluster's nodes that may be closed to new pods at once."""

    largest_cut: float = 0.5
    largest_node_share: float = 0.34
    cooldown: timedelta = timedelta(0)

    def check_namespace(self, place: Place, allowed: tuple[str, ...]) -> None:
        """Raises NotAllowed outside the allow list; an empty list allows nothing."""
        if place.namespace not in allowed:
            listed = ", ".join(allowed) or "none"
            raise NotAllowed(
                f"namespace {place.namespace} is not among the namespaces that may be changed ({listed}); "
                "add it to the allowed namespaces of the configuration, or change it by hand",
                field="target.namespace",
            )

    def check_cut(self, place: Place, now: int, wanted: int) -> None:
        """Raises NotAllowed when a scale-down takes away more than ``largest_cut`` of the replicas."""
        if now > 0 and (now - wanted) / now > self.largest_cut:
            least = now - int(now * self.largest_cut)
            raise NotAllowed(
                f"{place} has {now} replicas; one step may take away at most {self.largest_cut:.0%}, "
                f"that is down to {least}, and {wanted} are asked for",
                field="replicas",
            )

    def check_nodes(self, place: Place, nodes: Sequence[Raw]) -> None:
        """Raises NotAllowed when closing this node too takes more than ``largest_node_share`` of all nodes."""
        closed = {n["metadata"]["name"] for n in nodes if (n.get("spec") or {}).get("unschedulable")} | {place.name}
        if len(closed) > self.largest_node_share * len(nodes):
            others = ", ".join(sorted(closed - {place.name})) or "none"
            raise NotAllowed(
                f"{place} would be closed node {len(closed)} of {len(nodes)}; at most {self.largest_node_share:.0%} "
                f"of the nodes may be closed at once (closed already: {others})",
                field="target.name",
            )

    def check_cooldown(self, place: Place, live: Raw, run_id: str, at: datetime) -> None:
        """Raises WrongState while another run's change of this object is younger than ``cooldown``."""
        last = last_change(live)
        annotations = live["metadata"].get("annotations") or {}
        if last and timedelta(0) <= at - last < self.cooldown and annotations.get(RUN) != run_id:
            raise WrongState(f"{place} was changed by another run at {last:%H:%M:%S}; the cooldown is {self.cooldown}")


def last_change(live: Raw) -> datetime | None:
    """When Mainstay wrote to the object last, by its managed fields."""
    entries = live["metadata"].get("managedFields") or ()
    times = [e["time"] for e in entries if is_ours(str(e.get("manager", ""))) and e.get("time")]
    return max(map(datetime.fromisoformat, times), default=None)


def warnings(live: Raw, at: datetime) -> tuple[str, ...]:
    """Who else writes to the object, and that Mainstay itself did so lately."""
    found = [f"managed by {owner}, which will revert this change at its next sync" for owner in sorted(_owners(live))]
    last = last_change(live)
    if last and timedelta(0) <= at - last < timedelta(minutes=10):
        seconds = int((at - last).total_seconds())
        found.append(f"changed by Mainstay {seconds} s ago already (step {_step(live)})")
    return tuple(found)


def settled(live: Raw, place: Place) -> None:
    """Raises Unavailable while the controller has not yet seen the newest change: its history would lie."""
    observed = int((live.get("status") or {}).get("observedGeneration", 0))
    if observed < int(live["metadata"].get("generation", 0)):
        raise Unavailable(f"the controller of {place} has not recorded the newest change yet")


def not_paused(live: Raw, place: Place) -> None:
    """Raises WrongState for a paused Deployment: a new template would not be rolled out."""
    if live["spec"].get("paused"):
        raise WrongState(
            f"{place} is paused, so a change of its template would do nothing; "
            f"resume it first: kubectl rollout resume {place.kind.lower()}/{place.name} -n {place.namespace}"
        )


def by_hand(live: Raw) -> tuple[str, ...]:
    """Warnings about update strategies that do not replace all pods by themselves."""
    strategy = live["spec"].get("updateStrategy") or {}
    if strategy.get("type") == "OnDelete":
        return ("update strategy OnDelete: pods change only when somebody deletes them",)
    partition = (strategy.get("rollingUpdate") or {}).get("partition") or 0
    return (f"partition {partition}: pods below it stay as they are",) if partition else ()


def _owners(live: Raw) -> set[str]:
    return set(_owner_names(live))


def _owner_names(live: Raw) -> Iterator[str]:
    metadata = live["metadata"]
    keys = {**(metadata.get("labels") or {}), **(metadata.get("annotations") or {})}
    yield from (owner for key, owner in _GITOPS_KEYS.items() if key in keys)
    for entry in metadata.get("managedFields") or ():
        if (manager := entry.get("manager")) in _GITOPS_MANAGERS:
            yield _GITOPS_MANAGERS[manager]


def _step(live: Raw) -> str:
    return str((live["metadata"].get("annotations") or {}).get(STEP, "unknown"))
