"""One kind of change: how it is planned, and the one way in which all of them are carried out.

Pin, then act. Each attempt reads, compares the UID and the fields that the action writes or its decision
read, and patches with that read's resourceVersion. What an autoscaler or a status update changed meanwhile
does not matter; what matters and has changed is ``drifted``; already there is success.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from http import HTTPStatus
from typing import Any, ClassVar, Generic, TypeVar

from kubernetes.aio.client.exceptions import ApiException
from pydantic import JsonValue

from activities.cluster.client import Body, Clusters, Mark, Mutations, Style, bears
from activities.cluster.envelope import Envelope, warnings
from activities.cluster.paths import Place
from mainstay.domain.catalogue.actions import ACTIONS
from mainstay.domain.catalogue.spec import ActionSpec, Parameters
from mainstay.domain.change import Applied, ApplyRequest, Change
from mainstay.domain.errors import Unavailable, WrongState
from mainstay.domain.model import digest
from mainstay.domain.revision import Raw
from mainstay.domain.work import PlanRequest

ATTEMPTS = 5
PAUSE_SECONDS = 0.1
"""Times the number of the attempt: a controller in the middle of a rollout writes its status several times."""
SEEN = "seen"
"""Key in ``former``: the resourceVersion that the plan was made on. It tells two equal plans apart."""

Value = dict[str, JsonValue]
"""What an action sets and puts back: a template, a number of replicas, a selector."""
P = TypeVar("P", bound=Parameters)


class Action(ABC, Generic[P]):
    """One verb. Subclasses say what to write and what to compare; ``apply`` is the same for all."""

    name: ClassVar[str]

    def __init__(self, clusters: Clusters, mutations: Mutations, envelope: Envelope | None = None) -> None:
        self._clusters = clusters
        self._mutations = mutations
        self._envelope = envelope or Envelope()

    @property
    def spec(self) -> ActionSpec:
        return ACTIONS[self.name]

    @abstractmethod
    async def plan(self, request: PlanRequest, parameters: P) -> Change:
        """Pin the change on the live target. Raises refusals and what the cluster raises."""

    @abstractmethod
    def observed(self, live: Raw, value: Value) -> str:
        """Digest of the UID and of the fields that the action writes or its decision read.

        ``value`` is the one to go to, where the fields are told by it.
        """

    @abstractmethod
    def stands_at(self, live: Raw, value: Value) -> bool:
        """Whether the target is at this value."""

    @abstractmethod
    def patch(self, live: Raw, value: Value) -> tuple[Body, Style]:
        """The patch to this value, bound to the resourceVersion of ``live``."""

    def drift(self, live: Raw, change: Change) -> str:
        """Why the change must not be made on what is there now; empty when it may. Forward changes only."""
        same = self.observed(live, _pinned(change.desired)) == change.observed
        return "" if same else "it is no longer as it was when planned"

    async def apply(self, request: ApplyRequest) -> Applied:
        """Carry out a pinned change, or take it back, at most once however often this is called."""
        change = request.change
        if request.undo and change.undo == "none":
            raise WrongState(f"{change.action} cannot be undone: {change.title}")
        place, mark = Place.of(change.target), mark_of(request)
        for number in range(ATTEMPTS):
            live = await self._clusters[place.cluster].read(place)
            done = self._settled(live, request, mark)
            if done is not None:
                return done
            answer = await self._write(place, live, self._goal(request), mark)
            if answer is not None:
                return await self._changed(place, answer, self._goal(request))
            await asyncio.sleep(PAUSE_SECONDS * number)
        raise Unavailable(f"{place} was written by others during each of {ATTEMPTS} attempts")

    async def open_target(self, request: PlanRequest, place: Place) -> dict[str, Any]:
        """The live target of a plan, inside the envelope."""
        self._envelope.check_namespace(place, request.allowed_namespaces)
        live = await self._clusters[place.cluster].read(place)
        self._envelope.check_cooldown(place, live, request.run_id, request.at)
        return live

    async def rehearse(self, place: Place, live: Raw, value: Value, request: PlanRequest) -> dict[str, Any]:
        """What the server's dry run makes of the patch, whoever else writes to the object meanwhile."""
        body, style = self.patch(live, value)
        return await self._mutations.rehearse(place, _unbound(body), style, Mark(request.run_id, request.step))

    def change(self, request: PlanRequest, parameters: P, place: Place, live: Raw, **told: Any) -> Change:
        """The pinned change with what all actions have in common."""
        told["warnings"] = (*warnings(live, request.at), *told.get("warnings", ()))
        told["former"] = {**told["former"], SEEN: live["metadata"]["resourceVersion"]}
        return Change(
            action=self.name,
            parameters=parameters.model_dump(mode="json"),
            target=place.ref(live["metadata"]["uid"]),
            risk=self.spec.risk,
            undo=self.spec.undo,
            observed=self.observed(live, told["desired"]),
            **told,
        )

    @staticmethod
    def _goal(request: ApplyRequest) -> Value:
        return _pinned(request.change.former if request.undo else request.change.desired)

    def _settled(self, live: Raw, request: ApplyRequest, mark: Mark) -> Applied | None:
        """The answer if nothing is to be written; None if the patch may go out on what is there."""
        change = request.change
        if live["metadata"]["uid"] != change.target.uid:
            return drifted(live, "it was deleted and created again")
        if self.stands_at(live, self._goal(request)):
            return applied("already", live)
        if bears(live, mark):
            return drifted(live, "this step has changed it, and somebody has changed it since")
        why = self._not_ours(live, change) if request.undo else self.drift(live, change)
        return drifted(live, why) if why else None

    def _not_ours(self, live: Raw, change: Change) -> str:
        return "" if self.stands_at(live, _pinned(change.desired)) else "it is not as this step left it"

    async def _write(self, place: Place, live: Raw, value: Value, mark: Mark) -> dict[str, Any] | None:
        """The object as written; None when somebody else wrote first."""
        body, style = self.patch(live, value)
        try:
            return await self._mutations.patch(place, body, style, mark)
        except ApiException as refused:
            if refused.status == HTTPStatus.CONFLICT:
                return None
            if refused.status == HTTPStatus.UNPROCESSABLE_ENTITY and style == "json":
                # A failed `test` is not to be told from a bad patch by its text, so a read says which it was.
                now = await self._clusters[place.cluster].read(place)
                if now["metadata"]["resourceVersion"] != live["metadata"]["resourceVersion"]:
                    return None
            raise

    async def _changed(self, place: Place, answer: Raw, value: Value) -> Applied:
        """The patch's own answer, with what reading back says."""
        try:
            now = await self._clusters[place.cluster].read(place)
        except Exception as fault:
            return applied("changed", answer, f"written, but not read back ({type(fault).__name__})")
        detail = "" if self.stands_at(now, value) else "written, but reading back shows another value"
        return applied("changed", answer, detail)


