"""Making one object, under a name that a retry finds again, and taking exactly it away.

The name is made of run and step, so that a second try of the same step meets its own object (409
AlreadyExists); by the mark on it ours is told from what somebody else has made.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, TypeVar

from kubernetes.aio.client.exceptions import ApiException

from activities.cluster.action import Action, Value, applied, drifted, mark_of
from activities.cluster.client import Body, Mark, Style, bears
from activities.cluster.paths import Place
from mainstay.domain.catalogue.spec import Parameters
from mainstay.domain.change import Applied, ApplyRequest
from mainstay.domain.errors import WrongState
from mainstay.domain.model import digest
from mainstay.domain.revision import Raw

P = TypeVar("P", bound=Parameters)
LONGEST_NAME = 52
"""A Job's pods get its name and six characters more, and must stay within 63."""


class Creation(Action[P]):
    """``desired`` holds the manifest, ``former`` nothing. The target is what the object is made for."""

    async def rehearsed(self, place: Place, manifest: dict[str, Any], mark: Mark) -> dict[str, Any]:
        """The object as the server's dry run would make it."""
        return dict(await self._mutations.create(place, manifest, mark, dry_run=True))

    async def apply(self, request: ApplyRequest) -> Applied:
        """Make it, or take exactly it away, at most once however often this is called."""
        desired = request.change.desired
        assert isinstance(desired, dict), "a change is pinned with its values"
        manifest: Any = desired["manifest"]
        place = Place(
            request.change.target.cluster,
            manifest["kind"],
            manifest["metadata"]["namespace"],
            manifest["metadata"]["name"],
        )
        if request.undo:
            return await self._take_away(place, request)
        live, outcome = await self._make(place, manifest, request)
        if live is None:
            raise WrongState(f"{place} is there already and is not of this step; it is left alone")
        return await self.made(place, live, outcome, request)

    async def made(self, place: Place, live: Raw, outcome: str, request: ApplyRequest) -> Applied:
        """What follows once it is there; a Job is waited for."""
        del place, request
        return applied(outcome, live)

    async def _make(self, place: Place, manifest: dict[str, Any], request: ApplyRequest) -> tuple[Raw | None, str]:
        mark = mark_of(request)
        found = await self._clusters[place.cluster].find(place)
        if found is None:
            try:
                return await self._mutations.create(place, manifest, mark), "changed"
            except ApiException as refused:
                if refused.status != HTTPStatus.CONFLICT:
                    raise
                found = await self._clusters[place.cluster].read(place)
        return (found, "already") if bears(found, mark) else (None, "")

    async def _take_away(self, place: Place, request: ApplyRequest) -> Applied:
        live = await self._clusters[place.cluster].find(place)
        forward = mark_of(request.model_copy(update={"undo": False}))
        nothing = {"kind": place.kind, "metadata": {"name": place.name, "resourceVersion": ""}}
        if live is None:
            return applied("already", nothing, "it is not there")
        if not bears(live, forward):
            return drifted(live, "it is not of this step")
        if not live["metadata"].get("deletionTimestamp"):
            try:
                await self._mutations.delete(place, live["metadata"]["uid"], mark_of(request))
            except ApiException as refused:
                if refused.status != HTTPStatus.NOT_FOUND:
                    raise
        return applied("changed", live, "taken away")

    def observed(self, live: Raw, _: Value) -> str:
        return digest([live["metadata"]["uid"]])

    def stands_at(self, _: Raw, __: Value) -> bool:
        raise AssertionError("nothing is written to")

    def patch(self, _: Raw, __: Value) -> tuple[Body, Style]:
        raise AssertionError("nothing is written to")


def own_name(stem: str, run_id: str, step: str) -> str:
    """``STEM-HASH``: the same for every try of a step, another for every other step."""
    mark = digest([run_id, step]).removeprefix("sha256:")[:8]
    return f"{stem[: LONGEST_NAME - 9].rstrip('-.')}-{mark}"
