"""Which revision a rollback goes to. Pure: raw objects in, the chosen revision out.

"Previous" is no stable target: rolled back twice it is the bad version again, and a revision number grows
when it is rolled back to. So the choice is made once and pinned as a whole template.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from pydantic import JsonValue

from mainstay.domain.catalogue.probes import MIGRATION, ROLLBACK_SAFE, SAFE_MIGRATIONS
from mainstay.domain.errors import NotFound, WrongState
from mainstay.domain.model import Record, canonical

HASH_LABEL = "pod-template-hash"
REVISION = "deployment.kubernetes.io/revision"
HISTORY = "deployment.kubernetes.io/revision-history"
CHANGE_CAUSE = "kubernetes.io/change-cause"
RUN = "mainstay.dev/run"
STEP = "mainstay.dev/step"
FENCE = "mainstay.dev/fence"
CHANGE = "mainstay.dev/change"
VERIFIED = "mainstay.dev/verified"
"""Annotation of a ReplicaSet or ControllerRevision that served well; its value is that revision's own hash.

Controllers copy a workload's annotations to each new revision. The value keeps a bad revision from
inheriting the record of a good one.
"""
ROLLBACK = "mainstay.dev/rollback"
"""``unsafe`` forbids to roll back, as ``mainstay.dev/rollback-safe: "false"`` does."""
OWN_OF_DEPLOYMENT = frozenset(
    {
        "kubectl.kubernetes.io/last-applied-configuration",
        REVISION,
        HISTORY,
        "deployment.kubernetes.io/desired-replicas",
        "deployment.kubernetes.io/max-replicas",
        "deprecated.deployment.rollback.to",
    }
)
"""Annotations that a rollback leaves as the Deployment has them (kubectl's rule)."""

_OURS = re.compile(r"mainstay(-\d+)?")

Raw = Mapping[str, Any]
"""An object as the API server sent it. Typed models drop fields that they do not know, so none is used."""


class Revision(Record):
    """One kept revision. ``patch`` is set where the kind stores its history as a patch."""

    number: int
    name: str
    template: dict[str, JsonValue]
    annotations: dict[str, str]
    patch: dict[str, JsonValue] | None = None
    hash: str = ""
    created: datetime

    @property
    def verified(self) -> bool:
        return bool(self.hash) and self.annotations.get(VERIFIED) == self.hash


def revisions(kind: str, owner_uid: str, history: Sequence[Raw]) -> tuple[Revision, ...]:
    """The owner's revisions, newest first; what another object controls or what has no number is left out."""
    owned = [entry for entry in history if _controlled_by(entry, owner_uid)]
    read = _from_replica_set if kind == "Deployment" else _from_controller_revision
    found = [revision for entry in owned if (revision := read(entry)) is not None]
    return tuple(sorted(found, key=lambda revision: -revision.number))


def choose(wanted: Literal["previous", "last_good"] | int, live: Raw, known: Sequence[Revision]) -> Revision:
    """The revision to go back to.

    ``last_good`` is the newest older revision with a record of good verification, else the previous one
    (D-42). Raises WrongState when there is no history, NotFound for a number that is not kept.
    """
    if not known:
        raise WrongState(f"{_title(live)} has no rollout history{_why_none(live)}; roll forward instead")
    older = known[1:]
    if isinstance(wanted, int):
        return _by_number(wanted, live, known)
    if not older:
        raise WrongState(
            f"{_title(live)} keeps one revision only ({known[0].number}){_why_none(live)}: "
            "there is nothing to roll back to"
        )
    good = (revision for revision in older if wanted == "last_good" and revision.verified)
    return next(good, older[0])


def unsafe(live: Raw, leaving: Sequence[Revision]) -> str:
    """Why rolling back past these revisions would lose data; empty when nothing says so (S-190).

    A revision says it itself, by a label or annotation on its pod template; on the workload's own metadata
    it holds for all.
    """
    places: list[tuple[str, Raw]] = [("the workload", live["metadata"])]
    places += [(f"revision {entry.number}", _metadata(entry.template)) for entry in leaving]
    places.append(("the running template", _metadata(live["spec"]["template"])))
    for where, metadata in places:
        marks = {**(metadata.get("labels") or {}), **(metadata.get("annotations") or {})}
        if marks.get(ROLLBACK) == "unsafe" or marks.get(ROLLBACK_SAFE, "").lower() == "false":
            return f"{where} is marked as unsafe to roll back"
        if marks.get(MIGRATION, "") not in SAFE_MIGRATIONS:
            return f"{where} carries the migration {marks[MIGRATION]!r} ({MIGRATION})"
    return ""


def same_template(one: Raw, other: Raw) -> bool:
    """Whether two pod templates say the same, but for the label that the controller adds."""
    return canonical(plain_template(one)) == canonical(plain_template(other))


def plain_template(template: Raw) -> dict[str, Any]:
    """The template without ``pod-template-hash``, patch directives and nulls."""
    plain: dict[str, Any] = _without_nulls(template)
    plain.pop("$patch", None)
    metadata = plain.get("metadata", {})
    labels = {key: value for key, value in (metadata.get("labels") or {}).items() if key != HASH_LABEL}
    plain["metadata"] = (
        {**metadata, "labels": labels} if labels else {k: v for k, v in metadata.items() if k != "labels"}
    )
    return plain


def restored_annotations(live: Mapping[str, str], revision: Mapping[str, str]) -> dict[str, str]:
    """A Deployment's annotations after a rollback, as kubectl sets them, without Mainstay's own marks."""
    kept = {key: value for key, value in live.items() if key in OWN_OF_DEPLOYMENT}
    return {**kept, **carried(revision)}


def carried(annotations: Mapping[str, str]) -> dict[str, str]:
    """The annotations that belong to a revision and go where it goes."""
    return {key: value for key, value in annotations.items() if key not in OWN_OF_DEPLOYMENT and not is_mark(key)}


def is_mark(key: str) -> bool:
    """Whether an annotation is one that Mainstay writes with each change, and that is thus no content."""
    return key in (RUN, STEP, FENCE, CHANGE)


def is_ours(manager: str) -> bool:
    """Whether a field manager is Mainstay's: ``mainstay``, with the lease's fencing number behind it."""
    return bool(_OURS.fullmatch(manager))


def changed_at(live: Raw, known: Sequence[Revision]) -> datetime:
    """When the template changed last. ``known`` has at least one revision, newest first.

    A revision that was rolled back to is older than its return: then the managed fields tell the time.
    """
    newest = known[0]
    returned = any(entry.created > newest.created for entry in known) or HISTORY in newest.annotations
    times = [time for time, *_ in _template_writes(live)] if returned else []
    return max([newest.created, *times])


def template_writers(live: Raw) -> tuple[str, ...]:
    """Field managers that have written to the pod template, the latest first."""
    return tuple(manager for _, _, manager in sorted(_template_writes(live), reverse=True))


def _template_writes(live: Raw) -> Iterator[tuple[datetime, bool, str]]:
    """Time (whole seconds), whether the image was written, manager."""
    for entry in live["metadata"].get("managedFields") or ():
        fields = ((entry.get("fieldsV1") or {}).get("f:spec") or {}).get("f:template")
        if fields is not None and entry.get("time") and not entry.get("subresource"):
            image = "'f:image'" in str(fields)
            yield datetime.fromisoformat(entry["time"]), image, str(entry.get("manager", ""))


def images(template: Raw) -> str:
    """The images of a template's containers, for people."""
    return ", ".join(str(c.get("image", "?")) for c in (template.get("spec") or {}).get("containers") or ())


def _by_number(wanted: int, live: Raw, known: Sequence[Revision]) -> Revision:
    for revision in known:
        if revision.number == wanted:
            return revision
    kept = ", ".join(str(revision.number) for revision in known)
    raise NotFound(f"{_title(live)} keeps no revision {wanted}; it keeps {kept}", field="revision")


def _from_replica_set(entry: Raw) -> Revision | None:
    annotations = dict(entry["metadata"].get("annotations") or {})
    number = annotations.get(REVISION, "")
    if not number.isdecimal():
        return None
    return Revision(
        number=int(number),
        name=entry["metadata"]["name"],
        template=plain_template(entry["spec"]["template"]),
        annotations=annotations,
        hash=revision_hash(entry),
        created=datetime.fromisoformat(entry["metadata"]["creationTimestamp"]),
    )


def _from_controller_revision(entry: Raw) -> Revision | None:
    template = ((entry.get("data") or {}).get("spec") or {}).get("template")
    if template is None:
        return None
    return Revision(
        number=int(entry["revision"]),
        name=entry["metadata"]["name"],
        template=plain_template(template),
        annotations=dict(entry["metadata"].get("annotations") or {}),
        patch=entry["data"],
        hash=revision_hash(entry),
        created=datetime.fromisoformat(entry["metadata"]["creationTimestamp"]),
    )


def revision_hash(entry: Raw) -> str:
    """The hash by which a controller knows the revision; the three kinds of workload label it differently."""
    labels = entry["metadata"].get("labels") or {}
    names = (HASH_LABEL, "controller.kubernetes.io/hash", "controller-revision-hash")
    return next((str(labels[name]) for name in names if labels.get(name)), "")


def _controlled_by(entry: Raw, uid: str) -> bool:
    return any(o.get("controller") and o.get("uid") == uid for o in entry["metadata"].get("ownerReferences") or ())


def _metadata(template: Raw) -> Raw:
    found = template.get("metadata")
    return found if isinstance(found, Mapping) else {}


def _without_nulls(value: Any) -> Any:
    match value:
        case Mapping():
            return {key: _without_nulls(inner) for key, inner in value.items() if inner is not None}
        case list():
            return [_without_nulls(inner) for inner in value]
        case _:
            return value


def _title(live: Raw) -> str:
    metadata = live["metadata"]
    return f"{live.get('kind', 'object').lower()}/{metadata['name']} in {metadata.get('namespace', '')}"


def _why_none(live: Raw) -> str:
    return " (revisionHistoryLimit is 0)" if live["spec"].get("revisionHistoryLimit") == 0 else ""