def _pinned(value: JsonValue) -> Value:
    assert isinstance(value, dict), "a change is pinned with its values"
    return value


def _unbound(body: Body) -> Body:
    """The patch without its precondition: a rehearsal on a busy target must not fail for a status update."""
    if isinstance(body, list):
        return [operation for operation in body if operation["op"] != "test"]
    return {key: value for key, value in body.items() if key != "metadata"}


def mark_of(request: ApplyRequest) -> Mark:
    """What this change leaves on what it writes."""
    number = digest([request.change.digest, request.change.former]).removeprefix("sha256:")[:16]
    change = f"{number}-undo" if request.undo else number
    return Mark(request.run_id, request.step, request.fence, change, request.undo)


def applied(outcome: str, live: Raw, detail: str = "", **facts: JsonValue) -> Applied:
    """The answer about an object as it is now."""
    metadata = live["metadata"]
    return Applied.model_validate(
        {
            "outcome": outcome,
            "detail": detail,
            "generation": metadata.get("generation", 0),
            "resource_version": metadata["resourceVersion"],
            "facts": facts,
        }
    )


def drifted(live: Raw, why: str) -> Applied:
    """The answer where the change must not be made."""
    return applied("drifted", live, f"{live.get('kind', 'object').lower()}/{live['metadata']['name']}: {why}")
